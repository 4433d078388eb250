"""A thread goes into a namespace and comes back, whatever happens there."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from decnet.world import namespaces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces")


def here() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


def fail() -> None:
    raise ZeroDivisionError


def test_a_thread_of_a_pool_comes_back():
    with ThreadPoolExecutor(1) as pool:
        before = pool.submit(here).result()
        assert pool.submit(namespaces.in_new, here).result() != before
        assert pool.submit(here).result() == before


def test_it_comes_back_from_what_fails():
    with ThreadPoolExecutor(1) as pool:
        before = pool.submit(here).result()
        with pytest.raises(ZeroDivisionError):
            pool.submit(namespaces.in_new, fail).result()
        assert pool.submit(here).result() == before


def test_a_namespace_within_another_leads_back_to_it():
    def outer() -> list[str]:
        return [here(), namespaces.in_new(here), here()]

    with ThreadPoolExecutor(1) as pool:
        first, inner, last = pool.submit(namespaces.in_new, outer).result()
    assert first == last != inner


def test_the_main_thread_never_leaves():
    assert threading.current_thread() is threading.main_thread()
    before = here()
    assert namespaces.in_new(here) != before
    assert namespaces.in_new(threading.get_native_id) != threading.get_native_id()


def test_a_thread_that_cannot_come_back_goes_no_further(monkeypatch):
    def stuck(fd: int) -> None:
        raise OSError

    monkeypatch.setattr(namespaces, "enter", stuck)
    with ThreadPoolExecutor(1) as pool, pytest.raises(namespaces.Astray):
        pool.submit(namespaces.in_new, here).result()


def test_nothing_is_left_open():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(namespaces.in_new, here).result()
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            pool.submit(namespaces.in_new, here).result()
        assert len(list(Path("/proc/self/fd").iterdir())) == before

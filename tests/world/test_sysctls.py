"""Settings of a namespace: each thread sees its own, through a mount of /proc that is renewed and shared."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from decnet.errors import WorldError
from decnet.world import namespaces, sysctls

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces")
TTL = "net.ipv4.ip_default_ttl"


def test_a_setting_is_read_as_the_kernel_tells_it():
    assert sysctls.read(TTL) == Path("/proc/sys/net/ipv4/ip_default_ttl").read_text().strip()
    assert sysctls.read("net.ipv4.there_is_no_such") is None


@pytest.mark.parametrize("key", ["kernel.hostname", "net..x", "net.ipv4/../../kernel/hostname", ""])
def test_a_setting_of_something_else_than_the_network_is_refused(key):
    for act in (sysctls.read, lambda key: sysctls.write(key, "1")):
        with pytest.raises(WorldError, match="does not belong to a network namespace"):
            act(key)


@needs_root
def test_each_thread_has_the_settings_of_its_own_namespace_across_renewals(monkeypatch):
    monkeypatch.setattr(sysctls, "_proc", sysctls._Proc())
    monkeypatch.setattr(sysctls, "_USES", 3)
    together = threading.Barrier(4)

    def work(ttl: int) -> set[str | None]:
        sysctls.write(TTL, str(ttl))
        together.wait()
        return {sysctls.read(TTL) for _ in range(20)}

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda ttl: namespaces.in_new(lambda: work(ttl)), (31, 62, 93, 124)))
    assert found == [{"31"}, {"62"}, {"93"}, {"124"}]


@needs_root
def test_renewals_leave_no_descriptor_open(monkeypatch):
    monkeypatch.setattr(sysctls, "_proc", sysctls._Proc())
    monkeypatch.setattr(sysctls, "_USES", 2)
    sysctls.read(TTL)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        sysctls.read(TTL)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@needs_root
def test_where_no_mount_can_be_made_the_one_of_the_machine_does(monkeypatch):
    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(sysctls, "_proc", sysctls._Proc())
    monkeypatch.setattr(sysctls.syscalls, "numbered", refused)

    def work() -> str | None:
        sysctls.write(TTL, "77")
        return sysctls.read(TTL)

    assert namespaces.in_new(work) == "77"

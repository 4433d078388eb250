from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from decnet.api import tokens
from decnet.api.app import create
from decnet.api.inventory import Applied, Host, Place
from decnet.api.site import Facts, Site, decode, encode
from decnet.events.store import get_repository
from tests.api.process import fill

HOST = Host(
    "web-001", "up", "", ("203.0.113.2",), ("00:50:56:00:00:02",), ("default",), "web-001", "linux", "debian12",
    "netns", "", ("http",), {"http": ("80",)},
)  # fmt: skip
LAB = Applied(
    "lab",
    "netns",
    (Place("default", "bridge", "", ("203.0.113.0/24",), "203.0.113.1", ("web-001",)),),
    (HOST,),
)


@pytest.fixture
def folder(tmp_path: Path):
    fill(tmp_path)
    return tmp_path


@pytest.fixture
def site(folder):
    with get_repository(folder) as store:
        yield Site(store)


@pytest.fixture
def client(site, folder):
    with client_of(site, folder) as opened:
        yield opened


@contextmanager
def client_of(site: Site, folder: Path) -> Iterator[TestClient]:
    """A client with a token that opens everything."""
    _, secret = tokens.new(folder, "all", (tokens.Scope.READ,), 0)
    site.take(decode(encode(Facts(tokens.load(folder), (LAB,)))))
    with TestClient(create(site), headers={"Authorization": f"Bearer {secret}"}) as opened:
        yield opened

"""What the supervisor keeps is what the kernel says it is, whatever a decoy process says; with sockets of this machine."""

import resource
import socket
from pathlib import Path

import pytest

from decnet.supervisor.kept import Keeper
from decnet.world import namespaces

HERE = Path("/proc/thread-self/ns/net")


@pytest.fixture
def keeper(monkeypatch):
    """The decoy ``web`` has the namespace of the test; no other decoy has any."""
    there = {"web": HERE}
    monkeypatch.setattr(namespaces, "path", lambda _, decoy: there.get(decoy, Path("/nonexistent")))
    return Keeper("office")


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_listening_sockets_of_the_decoy_are_kept_and_given_back(keeper):
    one = listening()
    port = (one.getsockname()[1], "tcp")
    assert keeper.keep(7, "web", "http", [one])
    assert keeper.orphans({7}) == []
    assert keeper.orphans({8}) == [("web", "http")]
    assert keeper.take("web", "http", [port]) == (one,)
    assert keeper.take("web", "http", [port]) == ()
    one.close()


def test_what_is_for_other_ports_is_closed(keeper):
    one = listening()
    keeper.keep(7, "web", "http", [one])
    assert keeper.take("web", "http", [(1, "tcp")]) == ()
    assert one.fileno() == -1


@pytest.mark.parametrize("decoy", ["db", "", "../web", "web\0", "x" * 5000, "\udcff"])
def test_nothing_is_kept_of_a_decoy_that_it_has_no_socket_of(keeper, decoy):
    one = listening()
    assert not keeper.keep(7, decoy, "http", [one])
    assert one.fileno() == -1


def test_what_does_not_listen_is_not_kept(keeper):
    for one in (socket.socket(), socket.socket(socket.AF_UNIX), socket.socket(type=socket.SOCK_DGRAM)):
        assert not keeper.keep(7, "web", "http", [one])
        assert one.fileno() == -1
    assert not keeper.keep(7, "web", "http", [])


def test_a_process_takes_nothing_from_another(keeper):
    one = listening()
    keeper.keep(7, "web", "http", [one])
    keeper.drop("web", "http", pid=8)
    assert not keeper.keep(8, "web", "http", [socket.socket()])
    assert keeper.is_served(7, "web")
    assert not keeper.is_served(8, "web")
    keeper.drop("web", "http", pid=7)
    assert one.fileno() == -1


def test_a_process_cannot_fill_the_supervisor_with_sockets(keeper, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (8, 8))
    small = Keeper("office")
    assert [small.keep(7, "web", f"s{n}", [listening()]) for n in range(6)] == [True] * 4 + [False] * 2
    small.drop("web", "s0")
    assert small.keep(7, "web", "s9", [listening()])
    small.drop_decoy("web")
    assert [small.keep(7, "web", f"t{n}", [listening()]) for n in range(4)] == [True] * 4
    small.drop_decoy("web")

"""What is heard of connections to a port whose server is somebody else's."""

import os
import socket
from contextlib import contextmanager

import pytest

from decnet.decoy.flows import Flows
from decnet.world import wire
from tests.live.lab import run

pytestmark = pytest.mark.live


@pytest.fixture
def heard(lab):
    """Hears ports in a namespace of the lab, on its loopback."""
    run("ip", "link", "set", "lo", "up")
    opened = []

    def hear(*ports):
        fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            opened.append(wire.hearing(fd, "lo", ports))
        finally:
            os.close(fd)
        return opened[-1]

    yield hear
    for one in opened:
        one.close()


@contextmanager
def server(family, port):
    with socket.create_server(
        ("::1" if family == socket.AF_INET6 else "127.0.0.1", port), family=family
    ) as door:
        yield door


def packets(heard):
    found = []
    while True:
        try:
            found.append(heard.recv(4096))
        except BlockingIOError:
            return found


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"]
)
def test_a_connection_is_heard_from_its_beginning_to_its_end(heard, family, host):
    if family == socket.AF_INET6:
        run("sysctl", "-q", "-w", "net.ipv6.conf.lo.disable_ipv6=0")
    listener = heard((8080, "tcp"))
    with server(family, 8080) as door, server(family, 8081) as other:
        for one in (door, other):
            with socket.create_connection(one.getsockname()[:2]) as visitor, one.accept()[0] as answer:
                visitor.sendall(b"x" * 1000)
                answer.recv(1000, socket.MSG_WAITALL)
                answer.sendall(b"y" * 10)
                visitor.recv(10, socket.MSG_WAITALL)
                visitor.shutdown(socket.SHUT_WR)
                answer.recv(1)
    found = packets(listener)
    assert 0 < len(found) <= 2 * (4 + 2)  # on a loopback each comes and goes; of the data nothing is heard
    assert max(map(len, found)) <= wire.HEAD_BYTES
    flows = Flows([(8080, "tcp")], [host], 9)
    changes = [change for packet in found for change in flows.see(packet, 0.0)]
    assert [reason for _, reason in changes] == ["", "closed"]
    assert (changes[1].flow.received, changes[1].flow.sent) == (1000, 10)


def test_datagrams_of_a_port_are_heard_and_no_others(heard):
    listener = heard((53, "udp"), (8080, "tcp"))
    with socket.socket(type=socket.SOCK_DGRAM) as visitor:
        for port in (53, 54, 8080):
            visitor.sendto(b"z" * 500, ("127.0.0.1", port))
    found = packets(listener)
    assert found
    flows = Flows([(53, "udp"), (54, "udp"), (8080, "udp")], ["127.0.0.1"], 9)
    for packet in found:
        list(flows.see(packet, 0.0))
    ((flow, _),) = flows.end_all("stopped")
    assert flow.key[2:] == (53, "udp")


def test_a_service_with_very_many_ports_is_heard_on_all(heard):
    listener = heard(*((number, "tcp") for number in range(9000, 9200)))
    with server(socket.AF_INET, 9150) as door, socket.create_connection(door.getsockname()):
        assert packets(listener)

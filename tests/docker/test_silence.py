"""A decoy in a container says nothing before its personality is in place, whoever starts the container."""

import socket
import struct
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from decnet.world import names, namespaces
from tests.docker.test_lans import wire as wire  # noqa: PLC0414 (a fixture)
from tests.docker.test_networks import container, repairs
from tests.live.lab import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(200)]

NETWORK = """
[general]
name = boxes
net = 198.51.100.0/24
gw = 198.51.100.9
runtime = docker
seed = silence
{lan}

[web]
ip = 198.51.100.20
os = windows10
services = http
"""
DECOY, ATTACKER = socket.inet_aton("198.51.100.20"), socket.inet_aton("198.51.100.9")
OPTIONS = bytes.fromhex("020405b40402080a00000001000000000103030a")
PAUSE = 0.002
ASKING = ("0x806", "0001")
"""It asks for the attacker's address, as any machine."""


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def ip(protocol, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, ATTACKER, DECOY)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def syn(source, port):
    head = struct.pack("!HHIIBBHHH", source, port, source, 0, 10 << 4, 2, 64240, 0, 0) + OPTIONS
    over = checksum(ATTACKER + DECOY + struct.pack("!HH", 6, len(head)) + head)
    return head[:16] + struct.pack("!H", over) + head[18:]


def probes(own, decoy, number):
    """An ARP request, an echo request, and a SYN to an open and a closed port."""
    echo = struct.pack("!BBHHH", 8, 0, 0, 7, number & 0xFFFF)
    echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]
    source = 20_000 + number % 20_000
    ask = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, own, ATTACKER, b"\0" * 6, DECOY)
    yield b"\xff" * 6 + own + b"\x08\x06" + ask
    for packet in (ip(1, echo), ip(6, syn(source, 80)), ip(6, syn(source, 81))):
        yield decoy + own + b"\x08\x00" + packet


def looks(frame):
    """What of an answer tells whose stack it comes from."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    if kind != 0x0800:
        return hex(kind), frame[20:22].hex()
    ttl, protocol, fragment = frame[22], frame[23], frame[20] & 0x40
    if protocol != socket.IPPROTO_TCP:
        return "ip", protocol, frame[34], ttl, fragment
    flags, window = frame[47], frame[48:50].hex()
    options, rest = [], frame[54 : 34 + (frame[46] >> 4) * 4]
    while rest:
        options.append(rest[0])
        rest = rest[1:] if rest[0] < 2 else rest[rest[1] :]
    return "tcp", flags, ttl, fragment, window, tuple(options)


@contextmanager
def knocking(machine, decoy):
    """Knock without a break, and hear every frame of the decoy's; what they look like → when first (monotonic)."""
    found, done, failed = {}, threading.Event(), []

    def knock():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as door:
            door.bind(("eth0", 0))
            door.setblocking(False)
            own, number = door.getsockname()[4], 0
            while not done.wait(PAUSE):
                number += 1
                for frame in probes(own, decoy, number):
                    door.send(frame)
                hear(door)

    def hear(door):
        while True:
            try:
                frame = door.recv(2048)
            except BlockingIOError:
                return
            if frame[6:12] == decoy:
                found.setdefault(looks(frame), time.monotonic())

    def work():
        try:
            with Path(f"/run/netns/{machine.name}").open("rb") as file:
                namespaces.inside(file.fileno(), knock)
        except OSError as error:  # the test tells
            failed.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield found
    finally:
        done.set()
        worker.join()
    assert not failed, failed


@pytest.fixture(params=["bridge", "macvlan"])
def outside(request, lab, decnet, tmp_path):
    """A network with one decoy, and a machine on its LAN."""
    file = tmp_path / "network.ini"
    on_wire = request.param == "macvlan"
    file.write_text(NETWORK.format(lan="interface = wan0" if on_wire else ""))
    if on_wire:
        machine = request.getfixturevalue("wire")
        decnet("apply", "--yes", file)
        yield machine
        decnet("destroy", "--yes", "boxes")
        return
    decnet("apply", "--yes", file)
    machine = lab.machine("attacker", "198.51.100.9/24", bridge=names.lan_interface("boxes", "default"))
    yield machine
    lab.unplug(machine)


def test_nothing_but_the_declared_stack_answers(engine, decnet, outside):
    decoy = bytes.fromhex(decnet.status("boxes")["web"]["mac"].replace(":", ""))
    with knocking(outside, decoy) as declared:
        time.sleep(2)
    kinds = {look[:2] for look in declared} - {ASKING}
    assert kinds == {("0x806", "0002"), ("ip", 1), ("tcp", 0x12), ("tcp", 0x14)}, declared
    assert all(look[3] == 128 for look in declared if look[0] == "ip")
    for number, start in enumerate((restart, remove), 1):
        with knocking(outside, decoy) as heard:
            begun = start(container(engine))
            eventually(lambda so_far=number: len(repairs(decnet)) == so_far, seconds=30)
            eventually(lambda: kinds <= {look[:2] for look in heard}, seconds=20)
        strange = {
            look: when - begun for look, when in heard.items() if look not in declared and look[:2] != ASKING
        }
        assert not strange, f"{start.__name__}: {strange}"


def restart(one):
    one.restart(timeout=0)
    return time.monotonic()


def remove(one):
    one.remove(force=True)
    return time.monotonic()

"""TCP/IP personalities by what real tools make of decoys: nmap, sockets, ss, nstat, raw frames."""

from __future__ import annotations

import hashlib
import os
import random
import re
import socket
import threading
from collections.abc import Iterator

import pytest

from decnet import stack
from decnet.catalog import load
from decnet.stack import shipped
from decnet.world import Decoy, Driver, Lan, Link, Stack, bpf, expressions, filters, names, rewriting
from tests.live.faces import ADDRESS, EXACT, Faces, answers, applied, chosen, inside, label
from tests.live.lab import Lab, Machine, run
from tests.live.worlds import opened

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

CONNECTED = chosen(
    (
        "linux-6",
        "windows7",
        "windows10",
        "freebsd",
        "openbsd",
        "macos",
        "cisco-ios",
        "lwip",
        "vxworks",
        "hp-laserjet",
    )
)
MEGABYTES = int(os.environ.get("DECNET_MEGABYTES", "8"))


@pytest.fixture(scope="module")
def faces(lab: Lab, tmp_path_factory) -> Iterator[Faces]:
    with applied(lab, tmp_path_factory.mktemp("faces")) as made:
        yield made


@pytest.fixture
def attacker(faces: Faces) -> Machine:
    return faces.attacker


@pytest.mark.parametrize("name", EXACT)
def test_a_scan_takes_a_decoy_for_its_system_and_a_visitor_is_served_after_it(faces: Faces, name: str):
    assert label(name) in faces.scanned(name)
    assert answers(faces.attacker, ADDRESS[name])


def sent_and_received(address: str, megabytes: int) -> tuple[str, str]:
    """Hashes of what was sent to an echo and of what came back."""
    data = random.Random(5).randbytes(megabytes << 20)
    back = hashlib.sha256()
    with socket.create_connection((address, 9000), 10) as connection:
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        left = len(data)
        while left:
            piece = connection.recv(1 << 18)
            assert piece, f"closed {left} bytes early"
            back.update(piece)
            left -= len(piece)
        sender.join()
    return hashlib.sha256(data).hexdigest(), back.hexdigest()


def counters(machine: Machine) -> dict[str, int]:
    lines = machine.run("nstat", "-asz").splitlines()[1:]
    return {name: int(value) for name, value, _ in (line.split() for line in lines)}


@pytest.mark.parametrize("name", CONNECTED)
def test_what_is_sent_arrives_both_ways_and_no_segment_is_refused(faces: Faces, name: str):
    with faces.echoing(name):
        there, back = inside(faces.attacker, lambda: sent_and_received(ADDRESS[name], MEGABYTES))
    assert there == back
    for machine in (faces.attacker, faces.decoy(name)):
        after = counters(machine)
        assert (after["TcpExtTSEcrRejected"], after["TcpInCsumErrors"]) == (0, 0)


@pytest.mark.parametrize("name", CONNECTED)
def test_both_ends_of_a_connection_agree_on_the_window_scales(faces: Faces, name: str):
    def scales(machine: Machine) -> tuple[int, int]:
        found = re.search(r"wscale:(\d+),(\d+)", machine.run("ss", "-tinH", "state", "established"))
        return (int(found[1]), int(found[2])) if found else (0, 0)

    with faces.echoing(name):
        connection = inside(faces.attacker, lambda: socket.create_connection((ADDRESS[name], 9000), 5))
        with connection:
            theirs, own = scales(faces.attacker)
            assert scales(faces.decoy(name)) == (own, theirs)
    assert theirs == (load().oses[name].personality.tcp.wscale or 0)


def test_a_probe_with_a_wrong_checksum_gets_no_answer(attacker: Machine):
    out = attacker.run(
        "nmap", "-n", "-Pn", "-sS", "--badsum", "-p", "80,81", "--max-retries", "1", ADDRESS["windows10"]
    )
    assert re.findall(r"^(?:80|81)/tcp (\S+)", out, re.MULTILINE) == ["filtered", "filtered"]


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("windows10", "closed"),
        ("vxworks", "closed"),
        ("linux-6", "open|filtered"),
        ("hp-laserjet", "open|filtered"),
    ],
)
@pytest.mark.parametrize("scan_type", ["-sN", "-sF", "-sX"])
def test_segments_without_a_connection_get_the_answer_of_the_system(attacker, name, state, scan_type):
    out = attacker.run("nmap", "-n", "-Pn", scan_type, "-p", "80", "--max-retries", "1", ADDRESS[name])
    assert re.findall(r"^80/tcp (\S+)", out, re.MULTILINE) == [state]


@pytest.mark.parametrize("name", ["windows10", "openbsd", "cisco-ios"])
def test_frames_of_chance_do_no_harm(attacker: Machine, name: str):
    mac = attacker.run("ip", "neigh", "show", ADDRESS[name]).split()[4]
    chance = random.Random(name)
    head = bytes.fromhex(mac.replace(":", "")) + bytes(6)

    def send() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind(("eth0", 0))
            for _ in range(3400):
                kind = chance.choice((b"\x08\x00", b"\x86\xdd", b"\x08\x06"))
                body = bytearray(chance.randbytes(chance.randint(1, 700)))
                if kind == b"\x08\x00" and len(body) > 40:
                    body[:1] = bytes((chance.choice((0x45, 0x46, 0x4F, 0x40)),))
                    body[2:4] = chance.choice((len(body), chance.randint(0, 65535))).to_bytes(2, "big")
                    body[6:8] = chance.choice((b"\0\0", b"\x40\0", b"\x20\x01"))
                    body[9:10] = bytes((chance.choice((1, 6, 17)),))
                    body[16:20] = socket.inet_aton(ADDRESS[name])
                    body[22:24] = (80).to_bytes(2, "big")
                raw.send(head + kind + bytes(body))

    inside(attacker, send)
    assert answers(attacker, ADDRESS[name])


def test_a_personality_that_was_taken_off_is_seen_and_put_back(faces: Faces):
    faces.detach("windows10")
    assert faces.decnet.status("faces", code=4)["windows10"]["detail"] == "TCP/IP personality is gone"
    faces.decnet("apply", "--yes", faces.file)
    assert faces.decnet.status("faces")["windows10"]["state"] == "up"
    assert "Microsoft Windows 10" in faces.scanned("windows10")


def test_a_change_of_system_keeps_open_connections(faces: Faces):
    text = faces.file.read_text()
    with faces.echoing("windows11"):
        open_connection = inside(
            faces.attacker, lambda: socket.create_connection((ADDRESS["windows11"], 9000), 5)
        )
        with open_connection as connection:
            faces.file.write_text(text.replace("os = windows11\n", "os = windows7\n"))
            faces.decnet("apply", "--yes", faces.file)
            connection.sendall(b"still there")
            assert connection.recv(64) == b"still there"
    assert "Microsoft Windows 7" in faces.scanned("windows11")
    faces.file.write_text(text)
    faces.decnet("apply", "--yes", faces.file)


def test_verify_says_what_nmap_says(faces: Faces):
    assert re.search(r"linux-6\s+as declared", faces.decnet("verify", "os", "faces", "linux-6"))


def test_what_the_verifier_refuses_is_an_error_with_its_words():
    image = shipped()
    inbound = image.programs["inbound"]
    endless = bytes.fromhex("0500ffff00000000") + inbound.instructions
    broken = type(image)(
        image.version, image.terms, {"inbound": type(inbound)("inbound", endless, ())}, image.maps
    )
    with pytest.raises(bpf.BpfError, match="the verifier refused it"):
        bpf.load(broken)


def test_a_new_link_is_down_until_its_personality_is_in_place(lab: Lab):
    lan = Lan("default", Driver.BRIDGE, subnet="203.0.113.0/24", address="203.0.113.1/24")
    link = Link(
        "shy", "eth0", "default", Driver.BRIDGE, names.lan_interface("shy", "default"), "02:00:00:00:00:07",
        "203.0.113.7/24",
    )  # fmt: skip
    packed = stack.value(load().oses["windows10"].personality)
    face = Stack("shy", (("net.ipv4.ip_default_ttl", "128"),), f"{stack.class_id(packed):08x}")
    with opened(lab, "shy") as world, world.expecting((lan, link, face)):
        world.create(lan)
        world.create(Decoy("shy"))
        world.create(link)
        assert " DOWN " in run("nsenter", "--net=/run/netns/decnet:shy:shy", "ip", "link", "show", "eth0")
        world.create(face, packed)
        assert "ttl=128" in run("ping", "-c", "1", "-W", "2", "203.0.113.7")
        assert world.observe((lan, link, face)).resources[face.id] == face


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        (frozenset(), "rewritten by nftables"),
        (frozenset({"numgen", "socket"}), "rewritten by nftables without numgen, socket"),
        (None, "nor can nftables rewrite"),
    ],
)
def test_a_machine_that_takes_no_program_has_decoys_that_rules_rewrite_as_far_as_it_can(
    lab: Lab, monkeypatch, lacking: frozenset[str] | None, words: str
):
    monkeypatch.setattr(filters, "obstacle", lambda: "kernel has no CONFIG_NET_CLS_BPF")
    monkeypatch.setattr(rewriting, "unable", lambda: lacking)
    lan = Lan("default", Driver.BRIDGE, subnet="203.0.113.0/24", address="203.0.113.1/24")
    link = Link(
        "poor", "eth0", "default", Driver.BRIDGE, names.lan_interface("poor", "default"), "02:00:00:00:00:08",
        "203.0.113.8/24",
    )  # fmt: skip
    packed = stack.value(load().oses["windows10"].personality)
    face = Stack("poor", (("net.ipv4.ip_default_ttl", "128"),), f"{stack.class_id(packed):08x}")
    decoy = Machine("decnet:poor:poor")
    with opened(lab, "poor") as world, world.expecting((lan, link, face)):
        for one in (lan, Decoy("poor"), link):
            world.create(one)
        assert " DOWN " in decoy.run("ip", "link", "show", "eth0")
        world.create(face, packed)
        assert "ttl=128" in run("ping", "-c", "1", "-W", "2", "203.0.113.8")
        rules = decoy.run("nft", "list", "table", "inet", rewriting.TABLE, check=False)
        assert (rewriting.TABLE in rules, "numgen" in rules) == (lacking is not None, lacking == frozenset())
        observed = world.observe((lan, link, face))
        assert observed.degraded == (f"os fingerprint degraded: kernel has no CONFIG_NET_CLS_BPF; {words}",)
        assert observed.resources[face.id] == face  # nothing that a repair could mend
        if lacking is not None:
            decoy.run("nft", "flush", "table", "inet", rewriting.TABLE)
            assert world.observe((lan, link, face)).resources[face.id] != face


def test_what_a_kernel_has_of_nftables_is_tried(lab: Lab, monkeypatch):
    """This one has all; of an expression that no kernel has, it is said."""
    rewriting.unable.cache_clear()
    assert rewriting.unable() == frozenset()
    nothing = expressions.nested(1, expressions.text(1, "nonesuch") + expressions.nested(2, b""))
    monkeypatch.setattr(rewriting, "MODULES", {**rewriting.MODULES, "nonesuch": (nothing,)})
    rewriting.unable.cache_clear()
    assert rewriting.words() == "rewritten by nftables without nonesuch"
    rewriting.unable.cache_clear()

"""A machine that gives decoys no TCP/IP personality: they answer, it is told once, and mended when it can be."""

from __future__ import annotations

import dataclasses
import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import pytest

from decnet import stack
from decnet.stack import program
from decnet.world import bpf, rewriting
from tests.live.command import DECNET, Command
from tests.live.lab import Lab, run
from tests.live.refused import WHY, WithoutBpf

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

NETWORK = """
[general]
name = poor
net = 198.51.100.0/24
runtime = netns
seed = poor

[desk]
os = windows10
ip = 198.51.100.20
services = http

[gate]
os = cisco-ios
ip = 198.51.100.21
services = telnet
"""
OBJECT = Path(str(resources.files(stack) / "bpf/personality.o"))
BAD_READ = bytes.fromhex("6110fc7f00000000")
"""r0 = *(u32 *)(r1 + 32764): behind the end of what a program may read of its context."""
REFUSED = "os fingerprint degraded: the kernel took no program: the verifier refused it: "


@contextmanager
def refused_object(folder: Path) -> Iterator[None]:
    """In place of the shipped object, seen from the lab alone, one that the kernel's verifier refuses."""
    image, inbound = OBJECT.read_bytes(), stack.shipped().programs["inbound"]
    at = image.index(inbound.instructions)
    bad = folder / "bad.o"
    bad.write_bytes(image[:at] + BAD_READ + image[at + len(BAD_READ) :])
    assert program.read(bad.read_bytes()).version != stack.shipped().version
    run("mount", "--bind", str(bad), str(OBJECT))
    try:
        yield
    finally:
        run("umount", str(OBJECT))


def told(decnet: Command, state: str) -> dict[str, list[str]]:
    """Decoy → causes of its events."""
    found: dict[str, list[str]] = {}
    for event in decnet.events("poor", "--type", "decoy.state"):
        if event["data"]["state"] == state:
            found.setdefault(event["decoy"], []).append(event["data"]["cause"])
    return found


def answers() -> bool:
    """They do, as their sysctls have them do: with the system's TTL."""
    page = run("curl", "-sI", "-m", "5", "http://198.51.100.20/")
    return page.startswith("HTTP/1.1 ") and all(
        f"ttl={ttl}" in run("ping", "-c", "1", "-W", "2", address)
        for address, ttl in (("198.51.100.20", 128), ("198.51.100.21", 255))
    )


def filters(decoy: str) -> list[str]:
    inside = ("nsenter", f"--net=/run/netns/decnet:poor:{decoy}")
    return [
        one
        for end in ("ingress", "egress")
        for one in run(*inside, "tc", "filter", "show", "dev", "eth0", end, check=False).splitlines()
        if "bpf" in one and "direct-action" in one
    ]


def rules(decoy: str) -> bool:
    """Whether nftables stands in, and sees marks."""
    inside = ("nsenter", f"--net=/run/netns/decnet:poor:{decoy}")
    stands = rewriting.TABLE in run(*inside, "nft", "list", "tables")
    marks = run(*inside, "sysctl", "-n", "net.ipv4.tcp_fwmark_accept").strip() == "1"
    assert stands == marks
    return stands


def test_a_program_that_the_verifier_refuses(lab: Lab, tmp_path: Path):
    file, decnet = tmp_path / "poor.ini", Command(tmp_path / "state", supervised=False)
    file.write_text(NETWORK)

    def repair() -> None:
        """What the supervisor runs, now and then and when it hears of something."""
        decnet("repair", "poor", f"--state={decnet.state}", code=None)

    with refused_object(tmp_path):
        before = lab.snapshot()
        (warning,) = (one for one in decnet.json("plan", file)["warnings"] if "degraded" in one)
        assert warning.startswith(REFUSED)
        assert "invalid bpf_context access off=32764 size=4" in warning
        assert warning.endswith("(desk, gate)")
        decnet("apply", file)
        assert answers()
        assert not filters("desk")
        assert rules("desk")
        assert rules("gate")
        assert warning in (again := decnet("plan", file))
        assert "2 unchanged" in again

        status = decnet.json("status", "poor", code=4)
        assert status["detail"] == [warning]
        assert warning in decnet("status", "poor", code=4)
        for decoy in status["decoys"]:
            assert (decoy["state"], decoy["detail"]) == ("up", "")
            assert decoy["degraded"] == warning.removesuffix(" (desk, gate)")

        causes = {"desk": [decoy["degraded"]], "gate": [decoy["degraded"]]}
        assert told(decnet, "degraded") == causes
        repair()
        assert told(decnet, "degraded") == causes  # once, not at each look

    repair()
    repair()
    assert told(decnet, "repaired").keys() == causes.keys()
    for decoy, (cause,) in told(decnet, "repaired").items():
        assert "os fingerprint no longer degraded: the kernel took no program: the verifier" in cause
        assert len(filters(decoy)) == 2
        assert not rules(decoy)
    status = decnet.json("status", "poor")
    assert [decoy["degraded"] for decoy in status["decoys"]] == ["", ""]
    assert status["detail"] == []
    assert answers()
    decnet("destroy", "--yes", "poor")
    assert lab.snapshot() == before


def test_a_kernel_that_permits_no_bpf_and_an_apply_where_it_does(lab: Lab, tmp_path: Path):
    file, state = tmp_path / "poor.ini", tmp_path / "state"
    file.write_text(NETWORK)
    poor, rich = WithoutBpf(state), Command(state, supervised=False)
    poor("apply", file)
    assert answers()
    assert f"{WHY} (desk, gate)" in poor("status", "poor", code=4)
    assert told(poor, "degraded") == {"desk": [WHY], "gate": [WHY]}

    with refused_object(tmp_path):  # another reason is another event
        rich("apply", file)
        again = told(rich, "degraded")["desk"]
    assert (again[0], again[1].startswith(REFUSED), len(again)) == (WHY, True, 2)

    rich("apply", "--limit", "desk", file)
    assert list(told(rich, "repaired")) == ["desk"]
    assert rich.status("poor", code=4)["gate"]["detail"] == "TCP/IP personality is gone"
    rich("apply", file)
    assert {decoy: len(causes) for decoy, causes in told(rich, "repaired").items()} == {"desk": 1, "gate": 1}
    assert len(filters("desk")) == len(filters("gate")) == 2
    assert answers()

    assert len(told(poor, "degraded")["desk"]) == 2
    rich("destroy", "--yes", "poor")


def test_without_privilege_nothing_is_said_of_fingerprints_and_nothing_breaks(lab: Lab, tmp_path: Path):
    file, decnet = tmp_path / "poor.ini", Command(tmp_path / "state", supervised=False)
    file.write_text(NETWORK)
    bare = ("setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin", DECNET)
    done = subprocess.run(
        [*bare, "plan", str(file), "--json"],
        env=decnet.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "degraded" in done.stdout) == (0, False), done.stderr
    done = subprocess.run(
        [*bare, "apply", str(file)], env=decnet.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "this needs CAP_SYS_ADMIN" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_reason_is_told_however_much_the_verifier_says_before_it(lab: Lab):
    """A million bytes of log: an older kernel keeps the beginning of what has no room."""
    image = stack.shipped()
    talkative = bytes.fromhex("b700000000000000") * 20_000 + BAD_READ + bytes.fromhex("9500000000000000")
    bad = {"inbound": program.Program("inbound", talkative, ())}
    with pytest.raises(bpf.BpfError, match="invalid bpf_context access off=32764 size=4") as refused:
        bpf.load(dataclasses.replace(image, programs=bad))
    assert refused.value.errno == errno.EACCES

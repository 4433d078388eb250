"""Bytes that no honest client sends: answered as sshd answers them, and never more than a connection lost."""

import asyncio
import contextlib
import os
import random
import shutil
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from decnet.events import EventType
from decnet.services.ssh.algorithms import MACS, offer
from tests.service_testing.conftest import Serve, run
from tests.service_testing.ssh_client import answer, kexinit

INVALID = b"Invalid SSH identification string.\r\n"
PRIVSEP = Path("/run/sshd")
RESET = INVALID.rstrip() + b" (reset)"
IDENTS = [
    (b"GET / HTTP/1.0\r\n\r\n", RESET),
    (b"\r\n", INVALID + b" (closed)"),
    (b"\n", INVALID + b" (closed)"),
    (b"\r", b" (open)"),
    (b"SSH-1.5-x\r\n", b"Protocol major versions differ.\r\n (closed)"),
    (b"SSH-1.99-x\r\n", b"KEXINIT (open)"),
    (b"SSH-9.9-x\r\n", b"Protocol major versions differ.\r\n (closed)"),
    (b"SSH-2.0\r\n", INVALID + b" (closed)"),
    (b"SSH-2.0-\r\n", INVALID + b" (closed)"),
    (b"SSH-2x0-x\r\n", INVALID + b" (closed)"),
    (b"SSH-+2. 0-x\r\n", b"KEXINIT (open)"),
    (b"SSH-2.1-x\r\r\n", b"KEXINIT (open)"),
    (b"ssh-2.0-x\r\n", INVALID + b" (closed)"),
    (b"A" * 9000, RESET),
    (b"SSH-2.0-" + b"B" * 300 + b"\r\n", b"KEXINIT (open)"),
    (b"SSH-2.0-a\0b\r\n", RESET),
    (b"SSH-2.0-a\rb\n", RESET),
    (b"\x16\x03\x01\x02\x00\x01" + b"x" * 99, RESET),
    (b"SSH-2.0-caf\xc3\xa9\r\n", b"KEXINIT (open)"),
    (b"SSH-2.0-Probe-1\r\n", b" (closed)"),
    (b"SSH-2.0-SSH_Version_Mapper\r\n", b" (closed)"),
    (b"SSH-2.0-x\r\n" + b"\xff" * 32, b"KEXINIT (closed)"),
    (b"SSH-2.0-x\r\nGET / HTTP/1.0\r\n\r\n", b"KEXINIT (closed)"),
    (b"SSH-2.0-x\r\n" + b"\0\0\0\x0c\x0a\x14" + b"x" * 10, b"KEXINIT (closed)"),
    (b"SSH-2.0-x\r\n" + b"\0\0\0\x0c\x0a\x02" + b"x" * 10, b"KEXINIT (open)"),
]


@pytest.mark.parametrize(("sent", "expected"), IDENTS, ids=[repr(sent[:24]) for sent, _ in IDENTS])
async def test_a_bad_beginning_is_answered_as_sshd_answers_it(
    serve: Serve, sent: bytes, expected: bytes
) -> None:
    running = await serve("ssh")
    assert await answer(running.port, sent) == expected
    assert EventType.ERROR not in [event.type for event in running.events]


@pytest.fixture
async def sshd(tmp_path: Path) -> AsyncIterator[int]:
    """The port of Debian's own sshd."""
    binary = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if binary is None or os.geteuid() != 0:
        pytest.skip("needs root and openssh-server")
    PRIVSEP.mkdir(exist_ok=True)  # noqa: ASYNC240 (nothing else waits)
    probe = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    lines = [f"Port {port}", "ListenAddress 127.0.0.1", "UsePAM no", "KbdInteractiveAuthentication no"]
    for kind in ("rsa", "ecdsa", "ed25519"):
        await run("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(tmp_path / kind))
        lines.append(f"HostKey {tmp_path / kind}")
    (tmp_path / "config").write_text("\n".join([*lines, "PidFile none"]) + "\n")
    arguments = ("-D", "-f", str(tmp_path / "config"), "-E", str(tmp_path / "log"))
    process = await asyncio.create_subprocess_exec(binary, *arguments)
    for _ in range(100):
        try:
            (await asyncio.open_connection("127.0.0.1", port))[1].close()
            break
        except OSError:
            await asyncio.sleep(0.05)
    yield port
    process.terminate()
    await process.wait()


@pytest.mark.live
@pytest.mark.timeout(300)
async def test_the_expected_answers_are_those_of_the_real_server(sshd: int) -> None:
    answers = [(sent, await answer(sshd, sent)) for sent, _ in IDENTS]
    assert answers == IDENTS


@pytest.mark.live
async def test_the_offer_is_that_of_the_real_server(sshd: int, serve: Serve) -> None:
    real = await kexinit(sshd)
    running = await serve("ssh", {"ssh_version": real.ident.decode()})
    assert await kexinit(running.port) == real


@pytest.mark.live
@pytest.mark.timeout(300)
async def test_nmap_lists_the_same_algorithms_and_methods(sshd: int, serve: Serve) -> None:
    running = await serve("ssh", {"ssh_version": (await kexinit(sshd)).ident.decode()})

    async def seen(port: int) -> list[bytes]:
        """The lines of the port, without their place: the scripts end in any order."""
        scripts = ("--script", "ssh2-enum-algos,ssh-auth-methods")
        ran = await run("nmap", "-sV", "-Pn", *scripts, "-p", str(port), "127.0.0.1", timeout=120)
        table = ran.stdout.split(b"VERSION\n")[1].split(b"Service Info")[0]
        return sorted(line.strip(b"|_ ") for line in table.partition(b"OpenSSH")[2].splitlines())

    assert await seen(running.port) == await seen(sshd)


@pytest.mark.parametrize(
    ("ident", "family", "there", "absent"),
    [
        ("OpenSSH_9.2p1 Debian-2+deb12u3", "debian", "sntrup761x25519-sha512", "mlkem768x25519-sha256"),
        (
            "OpenSSH_8.9p1 Ubuntu-3ubuntu0.10",
            "debian",
            "sntrup761x25519-sha512@openssh.com",
            "sntrup761x25519-sha512",
        ),
        (
            "OpenSSH_8.2p1 Ubuntu-4ubuntu0.11",
            "debian",
            "curve25519-sha256",
            "sntrup761x25519-sha512@openssh.com",
        ),
        ("OpenSSH_7.4", "rhel", "diffie-hellman-group1-sha1", "sntrup761x25519-sha512@openssh.com"),
        ("OpenSSH_8.7", "rhel", "diffie-hellman-group14-sha256", "sntrup761x25519-sha512@openssh.com"),
        ("OpenSSH_9.9", "debian", "mlkem768x25519-sha256", "diffie-hellman-group14-sha1"),
        ("OpenSSH_10.0", "debian", "mlkem768x25519-sha256", "diffie-hellman-group14-sha256"),
    ],
)
def test_a_release_offers_nothing_that_it_did_not_have(
    ident: str, family: str, there: str, absent: str
) -> None:
    offered = [name.decode() for name in offer(ident, family).kex]
    assert there in offered
    assert absent not in offered


def test_all_macs_of_openssh_can_be_carried_out_here() -> None:
    assert [name.decode() for name in offer("OpenSSH_9.2p1 Debian-2+deb12u3", "debian").macs] == list(MACS)


async def test_junk_at_any_depth_costs_a_connection_and_nothing_else(serve: Serve) -> None:
    running = await serve("ssh")
    draw = random.Random(4)
    for _ in range(60):
        kind = draw.choice((1, 2, 4, 5, 20, 21, 30, 31, 34, 50, 80, 90, 94, 98, 255))
        body = bytes((draw.randint(0, 255),)) + bytes((kind,)) + draw.randbytes(draw.randint(0, 60))
        await answer_quickly(running.port, b"SSH-2.0-x\r\n" + struct.pack(">I", len(body)) + body)
    assert EventType.ERROR not in [event.type for event in running.events]
    assert (await kexinit(running.port)).ident.startswith(b"SSH-2.0-OpenSSH")


async def answer_quickly(port: int, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    writer.write_eof()
    with contextlib.suppress(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()


async def test_a_client_that_sends_and_never_reads_is_held_back(serve: Serve) -> None:
    running = await serve("ssh")
    _, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"SSH-2.0-x\r\n")

    async def flood() -> None:
        while True:
            writer.write(b"\0\0\0\x0c\x0a\x02" + b"x" * 10 + b"\0" * 65536)
            await writer.drain()

    with pytest.raises((TimeoutError, ConnectionError)):
        await asyncio.wait_for(flood(), 3)
    writer.close()

"""The real clients of OpenSSH, and a few bytes of the protocol, for the tests of ``ssh``."""

import asyncio
import hashlib
import struct
from subprocess import CompletedProcess
from typing import NamedTuple

from tests.service_testing.conftest import Running, run

OPTIONS = (
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "GlobalKnownHostsFile=/dev/null",
    "-F",
    "/dev/null",
)
QUIET = (*OPTIONS, "-o", "LogLevel=ERROR", "-o", "NumberOfPasswordPrompts=1")


async def ssh(
    running: Running,
    user: str,
    password: str,
    *arguments: str,
    typed_in: bytes = b"",
    options: tuple[str, ...] = QUIET,
) -> CompletedProcess[bytes]:
    """``ssh -p PORT user@127.0.0.1 arguments`` with the password typed in."""
    where = ("-p", str(running.port), f"{user}@127.0.0.1")
    return await run("sshpass", "-p", password, "ssh", *options, *where, *arguments, input=typed_in)


async def typed(running: Running, user: str, password: str, *keys: bytes, pause: float = 0.15) -> bytes:
    """What a terminal shows when these keys are pressed one after the other."""
    process = await asyncio.create_subprocess_exec(
        *("sshpass", "-p", password, "ssh", "-tt", *QUIET, "-p", str(running.port), f"{user}@127.0.0.1"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"TERM": "xterm", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )
    assert process.stdin
    assert process.stdout
    shown = await asyncio.wait_for(process.stdout.readuntil(b"# "), 10)
    for key in keys:
        process.stdin.write(key)
        await process.stdin.drain()
        await asyncio.sleep(pause)
    process.stdin.close()
    shown += await asyncio.wait_for(process.stdout.read(), 10)
    await process.wait()
    return shown


class Kexinit(NamedTuple):
    """A server's identification line and the name-lists of its KEXINIT (RFC 4253 section 7.1)."""

    ident: bytes
    kex: str
    host_keys: str
    ciphers: str
    macs: str
    compression: str

    @property
    def hassh_server(self) -> str:
        """HASSHServer: MD5 of the server's lists."""
        lists = f"{self.kex};{self.ciphers};{self.macs};{self.compression}"
        return hashlib.md5(lists.encode()).hexdigest()


async def kexinit(port: int) -> Kexinit:
    """What a server offers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ident = await reader.readline()
    writer.write(b"SSH-2.0-test\r\n")
    size = struct.unpack(">I", await reader.readexactly(4))[0]
    packet = await reader.readexactly(size)
    writer.close()
    names, at = [], 18
    for _ in range(8):
        length = struct.unpack_from(">I", packet, at)[0]
        names.append(packet[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return Kexinit(ident.rstrip(b"\r\n"), names[0], names[1], names[3], names[5], names[7])


async def answer(port: int, sent: bytes) -> bytes:
    """What comes back after the identification line, up to the end or half a second of silence.

    A KEXINIT, which holds random bytes, is told by its name.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(sent)
    received, ending = b"", b" (open)"
    try:
        while data := await asyncio.wait_for(reader.read(4096), 0.5):
            received += data
        ending = b" (closed)"
    except TimeoutError:
        pass
    except ConnectionResetError:
        received = received.rstrip(b"\r\n")  # sshd writes them by themselves: the reset may overtake them
        ending = b" (reset)"
    writer.close()
    return (b"KEXINIT" if received[5:6] == b"\x14" else received) + ending

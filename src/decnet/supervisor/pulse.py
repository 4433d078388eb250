"""Whether a decoy process still answers: it may live and be stuck, by a bug that somebody found from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from pathlib import Path

import msgspec

from decnet.decoy.protocol import PACKET_LIMIT, Request
from decnet.world import names, spawn

_PING = msgspec.json.encode(Request("ping"))


async def beats(run_dir: Path, number: int, seconds: float) -> bool:
    """Whether process ``number`` answers within a time. One that is not there at all is no matter of ours: True."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.setblocking(False)
        try:
            with spawn.address(run_dir, spawn.control_path(run_dir, number).name) as path:
                async with asyncio.timeout(seconds):
                    await loop.sock_connect(connection, path)
                    await loop.sock_sendall(connection, _PING)
                    await loop.sock_recv(connection, PACKET_LIMIT)
        except TimeoutError:
            return False
        except OSError:
            return True
    return True


def kill(pid: int, network: str) -> None:
    """Kill a decoy process of the network, and nobody who has its number by now."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        fd = os.pidfd_open(pid)
        try:
            if spawn.runs_as(pid, {names.uid(network)}):
                signal.pidfd_send_signal(fd, signal.SIGKILL)
        finally:
            os.close(fd)

"""The nursery of a network's decoy processes (`decnet.decoy.nursery`), from outside: started when one is to be forked."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from decnet.decoy.nursery import Order
from decnet.errors import WorldError

LOG = "nursery.log"
_START_SECONDS = 60.0
"""It loads every service before it takes its first order."""


class Nursery:
    """One network's. Threads may share it."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self._command = tuple(command)
        self._environment = environment
        self._log = log
        self._lock = threading.Lock()
        self._door: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def fork(self, order: Order, descriptors: Sequence[int]) -> int:
        """Have a process forked that goes on with these descriptors; its id, until it moves on. Raises `WorldError`."""
        message = msgspec.json.encode(order)
        with self._lock:
            for _ in range(2):  # it may have ended for want of orders
                door = self._door or self._open()
                with contextlib.suppress(OSError):
                    socket.send_fds(door, [message], list(descriptors))
                    if answer := door.recv(64):
                        return int(answer)
                self._close()
        raise WorldError("decoy processes cannot be started", hint=f"see {self._log}")

    def close(self) -> None:
        """Let it go; what it forked stays."""
        with self._lock:
            self._close()

    def _open(self) -> socket.socket:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, f"--nursery={its.fileno()}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(its.fileno(),),
                cwd="/",
                env=self._environment,
                start_new_session=True,
            )
        ours.settimeout(_START_SECONDS)
        self._door = ours
        return ours

    def _close(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None
        if self._process is not None:
            self._process.kill()  # it has nothing to lose, and may be the one that does not answer
            self._process.wait()
            self._process = None

"""A process that has loaded what decoy processes load, and forks one for each order: 20 ms in place of 600.

What is loaded is in memory once for all of them. It holds privilege and reads nothing but orders of whoever started it;
it ends with them, or when none has come for a while. An order is a JSON packet with open descriptors; the answer is the
process's id, or -1 when it could not be forked.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from decnet.decoy import cell
from decnet.errors import MissingCapability

IDLE_SECONDS = 10.0
_PACKET = 64 * 1024
_DESCRIPTORS = 64
_LOG = 2


@dataclass(frozen=True, slots=True)
class Birth:
    """What a decoy process is given: descriptors, and whose it is."""

    network: str
    uid: int
    control: int
    """Bound socket that it listens on."""
    events: int
    """Folder that it writes events to."""
    ready: int
    """Pipe that it writes a byte to when it serves."""


@dataclass(frozen=True, slots=True)
class Order:
    """A request. Descriptors travel beside it: those of `_Given`, in their order."""

    network: str
    uid: int
    limits: tuple[tuple[int, int], ...] = ()
    """RLIMIT_… and the most of it."""


class _Given(NamedTuple):
    """The descriptors of an order. ``groups`` are the ``cgroup.procs`` of the container, ``cell`` its process namespace."""

    control: int
    events: int
    ready: int
    log: int
    cell: int
    groups: tuple[int, ...]


def run(door: int, live: Callable[[Birth], None]) -> None:
    """Fork for every order that comes in by ``door``, until nobody is at its other end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    with socket.socket(fileno=door) as orders:
        orders.settimeout(IDLE_SECONDS)
        while True:
            try:
                message, descriptors, _, _ = socket.recv_fds(orders, _PACKET, _DESCRIPTORS)
            except TimeoutError:
                return
            if not message:
                return
            order = msgspec.json.decode(message, type=Order)
            control, events, ready, log, inside, *groups = descriptors
            given = _Given(control, events, ready, log, inside, tuple(groups))
            try:
                pid = cell.fork(home, given.cell)
            except MissingCapability as error:
                os.write(given.log, f"{error.message} ({error.hint})\n".encode())
                pid = -1
            if pid == 0:
                orders.close()
                os.close(home)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                live(_born(order, given))
                os._exit(0)
            for descriptor in descriptors:
                os.close(descriptor)
            orders.send(str(pid).encode())


def _born(order: Order, given: _Given) -> Birth:
    cell.join(given.groups)
    os.close(given.cell)
    os.setsid()
    os.dup2(given.log, _LOG)
    os.close(given.log)
    for kind, most in order.limits:
        with contextlib.suppress(ValueError, OSError):  # what the machine does not let us set stays as it is
            resource.setrlimit(kind, (most, most))
    return Birth(order.network, order.uid, given.control, given.events, given.ready)

"""What the privileged side and a decoy process say to each other.

A Unix socket of type SOCK_SEQPACKET: one packet is one message (JSON), file descriptors travel with it (SCM_RIGHTS).
Every request gets one reply. The decoy process itself calls listen() on the control socket, so that SO_PEERCRED tells
the privileged side the process's id whatever the process says.

A request ``serve`` carries a memfd with a `ServiceBundle` first, then its listening sockets (none when the service
runs already and its ports stay: a live change). There is one per port in order, all of IPv4; on a decoy with IPv6 they
are followed by as many again, for the same ports in the same order, of IPv6 alone (IPV6_V6ONLY: nobody is seen under
an IPv4-mapped address). So socket ``n`` of them is on port ``n mod len(ports)``.

A request ``watch`` gets no reply: from then on the connection carries a `Notice` a packet from the process, and a
`Grant` a packet back for every notice ``want``. There is one watcher: a new one ends the connection of the one before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from decnet.services.limits import Limits
from decnet.services.neighbours import Neighbour
from decnet.services.service import Facts

PACKET_LIMIT = 512 * 1024
"""Bytes of one message. The kernel refuses packets of more than a socket's buffer has room for: 208 KB by default."""
MARKS = ".told."
STREAMS = ("stdout", "stderr")
"""What a custom service prints to."""
LISTED = 500
"""Services that one answer to ``list`` tells at most; they are 60 KB, or 150 KB with the longest names."""


@dataclass(frozen=True, slots=True)
class ServiceBundle:
    """Everything one service of one decoy is made of; what a ``serve`` request's memfd holds, as JSON.

    ``type`` is the catalogue name. ``persona`` is the filled persona as JSON; ``files`` its rendered files (base64 in
    JSON). ``ports`` are number, protocol, TLS.
    """

    decoy: str
    service: str
    type: str
    ports: tuple[tuple[int, str, bool], ...]
    persona: bytes
    files: Mapping[str, bytes]
    seed: bytes
    facts: Facts
    limits: Limits = field(default_factory=Limits)
    neighbours: tuple[Neighbour, ...] = ()
    """What the placeholders in persona and files stand for; not part of the hash."""


@dataclass(frozen=True, slots=True)
class Attendance:
    """A custom service that a process tells of (`decnet.decoy.witness`); what an ``attend`` request's memfd holds.

    ``addresses`` are those of its decoy, the IPv4 one first.
    """

    decoy: str
    service: str
    ports: tuple[tuple[int, str], ...]
    addresses: tuple[str, ...]
    limits: Limits = field(default_factory=Limits)
    high: bool = False
    """Whether it is a real sshd, to be heard by what it does (`decnet.decoy.ear`) and not by what it prints."""

    def with_limits(self, limits: Limits) -> Attendance:
        """The same with other limits."""
        return dataclasses.replace(self, limits=limits)


def mark_of(decoy: str, service: str, stream: str) -> str:
    """File beside the log that says how far lines were told. A service's name has no dot, so no two have one mark."""
    return f"{MARKS}{decoy}.{service}.{stream}"


@dataclass(frozen=True, slots=True)
class Request:
    """``op`` is serve, attend (a custom service), take (what visitors left in one, before it goes), stop (one service), drop (all of a decoy), list, ping, quit, watch.

    A ``list`` goes on after ``decoy`` and ``service``: the last that the answer before it told.
    """

    op: str
    decoy: str = ""
    service: str = ""
    bundle: str = ""
    """Hash of the bundle, told back by ``list``."""


@dataclass(frozen=True, slots=True)
class Running:
    """One running service, as ``list`` tells it."""

    decoy: str
    service: str
    bundle: str
    ports: tuple[tuple[int, str], ...]
    sessions: int
    custom: bool = False
    """Whether it runs elsewhere, and is only told of."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to a request; ``error`` is empty when it was carried out. With ``more`` the list goes on."""

    error: str = ""
    running: tuple[Running, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What a process tells its watcher, unasked.

    ``sockets``: this service runs on these ports; a duplicate of each listening socket travels along, in order, and
    takes the place of all that came for the service before. ``gone``: it does not run any more; the duplicates are to
    be closed (the process has shut down its TCP sockets, a UDP port is free when its last duplicate is closed).
    ``synced``: all that ran when the watch began has been told. ``want``: the service asks for a further socket,
    ``proto`` tcp (listening) or udp, bound to ``port`` (0: any) in its decoy's namespace; the answer is the `Grant`
    with the same ``number``. Of a custom service ``proto`` may be ``stdout`` or ``stderr`` (what it printed there after
    ``since``, or all) or ``packets`` (those that begin and end connections to ``ports``): the socket then gives one of them a message.
    Of one of high interaction it may also be ``calls`` (a ring in which the kernel writes what its sshd does, with each
    start of its container) or ``files`` (what was changed in it, as `decnet.decoy.artifacts` takes it).
    """

    op: str
    decoy: str = ""
    service: str = ""
    ports: tuple[tuple[int, str], ...] = ()
    number: int = 0
    proto: str = ""
    port: int = 0
    since: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """Answer to a ``want``: one socket travels along, or ``error`` says why not."""

    number: int
    error: str = ""

"""What the privileged side and a decoy process say to each other.

A Unix socket of type SOCK_SEQPACKET: one packet is one message (JSON), file descriptors travel with it (SCM_RIGHTS).
Every request gets one reply. The decoy process itself calls listen() on the control socket, so that SO_PEERCRED tells
the privileged side the process's id whatever the process says.

A request ``serve`` carries a memfd with a `ServiceBundle` first, then one listening socket per port of it in order
(none when the service runs already and its ports stay: a live change).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from decnet.services.neighbours import Neighbour
from decnet.services.service import Facts

PACKET_LIMIT = 512 * 1024
"""Bytes of one message. A list of 1,000 services is about 100 KB."""


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
    neighbours: tuple[Neighbour, ...] = ()
    """What the placeholders in persona and files stand for; not part of the hash."""


@dataclass(frozen=True, slots=True)
class Request:
    """``op`` is serve, stop (one service), drop (all of a decoy), list, quit."""

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


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to a request; ``error`` is empty when it was carried out."""

    error: str = ""
    running: tuple[Running, ...] = ()

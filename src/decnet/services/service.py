"""What a service is: a name, its ports, its persona, what it renders, and where its server is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from decnet.services.host import Host
from decnet.services.session import Session


@dataclass(frozen=True, slots=True)
class Port:
    """A port a service listens on. ``tls``: the first bytes are a TLS handshake."""

    number: int
    proto: str = "tcp"
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """All that a server is given: its persona, its rendered files, and a source for keys.

    ``files`` maps a path below the service's template folders to its rendered bytes. ``seed`` is 32 secret bytes of
    this decoy and service: `decnet.services.keys` makes host keys and certificates of them.
    """

    persona: Any
    files: Mapping[str, bytes]
    seed: bytes
    facts: Facts
    ports: tuple[Port, ...] = ()
    """Where it listens, in the order of the catalogue entry's ports."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a running server may ask about its machine: plain values, times as Unix seconds."""

    hostname: str
    domain: str
    ip: str
    os_family: str
    distro: str
    timezone: str
    installed: float
    booted: float
    ip6: str = ""
    """Empty on a host without IPv6; then the rest says nothing."""
    prefix6: int = 64
    gateway6: str = ""
    local6: str = ""


class Handler(Protocol):
    """One running service of one decoy; it serves every connection of it."""

    async def handle(self, session: Session) -> None:
        """Serve one accepted connection until it ends. May raise: the session then ends with an ``error`` event."""


class Create(Protocol):
    """A server module's ``create``. ``previous`` is the handler it takes over from at a live change, if any."""

    def __call__(self, setting: Setting, previous: Handler | None = None) -> Handler: ...


def _unchanged(persona: Any, host: Host) -> Any:  # noqa: ARG001
    return persona


def _nothing(persona: Any, host: Host) -> Mapping[str, Any]:  # noqa: ARG001
    return {}


@dataclass(frozen=True, slots=True)
class Service:
    """A catalogue entry.

    ``persona`` is a frozen dataclass made with `decnet.ini.schema.key`: its fields are the INI keys of
    ``[decoy.service]``. ``fill(persona, host)`` returns it with every default that depends on the machine filled in.
    ``folders(persona)`` names the folders below templates/ that are rendered, later ones over earlier ones.
    ``context(persona, host)`` adds names to the templates' context, next to ``host``, ``persona`` and ``service``.
    ``server`` is ``"package.module"`` with a ``create`` in it (see `Create`); it is imported only where it runs.
    """

    name: str
    summary: str
    ports: tuple[Port, ...]
    persona: type[Any]
    server: str
    folders: Callable[[Any], tuple[str, ...]]
    fill: Callable[[Any, Host], Any] = field(default=_unchanged)
    context: Callable[[Any, Host], Mapping[str, Any]] = field(default=_nothing)

"""All that one decoy process serves: services come, change and go one by one, without touching each other."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from decnet.decoy.listener import Limits, Listener, Place
from decnet.decoy.protocol import Running, ServiceBundle
from decnet.events import Event
from decnet.services import Create, Handler, Service, Setting, personas
from decnet.services.neighbours import settle
from decnet.services.registry import services


@dataclass(slots=True)
class _Entry:
    listener: Listener
    bundle: str
    ports: tuple[tuple[int, str], ...]


class Fleet:
    """The running services of one process, by decoy and service."""

    def __init__(self, network: str, send: Callable[[Event], None], limits: Limits | None = None) -> None:
        self._network = network
        self._send = send
        self._limits = limits
        self._entries: dict[tuple[str, str], _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    async def serve(self, bundle: ServiceBundle, digest: str, sockets: Sequence[socket.socket]) -> None:
        """Start a service, or give a running one its new bundle.

        With sockets the service starts afresh on them. Without, it runs already and goes on: open sessions keep what
        they have, new ones get the new bundle.

        Raises:
            ValueError: no sockets, and no such service runs.
        """
        name = (bundle.decoy, bundle.service)
        entry = self._entries.get(name)
        if entry is not None and not sockets:
            entry.listener.handler = handler(bundle, entry.listener.handler)
            entry.bundle = digest
            return
        if not sockets:
            raise ValueError(f"{bundle.service} does not run on {bundle.decoy}: its sockets are needed")
        fresh = handler(bundle, entry.listener.handler if entry else None)
        if entry is not None:
            await entry.listener.stop()
        place = Place(self._network, bundle.decoy, bundle.service)
        self._entries[name] = _Entry(
            Listener(place, sockets, fresh, self._send, self._limits),
            digest,
            tuple((number, proto) for number, proto, _ in bundle.ports),
        )

    async def stop(self, decoy: str, service: str = "") -> None:
        """Stop one service, or all of a decoy. What does not run is stopped already."""
        for name in [n for n in self._entries if n[0] == decoy and service in ("", n[1])]:
            await self._entries.pop(name).listener.stop()

    async def stop_all(self) -> None:
        """Stop everything."""
        for decoy in {decoy for decoy, _ in self._entries}:
            await self.stop(decoy)

    def running(self) -> tuple[Running, ...]:
        """What is served now."""
        return tuple(
            Running(decoy, service, entry.bundle, entry.ports, entry.listener.sessions)
            for (decoy, service), entry in sorted(self._entries.items())
        )


def handler(bundle: ServiceBundle, previous: Handler | None = None) -> Handler:
    """The handler of a bundle, made by its service's server module. Raises as `setting` does."""
    create: Create = importlib.import_module(_kind(bundle).server).create
    return create(setting(bundle), previous)


def setting(bundle: ServiceBundle) -> Setting:
    """What a bundle's server is given.

    Raises:
        ValueError: the bundle names a service that is not known here.
        msgspec.ValidationError: its persona is not one of that service.
    """
    persona = personas.decode(_kind(bundle).persona, settle(bundle.persona, bundle.neighbours))
    files = {path: settle(data, bundle.neighbours) for path, data in bundle.files.items()}
    return Setting(persona, files, bundle.seed, bundle.facts)


def _kind(bundle: ServiceBundle) -> Service:
    kind = services().get(bundle.type)
    if kind is None:
        raise ValueError(f"unknown service {bundle.type!r}")
    return kind


def preload() -> None:
    """Import every server module: after privileges are gone no file can be read any more."""
    for kind in services().values():
        importlib.import_module(kind.server)

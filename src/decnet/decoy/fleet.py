"""All that one decoy process serves: services come, change and go one by one, without touching each other."""

from __future__ import annotations

import ctypes.util
import importlib
import os
import socket
import sys
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import lru_cache

from decnet.decoy.budget import Place
from decnet.decoy.listener import WELCOME, WELCOME_TLS, Listener
from decnet.decoy.protocol import Attendance, Running, ServiceBundle
from decnet.decoy.watch import Listening, Name, Watch
from decnet.decoy.witness import Witness
from decnet.events import Event
from decnet.services import Create, Handler, Port, Service, Setting, personas
from decnet.services.neighbours import settle
from decnet.services.registry import services


@dataclass(slots=True)
class _Entry:
    listener: Listener | Witness
    bundle: str
    ports: tuple[tuple[int, str], ...]


class Fleet:
    """The running services of one process, by decoy and service."""

    def __init__(self, network: str, send: Callable[[Event], None], folder: int = -1) -> None:
        """``folder`` is an open descriptor of the events folder."""
        self._folder = folder
        self._network = network
        self._send = send
        self._entries: dict[Name, _Entry] = {}
        self.watch = Watch(self._look)

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
        if entry is not None and not sockets and isinstance(entry.listener, Listener):
            entry.listener.handler = handler(bundle, entry.listener.handler)
            entry.listener.limits = bundle.limits
            entry.bundle = digest
            return
        if not sockets:
            raise ValueError(f"{bundle.service} does not run on {bundle.decoy}: its sockets are needed")
        previous = entry.listener.handler if entry and isinstance(entry.listener, Listener) else None
        fresh = handler(bundle, previous)
        if entry is not None:
            # some may be the very sockets it has: duplicates that were kept for it
            await self._end(name, spare={os.fstat(one.fileno()).st_ino for one in sockets})
        place = Place(self._network, bundle.decoy, bundle.service, bundle.facts.ip)
        welcome = WELCOME_TLS if any(tls for _, _, tls in bundle.ports) else WELCOME
        self._entries[name] = _Entry(
            Listener(place, sockets, fresh, self._send, bundle.limits, self.watch.more, welcome),
            digest,
            tuple((number, proto) for number, proto, _ in bundle.ports),
        )
        self.watch.changed(name)

    async def attend(self, attendance: Attendance, digest: str) -> None:
        """Tell of a custom service from now on; one that is told of already has its new limits."""
        name = (attendance.decoy, attendance.service)
        entry = self._entries.get(name)
        if entry is not None and isinstance(entry.listener, Witness) and entry.ports == attendance.ports:
            entry.listener.limits, entry.bundle = attendance.limits, digest
            return
        if entry is not None:
            await self._end(name)
        witness = Witness(attendance, self._network, self._send, self.watch.source, self._folder)
        self._entries[name] = _Entry(witness, digest, attendance.ports)

    async def take(self, decoy: str, service: str) -> None:
        """Have what visitors left in a service of high interaction brought, before it goes."""
        entry = self._entries.get((decoy, service))
        if entry is not None and isinstance(entry.listener, Witness):
            await entry.listener.take()

    async def stop(self, decoy: str, service: str = "") -> None:
        """Stop one service, or all of a decoy. What does not run is stopped already."""
        for name in [n for n in self._entries if n[0] == decoy and service in ("", n[1])]:
            await self._end(name)

    async def stop_all(self, *, shut: bool = True) -> None:
        """Stop everything. Without ``shut`` duplicates of the sockets stay good for a process that comes after."""
        for name in list(self._entries):
            await self._end(name, shut=shut)

    async def _end(self, name: Name, *, shut: bool = True, spare: Container[int] = ()) -> None:
        listener = self._entries.pop(name).listener
        listener.close(shut=shut, spare=spare)
        self.watch.changed(name)
        await listener.stop()

    def names(self) -> tuple[Name, ...]:
        """Decoy and service of all that runs."""
        return tuple(self._entries)

    def _look(self, name: Name) -> Listening | None:
        entry = self._entries.get(name)
        return (
            None
            if entry is None or not entry.listener.sockets
            else Listening(entry.ports, entry.listener.sockets)
        )

    def running(self) -> tuple[Running, ...]:
        """What is served now."""
        return tuple(
            Running(
                decoy,
                service,
                entry.bundle,
                entry.ports,
                entry.listener.sessions,
                isinstance(entry.listener, Witness),
            )
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
    files = {path: _shared(settle(data, bundle.neighbours)) for path, data in bundle.files.items()}
    ports = tuple(Port(number, proto, tls) for number, proto, tls in bundle.ports)
    return Setting(persona, files, bundle.seed, bundle.facts, ports)


@lru_cache(maxsize=256)
def _shared(data: bytes) -> bytes:
    """The same object for the same content: a third of all bytes in files is what many decoys of a network have."""
    return data


def _kind(bundle: ServiceBundle) -> Service:
    kind = services().get(bundle.type)
    if kind is None:
        raise ValueError(f"unknown service {bundle.type!r}")
    return kind


def preload() -> None:
    """Import every server module: after privileges are gone no file can be read any more."""
    # pycryptodome takes cffi where there is one, and a parser of C with it (1.3 MB), and else ctypes, which is here.
    sys.modules.setdefault("cffi", None)  # type: ignore[arg-type]  # so the import system says it
    # asyncssh looks for liboqs, with a compiler and a linker where there are some (0.1 s); what it would be for is ours.
    search, ctypes.util.find_library = ctypes.util.find_library, lambda name: None  # noqa: ARG005
    try:
        for kind in services().values():
            importlib.import_module(kind.server)
    finally:
        ctypes.util.find_library = search

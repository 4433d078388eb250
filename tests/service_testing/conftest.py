"""A service on loopback: the real templates, the real server, real sockets, for real clients."""

import asyncio
import dataclasses
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from subprocess import CompletedProcess
from typing import Any

import msgspec
import pytest

from decnet import catalog
from decnet.decoy.fleet import handler
from decnet.decoy.listener import Limits, Listener, Place
from decnet.decoy.protocol import ServiceBundle
from decnet.errors import Span
from decnet.events import Event, EventType
from decnet.render import Templates, bundles
from decnet.services.registry import services
from decnet.spec import Decoy, Identity, Lan, LanDriver, Network, Runtime, Service

HERE = Span("network.ini", 1)
CREATED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@dataclass
class Running:
    """A service that runs: where it listens and what it has told so far."""

    ports: tuple[int, ...]
    listener: Listener
    bundle: ServiceBundle
    events: list[Event] = field(default_factory=list)
    _seen: int = 0

    @property
    def port(self) -> int:
        return self.ports[0]

    async def event(self, kind: EventType) -> Event:
        """The next event of this type that no earlier call has returned; waits up to 5 s."""
        async with asyncio.timeout(5):
            while True:
                for position in range(self._seen, len(self.events)):
                    if self.events[position].type == kind:
                        self._seen = position + 1
                        return self.events[position]
                await asyncio.sleep(0.01)


def rendered(
    service: str,
    persona: dict[str, Any] | None = None,
    *,
    hostname: str = "web01",
    domain: str = "example.com",
    distro: str | None = "debian",
    os: str = "linux",
    seed: str = "",
    secret: bytes = b"s" * 32,
    name: str = "unit",
    beside: tuple[str, ...] = (),
) -> ServiceBundle:
    """The bundle of one service of a one-decoy network, through the real templates; ``beside`` it run others."""
    known = catalog.load()
    kind = services()[service]
    declared = Service(service, kind, kind.ports, kind.persona(**(persona or {})), HERE)
    others = (services()[other] for other in beside)
    further = tuple(Service(other.name, other, other.ports, other.persona(), HERE) for other in others)
    decoy = Decoy(
        name=name,
        group=name,
        number=1,
        lan="default",
        ip=IPv4Address("198.51.100.10"),
        mac="00:50:56:11:22:33",
        hostname=hostname,
        os=known.oses[os],
        distro=known.distros[distro] if distro else None,
        archetype="",
        services=(declared, *further),
        runtime=Runtime.NETNS,
        uptime=35 * 86400,
        protect=False,
        span=HERE,
    )
    lan = Lan(
        "default",
        LanDriver.BRIDGE,
        "",
        IPv4Network("198.51.100.0/24"),
        IPv4Address("198.51.100.1"),
        IPv4Address("198.51.100.1"),
        1500,
        HERE,
    )
    network = Network("unit", "network.ini", "", seed, domain, "UTC", Runtime.NETNS, (lan,), (decoy,), HERE)
    bundle = bundles(network, Identity(secret, CREATED), Templates())[name, service]
    return msgspec.json.decode(bundle.content, type=ServiceBundle)


Serve = Callable[..., Awaitable[Running]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """``running = await serve("redis", {"redis_version": "7.0.15"}, hostname="db01")``."""
    started: list[Running] = []

    async def start(service: str, persona: dict[str, Any] | None = None, **host: Any) -> Running:
        limits = host.pop("limits", Limits())
        bundle = rendered(service, persona, **host)
        events: list[Event] = []
        sockets = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in bundle.ports]
        ports = tuple(one.getsockname()[1] for one in sockets)
        # A server that tells its ports apart is to know these.
        bundle = dataclasses.replace(
            bundle, ports=tuple((at, *usual[1:]) for at, usual in zip(ports, bundle.ports, strict=True))
        )
        place = Place("unit", bundle.decoy, service)
        listener = Listener(place, sockets, handler(bundle), events.append, limits)
        started.append(Running(ports, listener, bundle, events))
        return started[-1]

    yield start
    for running in started:
        await running.listener.stop()


async def run(*command: str, input: bytes = b"", timeout: float = 30) -> CompletedProcess[bytes]:  # noqa: A002, ASYNC109
    """A real client, without blocking the loop that the service runs on."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(input), timeout)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return CompletedProcess(command, process.returncode or 0, out, err)

"""Small networks for tests of the engine, and a site (a fake machine with a state folder) to apply them to."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from decnet import engine, state
from decnet.catalog import Os
from decnet.decoy.protocol import ServiceBundle
from decnet.engine import Desired, Outcome, Plan
from decnet.errors import Span
from decnet.ini.schema import key
from decnet.render import Bundle
from decnet.services import Facts, Port
from decnet.services import Service as ServiceType
from decnet.spec import Custom, Decoy, Identity, Lan, LanDriver, Network, Runtime, Service
from decnet.spec.program import Program
from decnet.state import Snapshot
from decnet.world.fake import FakeWorld

IDENTITY = Identity(b"\7" * 32, datetime(2026, 1, 2, tzinfo=UTC))
FILE = "office.ini"


@dataclass(frozen=True, slots=True)
class Persona:
    banner: str = key("hello", "What it says.")
    workgroup: str = key("CORP", "Its workgroup.")
    password: str = key("hunter2", "What lets one in.", secret=True)


def service_type(name: str, *ports: int) -> ServiceType:
    return ServiceType(
        name, name, tuple(Port(number) for number in ports), Persona, f"nowhere.{name}", lambda _: ()
    )


TYPES = {
    "ssh": service_type("ssh", 22),
    "http": service_type("http", 80),
    "smb": service_type("smb", 139, 445),
    "dns": service_type("dns", 53),
}
OSES = {
    "linux": Os(
        "linux", "Linux", "linux", {"net.ipv4.ip_default_ttl": "64", "net.ipv4.tcp_synack_retries": "2"}, ()
    ),
    "windows": Os(
        "windows",
        "Windows",
        "windows",
        {"net.ipv4.ip_default_ttl": "128", "net.ipv4.tcp_synack_retries": "2"},
        (),
    ),
    "cisco": Os("cisco", "IOS", "cisco", {"net.ipv4.ip_default_ttl": "255"}, ()),
}


def at(line: int) -> Span:
    return Span(FILE, line)


def lan(name: str = "default", subnet: str = "198.51.100.0/24", **fields: Any) -> Lan:
    network = ipaddress.IPv4Network(subnet)
    defaults: dict[str, Any] = {
        "driver": LanDriver.BRIDGE,
        "interface": "",
        "gateway": network[1],
        "host": network[1],
        "mtu": 1500,
        "span": at(1),
        "spans": {"mtu": at(2)},
    }
    return Lan(name=name, subnet=network, **{**defaults, **fields})


def service(name: str, line: int = 0, ports: Iterable[int] = (), **persona: str) -> Service:
    kind = TYPES[name]
    chosen = tuple(Port(number) for number in ports) or kind.ports
    spans = {word: at(line + 1) for word in persona}
    return Service(name, kind, chosen, Persona(**persona), at(line), spans)


def custom(name: str, line: int = 0, ports: Iterable[int] = (9000,), **program: Any) -> Custom:
    spans = {"binary": at(line + 1), **{word: at(line + 2) for word in program}}
    made = Program(**{"image": f"example/{name}:1", **program})
    return Custom(name, made, tuple(Port(number) for number in ports), at(line), spans)


def high(name: str, line: int = 0) -> Custom:
    """A service of ours whose real server runs in a container."""
    served = service(name, line)
    return Custom(name, Program(memory=1 << 28), served.ports, at(line), {}, served)


def docker_of(what: Network) -> engine.Docker:
    """An engine that has every image that the network's containers may be made from."""
    own = {one.program.image for decoy in what.decoys for one in decoy.customs if one.program.image}
    tags = {decoy.name: "decnet/debian:0123456789ab" for decoy in what.decoys}
    servers = {decoy.name: "decnet/debian-sshd:0123456789ab" for decoy in what.decoys}
    known = (*tags.values(), *servers.values(), *own)
    images = {tag: f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}" for tag in known}
    return engine.Docker(False, tags, images, servers)


def decoy(
    name: str,
    number: int,
    *services: Service | str,
    line: int | None = None,
    lan: str = "default",
    subnet: str = "198.51.100.0/24",
    os: str = "linux",
    **fields: Any,
) -> Decoy:
    where = at(10 * number if line is None else line)
    defaults: dict[str, Any] = {
        "group": name,
        "mac": f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}",
        "hostname": name.upper(),
        "distro": None,
        "archetype": "",
        "runtime": Runtime.AUTO,
        "uptime": 3600,
        "protect": False,
        "span": where,
        "spans": {},
        "ip": ipaddress.IPv4Network(subnet)[1 + number],
    }
    made = tuple(
        one if isinstance(one, Service) else service(one, where.line) for one in services or ("ssh",)
    )
    return Decoy(name=name, number=number, lan=lan, os=OSES[os], services=made, **{**defaults, **fields})


def network(*decoys: Decoy, lans: Iterable[Lan] = (), name: str = "office", **fields: Any) -> Network:
    defaults: dict[str, Any] = {
        "file": FILE,
        "env": "",
        "seed": "1",
        "domain": "corp.example",
        "timezone": "UTC",
        "runtime": Runtime.AUTO,
        "span": at(0),
    }
    return Network(name=name, lans=tuple(lans) or (lan(),), decoys=decoys, **{**defaults, **fields})


def bundles(what: Network, identity: Identity = IDENTITY) -> dict[tuple[str, str], Bundle]:
    made = {}
    for one in what.decoys:
        for served in one.known:
            content = msgspec.json.encode(
                ServiceBundle(
                    decoy=one.name,
                    service=served.name,
                    type=served.type.name,
                    ports=tuple((port.number, port.proto, port.tls) for port in served.ports),
                    persona=msgspec.json.encode(served.persona),
                    files={"banner.txt": served.persona.banner.encode(), "motd": one.hostname.encode()},
                    seed=identity.of(one.word, served.name).bytes(32),
                    facts=Facts(one.hostname, what.domain, str(one.ip), one.os.family, "", "UTC", 0.0, 0.0),
                    limits=one.limits,
                )
            )
            digest = hashlib.blake2b(content, digest_size=20).hexdigest()
            made[one.name, served.name] = Bundle(one.name, served.name, content, digest)
    return made


@dataclass
class Site:
    """A fake machine and a state folder: what a command does, without the command line."""

    folder: Path
    world: FakeWorld = field(default_factory=FakeWorld)
    parallelism: int = 4

    def look(self) -> tuple[Snapshot, Any]:
        saved = state.read(self.folder, self.world.network)
        observed = self.world.observe(engine.expected(saved))
        return engine.recover(saved, observed), observed

    def declare(self, what: Network, saved: Snapshot, limit: str = "") -> Desired:
        made = bundles(what, saved.identity or IDENTITY)
        return engine.declare(what, made, saved, docker_of(what), partly=bool(limit))

    def plan(self, what: Network, limit: str = "") -> Plan:
        saved, observed = self.look()
        return engine.plan(self.declare(what, saved, limit), saved, observed, engine.Limit.of([limit]))

    def apply(self, what: Network, limit: str = "", **options: Any) -> Outcome:
        with state.lock(self.folder, self.world.network, "test"):
            saved, observed = self.look()
            plan = engine.plan(self.declare(what, saved, limit), saved, observed, engine.Limit.of([limit]))
            with state.store(self.folder, self.world.network) as store:
                options = {"parallelism": self.parallelism, **options}
                return engine.apply(plan, saved, self.world, store, saved.identity or IDENTITY, **options)

    def destroy(self, **options: Any) -> Outcome:
        with state.lock(self.folder, self.world.network, "test"):
            saved, observed = self.look()
            plan = engine.destroy_plan(saved, observed)
            with state.store(self.folder, self.world.network) as store:
                return engine.destroy(plan, saved, self.world, store, **options)

    def repair(self, **options: Any) -> Outcome:
        with state.lock(self.folder, self.world.network, "test"):
            saved, observed = self.look()
            plan = engine.repair_plan(saved, observed)
            with state.store(self.folder, self.world.network) as store:
                options = {"parallelism": self.parallelism, **options}
                return engine.repair(plan, saved, self.world, store, **options)

    def adopt(self, what: Network) -> None:
        saved, observed = self.look()
        desired = self.declare(what, saved)
        found = engine.adoption(desired, observed)
        with state.store(self.folder, self.world.network) as store:
            store.introduce(desired.about, IDENTITY)
            store.finish(found.effects)
            store.end()

    def save(self, what: Network, limit: str = "") -> bytes:
        """What `plan --out` writes."""
        saved, observed = self.look()
        asked = engine.Limit.of([limit])
        desired = self.declare(what, saved, limit)
        plan = engine.plan(desired, saved, observed, asked)
        return engine.keep(plan, asked, desired, saved, observed, IDENTITY)

    def carry_out(self, content: bytes, what: Network) -> Outcome:
        """`apply FILE PLAN`."""
        was = engine.kept(content, "a.plan")
        saved, observed = self.look()
        desired = self.declare(what, saved, ",".join(was.limit))
        plan = engine.plan(desired, saved, observed, engine.Limit(was.limit))
        plan = engine.exactly(was, plan, desired, saved, observed)
        with state.store(self.folder, self.world.network) as store:
            return engine.apply(
                plan, saved, self.world, store, saved.identity or IDENTITY, parallelism=self.parallelism
            )

    def text(self, what: Network) -> str:
        return engine.render_plan(self.plan(what))

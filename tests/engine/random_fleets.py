"""Random networks and random sabotage for the proofs, with the comparison of machines that they need."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from decnet import engine, state
from decnet.engine import Outcome, placement
from decnet.engine.execute import execute
from decnet.engine.placement import is_alone
from decnet.engine.recover import resolved
from decnet.errors import InvalidInput
from decnet.events.sinks import FileSetting, SyslogSetting
from decnet.services.limits import Bounds, Limits
from decnet.spec import Custom as CustomSpec
from decnet.spec import Isolation, LanDriver, Network, Runtime
from decnet.spec import Lan as LanSpec
from decnet.spec import Sink as SinkSpec
from decnet.state import About, Saved, Snapshot
from decnet.world import Custom, Decoy, Driver, Id, Lan, Link, Observed, Resource, Service, Sink, Stack
from decnet.world.fake import FakeWorld
from tests.engine.fleets import Site, at, custom, decoy, lan, network, service

FOREIGN = {"dl0123456789ab", "br0", "eth0"}
ROOM = 2
"""Decoys of a bridge and of a shared process in these proofs, so that five decoys need several of both."""

NAMES = ("a", "b", "c", "d", "e")
NEW_NAME = "{}x"
"""What a decoy is renamed to."""
SERVICES = ("ssh", "http", "smb", "dns")
PORTS = {"ssh": (22, 2222), "http": (80, 2222), "smb": (445,), "dns": (53,)}
SUBNETS = {"a": ("198.51.100.0/24", "192.0.2.0/24"), "y": ("203.0.113.0/24",)}
"""LANs; one has the name of a decoy."""
SUBNETS6 = {"a": ("2001:db8:a::/64", "2001:db8:c::/64"), "y": ("2001:db8:b::/64",)}
SINKS = (
    SyslogSetting("192.0.2.50", 514),
    SyslogSetting("192.0.2.50", 514, max_size=1024),
    SyslogSetting("logs.example", 6514),
    FileSetting("/var/log/further.jsonl", 1 << 20, 86_400, 3),
)
EGRESS = ((), ("udp 198.51.100.53/32 53",), ("tcp 203.0.113.0/24 443", "udp 198.51.100.53/32 53"))
LIMITS = (Limits(), Limits(connections=10), Limits(per_source=3, event_rate=5))
BOUNDS = (Bounds(), Bounds(memory=1 << 26), Bounds(cpu=0.5, pids=40))


class Attached(NamedTuple):
    """How a LAN is carried."""

    driver: LanDriver
    interface: str = ""
    vlan: int = 0


CARRIED = {
    "a": (Attached(LanDriver.BRIDGE), Attached(LanDriver.MACVLAN, "eth0", 42), Attached(LanDriver.IPVLAN, "eth0")),
    "y": (Attached(LanDriver.BRIDGE), Attached(LanDriver.MACVLAN, "eth1"), Attached(LanDriver.MACVLAN, "eth1", 7)),
}  # fmt: skip


@st.composite
def networks(draw, protect: bool = True) -> Network:
    """Random networks of few names, so that two of them have much in common, and take each other's addresses."""
    words = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=draw(st.sampled_from([0, 2, 3]))))
    numbers = draw(st.sampled_from([(1, 2, 3, 4, 5), (2, 1, 3, 5, 4)]))
    macs = draw(st.sampled_from([(1, 2, 3, 4, 5), (5, 2, 3, 4, 1)]))
    renamed = draw(st.sets(st.sampled_from(NAMES), max_size=2)) if draw(st.booleans()) else set()
    lans = {name: draw(_lans(name)) for name in SUBNETS}
    decoys = []
    for position, word in enumerate(words):
        where = lans[draw(st.sampled_from(sorted(lans)))]
        own = dict(_addresses(where, numbers[position], macs[position], six=draw(st.booleans())))
        if word in renamed:
            own["identity"] = word
        decoys.append(draw(_decoys(NEW_NAME.format(word) if word in renamed else word, own, protect=protect)))
    used = {one.lan for one in decoys}
    sinks = [
        SinkSpec(name, draw(st.sampled_from(SINKS)), at(90), {})
        for name in draw(st.lists(st.sampled_from(["a", "y", "siem"]), unique=True, max_size=2))
    ]
    return network(*decoys, lans=[lans[name] for name in sorted(used or {"y"})], sinks=tuple(sinks))


@st.composite
def _lans(draw, name: str) -> LanSpec:
    subnet = draw(st.sampled_from(SUBNETS[name]))
    subnet6 = draw(st.sampled_from([None, *SUBNETS6[name]]))
    how = draw(st.sampled_from(CARRIED[name]))
    fields: dict[str, Any] = how._asdict()
    if how.driver is not LanDriver.BRIDGE and draw(st.booleans()):
        fields["host"] = None
    if subnet6:
        network6 = IPv6Network(subnet6)
        host6 = network6[1] if draw(st.booleans()) else None
        fields |= {"subnet6": network6, "gateway6": network6[draw(st.sampled_from([1, 2]))], "host6": host6}
    return lan(name, subnet, mtu=draw(st.sampled_from([1500, 1400])), **fields)


def _addresses(where: LanSpec, number: int, mac: int, *, six: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": number,
        "lan": where.name,
        "subnet": str(where.subnet),
        "mac": f"02:00:00:00:00:{mac:02x}",
    }
    if six and where.subnet6:
        found["ip6"] = where.subnet6[16 + number]
    return found


@st.composite
def _decoys(draw, name: str, own: dict[str, Any], *, protect: bool):
    chosen = draw(st.lists(st.sampled_from(SERVICES), unique=True, min_size=1, max_size=3))
    ports = {one: draw(st.sampled_from(PORTS[one])) for one in chosen}
    if len(set(ports.values())) < len(ports):
        ports["http"] = 80
    alone = draw(st.booleans())
    own |= draw(_contained()) if draw(st.integers(0, 2)) == 2 else {}
    return decoy(
        name,
        own.pop("number"),
        *(service(one, ports=[ports[one]], banner=draw(st.sampled_from("pq"))) for one in chosen),
        os=draw(st.sampled_from(["linux", "windows", "cisco"])),
        hostname=draw(st.sampled_from(["H1", "H2"])),
        group=draw(st.sampled_from(["web", "db"])),
        egress=draw(st.sampled_from(EGRESS)),
        isolation=Isolation.DECOY if alone else Isolation.SHARED,
        limits=draw(st.sampled_from(LIMITS)),
        bounds=draw(st.sampled_from(BOUNDS)) if alone else Bounds(),
        protect=protect and draw(st.integers(0, 7)) == 7,
        **own,
    )


@st.composite
def _contained(draw) -> dict[str, Any]:
    """A container for it or beside it, and services of the user's own; one may take the port that another had."""
    names = draw(st.lists(st.sampled_from(["honey", "trap"]), unique=True, max_size=2))
    ports = draw(st.sampled_from([(9000, 9001), (9001, 9000)]))
    runtime = draw(st.sampled_from([Runtime.DOCKER, Runtime.NETNS]))
    return {"runtime": runtime, "customs": tuple(map(draw, map(_customs, names, ports)))}


@st.composite
def _customs(draw, name: str, port: int) -> CustomSpec:
    image = draw(st.sampled_from(["example/a:1", "example/b:1", ""]))
    return custom(name, ports=[port], image=image, command=draw(st.sampled_from([("x",), ("y", "z")])))


class Harm(NamedTuple):
    """Something that happens to one resource, by its number among them: it is lost, or fields of it change."""

    number: int
    how: int


harms = st.lists(st.builds(Harm, st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=4)

_ALTERED: Mapping[type[Resource], tuple[dict[str, Any], ...]] = {
    Lan: (
        {"up": False},
        {"mtu": 1600},
        {"address": "198.51.100.254/24"},
        {"address6": "2001:db8:f::1/64"},
        {"bridges": 1},
        {"bridges": 4},
        {"driver": Driver.MACVLAN, "interface": "eth9"},
        {"vlan": 99},
        {"subnet": "198.51.100.128/25"},
        {"subnet6": "2001:db8:f::/64"},
    ),
    Decoy: (
        {"egress": ("missing",)},
        {"egress": ("altered",)},
        {"egress": ("icmp 192.0.2.0/24 *",)},
        {"runtime": "docker"},
    ),
    Link: (
        {"up": False},
        {"mtu": 900},
        {"gateway": ""},
        {"gateway6": "2001:db8:f::1"},
        {"mac": "02:00:00:00:99:{number:02x}"},
        {"address": "198.51.100.1{number:02}/24"},
        {"address6": ""},
        {"address6": "2001:db8:f::{number:x}/64"},
        {"parent": ""},
    ),
    Service: (
        {"bundle": "0"},
        {"ports": ((9000, "tcp"),)},
        {"process": 77},
        {"bounds": Bounds(memory=1)},
        {"process": 78, "bundle": "0", "bounds": Bounds(pids=1)},
    ),
    Custom: (
        {"bundle": "0"},
        {"ports": ((9900, "tcp"),)},
        {"healthy": False},
        {"process": 77, "limits": Limits(connections=7)},
    ),
}


def sabotage(world: FakeWorld, harm: Harm) -> Id | None:
    """Lose or alter the resource. What was done to it; None when there was nothing to harm."""
    ids = sorted(world.resources)
    if not ids:
        return None
    id_ = ids[harm.number % len(ids)]
    there = world.resources[id_]
    if isinstance(there, Stack):
        _alter_stack(world, there, harm.how)
        return id_
    choices = _ALTERED.get(type(there), ({"bundle": "0"}, {"target": "udp://192.0.2.66:514"}))
    if harm.how % (len(choices) + 1) == len(choices):
        world.lose(id_)
        return id_
    fields = choices[harm.how % (len(choices) + 1)]
    for name, value in fields.items():
        told = value.format(number=harm.number) if isinstance(value, str) else value
        world.alter(id_, **{name: told})
    if isinstance(there, Lan) and "bridges" in fields:
        _unplug(world, there)
    return id_


def _alter_stack(world: FakeWorld, there: Stack, how: int) -> None:
    if how % 3 == 0:
        world.lose(there.id)
        return
    key, _ = there.sysctls[how % len(there.sysctls)]
    world.alter(there.id, sysctls=tuple(sorted({**dict(there.sysctls), key: "7"}.items())))


def _unplug(world: FakeWorld, lan_: Lan) -> None:
    """A bridge that goes leaves its links on nothing."""
    now = world.resources[lan_.id]
    assert isinstance(now, Lan)
    left = {placement.bridge(world.network, now.name, number) for number in range(now.bridges)}
    for link in list(world.resources.values()):
        plugged = isinstance(link, Link) and (link.lan, link.driver) == (now.name, Driver.BRIDGE)
        if plugged and link.parent not in left:
            world.alter(link.id, parent="")


Look = tuple[dict[Id, Resource], dict[Id, bytes]]


def look_at(world: FakeWorld) -> Look:
    """What is on the machine, without what is held by choice: which bridge, and the number of which process."""
    seen = world.observe().resources
    return {id_: _plain(resource) for id_, resource in seen.items()}, dict(world.contents)


def _plain(resource: Resource) -> Resource:
    match resource:
        case Service() | Custom():
            own = placement.FIRST_ALONE if is_alone(resource.process) else 0
            return dataclasses.replace(resource, process=own)
        case Link(driver=Driver.BRIDGE):
            return dataclasses.replace(resource, parent=re.sub("^dl.*", "bridge", resource.parent))
        case Lan():
            return dataclasses.replace(resource, bridges=1)
    return resource


def check_same(found: Look, wanted: Look) -> None:
    """The same resources and contents; what differs is told."""
    for name, (there, expected) in zip(("resource", "content"), zip(found, wanted, strict=True), strict=True):
        differing = {id_: (there.get(id_), expected.get(id_)) for id_ in there.keys() | expected.keys()}
        assert not [f"{name} {id_}: {old} != {new}" for id_, (old, new) in differing.items() if old != new]


class NoJournal:
    """Where nothing is written down."""

    def intend(self, entries):
        pass

    def finish(self, effects, failures=()):
        pass


def world_of(what: Network) -> Look:
    """What an apply of this to an empty machine makes."""
    world = FakeWorld()
    nothing = Snapshot(About("office"))
    plan = engine.plan(Site(Path("/nonexistent")).declare(what, nothing), nothing, Observed())
    assert execute(plan.ops, world, NoJournal(), parallelism=1).exit_code == 0
    return look_at(world)


def check_rooms(world: FakeWorld) -> None:
    """No bridge has more decoys than it takes, no process more than it serves; one of its own serves one."""
    parents = Counter(
        link.parent
        for link in world.resources.values()
        if isinstance(link, Link) and link.driver is Driver.BRIDGE and not link.docker
    )
    assert all(count <= ROOM for count in parents.values()), parents
    served = {
        (one.process, one.decoy) for one in world.resources.values() if isinstance(one, Service | Custom)
    }
    for process, count in Counter(process for process, _ in served).items():
        assert count <= (1 if is_alone(process) else ROOM), served
    assert len({decoy_ for _, decoy_ in served}) == len(served), "a decoy is served by two processes"


def unprotected(what: Network) -> Network:
    """The same with `protect = no` everywhere."""
    return dataclasses.replace(
        what, decoys=tuple(dataclasses.replace(one, protect=False) for one in what.decoys)
    )


def apply_well(site: Site, what: Network) -> None:
    """Apply; what is protected is let go. Then all is as declared, and nothing left to do."""
    what = let_go(site, what)
    outcome = site.apply(what)
    assert (outcome.failed, outcome.skipped) == ((), ()), outcome
    check_same(look_at(site.world), world_of(what))
    check_rooms(site.world)
    plan = site.plan(what)
    assert plan.empty, engine.render_plan(plan)
    assert engine.status(*site.look()).exit_code == 0
    check_contents(site)


def check_contents(site: Site) -> None:
    """The state has the content of every service and sink that it says is applied."""
    saved, _ = site.look()
    for id_, was in saved.resources.items():
        if isinstance(was.resource, Service | Custom | Sink):
            assert saved.contents[was.resource.bundle] == site.world.contents[id_], id_


def let_go(site: Site, what: Network, limit: str = "") -> Network:
    """The file, as it can be applied: where a protected decoy is in the way, after `protect = no`."""
    try:
        site.plan(what, limit)
    except InvalidInput as error:
        codes = {problem.code for problem in error.problems}
    else:
        return what
    assert codes == {"protected"}
    release(site)
    return unprotected(what)


def destroy(site: Site, **options: Any) -> Outcome:
    """Destroy, protected decoys too, without a file."""
    release(site)
    return site.destroy(**options)


def release(site: Site) -> None:
    """In the state nothing is protected any more, as if that alone had been applied."""
    saved, _ = site.look()
    found = dict(resolved(saved))
    for id_, was in saved.resources.items():
        if isinstance(was.resource, Decoy) and was.resource.protect:
            found[id_] = Saved(dataclasses.replace(was.resource, protect=False), was.span)
    if saved.known:
        with state.store(site.folder, site.world.network) as store:
            store.resolve(found, unfinished=True)

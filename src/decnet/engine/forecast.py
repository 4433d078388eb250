"""Whether a machine can carry a network: what the plan would need against what there is. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from decnet.engine.desired import Desired
from decnet.engine.graph import Act
from decnet.engine.plan import Plan
from decnet.spec import container, program
from decnet.world import Custom, Decoy, Driver, Kind, Lan, Link, Service
from decnet.world.capacity import Capacity

MB = 1024 * 1024
DECOY_BYTES = MB // 2
"""Measured with three services: sockets and sysctls in the kernel, handlers and bundles in the process."""
PROCESS_BYTES = 40 * MB
"""Measured: a decoy process with every service loaded."""
CONTAINED_BYTES = 14 * MB
"""Measured: a decoy process in a container, forked from one that has loaded everything, and the container."""
BRIDGE_PORTS = 1023
"""BR_MAX_PORTS of the kernel, without the one it keeps."""
_PROCESS_FILES = 256
"""What a process holds open beside its listening sockets, and some sessions."""
_NAMESPACE_FILES = 8
"""Open files of the kernel's table that a decoy takes beside its listening sockets."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a plan takes, beside what is there already; the last four of the network as a whole."""

    memory: int
    sockets: int
    new_processes: int
    new_decoys: int
    decoys: int
    most_sockets: int
    """Listening sockets of the process that has the most."""
    ports: dict[str, tuple[int, int]]
    """Bridge LAN → decoys on it, and how many its bridges take."""
    neighbours: int
    """Neighbour entries when the host has spoken with every decoy: one on each side."""


def lacking(plan: Plan) -> tuple[str, ...]:
    """Tags of images that containers are to be made of and that the engine does not have."""
    made = [(op.resource, op.content) for op in plan.ops if op.act is Act.CREATE and op.content]
    images = [container.decode(content) for one, content in made if isinstance(one, Decoy)]
    servers = [program.decode(content) for one, content in made if isinstance(one, Custom) and one.high]
    return tuple(
        sorted(
            {image.tag for image in images if not image.image_id}
            | {server.image for server in servers if not server.image_id}
        )
    )


def need(plan: Plan, desired: Desired) -> Need:
    """What a plan takes."""
    made = {
        op.resource.id.owner for op in plan.ops if op.act is Act.CREATE and op.resource.id.kind is Kind.DECOY
    }
    gone = {
        op.resource.id.owner for op in plan.ops if op.act is Act.REMOVE and op.resource.id.kind is Kind.DECOY
    }
    fresh = made - gone  # what is replaced has its memory already
    sockets: Counter[int] = Counter()
    running: set[int] = set()
    contained: set[int] = set()
    on: defaultdict[str, int] = defaultdict(int)
    added = 0
    for id_, declared in desired.resources.items():
        match declared.resource:
            case Service(ports=ports, process=process, docker=docker):
                sockets[process] += len(ports)
                contained |= {process} if docker else set()
                added += len(ports) if id_.owner in fresh else 0
                if id_.owner not in made:
                    running.add(process)
            case Link(lan=lan):
                on[lan] += 1
    lans = {
        id_.owner: one.resource for id_, one in desired.resources.items() if isinstance(one.resource, Lan)
    }
    begun = set(sockets) - running if made else set()
    new, boxed = len(begun), len(begun & contained)
    return Need(
        memory=len(fresh) * DECOY_BYTES + (new - boxed) * PROCESS_BYTES + boxed * CONTAINED_BYTES,
        sockets=added + len(fresh) * _NAMESPACE_FILES,
        new_processes=new,
        new_decoys=len(fresh),
        decoys=sum(id_.kind is Kind.DECOY for id_ in desired.resources),
        most_sockets=max(sockets.values(), default=0),
        ports={
            name: (on[name], lan.bridges * BRIDGE_PORTS)
            for name, lan in lans.items()
            if lan.driver is Driver.BRIDGE
        },
        neighbours=2 * sum(on[name] for name, lan in lans.items() if lan.address),
    )


def forecast(plan: Plan, desired: Desired, capacity: Capacity) -> tuple[str, ...]:
    """Warnings, each with the numbers and what to do. None for a plan that makes nothing."""
    return tuple(_warnings(need(plan, desired), capacity)) if _makes(plan) else ()


def _makes(plan: Plan) -> bool:
    return any(op.act is Act.CREATE for op in plan.ops)


def _warnings(need: Need, capacity: Capacity) -> Iterator[str]:
    if capacity.missing:
        kinds = " ".join(capacity.missing)
        yield f"the kernel has no {kinds} interfaces: sudo modprobe {kinds}"
    if _over(need.memory, capacity.memory):
        yield (
            f"{need.new_decoys} decoys need about {_mb(need.memory)} of memory, {_mb(capacity.memory)} are free: "
            "declare fewer, or add memory"
        )
    if _over(need.most_sockets + _PROCESS_FILES, capacity.open_files):
        yield (
            f"one decoy process holds {need.most_sockets} listening sockets, a process may open "
            f"{capacity.open_files} files: raise the limit (ulimit -n {_round(need.most_sockets + _PROCESS_FILES)})"
        )
    if _over(need.sockets, capacity.system_files):
        yield (
            f"{need.sockets} more open files are needed, the kernel has room for {capacity.system_files}: "
            f"raise fs.file-max by {_round(need.sockets)} (sysctl)"
        )
    if _over(need.new_processes, capacity.processes):
        yield (
            f"{need.new_processes} decoy processes are needed, {capacity.processes} more may be started: "
            "raise pids.max of the cgroup or kernel.threads-max, or use isolation = shared"
        )
    if _over(need.decoys, capacity.namespaces):
        yield (
            f"{need.decoys} decoys are as many network namespaces, {capacity.namespaces} are allowed: "
            f"sysctl user.max_net_namespaces={_round(need.decoys)}"
        )
    for name, (count, room) in need.ports.items():
        if count > room:
            yield (
                f"LAN {name} has {count} decoys, a bridge takes {room} ports: spread them over several LANs"
            )
    if _over(need.neighbours, capacity.neighbours):
        yield (
            f"up to {need.neighbours} neighbour entries are needed, the table takes {capacity.neighbours}: "
            f"sysctl net.ipv4.neigh.default.gc_thresh3={_round(need.neighbours)}"
        )


def _over(needed: int, there: int | None) -> bool:
    return there is not None and needed > there


def _mb(count: int | None) -> str:
    return f"{(count or 0) // MB} MB"


def _round(number: int) -> int:
    """The next power of two: what people set limits to."""
    return 1 << max(0, number - 1).bit_length()

"""The containers of custom services: each has the network of its decoy's container, and nothing else of it.

A container that joins another's namespace keeps the old one when the other starts again: it is made to start again then.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from docker.errors import NotFound
from docker.models.containers import Container as Handle
from docker.types import LogConfig, Mount

from decnet.errors import WorldError
from decnet.spec.program import Program
from decnet.spec.resources import Custom
from decnet.world import calls, namespaces
from decnet.world.docker import containers, guests, labels
from decnet.world.docker.engine import Engine, explained
from decnet.world.docker.tidy import tidy

_SECOND = 1_000_000_000
_SETTLE_SECONDS = 0.6
"""A command that cannot do its work mostly ends within this."""
_LAST_WORDS = 200


class Seen(NamedTuple):
    """A container of a custom service. ``pid`` is its first process; 0 where it does not run, or waits to."""

    decoy: str
    name: str
    content: str
    ports: tuple[tuple[int, str], ...]
    pid: int
    healthy: bool
    worn: bool = False
    """Whether it is older than it is to become."""


def create(engine: Engine, network: str, custom: Custom, program: Program) -> None:
    """Have a custom service run in its decoy's network, made anew if it is of something else. Raises `WorldError`."""
    if program.guest:
        calls.check()  # nobody gets in whom nobody would hear
    with explained(str(custom.id)):
        carrier = containers.find(engine, network, custom.decoy)
        if carrier is None:
            raise WorldError(f"{custom.id}: its decoy has no container", hint="plan and apply again")
        there = find(engine, network, custom.decoy, custom.name)
        if there is not None and not _fits(engine, there.attrs, custom, str(carrier.id)):
            containers.end(there)
            there = None
        if there is None:
            there = _make(engine, network, custom, program, str(carrier.id))
            if program.guest:
                guests.furnish(there, program)
        if program.guest:
            guests.address(carrier, program)
        _start(there, network, custom)
        there.reload()
        tidy(there.attrs["State"]["Pid"])
        if not program.guest:
            bound(engine, network, custom)
        _see_it_live(there, custom)


def bound(engine: Engine, network: str, custom: Custom) -> None:
    """Set its share of the processors, while it runs: memory and processes it has keys of its own for.

    Raises `WorldError`.
    """
    with explained(str(custom.id)):
        there = find(engine, network, custom.decoy, custom.name)
        quota = int(custom.bounds.cpu * containers.PERIOD)
        if there is not None and max(0, there.attrs["HostConfig"]["CpuQuota"]) != quota:
            there.update(cpu_period=containers.PERIOD, cpu_quota=quota or -1)


def remove(engine: Engine, network: str, decoy: str, name: str) -> None:
    """Take a custom service away, when it is there and ours. Raises `WorldError`."""
    with explained(f"custom/{decoy}/{name}"):
        there = find(engine, network, decoy, name)
        if there is not None:
            containers.end(there)


def remove_all(engine: Engine, network: str, decoy: str = "") -> None:
    """Take every custom service of a network away, or of one decoy. Raises `WorldError`."""
    with explained(f"the custom services of {decoy or network}"):
        every_one = _all(engine, network)
        containers.end_all(
            engine, [one["Id"] for one in every_one if decoy in ("", one["Labels"].get(labels.CARRIER))]
        )


def every(engine: Engine, network: str) -> Iterator[Seen]:
    """Every custom service of a network, running or not. Raises `WorldError`."""
    with explained(f"the custom services of {network}"):
        for short in _all(engine, network):
            with contextlib.suppress(NotFound):  # gone since it was listed
                attrs = engine.client.api.inspect_container(short["Id"])
                own, state = labels.of(attrs), attrs["State"]
                runs = state["Running"] and not state["Paused"] and not state["Restarting"]
                yield Seen(
                    own.get(labels.CARRIER, ""),
                    own.get(labels.CUSTOM, ""),
                    own.get(labels.CONTENT, ""),
                    labels.read_ports(own.get(labels.PORTS, "")),
                    state["Pid"] if runs else 0,
                    state.get("Health", {}).get("Status") != "unhealthy",
                    guests.is_worn(attrs) or guests.is_full(engine, attrs),
                )


def find(engine: Engine, network: str, decoy: str, name: str) -> Handle | None:
    """A custom service's container. Raises `WorldError` when one of somebody else has its name."""
    try:
        there: Handle = engine.client.containers.get(container_name(network, decoy, name))
    except NotFound:
        return None
    own = labels.of(there.attrs)
    if (own.get(labels.NETWORK), own.get(labels.CARRIER), own.get(labels.CUSTOM)) != (network, decoy, name):
        raise WorldError(
            f"custom/{decoy}/{name}: the container {there.name} is in the way and not ours",
            hint=f"look at it (docker inspect {there.name}), and rename it or the network",
        )
    return there


def container_name(network: str, decoy: str, name: str) -> str:
    """What ``docker ps`` shows. No decoy has this name: in a file, ``[DECOY.NAME]`` is a custom service's section."""
    return f"{containers.name(network, decoy)}.{name}"


def _all(engine: Engine, network: str) -> Iterable[dict[str, Any]]:
    selected: list[dict[str, Any]] = engine.client.api.containers(
        all=True, filters={"label": [labels.selector(network), labels.CUSTOM]}
    )
    return selected


def _fits(engine: Engine, attrs: dict[str, Any], custom: Custom, carrier: str) -> bool:
    """Whether what is there was made of this, for the container that its decoy has now."""
    own = labels.of(attrs)
    return (
        own.get(labels.CONTENT) == custom.bundle
        and own.get(labels.PORTS) == labels.write_ports(custom.ports)
        and attrs["HostConfig"]["NetworkMode"] == f"container:{carrier}"
        and not (guests.is_worn(attrs) or guests.is_full(engine, attrs))
        and not (custom.high and attrs["State"]["StartedAt"].startswith("0001"))
    )


def _make(engine: Engine, network: str, custom: Custom, program: Program, carrier: str) -> Handle:
    api = engine.client.api
    command = list(guests.command(custom.ports) if program.guest else program.command)
    created = api.create_container(
        program.image_id or program.image,
        command[1:] or None,
        entrypoint=command[:1] or None,
        name=container_name(network, custom.decoy, custom.name),
        environment=list(program.env),
        labels={
            labels.NETWORK: network,
            labels.CARRIER: custom.decoy,
            labels.CUSTOM: custom.name,
            labels.CONTENT: custom.bundle,
            labels.PORTS: labels.write_ports(custom.ports),
            **guests.marked(program),
        },
        host_config=api.create_host_config(network_mode=f"container:{carrier}", **_host(program)),
        working_dir="/" if program.guest else None,
        healthcheck=_health(program),
    )
    found: Handle = engine.client.containers.get(created["Id"])
    return found


def _host(program: Program) -> dict[str, Any]:
    """As decoys have it. What it prints is kept for a while."""
    if program.guest:
        return guests.host(program)
    return {
        **containers.held("rw,nosuid,nodev,size=64m", program.pids),
        "log_config": LogConfig(type="json-file", config={"max-size": "4m", "max-file": "2"}),
        "mem_limit": program.memory or None,
        "memswap_limit": program.memory or None,
        "mounts": [Mount(inside, host, type="bind", read_only=True) for host, inside in program.volumes],
    }


def _health(program: Program) -> dict[str, Any] | None:
    if not program.health:
        return None
    return {
        "Test": ["CMD", *program.health],
        "Interval": 10 * _SECOND,
        "Timeout": 5 * _SECOND,
        "StartPeriod": 30 * _SECOND,
        "Retries": 3,
    }


def _start(there: Handle, network: str, custom: Custom) -> None:
    """Have it run, and in the namespace that its decoy has now."""
    state = there.attrs["State"]
    if state["Restarting"]:
        _ended(there, custom)
    if state["Paused"]:
        there.unpause()
    if not state["Running"]:
        there.start()
    elif not namespaces.is_of(network, custom.decoy, state["Pid"]) or _ails(state):
        there.restart(timeout=1)


def _ails(state: dict[str, Any]) -> bool:
    return bool(state.get("Health", {}).get("Status") == "unhealthy")


def _see_it_live(there: Handle, custom: Custom) -> None:
    """Raises `WorldError` when it ends at once: who applied it wants to know why."""
    there.reload()
    restarts, deadline = there.attrs["RestartCount"], time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline:
        state = there.attrs["State"]
        if not state["Running"] or state["Restarting"] or there.attrs["RestartCount"] > restarts:
            _ended(there, custom)
        time.sleep(0.1)
        there.reload()


def _ended(there: Handle, custom: Custom) -> None:
    """Raise what its last words were."""
    state = there.attrs["State"]
    words = there.logs(tail=1).decode(errors="backslashreplace").strip()
    last = (
        "".join(c if c.isprintable() else "?" for c in words[-_LAST_WORDS:])
        or state.get("Error")
        or "nothing"
    )
    raise WorldError(
        f"{custom.id}: it ends again and again (exit code {state['ExitCode']}); it said last: {last}",
        hint=f"docker logs {there.name}; its file system is read-only but for /tmp and /run",
    )

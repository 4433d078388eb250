"""The container of a decoy: it holds the namespaces, limits and file system; what serves in it is put there by us.

Its first process sleeps, under the engine's init, which reaps what dies. The decoy process is started from the host
and moves in (`decnet.decoy.cell`), so an image needs nothing of ours, and nothing of ours can be seen in it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from docker.errors import APIError, NotFound
from docker.models.containers import Container as Handle
from docker.types import LogConfig

from decnet.errors import WorldError
from decnet.services.limits import Bounds
from decnet.spec.container import Container
from decnet.spec.resources import Decoy
from decnet.world import names
from decnet.world.docker import images, labels, networks, shown
from decnet.world.docker.engine import MAC_OF_ENDPOINT, Engine, explained
from decnet.world.docker.presence import AT_ONCE
from decnet.world.docker.tidy import tidy

COMMAND = ("sleep", "infinity")
PERIOD = 100_000
_GONE_SECONDS = 30.0
_HOME = "/"
_LINK = "eth0"
_NO_NETWORK = "none"


class Seen(NamedTuple):
    """A container of ours. ``pid`` is its first process on this machine; 0 where it does not run.

    ``plugged``: it has the link that the engine makes for it, where that makes one.
    """

    decoy: str
    content: str
    pid: int
    lends: bool
    """Whether decnet makes its links."""

    @property
    def plugged(self) -> bool:
        return self.lends or is_plugged(self.pid)


def create(engine: Engine, network: str, decoy: Decoy, made_of: Container, user: int) -> int:
    """Have a decoy's container run, made anew if it is of something else; its first process. Raises `WorldError`."""
    with explained(str(decoy.id)):
        there = _made(engine, network, decoy, made_of, user)
        pid = _first_process(there, decoy)
        shown.put_resolver(there, made_of.domain, made_of.ip)
        tidy(pid)
        return pid


def _made(engine: Engine, network: str, decoy: Decoy, made_of: Container, user: int) -> Handle:
    """A decoy's container that runs. The engine says if there is one already: as a rule there is not."""
    try:
        return _make(engine, network, decoy, made_of, user)
    except APIError as error:
        there = find(engine, network, decoy.name) if error.status_code == HTTPStatus.CONFLICT else None
        if there is None:
            raise
    if _can_stay(engine, network, there, decoy, made_of):
        _revive(engine, network, there, made_of)
        return there
    there.remove(force=True, v=True)
    return _make(engine, network, decoy, made_of, user)


def _revive(engine: Engine, network: str, there: Handle, made_of: Container) -> None:
    """Have a container that can stay run, with its link."""
    state = there.attrs["State"]
    if state["Running"] and made_of.lan and not is_plugged(state["Pid"]):
        there.stop(timeout=0)  # another link would get another name, until it starts afresh
        there.reload()
    if state["Paused"]:
        there.unpause()
    if not there.attrs["State"]["Running"]:
        _connect(engine, network, there, made_of)
        there.start()
    there.reload()


def remove(engine: Engine, network: str, decoy: str) -> None:
    """Take a decoy's container away, when it is there and ours. Raises `WorldError`."""
    with explained(f"decoy/{decoy}"):
        there = find(engine, network, decoy)
        if there is not None:
            end(there)


def remove_all(engine: Engine, network: str) -> None:
    """Take every container of a network away. Raises `WorldError`."""
    with explained(f"the containers of {network}"):
        end_all(engine, [there["Id"] for there in _all(engine, network)])


def every(engine: Engine, network: str) -> Iterator[Seen]:
    """Every container of a network, running or not. Raises `WorldError`."""
    with explained(f"the containers of {network}"):
        for short in _all(engine, network):
            with contextlib.suppress(NotFound):  # gone since it was listed
                attrs = engine.client.api.inspect_container(short["Id"])
                own = labels.of(attrs)
                pid = 0 if attrs["State"]["Paused"] else attrs["State"]["Pid"]
                lends = attrs["HostConfig"]["NetworkMode"] == _NO_NETWORK
                yield Seen(own.get(labels.DECOY, ""), own.get(labels.CONTENT, ""), pid, lends)


def bound(engine: Engine, network: str, decoy: str, bounds: Bounds) -> None:
    """Set what a container may take of memory and processors, while it runs. Raises `WorldError`."""
    with explained(f"decoy/{decoy}"):
        there = find(engine, network, decoy)
        if there is None:
            return
        host = there.attrs["HostConfig"]
        memory, quota = bounds.memory, int(bounds.cpu * PERIOD)
        if host["Memory"] and not memory:  # an engine takes no bound of memory away
            memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if (host["Memory"], max(0, host["CpuQuota"])) != (memory, quota):
            there.update(mem_limit=memory, memswap_limit=memory, cpu_period=PERIOD, cpu_quota=quota or -1)


def is_plugged(pid: int) -> bool:
    """Whether a container has a link: the one that the engine made for it, or the decoy's in its place."""
    try:
        return f"{_LINK}:" in Path(f"/proc/{pid}/net/dev").read_text()
    except OSError:  # it has gone meanwhile
        return False


def find(engine: Engine, network: str, decoy: str) -> Handle | None:
    """A decoy's container. Raises `WorldError` when one of somebody else has its name."""
    try:
        there: Handle = engine.client.containers.get(name(network, decoy))
    except NotFound:
        return None
    own = labels.of(there.attrs)
    if (own.get(labels.NETWORK), own.get(labels.DECOY)) != (network, decoy):
        raise WorldError(
            f"decoy/{decoy}: the container {there.name} is in the way and not ours",
            hint=f"look at it (docker inspect {there.name}), and rename it or the network",
        )
    return there


def name(network: str, decoy: str) -> str:
    """What ``docker ps`` shows."""
    return f"{names.PREFIX}-{network}-{decoy}"


def _all(engine: Engine, network: str) -> Iterable[dict[str, Any]]:
    selected: list[dict[str, Any]] = engine.client.api.containers(
        all=True, filters={"label": [labels.selector(network), labels.DECOY]}
    )
    return selected


def _can_stay(engine: Engine, network: str, there: Handle, decoy: Decoy, made_of: Container) -> bool:
    """Whether a container is made of what it should be, and can have its address and MAC again if it lost them.

    From API 1.44 on an engine forgets the MAC with the network and gives it another when it is put back
    (moby/moby#48192).
    """
    if labels.of(there.attrs).get(labels.CONTENT) != decoy.container:
        return False
    return engine.api < MAC_OF_ENDPOINT or _is_connected(network, there, made_of)


def _is_connected(network: str, there: Handle, made_of: Container) -> bool:
    """Whether nobody has taken a container off its LAN's Docker network."""
    plugged = there.attrs["NetworkSettings"]["Networks"]
    return not made_of.lan or networks.name(network, made_of.lan) in plugged


def _connect(engine: Engine, network: str, there: Handle, made_of: Container) -> None:
    """Put a container that does not run back on its LAN's Docker network, when somebody has taken it off."""
    if not _is_connected(network, there, made_of):
        engine.client.api.connect_container_to_network(
            str(there.id),
            networks.name(network, made_of.lan),
            ipv4_address=made_of.ip,
        )


def _make(engine: Engine, network: str, decoy: Decoy, made_of: Container, user: int) -> Handle:
    """Make a container and start it."""
    api = engine.client.api
    lan = networks.name(network, made_of.lan) if made_of.lan else _NO_NETWORK
    image = made_of.image_id or made_of.tag
    own, of_endpoint = _mac(engine, made_of)
    endpoint = api.create_endpoint_config(ipv4_address=made_of.ip or None, mac_address=of_endpoint)
    created = api.create_container(
        image,
        list(COMMAND),
        name=name(network, decoy.name),
        hostname=made_of.hostname,
        domainname=made_of.domain or None,
        user=f"{user}:{user}",
        working_dir=_HOME,
        entrypoint=[],
        environment=list(images.environment(engine, image)),  # without a value: they are left out
        labels={
            labels.NETWORK: network,
            labels.DECOY: decoy.name,
            labels.CONTENT: decoy.container,
        },
        host_config=api.create_host_config(network_mode=lan, **_host(made_of)),
        networking_config={"EndpointsConfig": {lan: endpoint}} if made_of.lan else None,
        stop_signal="SIGKILL",
        mac_address=own,
    )
    api.start(created["Id"])
    found: Handle = engine.client.containers.get(created["Id"])
    return found


def _mac(engine: Engine, made_of: Container) -> tuple[str | None, str | None]:
    """The MAC as the container's own, and as its endpoint's: older engines know the one, newer ones the other."""
    mac = made_of.mac or None
    return (None, mac) if engine.api >= MAC_OF_ENDPOINT else (mac, None)


def held(scratch: str, pids: int) -> dict[str, Any]:
    """What holds of a container of ours on its host: nothing to gain in it, and back after every end.

    ``scratch`` are the options of what it may write to, in memory.
    """
    return {
        "restart_policy": {"Name": "unless-stopped"},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "tmpfs": {"/tmp": scratch, "/run": scratch},  # noqa: S108 (the container's)
        "init": True,
        "ipc_mode": "private",
        "pids_limit": pids or None,
    }


def _host(made_of: Container) -> dict[str, Any]:
    return {
        **held("rw,nosuid,nodev,noexec,size=16m", made_of.pids),
        "sysctls": {key: value for key, value in made_of.sysctls if not _of_interface(key)},
        "log_config": LogConfig(type="none"),
    }


def _of_interface(key: str) -> bool:
    """Settings of an interface: the engine sets what it is told before there is one."""
    return key.split(".")[2:3] == ["conf"] and key.split(".")[3:4] not in (["all"], ["default"])


def _first_process(there: Handle, decoy: Decoy) -> int:
    """The process that the engine tells, if it is one of this machine."""
    pid = int(there.attrs["State"]["Pid"])
    told = there.attrs["State"].get("Error") or f"exit code {there.attrs['State']['ExitCode']}"
    if not pid:
        raise WorldError(
            f"{decoy.id}: its container ended at once: {told}", hint=f"docker inspect {there.name}"
        )
    try:
        here = str(there.id) in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        here = False
    if not here:
        raise WorldError(
            f"{decoy.id}: the Docker Engine runs on another machine",
            hint="run decnet there: it plugs in and contains what runs in a container from its host",
        )
    return pid


def end(there: Handle) -> None:
    """Remove a container, and wait for the engine to have done it: it may say that it is at it already."""
    deadline = time.monotonic() + _GONE_SECONDS
    while True:
        try:
            there.remove(force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            if "is already in progress" not in str(error.explanation) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def end_all(engine: Engine, ids: Iterable[str]) -> None:
    """Remove containers, some at a time. What has gone meanwhile is gone."""

    def one(id_: str) -> None:
        with contextlib.suppress(NotFound):
            end(engine.client.containers.get(id_))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(one, ids):
            pass

"""One network's part of an engine: its Docker networks and its containers, and the names of those in /run/netns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from decnet.errors import MissingCapability, WorldError
from decnet.services.limits import Bounds
from decnet.spec import container, program
from decnet.spec.resources import Custom, Decoy, Lan
from decnet.world import names, namespaces
from decnet.world.docker import containers, customs, networks
from decnet.world.docker.engine import Engine
from decnet.world.docker.images import find
from decnet.world.observe import Running


class Docker:
    """Talks to the engine from the first call that needs it on. Threads may share it.

    Every method raises `WorldError`; that no engine answers is one, too.
    """

    def __init__(self, network: str) -> None:
        self._network = network
        self._lock = threading.Lock()
        self._connected: Engine | None = None
        self._pids: dict[str, int] = {}

    def close(self) -> None:
        """Hang up."""
        if self._connected is not None:
            self._connected.close()
            self._connected = None

    def settle(self, lan: Lan) -> None:
        """Make a LAN's Docker network, or take it away, as the LAN says."""
        if lan.docker:
            networks.create(self._engine, self._network, lan)
        else:
            networks.remove(self._engine, self._network, lan.name)

    def run(self, decoy: Decoy, content: bytes | None, prepare: Callable[[], None]) -> None:
        """Have a decoy's container run, give its namespace the decoy's name, and run ``prepare`` inside it."""
        if content is None:
            raise WorldError(f"{decoy.id}: cannot be made without what its container is made of")
        made_of = container.decode(content)
        pid = containers.create(self._engine, self._network, decoy, made_of, names.uid(self._network))
        self._pids[decoy.name] = pid
        namespaces.adopt(self._network, decoy.name, pid, prepare)

    def pid(self, decoy: str) -> int:
        """The first process of a decoy's container."""
        if decoy in self._pids:
            return self._pids[decoy]
        found = containers.find(self._engine, self._network, decoy)
        pid = int(found.attrs["State"]["Pid"]) if found is not None else 0
        if not pid:
            raise WorldError(f"the container of {decoy} does not run", hint="plan and apply again")
        return pid

    def bound(self, decoy: str, bounds: Bounds) -> None:
        """Set what a decoy's container may take."""
        containers.bound(self._engine, self._network, decoy, bounds)

    def bound_custom(self, custom: Custom) -> None:
        """Set what a custom service's container may take of the processors."""
        customs.bound(self._engine, self._network, custom)

    def serve(self, custom: Custom, content: bytes | None) -> None:
        """Have a custom service run in its decoy's network."""
        if content is None:
            raise WorldError(f"{custom.id}: cannot be made without what it runs")
        customs.create(self._engine, self._network, custom, program.decode(content))

    def stop(self, custom: Custom) -> None:
        """Take a custom service away."""
        customs.remove(self._engine, self._network, custom.decoy, custom.name)

    def serving(self) -> Iterator[customs.Seen]:
        """Custom services that run, in the namespace that their decoy has now."""
        for one in customs.every(self._engine, self._network):
            if one.pid and namespaces.is_of(self._network, one.decoy, one.pid):
                yield one

    def remove(self, decoy: str) -> None:
        """Take a decoy's container away, and what may be left of its custom services."""
        self._pids.pop(decoy, None)
        customs.remove_all(self._engine, self._network, decoy)
        containers.remove(self._engine, self._network, decoy)

    def remove_all(self) -> None:
        """Take everything of the network away."""
        customs.remove_all(self._engine, self._network)
        containers.remove_all(self._engine, self._network)
        networks.remove_all(self._engine, self._network)

    def running(self) -> Mapping[str, Running]:
        """Decoy → its container: those that run, are plugged in, and have their name."""
        return {
            one.decoy: Running(one.content, one.lends)
            for one in containers.every(self._engine, self._network)
            if one.pid and one.plugged and namespaces.is_of(self._network, one.decoy, one.pid)
        }

    def lans(self) -> frozenset[str]:
        """LANs that have a Docker network."""
        return frozenset(networks.lans(self._engine, self._network))

    @property
    def _engine(self) -> Engine:
        with self._lock:
            if self._connected is None:
                try:
                    self._connected = Engine()
                except MissingCapability as error:
                    raise WorldError(error.message, hint=error.hint) from None
            return self._connected


def images(tags: Iterable[str]) -> Mapping[str, str] | None:
    """Tag → id of those images that the engine has; None where no engine answers. Raises `WorldError`."""
    try:
        with Engine() as engine:
            return {tag: image.id for tag, image in find(engine, frozenset(tags)).items()}
    except MissingCapability:
        return None

"""The real world: Linux network namespaces, rtnetlink, and decoy processes."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from decnet.spec.resources import Decoy, Resource, Service
from decnet.world import check, observe, spawn
from decnet.world.api import Observed
from decnet.world.netlink import Socket
from decnet.world.processes import Processes

if TYPE_CHECKING:
    from decnet.world.acts import Acts


class LinuxWorld:
    """One network's part of this machine; see `decnet.world.api.World`. Use it in a ``with`` block, or `close` it.

    ``run_dir`` holds the control sockets of the decoy processes and is for its owner only. ``events_dir`` is where they
    write events; it belongs to this network alone, and becomes their user's. ``program`` is what a decoy process runs.
    """

    def __init__(
        self, network: str, run_dir: Path, events_dir: Path, program: Sequence[str] = spawn.PROGRAM
    ) -> None:
        self._network = network
        self._kernel = Socket()
        self._processes = Processes(network, run_dir, events_dir, program)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close our sockets. What was made stays."""
        self._processes.close()
        self._kernel.close()

    @functools.cached_property
    def _acts(self) -> Acts:
        from decnet.world.acts import Acts  # noqa: PLC0415 (loads pyroute2, 0.15 s: looking does without)

        return Acts(self._network, self._kernel, self._processes)

    def check(self, resources: Iterable[Resource]) -> None:
        """See `World.check`."""
        check.check(resources)

    def observe(self, expected: Iterable[Resource] = ()) -> Observed:
        """See `World.observe`. 0.3 ms a decoy."""
        view = observe.look(self._network, expected)
        sessions: Counter[str] = Counter()
        try:
            running = self._processes.running()
        except PermissionError:
            view.unseen.append("services and sessions (the decoy processes answer root only)")
            running = {}
        for number, entries in running.items():
            for entry in entries:
                sessions[entry.decoy] += entry.sessions
                if (
                    Decoy(entry.decoy).id in view.resources
                ):  # else its sockets are in a namespace without a name
                    ports = tuple(sorted(entry.ports))
                    view.add(Service(entry.decoy, entry.service, ports, entry.bundle, number))
        return Observed(view.resources, +sessions, tuple(view.foreign), tuple(view.unseen))

    def create(self, resource: Resource, content: bytes | None = None) -> None:
        """See `World.create`."""
        self._acts.create(resource, content)

    def update(self, resource: Resource, fields: frozenset[str], content: bytes | None = None) -> None:
        """See `World.update`."""
        self._acts.update(resource, fields, content)

    def remove(self, resource: Resource) -> None:
        """See `World.remove`."""
        self._acts.remove(resource)

    def remove_all(self) -> None:
        """See `World.remove_all`."""
        self._acts.remove_all()

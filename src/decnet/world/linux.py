"""The real world: Linux network namespaces, rtnetlink, and decoy processes."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from decnet.decoy.protocol import Running
from decnet.errors import WorldError
from decnet.shipper.protocol import Shipping
from decnet.spec.resources import Custom, Decoy, Lan, Resource, Service, Sink, Stack
from decnet.world import check, observe, probe, spawn
from decnet.world.api import Observed
from decnet.world.docker.presence import may_be_there
from decnet.world.netlink import Socket
from decnet.world.observe import Containers, View
from decnet.world.processes import Processes
from decnet.world.sandboxes import Sandboxes
from decnet.world.shipping import Shipper
from decnet.world.supervision import Coming

if TYPE_CHECKING:
    from decnet.world.acts import Acts
    from decnet.world.docker.part import Docker


_CROWD = 50
"""Services that one process is about to get, from which on it is started before the first of them is its turn."""
_STARTS = 2
"""Processes that are so started at a time."""


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
        self._shipper = Shipper(network, run_dir, events_dir)
        self._sandboxes = Sandboxes(network, run_dir)
        self._uses_docker = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close our sockets. What was made stays."""
        self._processes.close()
        self._shipper.close()
        if "_docker" in self.__dict__:
            self._docker.close()
        self._kernel.close()

    @functools.cached_property
    def _acts(self) -> Acts:
        from decnet.world.acts import Acts  # noqa: PLC0415 (loads pyroute2, 0.15 s: looking does without)

        return Acts(
            self._network, self._kernel, self._processes, self._sandboxes, self._shipper, lambda: self._docker
        )

    @functools.cached_property
    def _docker(self) -> Docker:
        from decnet.world.docker.part import Docker  # noqa: PLC0415 (loads the SDK, 0.1 s: most do without)

        return Docker(self._network)

    def check(self, resources: Iterable[Resource]) -> None:
        """See `World.check`."""
        check.check(resources)

    def observe(self, expected: Iterable[Resource] = (), *, to_end: bool = False) -> Observed:
        """See `World.observe`. 0.3 ms a decoy."""
        asked = tuple(expected)
        containers = self._containers(asked)
        view = observe.look(self._network, asked, containers)
        sessions: Counter[str] = Counter()
        try:
            running = self._processes.running(containers.running if containers else (), to_end=to_end)
        except PermissionError:
            view.unseen.append("services and sessions (the decoy processes answer root only)")
            running = {}
        view.unseen += (f"services ({said})" for said in self._processes.mute())
        for number, entries in running.items():
            for entry in entries:
                sessions[entry.decoy] += entry.sessions
                carrier = view.resources.get(Decoy(entry.decoy).id)
                if (
                    isinstance(carrier, Decoy) and not entry.custom
                ):  # else its sockets are in a namespace without a name
                    ports = tuple(sorted(entry.ports))
                    docker = carrier.runtime == "docker"
                    service = Service(entry.decoy, entry.service, ports, entry.bundle, number, docker=docker)
                    view.add(dataclasses.replace(service, bounds=view.bounds_of(service.id)))
        self._see_customs(view, running)
        sinks = self._sinks(view, to_end=to_end)
        return Observed(
            view.resources,
            +sessions,
            tuple(view.foreign),
            tuple(view.unseen),
            sinks=sinks,
            lacking=view.lacking,
            ailing=() if to_end else self._processes.ailing(),
        )

    def _containers(self, expected: Sequence[Resource]) -> Containers | None:
        """What the engine has of the network; None where nothing of it is, or was, or is to be Docker's."""
        self._uses_docker = self._uses_docker or any(
            (isinstance(one, Decoy) and one.container)
            or (isinstance(one, Lan) and one.docker)
            or (isinstance(one, Custom) and not one.sandbox)
            for one in expected
        )
        if not self._uses_docker:
            return None
        return Containers(self._docker.running(), self._docker.lans())

    def _see_customs(self, view: View, running: Mapping[int, tuple[Running, ...]]) -> None:
        """Custom services that run and are told of; what a machine does not tell of one is as expected."""
        told = {
            (entry.decoy, entry.service): number
            for number, entries in running.items()
            for entry in entries
            if entry.custom
        }
        for one in (*self._contained(), *self._sandboxed()):
            process = told.get((one.decoy, one.name))
            if process is None or Decoy(one.decoy).id not in view.resources:
                continue
            found = dataclasses.replace(one, process=process)
            wanted = view.expected.get(found.id)
            if isinstance(wanted, Custom):
                found = dataclasses.replace(
                    found,
                    limits=wanted.limits,
                    bounds=wanted.bounds,
                    docker=wanted.docker,
                    high=wanted.high,
                )
            view.add(found)

    def _contained(self) -> Iterator[Custom]:
        for one in self._docker.serving() if self._uses_docker else ():
            yield Custom(one.decoy, one.name, one.ports, one.content, healthy=one.healthy, worn=one.worn)

    def _sandboxed(self) -> Iterator[Custom]:
        for one in self._sandboxes.serving():
            yield Custom(one.decoy, one.service, one.ports, one.bundle, healthy=one.healthy, sandbox=True)

    def _sinks(self, view: View, *, to_end: bool) -> tuple[Shipping, ...]:
        try:
            sinks = self._shipper.running()
        except PermissionError:
            view.unseen.append("sinks (the shipper answers root only)")
            return ()
        except WorldError as error:
            if not to_end:
                raise
            view.unseen.append(f"sinks ({error.message})")
            return ()
        for sink in sinks:
            view.add(Sink(sink.name, sink.type, sink.target, sink.bundle))
        return sinks

    def leave_to(self, supervisor: Coming) -> None:
        """Have decoy processes started by a supervisor that may not listen yet."""
        self._processes.leave_to(supervisor)

    @contextlib.contextmanager
    def expecting(self, resources: Iterable[Resource]) -> Iterator[None]:
        """See `World.expecting`. Decoy processes take 0.6 s to start, in which every worker would wait for them."""
        made = tuple(resources)
        awaited = frozenset(one.decoy for one in made if isinstance(one, Stack) and one.personality)
        self._acts.await_personalities(awaited)
        needed = Counter((one.process, one.bounds) for one in made if isinstance(one, Service))
        crowded = [process for process, services in needed.items() if services >= _CROWD]
        try:
            with ThreadPoolExecutor(_STARTS, thread_name_prefix="start") as pool:
                for process in crowded:
                    pool.submit(self._processes.warm, *process)
                yield
        finally:
            self._acts.await_personalities(frozenset())

    def create(self, resource: Resource, content: bytes | None = None) -> None:
        """See `World.create`."""
        self._acts.create(resource, content)

    def update(self, resource: Resource, fields: frozenset[str], content: bytes | None = None) -> None:
        """See `World.update`."""
        self._acts.update(resource, fields, content)

    def remove(self, resource: Resource) -> None:
        """See `World.remove`."""
        self._acts.remove(resource)

    def in_use(self, interface: str, addresses: Iterable[str]) -> Mapping[str, str]:
        """See `World.in_use`. 0.4 s, whoever answers."""
        return probe.in_use(interface, addresses)

    def remove_all(self, last_word: Callable[[], None] = lambda: None) -> None:
        """See `World.remove_all`."""
        self._acts.remove_all(last_word, self._remove_containers)

    def _remove_containers(self) -> None:
        if self._uses_docker:
            self._docker.remove_all()
        elif may_be_there():
            with contextlib.suppress(WorldError):  # nothing of it is known to be Docker's
                self._docker.remove_all()

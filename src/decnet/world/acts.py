"""What changes the machine, by kind of resource. Each act looks at what is there first, or survives finding it."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from decnet.decoy.protocol import Attendance, Request, Running
from decnet.errors import WorldError
from decnet.spec.resources import Custom, Decoy, Driver, Lan, Link, Resource, Service, Sink, Stack
from decnet.world import (
    firewall,
    lans,
    links,
    names,
    namespaces,
    observe,
    personality,
    refusal,
    sockets,
    sysctls,
    vlans,
)
from decnet.world.netlink import Socket
from decnet.world.processes import Processes
from decnet.world.sandboxes import Sandboxes
from decnet.world.shipping import Shipper

if TYPE_CHECKING:
    from decnet.world.docker.part import Docker

_PORT_SECONDS = 2.0
"""How long a port may take to become free after its service was stopped."""
_GONE_SECONDS = 30.0


class Acts:
    """The acts of one network's world. Threads may share it."""

    def __init__(
        self,
        network: str,
        kernel: Socket,
        processes: Processes,
        sandboxes: Sandboxes,
        shipper: Shipper,
        docker: Callable[[], Docker],
    ) -> None:
        self._network = network
        self._group = names.group(network)
        self._kernel = kernel
        self._processes = processes
        self._sandboxes = sandboxes
        self._shipper = shipper
        self._docker = docker
        self._awaited: frozenset[str] = frozenset()
        self._held: dict[str, Link] = {}

    def await_personalities(self, decoys: frozenset[str]) -> None:
        """Decoys whose new links stay down until their `Stack` is made."""
        self._awaited = decoys

    def create(self, resource: Resource, content: bytes | None) -> None:
        with refusal.explained(resource):
            match resource:
                case Lan():
                    lans.create(self._kernel, self._network, resource)
                    self._route_to_decoys(resource)
                    if resource.docker:
                        self._docker().settle(resource)
                case Decoy():
                    self._create_decoy(resource, content)
                case Link():
                    self._link(resource)
                case Stack():
                    self._set_stack(resource, content)
                case Service():
                    self._serve(resource, content)
                case Custom():
                    self._attend(resource)
                    (self._sandboxes if resource.sandbox else self._docker()).serve(resource, content)
                case Sink():
                    self._shipper.serve(resource, content)

    def update(self, resource: Resource, fields: frozenset[str], content: bytes | None) -> None:
        """A create brings every field to its value in place; only a service goes on without new sockets."""
        if isinstance(resource, Lan) and "docker" in fields:
            self._docker().settle(resource)
        if isinstance(resource, Custom):
            with refusal.explained(resource):
                self._attend(resource)
                if "bounds" in fields:
                    self._bound(resource, anew=True)
                    if not (resource.sandbox or resource.high):
                        self._docker().bound_custom(resource)
            return
        if isinstance(resource, Decoy):
            self._contain(resource)
            return
        if not isinstance(resource, Service) or "ports" in fields:
            self.create(resource, content)
            return
        with refusal.explained(resource):
            if content is not None and self._give(resource, content, start=False) is not None:
                self._serve(resource, content)
            if "bounds" in fields:
                self._bound(resource, anew=True)

    def remove(self, resource: Resource) -> None:
        with refusal.explained(resource):
            match resource:
                case Lan():
                    if resource.docker:
                        self._docker().settle(dataclasses.replace(resource, docker=False))
                    lans.remove(self._kernel, self._network, resource)
                case Decoy():
                    self._remove_decoy(resource)
                case Link() if resource.docker:
                    links.forget(self._kernel, self._network, resource)  # it goes with its container
                case Link():
                    links.remove(self._kernel, self._network, resource)
                case Stack():
                    self._drop_stack(resource)
                case Custom():
                    self._end_custom(resource)
                case Service():
                    self._processes.ask(resource.process, Request("stop", resource.decoy, resource.name))
                case Sink():
                    self._shipper.stop(resource.name)

    def remove_all(self, last_word: Callable[[], None], take_containers: Callable[[], None]) -> None:
        """Processes first: their sockets hold namespaces. Then links by group, names, and the wait for the kernel.

        The shipper goes last, so that it ships what they, and whoever took all this away, wrote in the end.
        """
        self._sandboxes.quit_all()
        self._processes.quit_all()
        take_containers()
        decoys = namespaces.decoys(self._network)
        held = {
            (seen.parent, seen.mac)
            for inside in observe.look_inside(self._network, dict.fromkeys(decoys, ())).values()
            for seen in inside.links
            if seen.kind == Driver.MACVLAN and seen.group == self._group
        }
        vlans.disown_used(self._kernel, self._network, held)
        links.delete_group(self._group)
        namespaces.remove_all(self._network)
        self._wait_until_released(held)
        last_word()
        self._shipper.quit()
        self._shipper.forget()

    def _wait_until_released(self, held: set[tuple[int, str]]) -> None:
        """A macvlan goes with its namespace, in the kernel's own time; until then its parent listens to its MAC."""
        deadline = time.monotonic() + _GONE_SECONDS
        while held and (left := held & set(self._kernel.listens_to())):
            if time.monotonic() > deadline:
                raise WorldError(
                    f"{len(left)} links of {self._network} are still there",
                    hint="something holds their namespaces open, look with: lsns -t net",
                )
            time.sleep(0.02)

    def _create_decoy(self, decoy: Decoy, content: bytes | None) -> None:
        def prepare() -> None:
            namespaces.quieten()
            firewall.put(decoy.egress)
            links.loopback_up()

        if not namespaces.exists(self._network, decoy.name):
            self._processes.drop(decoy.name)  # sockets of a namespace that lost its name answer nobody
            self._sandboxes.drop(decoy.name)
        if decoy.container:
            self._docker().run(decoy, content, prepare)
        else:
            namespaces.create(self._network, decoy.name, prepare)

    def _contain(self, decoy: Decoy) -> None:
        """The one thing of a decoy that changes in place."""
        with refusal.explained(decoy), namespaces.opened(self._network, decoy.name) as fd:
            namespaces.inside(fd, lambda: firewall.put(decoy.egress))

    def _remove_decoy(self, gone: Decoy) -> None:
        decoy = gone.name
        if gone.container:
            self._docker().remove(decoy)  # and its process with it
            self._processes.forget(decoy)
        self._sandboxes.drop(decoy)
        self._processes.drop(decoy)
        if namespaces.exists(self._network, decoy):
            with namespaces.opened(self._network, decoy) as fd:
                namespaces.inside(fd, lambda: links.delete_group(self._group))
        namespaces.remove(self._network, decoy)

    def _link(self, link: Link) -> None:
        hold = link.decoy in self._awaited
        if links.create(self._kernel, self._network, link, hold=hold):
            self._held[link.decoy] = link

    def _set_stack(self, stack: Stack, content: bytes | None) -> None:
        """Settings and personality, then the link when it was held for them; whatever goes wrong, it is not left down."""

        def write() -> None:
            held = self._held.pop(stack.decoy, None)
            try:
                _set_sysctls(stack)
                personality.put(stack, content, self._group, links.addresses(held) if held else ())
            finally:
                if held:
                    links.release(self._kernel, held)
            personality.bound(stack, self._group)

        with namespaces.opened(self._network, stack.decoy) as fd:
            namespaces.inside(fd, write)

    def _drop_stack(self, stack: Stack) -> None:
        """Settings go with the namespace: what the kernel had before is nobody's business any more."""
        if namespaces.exists(self._network, stack.decoy):
            with namespaces.opened(self._network, stack.decoy) as fd:
                namespaces.inside(fd, lambda: personality.drop(stack, self._group))

    def _route_to_decoys(self, lan: Lan) -> None:
        """Through a hairpin that was just made to the decoys that were there before it."""
        behind = lans.hairpin(self._kernel, self._network, lan.name)
        if behind is None:
            return
        decoys = namespaces.decoys(self._network)
        for inside in observe.look_inside(self._network, dict.fromkeys(decoys, ())).values():
            ours = {
                seen.ifindex
                for seen in inside.links
                if seen.group == self._group and seen.parent == behind.link.parent
            }
            found = (one.address for one in inside.addresses if one.ifindex in ours)
            routes = lans.routes(behind, tuple(one for one in found if not one.startswith("fe80:")))
            if routes:
                self._kernel.change(*routes)

    def _give(
        self, service: Service, content: bytes, fds: tuple[int, ...] = (), *, start: bool
    ) -> str | None:
        """Hand a bundle over; the error in words, or None when all is well."""
        request = Request("serve", service.decoy, service.name, service.bundle)
        with sockets.in_memory(content) as memory:
            reply = self._processes.ask(service.process, request, (memory, *fds), start=start)
        if reply is None:
            return "its process does not run"
        return reply.error or None

    def _serve(self, service: Service, content: bytes | None) -> None:
        if content is None:
            raise WorldError(f"{service.id}: cannot be served without its bundle")
        self._bound(service)
        deadline = time.monotonic() + _PORT_SECONDS
        with namespaces.opened(self._network, service.decoy) as fd:
            while True:
                try:
                    opened = sockets.listening(fd, service.ports)
                    break
                except OSError as error:
                    if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                        raise
                opened = self._processes.kept_sockets(service)
                if opened:
                    break
                if self._goes_on(service, content):
                    return
        with contextlib.ExitStack() as stack:
            for one in opened:
                stack.enter_context(one)
            error_text = self._give(service, content, tuple(one.fileno() for one in opened), start=True)
        if error_text:
            raise WorldError(f"{service.id}: {error_text}")

    def _bound(self, service: Service | Custom, *, anew: bool = False) -> None:
        """See that what serves it has its bounds, or has none ``anew``, and is in its container where there is one."""
        if not service.docker:
            self._processes.bound(service.process, service.bounds)
            return
        if service.bounds or anew:
            self._docker().bound(service.decoy, service.bounds)
        self._processes.put_inside(service.process, service.decoy, self._docker().pid(service.decoy))

    def _attend(self, custom: Custom) -> None:
        """Have its decoy process tell of a custom service, from before it runs on."""
        self._bound(custom)
        inside = observe.look_inside(self._network, {custom.decoy: ()})
        if custom.decoy not in inside:
            raise WorldError(f"{custom.id}: its decoy has no namespace", hint="plan and apply again")
        hosts = (one.address.partition("/")[0] for one in inside[custom.decoy].addresses)
        addresses = sorted(
            (host for host in hosts if host not in ("127.0.0.1", "::1")), key=lambda one: ":" in one
        )
        attendance = Attendance(
            custom.decoy, custom.name, custom.ports, tuple(addresses), custom.limits, custom.high
        )
        if custom.high:
            self._processes.prepare_shelves()
        request = Request("attend", custom.decoy, custom.name, custom.bundle)
        with sockets.in_memory(msgspec.json.encode(attendance)) as memory:
            reply = self._processes.ask(custom.process, request, (memory,), start=True)
        if reply is None or reply.error:
            raise WorldError(f"{custom.id}: {reply.error if reply else 'its process does not run'}")

    def _end_custom(self, custom: Custom) -> None:
        """Take a custom service away; of one of high interaction what visitors left in it is kept first."""
        if custom.high:
            self._processes.ask(custom.process, Request("take", custom.decoy, custom.name))
        (self._sandboxes if custom.sandbox else self._docker()).stop(custom)
        self._processes.ask(custom.process, Request("stop", custom.decoy, custom.name))
        self._processes.unmark(custom.decoy, custom.name)

    def _goes_on(self, service: Service, content: bytes) -> bool:
        """Whether the service had its ports already and took the bundle; else whoever has one of the ports stops."""
        for number, entry in self._others(service):
            same = entry.service == service.name and number == service.process
            if same and sorted(entry.ports) == sorted(service.ports):
                error = self._give(service, content, start=False)
                if error:
                    raise WorldError(f"{service.id}: {error}")
                return True
            self._processes.ask(number, Request("stop", entry.decoy, entry.service))
        time.sleep(0.01)
        return False

    def _others(self, service: Service) -> list[tuple[int, Running]]:
        """What runs on this decoy under the service's name or on one of its ports."""
        return [
            (number, entry)
            for number, entries in self._processes.running().items()
            for entry in entries
            if entry.decoy == service.decoy
            and (entry.service == service.name or not set(entry.ports).isdisjoint(service.ports))
        ]


def _set_sysctls(stack: Stack) -> None:
    for key, value in stack.sysctls:
        try:
            sysctls.write(key, value)
        except OSError as error:
            raise WorldError(
                f"{stack.id}: {key} = {value}: {error.strerror}",
                hint="see sysctl(8) and the kernel's ip-sysctl",
            ) from error

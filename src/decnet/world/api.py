"""The one door to the machine. `decnet.world.linux` is the real one, `decnet.world.fake` the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from decnet.shipper.protocol import Shipping
from decnet.spec.resources import Id, Resource


@dataclass(frozen=True, slots=True)
class Observed:
    """What is there of one network: the resources with their actual values, found by name, group and alias.

    ``foreign`` lists things that stand where ours would go and are not ours. ``sessions`` counts open attacker
    sessions by decoy. ``unseen`` says, for a person, what could not be looked at, for want of privilege or of an
    answer: resources of that kind are missing here whether they exist or not.
    """

    resources: Mapping[Id, Resource] = field(default_factory=dict)
    sessions: Mapping[str, int] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    ailing: tuple[str, ...] = ()
    """What is wrong of ours and is no resource, for a person: the supervisor has gone."""
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Decoys that go on without something declared that this machine cannot do: what and why, for a person."""
    sinks: tuple[Shipping, ...] = ()
    """How the sinks that are at work stand."""

    @property
    def degraded(self) -> tuple[str, ...]:
        """What the machine cannot do, each thing once."""
        return tuple(dict.fromkeys(self.lacking.values()))


class World(Protocol):
    """One network's part of a machine. Every act is idempotent: done twice it is done once.

    Acts raise `WorldError` with a message for a person. They may be called from several threads.
    """

    def check(self, resources: Iterable[Resource]) -> None:
        """Raise `MissingCapability` for a privilege or kernel feature that these need and that is not there."""
        ...

    def observe(self, expected: Iterable[Resource] = (), *, to_end: bool = False) -> Observed:
        """Look at everything of this network. Changes nothing; works without privilege as far as it can.

        ``expected`` (what is declared and what is saved) narrows what the machine cannot tell by itself: which sysctls
        of a `Stack` to read, and which `Lan` a link to a parent interface is on. Without it there are no stacks, and
        no LANs that have no interface of their own. A sysctl without a value is told only where a new decoy would
        have another. A process of ours that does not answer is a `WorldError`; when all is about to be taken away
        (``to_end``) it is ``unseen``, and killed by whichever act would ask it.
        """
        ...

    def expecting(self, resources: Iterable[Resource]) -> AbstractContextManager[None]:
        """The time in which these are created, one act each: what all of them would wait for may begin right away.

        It makes none of them, and leaves nothing behind that does not go by itself.
        """
        ...

    def create(self, resource: Resource, content: bytes | None = None) -> None:
        """Make it so, whatever is there of it already.

        ``content`` is a service's bundle: the `decnet.decoy.protocol.ServiceBundle` of it as JSON, whose hash is
        ``resource.bundle``.
        """
        ...

    def update(self, resource: Resource, fields: frozenset[str], content: bytes | None = None) -> None:
        """Bring these fields of an existing resource to the values of ``resource``, in place."""
        ...

    def remove(self, resource: Resource) -> None:
        """Take it away. What is gone already is gone."""
        ...

    def in_use(self, interface: str, addresses: Iterable[str]) -> Mapping[str, str]:
        """Who on the LAN of this interface answers for which of these addresses (without prefix length): its MAC.

        Raises `MissingCapability` without the privilege to ask, `WorldError` when the interface cannot be used.
        """
        ...

    def remove_all(self, last_word: Callable[[], None] = ...) -> None:
        """Take away everything of this network, known or not, by group and name: the fast path of destroy.

        ``last_word`` is called when only the sinks are left: what it writes to the event log is shipped still. Not
        when something else could not be taken away.
        """
        ...

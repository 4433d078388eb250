"""The values that cross the state's border."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from decnet.errors import Span
from decnet.spec import Identity
from decnet.world import Id, Kind, Link, Resource


@dataclass(frozen=True, slots=True)
class About:
    """What is kept of a network beside its resources. ``runtime`` is what was chosen at the first apply."""

    network: str
    file: str = ""
    env: str = ""
    runtime: str = ""


@dataclass(frozen=True, slots=True)
class Saved:
    """A resource as it was applied, and the line that declared it then."""

    resource: Resource
    span: Span


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the journal: op ``op`` of this run is about to do ``action`` to ``resource``."""

    op: int
    action: str
    resource: Resource
    reason: str
    span: Span


@dataclass(frozen=True, slots=True)
class Effect:
    """Op ``op`` is done: what is saved of its resource from now on (``None``: nothing), and its bundle's content."""

    op: int
    id: Id
    saved: Saved | None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Op ``op`` failed, or was not begun, for a reason."""

    op: int
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is saved of one network at one moment; of an unknown network, nothing.

    ``intents`` are the journal's open entries: ops of a run that was killed. ``contents`` finds a bundle's content by
    its hash, reading the database only when asked.
    """

    about: About
    serial: int = 0
    lineage: str = ""
    identity: Identity | None = None
    resources: Mapping[Id, Saved] = field(default_factory=dict)
    intents: tuple[Entry, ...] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether the network was ever applied."""
        return self.identity is not None

    def held_addresses(self) -> dict[str, str]:
        """Decoy → the IP address it has, so that an allocation from a pool stays as it is."""
        return {
            saved.resource.decoy: saved.resource.address.partition("/")[0]
            for id_, saved in self.resources.items()
            if id_.kind is Kind.LINK and isinstance(saved.resource, Link)
        }

"""The values that cross the state's border."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface

from decnet.errors import Span, StateError
from decnet.spec import Held, Identity
from decnet.spec.resources import Decoy, Id, Lan, Link, Resource


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
    """A line of the journal: op ``op`` of this run is about to do ``action`` to ``resource``, with its bundle's content."""

    op: int
    action: str
    resource: Resource
    reason: str
    span: Span
    content: bytes | None = None


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
    its hash, reading the database only when asked. ``unfinished`` are resources that a run was to make and did not.
    ``degraded`` is what the event log was told that decoys go without: decoy → what and why.
    """

    about: About
    serial: int = 0
    lineage: str = ""
    identity: Identity | None = None
    resources: Mapping[Id, Saved] = field(default_factory=dict)
    intents: tuple[Entry, ...] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict)
    unfinished: tuple[Entry, ...] = ()
    degraded: Mapping[str, str] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether the network has an identity: it was applied, adopted, or its identity was imported."""
        return self.identity is not None

    @property
    def untouched(self) -> bool:
        """Whether nothing was ever applied: what is saved was adopted, or an identity alone."""
        return self.serial == 0

    def held(self) -> Held:
        """What was given out, so that an allocation stays as it is. Raises `StateError`."""
        addresses: dict[str, IPv4Address] = {}
        subnets: dict[str, IPv4Network] = {}
        words: dict[str, str] = {}
        macs: dict[str, str] = {}
        addresses6: dict[str, IPv6Address] = {}
        try:
            for resource in (*self._coming(), *(saved.resource for saved in self.resources.values())):
                match resource:
                    case Link(decoy=decoy, address=address, mac=mac, address6=address6):
                        # A link that was found as a killed run left it may not have its addresses yet.
                        if address:
                            addresses[decoy] = IPv4Interface(address).ip
                        if address6:
                            addresses6[decoy] = IPv6Interface(address6).ip
                        macs[decoy] = mac
                    case Decoy(name=name, identity=identity):
                        words[name] = identity or name
                    case Lan(name=name, subnet=subnet) if subnet:
                        subnets[name] = IPv4Network(subnet)
        except ValueError as error:
            raise StateError(f"the state of network {self.about.network} cannot be read: {error}") from None
        return Held(addresses, subnets, words, macs, addresses6)

    def _coming(self) -> Iterator[Resource]:
        """Renamed decoys that a run was to make and did not: their old names may be gone already."""
        made = [entry.resource for entry in (*self.unfinished, *self.intents) if entry.action == "create"]
        names = {one.name for one in made if isinstance(one, Decoy) and one.identity}
        yield from (one for one in made if isinstance(one, Decoy | Link) and one.id.owner in names)

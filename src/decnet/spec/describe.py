"""The language as data: every kind of section with its keys, from the dataclasses that check them."""

from __future__ import annotations

from dataclasses import dataclass

from decnet.ini.schema import KeyDoc, describe
from decnet.services.registry import services
from decnet.spec.keys import CustomKeys, DecoyKeys, General, LanKeys, ServiceKeys, SinkKeys


@dataclass(frozen=True, slots=True)
class SectionDoc:
    """A kind of section: its name as written, what it is, and its keys."""

    name: str
    help: str
    keys: tuple[KeyDoc, ...]


def sections() -> tuple[SectionDoc, ...]:
    """Every kind of section, the personas of all known services included."""
    generic = describe(ServiceKeys)
    return (
        SectionDoc("general", "The network: everything fleet-wide.", describe(General)),
        SectionDoc("NAME", "A decoy, or with amount or a range a group of them.", describe(DecoyKeys)),
        *(
            SectionDoc(f"NAME.{name}", kind.summary, (*describe(kind.persona), *generic))
            for name, kind in services().items()
        ),
        SectionDoc("custom-NAME", "A service of your own.", describe(CustomKeys)),
        SectionDoc("lan-NAME", "A further LAN.", describe(LanKeys)),
        SectionDoc("sink-NAME", "Where events go.", describe(SinkKeys)),
    )

"""What a decoy section says of each of its members: machine, services, personas; resolved once a section."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from decnet.catalog import Archetype, Catalog, Distro, Os
from decnet.draw import Draw
from decnet.errors import Span
from decnet.ini import (
    Document,
    Found,
    Option,
    Section,
    Text,
    chain,
    did_you_mean,
    externals,
    gather,
    persona_chain,
    unknown_parent,
)
from decnet.services import Port
from decnet.services import Service as ServiceType
from decnet.spec.customs import canonical, custom
from decnet.spec.keys import DecoyKeys, ServiceKeys
from decnet.spec.model import Custom, Service
from decnet.spec.outline import Outline
from decnet.spec.reading import Findings, Read, check_chain, read, typed

GENERIC = {"port", "ports"}
_FALLBACK_OS = "linux"
_ANYWHERE = ("http", "https")
"""Services that a machine of any kind may run."""
_DRAWN = 3
"""At most so many services are drawn."""
PERSONA_CODES = {"unknown-key": "unknown-persona-key"}
P = TypeVar("P", Archetype, Distro)


@dataclass(frozen=True, slots=True)
class Preset:
    """A section's archetype, os, and the distros it draws from (one where the file names it; none beside Linux)."""

    section: Section
    chain: tuple[Section, ...]
    read: Read[DecoyKeys]
    archetype: Archetype | None
    os: Os
    distros: tuple[Distro, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """What a section is resolved against."""

    document: Document
    outline: Outline
    catalog: Catalog
    services: Mapping[str, ServiceType]


def preset(section: Section, sources: Sources, findings: Findings) -> Preset:
    """Read a decoy section and name its machine. What is unknown is a problem, and replaced by a default."""
    sections = chain(sources.document, section)
    keys = read(sources.document, sections, DecoyKeys, section.span, findings)
    archetype = _archetype(sections, keys, sources, findings)
    distro = _known(keys, "distro", sources.catalog.distros, findings)
    os = _os(keys, archetype, distro, sources.catalog, findings)
    if distro is not None and os.family != "linux":
        findings.warn(
            "persona-contradiction",
            f"{os.title} is no {distro.title}: the distro is left out",
            keys.at("distro"),
            "remove one of the two",
            (keys.at("os"),) if "os" in keys.given else (),
        )
    fixed = None if "distro" in keys.keys.randomize else distro
    return Preset(section, sections, keys, archetype, os, _distros(os, fixed, archetype, sources.catalog))


def _archetype(
    sections: tuple[Section, ...], keys: Read[DecoyKeys], sources: Sources, findings: Findings
) -> Archetype | None:
    known = sources.catalog.archetypes
    parents = externals(sources.document, sections)
    for parent in parents:
        if parent.key not in known:
            findings.add(unknown_parent(sources.document, parent, known))
    if keys.keys.archetype:
        return _known(keys, "archetype", known, findings)
    return next((known[parent.key] for parent in parents if parent.key in known), None)


def _known(keys: Read[DecoyKeys], key: str, known: Mapping[str, P], findings: Findings) -> P | None:
    """The profile that a key names, or None where it names none (then that is a problem)."""
    name: str = getattr(keys.keys, key).lower()
    if not name:
        return None
    if name in known:
        return known[name]
    hint = did_you_mean(name, known, f"known: {', '.join(sorted(known))}")
    findings.error(f"unknown-{key}", f'unknown {key} "{name}"', keys.at(key), hint)
    return None


def _os(
    keys: Read[DecoyKeys],
    archetype: Archetype | None,
    distro: Distro | None,
    catalog: Catalog,
    findings: Findings,
) -> Os:
    name = keys.keys.os.lower() or (archetype.os if archetype else distro.os if distro else _FALLBACK_OS)
    for slug in (name, name.replace("_", "-"), name.replace("-", "_")):
        found = catalog.os_aliases.get(slug, slug)
        if found in catalog.oses:
            return catalog.oses[found]
    known = (*catalog.oses, *catalog.os_aliases)
    hint = did_you_mean(name, known, f"known: {', '.join(sorted(known))}")
    findings.error("unknown-os", f'unknown os "{name}"', keys.at("os"), hint)
    return catalog.oses[_FALLBACK_OS]


def _distros(
    os: Os, distro: Distro | None, archetype: Archetype | None, catalog: Catalog
) -> tuple[Distro, ...]:
    if os.family != "linux":
        return ()
    if distro is not None:
        return (distro,)
    names = archetype.distros if archetype else tuple(sorted(catalog.distros))
    return tuple(catalog.distros[name] for name in names)


def service_names(this: Preset, sources: Sources, draw: Draw, findings: Findings) -> tuple[str, ...]:
    """The services of a member, custom ones too: as declared, as the archetype has them, or drawn.

    With ``randomize = services`` a part of those is drawn.
    """
    declared = tuple(dict.fromkeys(name.lower() for name in this.read.keys.services))
    drawn = "services" in this.read.keys.randomize
    if declared:
        known = _named(filter(lambda name: _is_service(name, this, sources, findings), declared), sources)
    elif this.archetype is not None:
        known = _named(this.archetype.services, sources)
    else:
        linux, drawn = this.os.family == "linux", True
        known = tuple(name for name in sources.services if linux or name in _ANYWHERE)
    if not drawn or not known:
        return known
    return tuple(sorted(draw.sample(known, draw.integer(1, min(_DRAWN, len(known))))))


def _named(words: Iterable[str], sources: Sources) -> tuple[str, ...]:
    """The services that these words name, each once; those of a later version are left out."""
    found = (word if word in sources.services else canonical(word, sources.outline) for word in words)
    return tuple(dict.fromkeys(filter(None, found)))


def _is_service(name: str, this: Preset, sources: Sources, findings: Findings) -> bool:
    if name in sources.services or canonical(name, sources.outline):
        return True
    known = (*sources.services, *sources.outline.kinds["custom"])
    hint = did_you_mean(name, known, f"known: {', '.join(known)}")
    findings.error("unknown-service", f'unknown service "{name}"', this.read.item("services", name), hint)
    return False


def custom_service(name: str, this: Preset, member: str, sources: Sources, findings: Findings) -> Custom:
    """One custom service: as ``[custom-NAME]`` says, but for what the personas of its name say."""
    section = sources.outline.kinds["custom"][name]
    own = _personas(name, this, member, sources)
    made = custom(name, (*own, section), sources.document, section, findings)
    return made if own else replace(made, span=this.read.at("services"))


def service(name: str, this: Preset, member: str, sources: Sources, findings: Findings) -> Service:
    """One service with its persona: from ``[member.service]``, ``[section.service]``, its parents', the archetype."""
    kind = sources.services[name]
    sections = _personas(name, this, member, sources)
    span = sections[0].span if sections else this.read.at("services")
    check_chain(sections, findings)
    given, problems = gather(sources.document, sections, (*sections, *this.chain))
    findings.add(*problems)
    generic = typed(ServiceKeys, {k: v for k, v in given.items() if k in GENERIC}, span, findings)
    texts = _preset_texts(this, name) | {k: v for k, v in given.items() if k not in GENERIC}
    persona = typed(kind.persona, texts, span, findings, PERSONA_CODES)
    return Service(
        name, kind, _ports(kind, generic, findings), persona.keys, span, {**persona.spans, **generic.spans}
    )


def _personas(name: str, this: Preset, member: str, sources: Sources) -> tuple[Section, ...]:
    """The sections that say something of a service of a member, the nearest first."""
    sections = persona_chain(sources.document, this.chain, name)
    own = sources.outline.personas.get(f"{member}.{name}".lower())
    return sections if own is None or own in sections else (own, *sections)


def _ports(kind: ServiceType, generic: Read[ServiceKeys], findings: Findings) -> tuple[Port, ...]:
    given = generic.keys.ports
    if not given:
        return kind.ports
    if len(given) > len(kind.ports):
        usual = ", ".join(str(port.number) for port in kind.ports)
        findings.error(
            "too-many-ports",
            f"{kind.name} listens on {len(kind.ports)} port(s), not {len(given)}",
            generic.at("ports" if "ports" in generic.given else "port"),
            f"they stand for its usual ones, in order: {usual}",
        )
        return kind.ports
    return (
        tuple(Port(number, usual.proto, usual.tls) for number, usual in zip(given, kind.ports, strict=False))
        + kind.ports[len(given) :]
    )


def _preset_texts(this: Preset, name: str) -> dict[str, Found]:
    """An archetype's persona keys, as if the section that names it had said them."""
    if this.archetype is None:
        return {}
    span = this.read.at("archetype")
    given = this.archetype.personas.get(name, {})
    return {key: _as_found(key, value, span, this.section) for key, value in given.items()}


def _as_found(key: str, value: str, span: Span, section: Section) -> Found:
    text = Text(value, span, exact=False)
    return Found(text, section, Option(key, "", text, span))

"""What no decoy uses is checked too: abstract sections that nobody inherits, personas of services that nobody runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from decnet.ini import Document, Section, gather
from decnet.services import Service as ServiceType
from decnet.spec.customs import custom
from decnet.spec.keys import DEFAULT, DecoyKeys, ServiceKeys
from decnet.spec.model import Decoy
from decnet.spec.outline import Outline
from decnet.spec.presets import GENERIC, PERSONA_CODES, Preset
from decnet.spec.reading import Findings, read, typed


def check_leftovers(
    document: Document,
    sections: Outline,
    presets: Iterable[Preset],
    decoys: Iterable[Decoy],
    services: Mapping[str, ServiceType],
    findings: Findings,
) -> None:
    """Check every section that no decoy was made from; warn of personas without effect."""
    runs = _runs(presets, decoys)
    _check_abstract(document, sections, runs, findings)
    groups = {section.key for section in sections.decoys}
    for key, section in sections.personas.items():
        base, _, service = key.rpartition(".")
        shared = base.startswith("_") or base == DEFAULT
        if service in runs.get(base, ()):
            continue
        if service in services:
            _check_persona(document, section, services[service], findings)
        else:
            own = sections.kinds["custom"][service]
            custom(service, (section, own), document, own, findings)
        if base in runs and not shared and not findings.errors:
            message = f'"{base}" does not run {service}: [{section.name}] has no effect'
            findings.warn("no-effect", message, section.span, f"add {service} to its services, or remove it")
        elif base not in runs and not shared and not (findings.errors and _may_be_member(base, groups)):
            message = f'[{section.name}] belongs to nothing: there is no "{base}"'
            findings.error("orphan-persona", message, section.span)
    for section in sections.decoys:
        base, dot, service = section.key.rpartition(".")
        if dot and base in runs and base not in groups:
            message = f'no service "{service}" for [{section.name}]'
            hint = f"a subsection is named after a service: {', '.join(sorted(services))}"
            findings.error("unknown-section", message, section.span, hint)


def _runs(presets: Iterable[Preset], decoys: Iterable[Decoy]) -> dict[str, set[str]]:
    """Section or decoy → services that it, or what inherits from it, runs."""
    runs: dict[str, set[str]] = {}
    for decoy in decoys:
        names = {service.name for service in decoy.services} | {one.name for one in decoy.customs}
        runs.setdefault(decoy.name.lower(), set()).update(names)
        if decoy.group.lower() != decoy.name.lower():
            runs.setdefault(decoy.group.lower(), set()).update(names)
    for preset in presets:
        own = runs.setdefault(preset.section.key, set())
        for section in preset.chain[1:]:
            runs.setdefault(section.key, set()).update(own)
    return runs


def _check_abstract(
    document: Document, sections: Outline, runs: Mapping[str, set[str]], findings: Findings
) -> None:
    for key, section in document.sections.items():
        idle = (key.startswith("_") or key == DEFAULT) and key not in runs and key not in sections.personas
        if idle:
            read(document, (section,), DecoyKeys, section.span, findings)


def _check_persona(document: Document, section: Section, kind: ServiceType, findings: Findings) -> None:
    base = document.sections.get(section.key.rpartition(".")[0])
    given, problems = gather(document, (section,), (section, base) if base else (section,))
    findings.add(*problems)
    generic = {key: found for key, found in given.items() if key in GENERIC}
    typed(ServiceKeys, generic, section.span, findings)
    own = {key: found for key, found in given.items() if key not in GENERIC}
    typed(kind.persona, own, section.span, findings, PERSONA_CODES)


def _may_be_member(base: str, groups: set[str]) -> bool:
    """Whether it could be a member of a group that an error kept from being made."""
    return base.rpartition("-")[0] in groups or any("[" in group for group in groups)

"""A document to a network: the one function that everything else of this room serves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from decnet.catalog import Catalog
from decnet.errors import Span
from decnet.ini import Document
from decnet.ini.names import quote
from decnet.services import Service as ServiceType
from decnet.spec import customs
from decnet.spec.addresses import Range
from decnet.spec.fleet import Fleet, Setting
from decnet.spec.identity import Identity
from decnet.spec.keys import DecoyKeys, General, LanKeys
from decnet.spec.lans import DEFAULT_LAN, check_overlaps, lan
from decnet.spec.leftovers import check_leftovers
from decnet.spec.machine import Held, Machine
from decnet.spec.members import Pattern, count, is_hostname
from decnet.spec.model import Lan, Network
from decnet.spec.outline import Outline, outline
from decnet.spec.presets import Preset, Sources, preset
from decnet.spec.profiles import with_own_profiles
from decnet.spec.reading import Findings, Read, read
from decnet.spec.sinks import sinks

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")
MAX_DECOYS = 16_384
"""Decoys of one file: rendered, they take about 40 KB each."""
MAX_LANS = 256
"""Further LANs of one file; each is compared with the others."""
_LATER = ("mutate_interval",)
"""Keys that are checked, and do nothing yet."""


def network_name(document: Document) -> str:
    """The name of the network: it must be known before the state is, and the state before the network.

    Raises:
        InvalidInput: the name is none.
    """
    findings = Findings()
    general = _general(document, findings)
    name = general.keys.name or Path(document.file).stem
    if not _NAME.fullmatch(name):
        shown = name if name.isprintable() else ascii(name)
        findings.error(
            "bad-name",
            f'"{shown}" cannot name a network',
            general.at("name"),
            "letters, digits, '_', '.', '-', at most 63; write name = … in [general]",
        )
    findings.stop()
    return name


def build(
    document: Document,
    catalog: Catalog,
    services: Mapping[str, ServiceType],
    identity: Identity,
    expand: Pattern,
    machine: Machine | None = None,
    held: Held | None = None,
) -> Network:
    """The network that a document declares.

    Raises:
        InvalidInput: with every problem of the file, errors first, then warnings.
    """
    findings = Findings()
    machine, held = machine or Machine(), held or Held()
    sections = outline(document, services)
    findings.add(*sections.problems)
    general = _general(document, findings)
    _check_general(general, findings)
    lans, ranges = _lans(document, sections, general, machine, held, findings)
    customs.check(document, sections, services, findings)
    declared_sinks = sinks(document, sections, general, findings)
    own = with_own_profiles(document, sections, catalog, services, findings)
    sources = Sources(document, sections, own, services)
    presets = _presets(sections, sources, findings)
    fleet = Fleet(Setting(general, lans, ranges, machine, held, identity, expand), sources, findings)
    decoys = fleet.decoys(presets)
    check_leftovers(document, sections, presets, decoys, services, findings)
    if not presets:
        findings.warn(
            "no-decoys", "the file declares no decoy", Span(document.file, 0), "add a section like [web-01]"
        )
    findings.stop()
    used = {decoy.lan for decoy in decoys}
    return Network(
        name=general.keys.name or Path(document.file).stem,
        file=document.file,
        env=document.env,
        seed=general.keys.seed,
        domain=general.keys.domain,
        timezone=general.keys.timezone,
        runtime=general.keys.runtime,
        lans=tuple(one for one in lans.values() if one.name in used),
        decoys=decoys,
        span=general.span,
        warnings=findings.warnings,
        sinks=declared_sinks,
    )


def _general(document: Document, findings: Findings) -> Read[General]:
    section = document.get("general")
    if section is None:
        return Read(General(), {}, Span(document.file, 1))
    return read(document, (section,), General, section.span, findings)


def _presets(sections: Outline, sources: Sources, findings: Findings) -> list[Preset]:
    """Every decoy section read. Raises `InvalidInput` before more decoys are made than memory can hold."""
    presets: list[Preset] = []
    total = 0
    for section in sections.decoys:
        one = preset(section, sources, findings)
        presets.append(one)
        _check_decoy(one, findings)
        total += count(section, one.read)
        if total > MAX_DECOYS:
            message = f"the file declares more than {MAX_DECOYS} decoys"
            findings.error("too-many-decoys", message, section.span, "split the network into several files")
            findings.stop()
    return presets


def _check_general(general: Read[General], findings: Findings) -> None:
    keys = general.keys
    try:
        ZoneInfo(keys.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        findings.error(
            "unknown-timezone",
            f'unknown time zone "{keys.timezone}"',
            general.at("timezone"),
            "as in Europe/Berlin",
        )
    if keys.domain and not is_hostname(keys.domain):
        findings.error(
            "bad-domain",
            f"{quote(keys.domain)} is no domain",
            general.at("domain"),
            "labels of letters, digits and inner hyphens, with dots between",
        )
    _check_later(general, findings)


def _check_later(read_keys: Read[General] | Read[DecoyKeys], findings: Findings) -> None:
    for key, found in read_keys.given.items():
        if key in _LATER:
            findings.warn(
                "no-effect", f'"{key}" is checked, but has no effect in this version', found.text.span
            )


def _check_decoy(one: Preset, findings: Findings) -> None:
    _check_later(one.read, findings)


def _lans(
    document: Document,
    sections: Outline,
    general: Read[General],
    machine: Machine,
    held: Held,
    findings: Findings,
) -> tuple[dict[str, Lan], dict[str, Sequence[Range]]]:
    found: dict[str, Lan] = {}
    if len(sections.kinds["lan"]) > MAX_LANS:
        last = list(sections.kinds["lan"].values())[MAX_LANS]
        findings.error("too-large", f"the file declares more than {MAX_LANS} LANs", last.span)
        findings.stop()
    further_keys = {
        name: read(document, (section,), LanKeys, section.span, findings)
        for name, section in sections.kinds["lan"].items()
    }
    ranges: dict[str, Sequence[Range]] = {name: keys.keys.pool for name, keys in further_keys.items()}
    ranges[DEFAULT_LAN] = general.keys.pool
    nets = (general.keys.net, *(keys.keys.net for keys in further_keys.values()))
    declared = tuple(net for net in nets if net)
    default = lan(DEFAULT_LAN, general, machine, held, findings, declared)
    if default is not None:
        found[DEFAULT_LAN] = default
    for name, keys in further_keys.items():
        taken = (*declared, *(other.subnet for other in found.values()))
        further = lan(name, keys, machine, held, findings, taken)
        if further is not None:
            check_overlaps(further, keys, found.values(), findings)
            found[name] = further
    return found, ranges

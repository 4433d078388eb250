"""Decoys with a new name: they keep what they were recognised by, for everything is drawn from the old one's *word*.

The word of a decoy is the name it had when it was first applied. The state remembers it, so that ``renamed_from`` may
leave the file after an apply.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from decnet.errors import Span
from decnet.ini.names import quote
from decnet.ini.ranges import check, expand
from decnet.spec.machine import Held
from decnet.spec.members import Member
from decnet.spec.presets import Preset
from decnet.spec.reading import Findings


@dataclass(frozen=True, slots=True)
class Renames:
    """``words`` by decoy, where it is not the decoy's name; ``old`` names of decoys that are new under theirs."""

    words: Mapping[str, str]
    old: Mapping[str, str]


def renames(groups: Iterable[tuple[Preset, Sequence[Member]]], held: Held, findings: Findings) -> Renames:
    """The words that decoys are drawn from. What cannot be goes to ``findings``."""
    groups = list(groups)
    declared = {member.name.lower(): preset.section.span for preset, own in groups for member in own}
    words = {
        member.name: held.words[member.name]
        for _, own in groups
        for member in own
        if member.name in held.words
    }
    claimed: dict[str, Span] = {}
    old: dict[str, str] = {}
    for preset, own in groups:
        span = preset.read.at("renamed_from")
        for member, before in _pairs(preset, own, findings):
            if before.lower() in declared:
                _still_declared(before, member, span, declared[before.lower()], findings)
            elif before.lower() in claimed:
                message = f"two decoys are renamed from {quote(before)}"
                findings.error("rename-twice", message, span, related=(claimed[before.lower()],))
            elif member.name not in held.words:
                if held.words and before not in held.words:
                    message = f"no decoy {quote(before)} was applied: {member.name} has nothing to keep"
                    findings.warn("no-effect", message, span)
                words[member.name] = held.words.get(before, before)
                old[member.name] = before
            elif held.words.get(before, words[member.name]) != words[member.name]:
                message = f"{member.name} was applied already, and stays what it is"
                findings.warn("no-effect", message, span)
            claimed.setdefault(before.lower(), span)
    return Renames({name: word for name, word in words.items() if word != name}, old)


def _still_declared(before: str, member: Member, span: Span, other: Span, findings: Findings) -> None:
    findings.error(
        "rename-declared",
        f"{member.name} is renamed from {quote(before)}, which the file still declares",
        span,
        "a name belongs to one decoy: remove the old section, or renamed_from",
        (other,),
    )


def _pairs(preset: Preset, own: Sequence[Member], findings: Findings) -> Iterator[tuple[Member, str]]:
    """Members with their old names: a range for a range, for a group by ``amount`` the old group's name."""
    text, span = preset.read.keys.renamed_from, preset.read.at("renamed_from")
    if not text or not own:
        return
    try:
        count = check(text)[1]
    except ValueError as error:
        findings.error("bad-range", str(error), span)
        return
    if preset.read.keys.amount is not None and count == 1:
        head = len(preset.section.name)
        yield from ((member, text + member.name[head:]) for member in own)
    elif count == len(own):
        yield from zip(own, expand(text), strict=True)
    else:
        message = f"{quote(text)} is {count} name{'s' * (count != 1)} for {len(own)} decoys"
        findings.error("rename-count", message, span, "write a range like the section's own")

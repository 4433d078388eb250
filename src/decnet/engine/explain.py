"""Differences in the words of the file: which key, from what, to what, on which line. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from decnet.decoy.protocol import ServiceBundle
from decnet.engine.desired import Declared
from decnet.engine.diff import Delta, FieldChange
from decnet.errors import Span
from decnet.world import Kind, Lan, Link, Policy, Resource

MASK = "***"
_SHOWN = 48
"""Characters of a value that a row has room for."""
_FILES = 3
_KEYS = {"gateway": "gw", "address": "ip", "subnet": "net", "interface": "interface"}
"""Field of a resource → INI key, where they differ."""
_AGAIN = {Kind.DECOY: Policy.REPLACE, Kind.SERVICE: Policy.RESTART}
"""What it costs to make again what is gone."""
_BUNDLES = msgspec.json.Decoder(ServiceBundle)


@dataclass(frozen=True, slots=True)
class Detail:
    """One row of a plan below a decoy or LAN: a text, what it costs, its line, and the field it is about.

    ``follows``: a service's files differ and its keys do not, so something else of its decoy may be why.
    """

    text: str
    policy: Policy | None
    span: Span
    field: FieldChange | None = None
    follows: bool = False


def change_details(delta: Delta, contents: Mapping[str, bytes], moved: frozenset[str]) -> Iterator[Detail]:
    """Rows for what the file changes in a resource. ``moved`` are LANs that go and come back."""
    declared = delta.declared
    if declared is None:
        span = delta.saved.span if delta.saved else Span("", 0)
        field = FieldChange(f"{delta.id.kind.value}s", delta.id.part, None, Policy.LIVE)
        yield Detail(f"- {_noun(delta.resource)}", Policy.LIVE, span, field)
        return
    if delta.new:
        field = FieldChange(f"{delta.id.kind.value}s", None, delta.id.part, Policy.LIVE)
        yield Detail(f"+ {_noun(declared.resource)}", Policy.LIVE, declared.span, field)
        return
    if isinstance(declared.resource, Link):
        yield from _link(delta, declared, declared.resource, moved)
    elif delta.id.kind is Kind.SERVICE:
        for change in delta.changes:
            yield from _service(delta, declared, change, contents)
    else:
        names = {change.name for change in delta.changes}
        for change in delta.changes:
            if change.name != "address" or "subnet" not in names:
                yield _row(_KEYS.get(change.name, change.name), change, declared)
    if delta.found and not delta.changes:
        yield Detail(f"{_noun(declared.resource)} found on the machine", Policy.IGNORED, declared.span)


def drift_details(delta: Delta) -> Iterator[Detail]:
    """Rows for what is not as it was left."""
    span = delta.declared.span if delta.declared else Span("", 0)
    if delta.gone:
        policy = _AGAIN.get(delta.id.kind, Policy.LIVE)
        field = FieldChange(delta.id.kind.value, "there", "gone", policy)
        yield Detail(f"{_noun(delta.resource)} {_gone(delta)}", policy, span, field)
        return
    off = any(change.name == "parent" for change in delta.drift)
    for change in delta.drift:
        if off and change.name in {"lan", "driver", "mtu"}:
            continue
        if change.name == "up":
            text = f"{_noun(delta.resource)} is {'up' if change.new else 'down'}"
        elif change.name == "parent":
            text = f"{_noun(delta.resource)} is not on its LAN"
        elif change.name == "bundle":
            text = f"{_noun(delta.resource)} runs other content"
        elif delta.id.kind is Kind.STACK:
            text = f"{change.name} is {show(change.new)}, not {show(change.old)}"
        else:
            key = _KEYS.get(change.name, change.name)
            text = f"{_noun(delta.resource)} has {key} {show(change.new) or 'none'}, not {show(change.old)}"
        yield Detail(text, change.policy, span, change)


def show(value: Any) -> str:
    """A value as a row shows it: short, and on one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return _short(", ".join(show(item) for item in value))
    if isinstance(value, dict):
        return _short(", ".join(f"{key}={show(item)}" for key, item in value.items()))
    return _short(str(value))


def _short(text: str) -> str:
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _noun(resource: Resource) -> str:
    id_ = resource.id
    match id_.kind:
        case Kind.DECOY:
            return "namespace"
        case Kind.LAN:
            return "bridge" if isinstance(resource, Lan) and not resource.interface else "LAN interface"
        case Kind.STACK:
            return "stack"
        case _:
            return f"{id_.kind.value} {id_.part}"


def _gone(delta: Delta) -> str:
    return "is not running" if delta.id.kind is Kind.SERVICE else "is gone"


def _row(key: str, change: FieldChange, declared: Declared, prefix: str = "") -> Detail:
    old, new = show(change.old), show(change.new)
    policy = Policy.LIVE if change.policy is Policy.IGNORED else change.policy
    named = FieldChange(f"{prefix}{key}", change.old, change.new, policy)
    return Detail(
        f"{named.name} {old or 'none'} → {new or 'none'}",
        policy,
        declared.spans.get(key, declared.span),
        named,
    )


def _link(delta: Delta, declared: Declared, link: Link, moved: frozenset[str]) -> Iterator[Detail]:
    """A link's changes; what follows from another LAN is not told apart."""
    names = {change.name for change in delta.changes}
    follows = {"parent"}
    if "lan" in names or link.lan in moved:
        follows |= {"driver", "mtu", "gateway"}
    for change in delta.changes:
        if change.name in follows or (change.name == "mtu" and "mtu" not in declared.spans):
            continue
        if change.name == "address":
            old, new = (value.partition("/") for value in (change.old, change.new))
            if old[0] != new[0]:
                yield _row("ip", FieldChange("ip", old[0], new[0], change.policy), declared)
            elif "lan" not in names and link.lan not in moved:
                yield _row("ip", change, declared)
        else:
            yield _row(_KEYS.get(change.name, change.name), change, declared)


def _service(
    delta: Delta, declared: Declared, change: FieldChange, contents: Mapping[str, bytes]
) -> Iterator[Detail]:
    service = delta.id.part
    if change.name == "bundle":
        yield from _bundle(service, declared, contents.get(change.old), change)
        return
    if change.name == "ports":
        change = FieldChange("ports", _ports(change.old), _ports(change.new), change.policy)
    yield _row(change.name, change, declared, f"{service}.")


def _ports(ports: tuple[tuple[int, str], ...]) -> list[str]:
    return [str(number) if proto == "tcp" else f"{number}/{proto}" for number, proto in ports]


def _bundle(service: str, declared: Declared, content: bytes | None, change: FieldChange) -> Iterator[Detail]:
    """Keys of the persona that differ; without any, the files that do; without any, what else does."""
    try:
        old, new = _BUNDLES.decode(content or b""), _BUNDLES.decode(declared.content or b"")
    except msgspec.DecodeError:
        yield Detail(f"{service} content", change.policy, declared.span, change)
        return
    keys = list(_persona(service, old, new, declared))
    if keys:
        yield from keys
        return
    files = sorted(
        path for path in old.files.keys() | new.files.keys() if old.files.get(path) != new.files.get(path)
    )
    changed = FieldChange(f"{service}.files", None, files, change.policy)
    if files:
        more = f" and {len(files) - _FILES} more" if len(files) > _FILES else ""
        text = f"{service} files {', '.join(files[:_FILES])}{more}"
    elif old.seed != new.seed:
        yield Detail(f"{service} keys", change.policy, declared.span, changed)
        return
    else:
        text = f"{service} follows its host"
    yield Detail(text, change.policy, declared.span, changed, follows=True)


def _persona(service: str, old: ServiceBundle, new: ServiceBundle, declared: Declared) -> Iterator[Detail]:
    before, after = _keys(old.persona), _keys(new.persona)
    for key in (*after, *(before.keys() - after.keys())):
        if before.get(key) != after.get(key):
            hidden = key in declared.secrets
            old_value, new_value = (MASK, MASK) if hidden else (before.get(key), after.get(key))
            change = FieldChange(key, old_value, new_value, Policy.LIVE)
            yield _row(key, change, declared, f"{service}.")


def _keys(persona: bytes) -> dict[str, Any]:
    decoded = msgspec.json.decode(persona)
    return decoded if isinstance(decoded, dict) else {}

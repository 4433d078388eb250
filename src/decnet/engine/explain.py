"""Differences in the words of the file: which key, from what, to what, on which line. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from decnet.decoy.protocol import ServiceBundle
from decnet.engine import cost, customs, limiting
from decnet.engine.desired import Declared
from decnet.engine.diff import Delta, FieldChange
from decnet.errors import Span
from decnet.events.sinks import SinkBundle
from decnet.spec import container, program
from decnet.world import Custom, Kind, Lan, Link, Policy, Resource

MASK = "***"
DUE = "is due for a reset"
_AILING = {"healthy": "is not well", "worn": DUE}
_CARRIERS = {False: "in a container", True: "in a sandbox"}
_SHOWN = 48
"""Characters of a value that a row has room for."""
_FILES = 3
_KEYS = {
    "gateway": "gw",
    "gateway6": "gw6",
    "address": "ip",
    "address6": "ip6",
    "subnet": "net",
    "subnet6": "net6",
}
"""Field of a resource → INI key, where they differ."""
_CARRIED = {True: "a container carries it", False: "no container carries it any more"}
_AGAIN = {Kind.DECOY: Policy.REPLACE, Kind.SERVICE: Policy.RESTART, Kind.CUSTOM: Policy.RESTART}
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
    costs: frozenset[cost.Code] = frozenset()


def change_details(delta: Delta, contents: Mapping[str, bytes], moved: frozenset[str]) -> Iterator[Detail]:
    """Rows for what the file changes in a resource. ``moved`` are LANs that go and come back."""
    declared = delta.declared
    if declared is None:
        span = delta.saved.span if delta.saved else Span("", 0)
        field = FieldChange(f"{delta.id.kind.value}s", delta.id.part, None, Policy.LIVE)
        yield Detail(f"- {_noun(delta.resource)}", Policy.LIVE, span, field, costs=_ports_of(delta))
        return
    if delta.new:
        field = FieldChange(f"{delta.id.kind.value}s", None, delta.id.part, Policy.LIVE)
        yield Detail(
            f"+ {_noun(declared.resource)}", Policy.LIVE, declared.span, field, costs=_ports_of(delta)
        )
        return
    if isinstance(declared.resource, Link):
        yield from _link(delta, declared, declared.resource, moved)
    elif delta.id.kind is Kind.SINK:
        yield from _sink(delta, declared, contents)
    elif delta.id.kind is Kind.SERVICE:
        for change in delta.changes:
            yield from _service(delta, declared, change, contents)
    elif delta.id.kind is Kind.CUSTOM:
        for change in delta.changes:
            yield from _custom(delta, declared, change, contents)
    else:
        yield from _others(delta, declared, contents)
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
        if delta.id.kind is Kind.SINK and change.name != "bundle":
            continue  # said by what it is made of
        yield Detail(_drifted(delta, change), change.policy, span, change)


def _drifted(delta: Delta, change: FieldChange) -> str:
    noun = _noun(delta.resource)
    match change.name:
        case "up":
            return f"{noun} is {'up' if change.new else 'down'}"
        case "parent":
            return f"{noun} is not on its LAN"
        case "bundle":
            return f"{noun} runs other content"
        case "egress":
            return _containment(change)
        case "healthy" | "worn" | "personality":
            return _ill(noun, change)
    if delta.id.kind is Kind.STACK:
        noun, verb, key = change.name, "is", ""
    else:
        verb, key = "has", f"{_KEYS.get(change.name, change.name)} "
    return f"{noun} {verb} {key}{show(change.new) or 'none'}, not {show(change.old)}"


def _ill(noun: str, change: FieldChange) -> str:
    if change.name == "personality":
        return f"TCP/IP personality is {'another' if change.new else 'gone'}"
    return f"{noun} {_AILING[change.name]}"


def _containment(change: FieldChange) -> str:
    if change.new in (("missing",), ("altered",)):
        return f"containment rules are {show(change.new)}"
    return f"containment lets out {show(change.new) or 'nothing'}, not {show(change.old) or 'nothing'}"


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
        case Kind.SINK:
            return "sink"
        case Kind.CUSTOM:
            high = isinstance(resource, Custom) and resource.high
            return f"{'' if high else 'custom '}service {id_.part}"
        case _:
            return f"{id_.kind.value} {id_.part}"


def _gone(delta: Delta) -> str:
    return "is not running" if delta.id.kind in {Kind.SERVICE, Kind.CUSTOM, Kind.SINK} else "is gone"


def _row(key: str, change: FieldChange, declared: Declared, prefix: str = "") -> Detail:
    if change.name == "personality":
        change, key = (
            change._replace(old=change.old and "as it was", new=change.new and "another"),
            "os.packets",
        )
    if change.name == "egress":
        change = change._replace(old=change.old or ("deny",), new=change.new or ("deny",))
    old, new = show(change.old), show(change.new)
    policy = Policy.LIVE if change.policy is Policy.IGNORED else change.policy
    named = FieldChange(f"{prefix}{key}", change.old, change.new, policy)
    return Detail(
        f"{named.name} {old or 'none'} → {new or 'none'}",
        policy,
        declared.spans.get(key, declared.span),
        named,
    )


def _others(delta: Delta, declared: Declared, contents: Mapping[str, bytes]) -> Iterator[Detail]:
    names = {change.name for change in delta.changes}
    for change in delta.changes:
        if change.name == "container":
            yield from _container(declared, contents.get(change.old), change)
        elif change.name != "address" or "subnet" not in names:
            yield _row(_KEYS.get(change.name, change.name), change, declared)


def _container(declared: Declared, content: bytes | None, change: FieldChange) -> Iterator[Detail]:
    """What a container is made of that nothing else of its decoy tells: the image, the domain."""
    fields = []
    if content and declared.content:  # else it has one under one of two runtimes
        old, new = container.decode(content), container.decode(declared.content)
        pairs = ((name, getattr(old, name), getattr(new, name)) for name in ("image", "domain"))
        fields = [FieldChange(*pair, change.policy) for pair in pairs if pair[1] != pair[2]]
    yield from (_row(field.name, field, declared) for field in fields)
    if not fields:
        text = "its container is made anew" if content and declared.content else _CARRIED[bool(change.new)]
        yield Detail(text, change.policy, declared.span, change, follows=True)


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
    if change.name == "process":
        change = limiting.process(change.old, change.new)
        yield _row(change.name, change, declared)
        return
    if change.name == "bounds":
        yield from _limited(limiting.limits(change.old, change.new), declared)
        return
    if change.name == "ports":
        change = FieldChange("ports", _ports(change.old), _ports(change.new), change.policy)
    yield _row(change.name, change, declared, f"{service}.")


def _custom(
    delta: Delta, declared: Declared, change: FieldChange, contents: Mapping[str, bytes]
) -> Iterator[Detail]:
    """What a custom service is made of, key by key."""
    name = delta.id.part
    if change.name == "bounds":
        yield from _limited(limiting.limits(change.old, change.new), declared)
        return
    if change.name == "bundle":
        old, new = contents.get(change.old), declared.content
        if not old or not new:
            yield Detail(f"{name} content", change.policy, declared.span, change)
            return
        was, now = program.decode(old), program.decode(new)
        if was.guest_hash != now.guest_hash:
            yield from _bundle(name, dataclasses.replace(declared, content=now.guest), was.guest, change)
        for key, before, after in customs.changes(was, now):
            hidden = key in declared.secrets
            told = (MASK, MASK) if hidden else (before, after)
            field = FieldChange(key, told[0], told[1], change.policy)
            yield _row(key, field, declared, f"{name}.")
    elif change.name == "process":
        change = limiting.process(change.old, change.new)
        yield _row(change.name, change, declared)
    elif change.name == "limits":
        yield from _limited(limiting.limits(change.old, change.new), declared)
    elif change.name == "sandbox":
        change = FieldChange("runs", _CARRIERS[change.old], _CARRIERS[change.new], change.policy)
        yield _row(change.name, change, declared, f"{name}.")
    elif change.name == "ports":
        change = FieldChange("ports", _ports(change.old), _ports(change.new), change.policy)
        yield _row(change.name, change, declared, f"{name}.")


def _limited(changes: Iterable[FieldChange], declared: Declared) -> Iterator[Detail]:
    span = declared.spans.get("limits", declared.span)
    return (dataclasses.replace(_row(change.name, change, declared), span=span) for change in changes)


def _sink(delta: Delta, declared: Declared, contents: Mapping[str, bytes]) -> Iterator[Detail]:
    """Keys of a sink that differ. That its decoys have other host names is told by their own rows."""
    change = next((one for one in delta.changes if one.name == "bundle"), None)
    if change is None:
        return
    try:
        old = msgspec.json.decode(contents.get(change.old) or b"", type=SinkBundle).setting
        new = msgspec.json.decode(declared.content or b"", type=SinkBundle).setting
    except msgspec.DecodeError:
        yield Detail(f"{_noun(declared.resource)} content", change.policy, declared.span, change)
        return
    if type(old) is not type(new) or old.target != new.target:
        yield _row("target", FieldChange("target", old.target, new.target, change.policy), declared)
    if type(old) is not type(new):
        return
    for name in new.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if before != after and name not in _TARGET:
            hidden = isinstance(after, bytes)
            field = FieldChange(name, MASK if hidden else before, MASK if hidden else after, change.policy)
            yield _row(_SINK_KEYS.get(name, name), field, declared)


_TARGET = {"transport", "host", "port", "path", "tls"}
_SINK_KEYS = {"rotate_bytes": "rotate_size", "rotate_seconds": "rotate_age", "query": "target"}


def _ports(ports: tuple[tuple[int, str], ...]) -> list[str]:
    return [str(number) if proto == "tcp" else f"{number}/{proto}" for number, proto in ports]


def _bundle(service: str, declared: Declared, content: bytes | None, change: FieldChange) -> Iterator[Detail]:
    """Keys of the persona that differ; without any, the files that do; without any, what else does."""
    try:
        new = _BUNDLES.decode(declared.content or b"")
    except msgspec.DecodeError:
        yield Detail(f"{service} content", change.policy, declared.span, change)
        return
    try:
        old = _BUNDLES.decode(content or b"")
    except msgspec.DecodeError:
        unknown = frozenset(cost.of_unknown(new))
        yield Detail(f"{service} content", change.policy, declared.span, change, costs=unknown)
        return
    seen = frozenset(cost.of_bundle(old, new))
    keys = [
        *_persona(service, old, new, declared),
        *_limited(limiting.limits(old.limits, new.limits), declared),
    ]
    if keys:
        yield from (dataclasses.replace(row, costs=row.costs | seen) for row in keys)
        return
    files = sorted(
        path for path in old.files.keys() | new.files.keys() if old.files.get(path) != new.files.get(path)
    )
    changed = FieldChange(f"{service}.files", None, files, change.policy)
    if files:
        more = f" and {len(files) - _FILES} more" if len(files) > _FILES else ""
        text = f"{service} files {', '.join(files[:_FILES])}{more}"
    elif old.seed != new.seed:
        yield Detail(f"{service} keys", change.policy, declared.span, changed, costs=seen)
        return
    else:
        text = f"{service} follows its host"
    yield Detail(text, change.policy, declared.span, changed, follows=True, costs=seen)


def _persona(service: str, old: ServiceBundle, new: ServiceBundle, declared: Declared) -> Iterator[Detail]:
    before, after = _keys(old.persona), _keys(new.persona)
    for key in (*after, *(before.keys() - after.keys())):
        if before.get(key) != after.get(key):
            hidden = key in declared.secrets
            old_value, new_value = (MASK, MASK) if hidden else (before.get(key), after.get(key))
            change = FieldChange(key, old_value, new_value, Policy.LIVE)
            row = _row(key, change, declared, f"{service}.")
            yield dataclasses.replace(row, costs=frozenset(cost.of_persona([key])))


def _ports_of(delta: Delta) -> frozenset[cost.Code]:
    return frozenset([cost.Code.PORTS]) if delta.id.kind in {Kind.SERVICE, Kind.CUSTOM} else frozenset()


def _keys(persona: bytes) -> dict[str, Any]:
    decoded = msgspec.json.decode(persona)
    return decoded if isinstance(decoded, dict) else {}

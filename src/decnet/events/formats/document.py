"""A line of the log as the one JSON object that a sink sends, no longer than the sink may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from decnet.events.formats import ecs, ocsf
from decnet.events.reader import decode
from decnet.events.schema import Event
from decnet.events.shorten import SHORTENED, greatest
from decnet.events.sinks.setting import Format

Document = Callable[[Event], bytes]
_CUTS = 4096
"""No text of an event is longer (`decnet.events.schema.TEXT_LIMIT`), its note on what was left out apart."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a sink knows of the network: the host name of every decoy by its name; ``own`` is that of the shipping host."""

    hostnames: Mapping[str, str]
    own: str = ""

    def host(self, event: Event) -> str:
        """The name of the host that an event is of."""
        return self.hostnames.get(event.decoy, event.decoy) if event.decoy else self.own


def document(shape: Format, fleet: Fleet, max_size: int = 0) -> Document:
    """What makes an event's JSON in a format.

    With ``max_size`` it has at most that many bytes: of a longer one the values of ``data`` are cut to the greatest
    common length at which it fits, these then end in `SHORTENED`, and ``data`` has a number ``shortened``, the bytes
    that it was too long by. ``max_size`` must leave room for all but ``data``: 4096 do.
    """

    def encode(event: Event) -> bytes:
        match shape:
            case Format.NATIVE:
                return msgspec.json.encode(event)
            case Format.ECS:
                return msgspec.json.encode(ecs.shaped(event, fleet.host(event)))
            case Format.OCSF:
                return msgspec.json.encode(ocsf.shaped(event, fleet.host(event)))

    def bounded(event: Event) -> bytes:
        whole = encode(event)
        if not max_size or len(whole) <= max_size:
            return whole
        too_long = len(whole) - max_size

        def cut(length: int) -> bytes:
            return encode(_cut(event, length, too_long))

        return cut(greatest(_CUTS, lambda length: len(cut(length)) <= max_size))

    return bounded


def line_document(make: Document, line: bytes) -> bytes | None:
    """The document of a line of the log; None when the line is no event."""
    event = decode(line)
    return None if event is None else make(event)


def _cut(event: Event, length: int, too_long: int) -> Event:
    """An event with the values of ``data`` cut: names too, and as many of them as a few hundred bytes hold."""
    kept = list(event.data.items())[: max(8, length)]
    data = {_text(name, 32): _shortened(value, length) for name, value in kept}
    fields = {
        name: _text(value, 64)
        for name in ("network", "decoy", "service", "session", "src_ip", "dst_ip", "proto")
        if isinstance(value := getattr(event, name), str)
    }
    return msgspec.structs.replace(
        event, id=_text(event.id, 36), ts=_text(event.ts, 32), data={**data, "shortened": too_long}, **fields
    )


def _shortened(value: Any, length: int) -> Any:
    """A text cut; of lists and objects their JSON as a text, where it is longer."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return _text(text, length) if len(text) > length else value


def _text(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + SHORTENED

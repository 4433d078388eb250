"""What a custom service prints, read: JSON objects, syslog messages (RFC 5424), or plain lines. Pure.

A visitor may have a say in every byte of it, so nothing here raises, and whatever is not understood is a plain line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import msgspec

from decnet.events import EventType

_KINDS = frozenset(EventType) - {EventType.OPEN, EventType.CLOSE, EventType.STATE, EventType.APPLY}
"""Types that a service may claim; the others are for decnet to say."""
_HEAD = re.compile(
    rb"<(\d{1,3})>1 (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) "
    rb"(-|(?:\[(?:[^\]\\\"]|\"(?:\\.|[^\"\\])*\")*\])+)(?: (.*))?",
    re.DOTALL,
)
"""RFC 5424 section 6: priority, version, time, host, application, process, message id, structured data, text."""
_PARAM = re.compile(rb"([!#-<>-\\^-~]{1,32})=\"((?:\\.|[^\"\\])*)\"")
_ESCAPED = re.compile(rb"\\([\"\\\]])")
_BOM = b"\xef\xbb\xbf"
_PARAMS = 64
_OBJECTS = msgspec.json.Decoder(dict[str, Any])
_LARGEST_NUMBER = (1 << 63) - 1
_LARGEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Printed:
    """One line: its type, who it is about where it says so, and the rest of it, not yet made safe."""

    type: EventType = EventType.LOG
    src_ip: str = ""
    src_port: int = 0
    dst_port: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)


def read(line: bytes, stream: str = "stdout") -> Printed:
    """A line without its end. What goes to stderr is for people: it is a plain line, whatever it looks like."""
    if stream != "stdout":
        return Printed(data={"text": line, "stream": stream})
    text = line.strip()
    if text.startswith(b"{"):
        try:
            return _told(_small(_OBJECTS.decode(text)))
        except (msgspec.DecodeError, RecursionError):
            return Printed(data={"text": line})
    if text.startswith(b"<") and (match := _HEAD.fullmatch(text)):
        return _syslog(match)
    return Printed(data={"text": line})


def _small(value: Any) -> Any:
    """Numbers that no log has room for as texts."""
    if isinstance(value, dict):
        return {key: _small(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_small(one) for one in value]
    return str(value) if type(value) is int and abs(value) > _LARGEST_NUMBER else value


def _syslog(match: re.Match[bytes]) -> Printed:
    priority, _, _, _, _, kind, elements, text = match.groups(b"")
    params = {
        name.decode("ascii"): _ESCAPED.sub(rb"\1", value)
        for name, value in _PARAM.findall(elements)[:_PARAMS]
    }
    found: dict[str, Any] = {"severity": int(priority) & 7, **params}
    if kind != b"-":
        found["type"] = kind
    if text:
        found["text"] = text.removeprefix(_BOM)
    return _told(found)


def _told(found: dict[str, Any]) -> Printed:
    """What is said of the flow and the type moves to its place, if it can be that; all else is data."""
    left = dict(found)
    inner = left.get("data")
    if isinstance(inner, dict) and not inner.keys() & left.keys():
        left = {**left, **inner}
        del left["data"]
    kind = _text(left.get("type"))
    if kind in _KINDS:
        del left["type"]
    return Printed(
        EventType(kind) if kind in _KINDS else EventType.LOG,
        _taken(left, "src_ip", _address) or "",
        _taken(left, "src_port", _port) or 0,
        _taken(left, "dst_port", _port) or 0,
        left,
    )


def _taken(left: dict[str, Any], name: str, read: Any) -> Any:
    value = read(_text(left.get(name)))
    if value:
        del left[name]
    return value


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return str(value) if isinstance(value, (str, int)) else ""


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(_LARGEST_PORT)) else 0
    return number if number <= _LARGEST_PORT else 0

"""An event as a syslog message (RFC 5424).

    <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [SD-ID key="value" …] BOM text

HOSTNAME is the decoy's, APP-NAME the service, MSGID the type of the event; every other field is a parameter of the one
structured data element, and so is every item of ``data``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from decnet.events.schema import Event, safe_text
from decnet.events.severity import SEVERITIES
from decnet.events.shorten import SHORTENED, greatest
from decnet.events.sinks.setting import Facility

FACILITIES: Mapping[Facility, int] = {
    Facility.USER: 1,
    Facility.DAEMON: 3,
    Facility.AUTH: 4,
    Facility.SYSLOG: 5,
    Facility.AUTHPRIV: 10,
    Facility.LOCAL0: 16,
    Facility.LOCAL1: 17,
    Facility.LOCAL2: 18,
    Facility.LOCAL3: 19,
    Facility.LOCAL4: 20,
    Facility.LOCAL5: 21,
    Facility.LOCAL6: 22,
    Facility.LOCAL7: 23,
}
HEAD_SIZE = 480
"""Bytes of the longest header with a structured data element that has nothing but an id."""
LEAST_SIZE = 480
"""Every receiver takes messages of this size (RFC 5424 section 6.1)."""
_FIELDS = ("network", "decoy", "session", "src_ip", "src_port", "dst_ip", "dst_port", "proto", "v")
_TAKEN = frozenset(("id", *_FIELDS, "shortened"))
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
_SD_NAME = re.compile(r"[!#-<>-\\^-~]{1,32}")
_ESCAPED = re.compile(r'["\\\]]')
_UNNAMED = re.compile(r"[^!#-<>-\\^-~]")
_UNPRINTED = re.compile(r"[^!-~]")
_Param = tuple[str, str]
_BOM = b"\xef\xbb\xbf"
_TEXT_LIMIT = 400


@dataclass(frozen=True, slots=True)
class Form:
    """What a sink's messages have in common. ``hostnames`` by the decoy's name; ``own`` is that of the shipping host."""

    facility: Facility
    sd_id: str
    max_size: int
    hostnames: Mapping[str, str]
    own: str = "-"
    document: Callable[[Event], bytes] | None = None
    """Makes the text, a JSON object, in place of parameters and words; it leaves `HEAD_SIZE` bytes of room."""


def is_sd_name(text: str) -> bool:
    """Whether a text can be an SD-ID: 1 to 32 printable characters without ``=``, ``]``, ``"`` and space."""
    return _SD_NAME.fullmatch(text) is not None


def message(event: Event, form: Form) -> bytes:
    """One event as a message of at most ``form.max_size`` bytes (and `LEAST_SIZE`, which holds everything but values).

    A message that would be longer has no text and its longest values cut, the id excepted; these end in `SHORTENED`, and a parameter
    ``shortened`` says by how many bytes it was too long.
    """
    head = _head(event, form)
    if form.document is not None:
        element = _frame(head, form.sd_id, _params(event)[:1], "")
        return element + b" " + _BOM + form.document(event)
    params = _params(event)
    whole = _frame(head, form.sd_id, params, _text(event))
    if len(whole) <= form.max_size:
        return whole
    return _shortened(head, form, params, len(whole))


def _head(event: Event, form: Form) -> bytes:
    priority = FACILITIES[form.facility] * 8 + SEVERITIES[event.type]
    stamp = event.ts if _TIMESTAMP.fullmatch(event.ts) else "-"
    host = form.hostnames.get(event.decoy, event.decoy) if event.decoy else form.own
    words = _word(host, 255), _word(event.service, 48), "-", _word(event.type, 32)
    return f"<{priority}>1 {stamp} {' '.join(words)} ".encode()


def _word(text: str, limit: int) -> str:
    """A header field: printable ASCII, or the nil value."""
    return _UNPRINTED.sub("_", text)[:limit] or "-"


def _params(event: Event) -> list[_Param]:
    """Parameters in the order of the event's fields; what is empty is left out, of ``data`` nothing is."""
    found = [("id", _word(event.id, 36))]
    found += [(name, _value(str(value))) for name in _FIELDS if (value := getattr(event, name))]
    for key, value in event.data.items():
        name = _UNNAMED.sub("_", key)[:32] or "_"
        found.append((f"data_{name}"[:32] if name in _TAKEN else name, _value(value)))
    return found


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if text.isprintable() else safe_text(text, len(text))


def _text(event: Event) -> str:
    """A line for people: no parameter is only here."""
    where = " ".join(filter(None, (event.decoy, event.service)))
    source = f" from {event.src_ip}" if event.src_ip else ""
    data = " ".join(f"{key}={_value(value)}" for key, value in event.data.items())
    text = f"{event.type} {where}{source}{': ' if data else ''}{data}"
    return safe_text(text, _TEXT_LIMIT)


def _frame(head: bytes, sd_id: str, params: Iterable[_Param], text: str) -> bytes:
    element = "".join(f' {name}="{_escape(value)}"' for name, value in params)
    body = f"[{sd_id}{element}]".encode("utf-8", "backslashreplace")
    return head + body + (b" " + _BOM + text.encode("utf-8", "backslashreplace") if text else b"")


def _escape(value: str) -> str:
    r"""RFC 5424 section 6.3.3: ``"``, ``\`` and ``]`` are escaped, nothing else."""
    return _ESCAPED.sub(r"\\\g<0>", value) if _ESCAPED.search(value) else value


def _shortened(head: bytes, form: Form, params: list[_Param], size: int) -> bytes:
    """The message with values cut to the greatest common length at which it fits; without room for all, fewer of them."""

    def cut(count: int, length: int) -> bytes:
        shown = [
            (name, value if len(value) <= length else value[:length] + SHORTENED)
            for name, value in params[1:count]
        ]
        told = ("shortened", str(size - form.max_size))
        return _frame(head, form.sd_id, [params[0], *shown, told], "")

    count = greatest(len(params), lambda n: len(cut(n, 0)) <= form.max_size)
    length = greatest(form.max_size, lambda n: len(cut(count, n)) <= form.max_size)
    return cut(count, length)

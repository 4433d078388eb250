"""Events: what comes from the wire is inert, and an event is one line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decnet.events import Event, EventType, event_id, safe_text
from decnet.events.file import encode
from decnet.events.reader import decode

WHERE = {"ts": "2026-03-02T09:30:00.000000Z", "network": "lab", "decoy": "web-01"}


@pytest.mark.parametrize(
    ("wire", "kept"),
    [
        (b"plain", "plain"),
        (b"caf\xc3\xa9", "café"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"a\r\nb", "a\\r\\nb"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\U000e0041", "\\U000e0041"),
        (b"x" * 5000, "x" * 4096 + "…(+904)"),
    ],
)
def test_text_from_the_wire_is_made_inert(wire, kept):
    assert safe_text(wire) == kept


@given(st.binary(max_size=300))
def test_any_bytes_become_one_printable_line_that_reads_back(wire):
    event = Event.of(EventType.COMMAND, {"command": wire, "words": [wire], "map": {"k": wire}}, **WHERE)
    line = encode(event)
    assert line.count(b"\n") == 1
    assert safe_text(wire).isprintable()
    assert decode(line) == event


def test_an_event_has_the_documented_fields():
    event = json.loads(encode(Event.of(EventType.OPEN, {}, **WHERE)))
    assert list(event) == [
        "id", "ts", "type", "network", "decoy", "service", "session",
        "src_ip", "src_port", "dst_ip", "dst_port", "proto", "data", "v",
    ]  # fmt: skip
    assert event["type"] == "connection.open"
    assert event["v"] == 1


def test_ids_sort_by_time():
    ids = [event_id() for _ in range(1000)]
    assert ids == sorted(ids)
    assert {one[14] for one in ids} == {"7"}

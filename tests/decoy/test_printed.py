"""What a custom service prints, as events have it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decnet.decoy.printed import Printed, read
from decnet.events import Event, EventType, now
from decnet.events.file import encode
from decnet.events.reader import decode


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"a plain line", Printed(data={"text": b"a plain line"})),
        (b"{not json", Printed(data={"text": b"{not json"})),
        (b"[1, 2]", Printed(data={"text": b"[1, 2]"})),
        (
            b'{"type": "auth.attempt", "src_ip": "198.51.100.9", "src_port": 4711, "principal": "root"}',
            Printed(EventType.AUTH, "198.51.100.9", 4711, 0, {"principal": "root"}),
        ),
        (
            b'{"data": {"a": 1}, "dst_port": "8080", "b": [2]}',
            Printed(dst_port=8080, data={"b": [2], "a": 1}),
        ),
        (
            b'{"type": "connection.open", "src_ip": "nobody", "src_port": 70000, "dst_port": true}',
            Printed(
                data={"type": "connection.open", "src_ip": "nobody", "src_port": 70000, "dst_port": True}
            ),
        ),
        (
            b"<134>1 2026-01-02T03:04:05Z host served 42 auth.attempt "  # noqa: ISC004 (one line)
            b'[decnet@32473 src_ip="2001:db8::9" secret="a\\"b\\]c"][x@1 y="z"] \xef\xbb\xbfsomebody came',
            Printed(
                EventType.AUTH,
                "2001:db8::9",
                data={"severity": 6, "secret": b'a"b]c', "y": b"z", "text": b"somebody came"},
            ),
        ),
        (b'{"a": [123456789012345678901234567890]}', Printed(data={"a": ["123456789012345678901234567890"]})),
        (b"<134>1 - - - - - -", Printed(data={"severity": 6})),
        (b"<134>1 - - - - login [broken", Printed(data={"text": b"<134>1 - - - - login [broken"})),
    ],
)
def test_lines_of_every_kind(line, told):
    assert read(line) == told


@given(
    st.binary(max_size=300) | st.text(alphabet='<134>1 -[]="\\{}:,\u00e9\x1b', max_size=300).map(str.encode)
)
def test_no_line_breaks_anything(line):
    printed = read(line)
    written = encode(Event.of(printed.type, printed.data, ts=now(), network="n"))
    assert written.count(b"\n") == 1
    assert decode(written) is not None

"""RFC 5424 to the letter: whatever an event holds, a strict parser reads it back."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decnet.events import Event, EventType
from decnet.events.schema import safe
from decnet.events.sinks import Facility
from decnet.events.syslog import FACILITIES, SEVERITIES, Form, is_sd_name, message

FORM = Form(Facility.LOCAL0, "decnet@32473", 65_000, {"web-01": "WEB-01"}, "shipper")
HEADER = re.compile(
    rb"<(\d{1,3})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([!-~]{1,255}) ([!-~]{1,48}) - ([!-~]{1,32}) "
)
NAME = re.compile(r'[^= \]"]{1,32}')


def parse(data: bytes) -> dict:
    """A message by the grammar of RFC 5424 section 6. Fails on anything that the grammar does not have."""
    header = HEADER.match(data)
    assert header, data
    priority, stamp, host, app, kind = header.groups()
    rest = data[header.end() :].decode("utf-8")
    assert rest[0] == "["
    found = NAME.match(rest, 1)
    sd_id, at = found[0], found.end()
    params = []
    while rest[at] == " ":
        name = NAME.match(rest, at + 1)
        assert rest[name.end() : name.end() + 2] == '="'
        at, value = name.end() + 2, ""
        while rest[at] != '"':
            if rest[at] == "\\":
                assert rest[at + 1] in '"\\]'
                at += 1
            else:
                assert rest[at] != "]"
            value += rest[at]
            at += 1
        params.append((name[0], value))
        at += 1
    assert rest[at] == "]"
    text = rest[at + 1 :]
    assert text == "" or text.startswith(" \ufeff")
    return {
        "priority": int(priority), "ts": stamp.decode(), "host": host.decode(), "app": app.decode(),
        "msgid": kind.decode(), "sd_id": sd_id, "params": params, "text": text[2:],
    }  # fmt: skip


def event(data, **fields):
    known = {"network": "lab", "decoy": "web-01", "service": "ssh", "ts": "2026-03-02T09:30:00.000001Z"}
    kind = fields.pop("type", EventType.COMMAND)
    return Event(id="01a20442-96d5-7182-a54f-622501c9fd84", type=kind, data=data, **{**known, **fields})


values = st.one_of(
    st.text(max_size=200), st.integers(), st.booleans(), st.none(), st.binary(max_size=200),
    st.lists(st.text(max_size=20), max_size=4), st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3),
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=40), values, max_size=8), st.sampled_from(EventType))
def test_any_event_reads_back(data, kind):
    data = {key: safe(value) for key, value in data.items()}
    parsed = parse(message(event(data, type=kind), FORM))
    assert parsed["priority"] == 16 * 8 + SEVERITIES[kind]
    assert (parsed["host"], parsed["app"], parsed["msgid"]) == ("WEB-01", "ssh", kind)
    own = [value for name, value in parsed["params"]][-len(data) :] if data else []
    assert own == [value if isinstance(value, str) else json_of(value) for value in data.values()]


def json_of(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@given(
    st.text(max_size=60), st.text(max_size=60), st.text(max_size=60), st.text(max_size=300),
    st.dictionaries(st.text(max_size=40), values, max_size=30), st.integers(480, 3000),
)  # fmt: skip
def test_whatever_the_log_holds_the_frame_holds_together_and_is_no_longer_than_allowed(
    ts, decoy, service, ip, data, size
):
    data = {key: value for key, value in data.items() if not isinstance(value, bytes)}
    hostile = event(data, ts=ts, decoy=decoy, service=service, src_ip=ip)
    form = Form(Facility.AUTH, "decnet@32473", size, {})
    framed = message(hostile, form)
    assert len(framed) <= size
    parsed = parse(framed)
    assert framed.decode().replace("\ufeff", "").isprintable()
    assert parsed["params"][0] == ("id", hostile.id)


def test_one_message_in_full():
    one = event({"command": 'echo "]\\'}, session="s", src_ip="198.51.100.1", src_port=60688)
    assert message(one, FORM).decode() == (
        "<132>1 2026-03-02T09:30:00.000001Z WEB-01 ssh - command "
        '[decnet@32473 id="01a20442-96d5-7182-a54f-622501c9fd84" network="lab" decoy="web-01" session="s" '
        'src_ip="198.51.100.1" src_port="60688" v="1" command="echo \\"\\]\\\\"] '
        '\ufeffcommand web-01 ssh from 198.51.100.1: command=echo "]\\'
    )


def test_an_event_of_no_decoy_is_the_shipping_host_s():
    assert parse(message(event({}, decoy="", service=""), FORM))["host"] == "shipper"
    assert parse(message(event({}, decoy="new-01"), FORM))["host"] == "new-01"


def test_every_type_has_a_severity_and_every_facility_a_number():
    assert set(SEVERITIES) == set(EventType)
    assert set(FACILITIES) == set(Facility)


def test_a_name_that_is_a_field_s_does_not_hide_it():
    params = parse(message(event({"id": "other", "shortened": "x"}), FORM))["params"]
    assert params[0] == ("id", "01a20442-96d5-7182-a54f-622501c9fd84")
    assert params[-2:] == [("data_id", "other"), ("data_shortened", "x")]


@pytest.mark.parametrize("size", [480, 700, 2048])
def test_the_longest_values_are_cut_first(size):
    params = dict(
        parse(message(event({"long": "é" * 5000, "short": "kept"}), Form(Facility.USER, "a@1", size, {})))[
            "params"
        ]
    )
    assert params["short"] == "kept"
    assert params["long"].endswith("é…")
    assert int(params["shortened"]) > 5000


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("decnet@32473", True),
        ("a b@1", False),
        ('a"@1', False),
        ("a=@1", False),
        ("a]@1", False),
        ("", False),
        ("x" * 33, False),
    ],
)
def test_names_of_structured_data(text, fits):
    assert is_sd_name(text) is fits

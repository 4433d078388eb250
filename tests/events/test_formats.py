"""Events in ECS and OCSF, against the schemas as they are published."""

import functools
import json
import re
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

import jsonschema
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from decnet.events import Event, EventType
from decnet.events.formats import Fleet, document, line_document
from decnet.events.shorten import SHORTENED
from decnet.events.sinks import Format
from tests.events.samples import DIGEST, SAMPLES

ECS = json.loads((Path(__file__).parent / "published" / "ecs-9.4.0.json").read_text())
FLEET = Fleet({"web-01": "WEB-01.corp.example"}, "shipper.example")
OURS = {"network": str, "decoy": str, "session": str, "auth.secret": str, "auth.secret_kind": str, "v": int}


def shaped(event: Event, shape: str, size: int = 0) -> dict:
    return json.loads(document(Format(shape), FLEET, size)(event))


def flat(value: dict, above: str = "") -> dict:
    found = {}
    for key, one in value.items():
        found |= flat(one, f"{above}{key}.") if isinstance(one, dict) else {f"{above}{key}": one}
    return found


def fits(kind: str, value: object) -> bool:
    match kind:
        case "keyword" | "wildcard" | "match_only_text" | "constant_keyword":
            return isinstance(value, str) and value != ""
        case "long":
            return type(value) is int and -(1 << 63) <= value < 1 << 63
        case "ip":
            return bool(ip_address(value))
        case "date":
            return datetime.fromisoformat(value).tzinfo is not None
    raise AssertionError(kind)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_field_of_ecs_is_one_of_the_schema_and_of_its_type(name: str) -> None:
    made = flat(shaped(SAMPLES[name], "ecs"))
    for field, value in made.items():
        if field.startswith("decnet."):
            assert isinstance(value, OURS[field.removeprefix("decnet.")])
            continue
        rule = ECS[field]
        assert isinstance(value, list) == rule.get("array", False), field
        for one in value if isinstance(value, list) else [value]:
            assert fits(rule["type"], one), (field, one)
            assert one in rule.get("allowed", [one]), (field, one)
            assert re.fullmatch(rule.get("pattern", ".*"), str(one), re.DOTALL), (field, one)
    assert {"@timestamp", "ecs.version", "message", "event.kind", "event.category", "event.type"} <= set(made)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_types_of_an_event_are_those_that_its_categories_expect(name: str) -> None:
    made = shaped(SAMPLES[name], "ecs")["event"]
    expected = {one for category in made["category"] for one in ECS["event.category"]["allowed"][category]}
    assert set(made["type"]) <= expected


@functools.cache
def ocsf_schema(version: str, uid: int) -> jsonschema.Draft202012Validator:
    schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version))
    name = schemas.lookup_class_name_from_uid(uid)
    return jsonschema.Draft202012Validator(schemas.get_class_schema(class_name=name, profiles=[]))


@pytest.mark.parametrize("version", ["1.3.0", "1.4.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0"])
@pytest.mark.parametrize("name", SAMPLES)
def test_an_ocsf_event_is_valid_by_the_schema_of_its_class(name: str, version: str) -> None:
    made = shaped(SAMPLES[name], "ocsf")
    problems = sorted(ocsf_schema(version, made["class_uid"]).iter_errors(made), key=str)
    assert not problems, [(one.json_path, one.message) for one in problems]


def test_the_ocsf_schema_refuses_what_is_wrong() -> None:
    made = shaped(SAMPLES["get"], "ocsf")
    for wrong in ({"time": "now"}, {"severity_id": 77}, {"http_request": {"color": "red"}}, {"invented": 1}):
        assert not ocsf_schema("1.8.0", 4002).is_valid({**made, **wrong}), wrong


def test_what_a_login_looks_like() -> None:
    ecs = shaped(SAMPLES["login"], "ecs")
    assert ecs["event"]["outcome"] == "success"
    assert (ecs["user"]["name"], ecs["source"]["ip"]) == ("root", "198.51.100.9")
    assert ecs["host"]["name"] == "WEB-01.corp.example"
    assert ecs["decnet"]["auth"] == {"secret": "toor", "secret_kind": "plaintext"}
    assert json.loads(ecs["event"]["original"])["id"] == ecs["event"]["id"] == SAMPLES["login"].id
    ocsf = shaped(SAMPLES["login"], "ocsf")
    assert (ocsf["class_uid"], ocsf["type_uid"], ocsf["status_id"]) == (3002, 300201, 1)
    assert (ocsf["user"]["name"], ocsf["src_endpoint"]["ip"]) == ("root", "198.51.100.9")
    assert ocsf["dst_endpoint"]["hostname"] == "WEB-01.corp.example"
    assert ocsf["unmapped"]["secret"] == "toor"
    assert json.loads(ocsf["raw_data"])["id"] == ocsf["metadata"]["uid"] == SAMPLES["login"].id
    assert ocsf["time"] == 1795367802581


def test_bytes_are_counted_from_where_each_schema_counts() -> None:
    """The decoy received 812 and sent 4096: OCSF says in and out of the source, ECS what each side sent."""
    traffic = shaped(SAMPLES["close"], "ocsf")["traffic"]
    assert traffic == {"bytes_in": 4096, "bytes_out": 812, "bytes": 4908}
    made = shaped(SAMPLES["close"], "ecs")
    assert (made["source"]["bytes"], made["destination"]["bytes"], made["network"]["bytes"]) == (
        812,
        4096,
        4908,
    )


def test_what_a_request_looks_like() -> None:
    asked = shaped(SAMPLES["get"], "ocsf")["http_request"]["url"]
    assert asked == {"path": "/wp-login.php", "query_string": "a=1", "hostname": "www.corp.example"}
    asked = shaped(SAMPLES["get"], "ecs")["url"]
    assert asked["original"] == "/wp-login.php?a=1"
    assert (asked["path"], asked["query"], asked["domain"]) == ("/wp-login.php", "a=1", "www.corp.example")


@pytest.mark.parametrize(
    ("name", "uid"),
    [("open", 400101), ("close", 400102), ("refused", 300201), ("command", 100701), ("get", 400203),
     ("odd method", 400299), ("get from nowhere", 99), ("login with a browser", 300201), ("ssh request", 400106), ("upload", 600601), ("download", 600602), ("apply", 99)],
)  # fmt: skip
def test_the_class_of_each_type(name: str, uid: int) -> None:
    assert shaped(SAMPLES[name], "ocsf")["type_uid"] == uid


def test_what_a_visitor_invents_makes_no_field() -> None:
    headers = {f"x-{number}": "1" for number in range(500)}
    event = Event.of(EventType.LOG, headers, ts="2026-11-22T17:16:42.581513Z", network="office")
    for shape in ("ecs", "ocsf"):
        assert not [field for field in flat(shaped(event, shape)) if "x-" in field]
    assert "x-499" in shaped(event, "ecs")["event"]["original"]


@pytest.mark.parametrize("shape", ["native", "ecs", "ocsf"])
@pytest.mark.parametrize(
    "data",
    [
        {"command": "x" * 5000},
        {"headers": ['"\\' * 3000] * 40, "command": "y" * 100},
        {f"{'k' * 500}{number}": "v" * 100 for number in range(400)},
        {"command": "\x01" * 4000},
    ],
)
def test_what_is_too_long_is_cut_and_says_so(shape: str, data: dict) -> None:
    sample = SAMPLES["command"]
    event = Event(
        sample.id, sample.ts, sample.type, sample.network, sample.decoy, "ssh", sample.session, data=data
    )
    whole = document(Format(shape), FLEET)(event)
    made = document(Format(shape), FLEET, 4096)(event)
    assert len(made) <= 4096 < len(whole)
    read = json.loads(made)
    original = {"native": lambda: read, "ecs": lambda: json.loads(read["event"]["original"])}.get(
        shape, lambda: json.loads(read["raw_data"])
    )()
    assert original["data"]["shortened"] == len(whole) - 4096
    assert SHORTENED in made.decode()
    assert original["id"] == sample.id
    assert len(made) > 400


def test_a_line_that_is_no_event_makes_no_document() -> None:
    make = document(Format.NATIVE, FLEET)
    assert line_document(make, b"{") is None
    line = make(SAMPLES["get"])
    assert line_document(make, line) == line
    assert line_document(make, b'{"id":"torn' + line) == line
    assert DIGEST.encode() in line

"""What every path answers, checked against the document that describes it."""

import json

import pytest
from pydantic import TypeAdapter

from decnet.api import resources as r
from decnet.events import Event, EventType, now
from decnet.events.store import Source, get_repository, record
from tests.api.process import until
from tests.events.store import traffic

SHAPES = {
    "health": r.Health,
    "networks": r.Networks,
    "decoys": r.Decoys,
    "decoys/web-001": r.Decoy,
    "events": r.Events,
    "sessions": r.Sessions,
    "attackers": r.Attackers,
    "attackers/198.51.100.1": r.Path,
    "credentials": r.Credentials,
    "artifacts": r.Artifacts,
    "stats": r.Stats,
    "histogram": r.Histogram,
    "topology": r.Topology,
}


@pytest.mark.parametrize("path", SHAPES)
def test_what_is_sent_has_the_shape_that_is_declared(client, path):
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200
    sent = TypeAdapter(SHAPES[path]).validate_json(answer.content, strict=True)
    assert json.loads(TypeAdapter(SHAPES[path]).dump_json(sent)) == answer.json()
    document = client.get("/api/v1/openapi.json").json()
    name = {"decoys/web-001": "decoys/{name}", "attackers/198.51.100.1": "attackers/{ip}"}.get(path, path)
    shape = document["paths"][f"/api/v1/{name}"]["get"]["responses"]["200"]["content"]["application/json"]
    assert shape["schema"]["$ref"].rpartition("/")[2] == SHAPES[path].__name__


@pytest.mark.parametrize("path", ["events", "sessions", "attackers", "credentials", "artifacts"])
def test_pages_hold_everything_once(client, path):
    def pages(limit):
        found, cursor = [], None
        for _ in range(300):
            answer = client.get(
                f"/api/v1/{path}", params={"limit": limit, **({"cursor": cursor} if cursor else {})}
            )
            found += answer.json()["items"]
            cursor = answer.json()["next"]
            if cursor is None:
                return found
        raise AssertionError("no end")

    in_parts = pages(7)
    whole = client.get(f"/api/v1/{path}", params={"limit": 1000}).json()["items"]
    assert len(in_parts) > 7
    assert in_parts == whole


def test_filters_let_through_what_they_say(client):
    wanted = {"decoy": ["web-001", "web-002"], "type": "command", "limit": 1000}
    found = client.get("/api/v1/events", params=wanted).json()["items"]
    assert {(one["decoy"], one["type"]) for one in found} == {("web-001", "command"), ("web-002", "command")}
    one = client.get("/api/v1/sessions", params={"limit": 1}).json()["items"][0]
    own = client.get("/api/v1/events", params={"session": one["id"], "after": 0}).json()["items"]
    assert len(own) == one["events"]
    assert [event["seq"] for event in own] == sorted(event["seq"] for event in own)
    assert client.get(f"/api/v1/sessions/{one['id']}").json() == one
    here = {"network": one["network"], "decoy": one["decoy"], "limit": 1000}
    found = client.get("/api/v1/sessions", params=here).json()["items"]
    assert one in found
    assert {(item["network"], item["decoy"]) for item in found} == {(one["network"], one["decoy"])}
    assert client.get("/api/v1/sessions", params={**here, "network": "other"}).json()["items"] == []


def test_a_decoy_has_its_state_and_its_counts(client):
    one = client.get("/api/v1/decoys/web-001").json()
    assert (one["state"], one["addresses"], one["ports"]) == ("up", ["203.0.113.2"], {"http": ["80"]})
    assert one["events"] > 0
    assert client.get("/api/v1/decoys/web-000").json()["state"] is None


def test_what_has_not_changed_is_not_sent_again(client, folder):
    first = client.get("/api/v1/stats")
    before = first.json()["events"]
    again = client.get("/api/v1/stats", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    with get_repository(folder, writing=True) as store:
        fresh = [record(one) for one in traffic.events(5, first=5000)]
        store.take(Source("host", "lab"), fresh, store.place(Source("host", "lab")))
    until(lambda: client.get("/api/v1/stats").json()["events"] == before + 5)
    after = client.get("/api/v1/stats", headers={"If-None-Match": first.headers["etag"]})
    assert after.json()["events"] == before + 5


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("events?limit=0", 422),
        ("events?limit=1001", 422),
        ("events?tpye=command", 422),
        ("events?since=yesterday", 422),
        ("events?cursor=-1", 422),
        ("attackers?cursor=1", 422),
        ("histogram?width=61", 422),
        ("histogram?since=1971-01-01T00:00:00Z&until=2026-01-01T00:00:00Z&width=60", 422),
        ("decoys/none", 404),
        ("attackers/x", 404),
        ("sessions/x", 404),
        ("none", 404),
    ],
)
def test_what_is_wrong_is_a_problem(client, path, status):
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


HOSTILE = [
    "<script>alert(1)</script>",
    "\x1b[2J\x1b]0;x\x07",
    "\x9b31m",
    "\u202ehidden",
    "a" * 10_000_000,
    "\udcff",
    "\0",
]


def test_hostile_data_is_inert(client, folder):
    before = client.get("/api/v1/stats").json()["events"]
    with get_repository(folder, writing=True) as store:
        made = [
            record(
                Event.of(
                    EventType.COMMAND,
                    {"command": text},
                    ts=now(),
                    network="lab",
                    decoy="web-001",
                    service="ssh",
                )
            )
            for text in HOSTILE
        ]
        store.take(Source("host", "lab"), made, store.place(Source("host", "lab")))
    until(lambda: client.get("/api/v1/stats").json()["events"] == before + len(HOSTILE))
    answer = client.get("/api/v1/events", params={"limit": len(HOSTILE)})
    text = answer.content.decode()
    assert text.isprintable()
    assert len(text) < 20_000
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for word in ("<script>", "\x1b[2J", "\u202e", "%ff"):
        problem = client.get("/api/v1/events", params={word: word})
        assert problem.status_code == 422
        assert problem.text.isprintable()
        assert problem.headers["content-type"] == "application/problem+json"

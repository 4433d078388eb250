"""Sinks in plans, in the state and in status."""

import dataclasses
import json

import pytest

from decnet import engine
from decnet.errors import Span
from decnet.events.sinks import SyslogSetting, Transport, WebhookSetting
from decnet.shipper.protocol import Shipping, SinkState
from decnet.spec import Sink
from decnet.world import Id, Kind
from tests.engine.fleets import FILE, Site, decoy, network

SIEM = Id(Kind.SINK, "", "siem")


def siem(**fields):
    setting = SyslogSetting(**{"host": "logs.example", "port": 514, **fields})
    return Sink("siem", setting, Span(FILE, 40), {"target": Span(FILE, 41), "facility": Span(FILE, 42)})


def fleet(*decoys, **fields):
    return network(*(decoys or [decoy("web-01", 1)]), sinks=(siem(**fields),))


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "state")


def rows(plan):
    lines = engine.render_plan(plan).splitlines()
    return [" ".join(line.split()) for line in lines if line.startswith("  ") and " sink " in line]


def test_a_new_sink_is_a_row_and_then_nothing_is_to_do(site):
    assert rows(site.plan(fleet())) == ["+ sink siem new office.ini:40"]
    assert site.text(fleet()).endswith("1 LAN to add; 1 sink to add\n")
    site.apply(fleet())
    assert site.plan(fleet()).empty


def test_a_change_is_live_and_says_which_key(site):
    site.apply(fleet())
    assert rows(site.plan(fleet(port=601, transport=Transport.TCP))) == [
        "~ sink siem target udp://logs.example:514 → tcp://logs.example:601 live office.ini:41"
    ]
    site.apply(fleet(port=601, transport=Transport.TCP))
    assert site.world.resources[SIEM].target == "tcp://logs.example:601"
    assert site.world.acts[-1] == "update bundle,target of sink/siem"


def test_a_key_is_not_shown(site):
    site.apply(fleet(key=b"old PRIVATE"))
    text = site.text(fleet(key=b"new PRIVATE"))
    assert "key *** → ***" in text
    assert "PRIVATE" not in text


def test_no_secret_of_a_webhook_is_shown(site):
    def hook(**secrets):
        return network(
            decoy("web-01", 1),
            sinks=(Sink("siem", WebhookSetting("h", 443, "/", **secrets), Span(FILE, 40)),),
        )

    site.apply(hook(secret=b"OLD", authorization=b"OLD", query=b"sig=OLD"))
    assert site.world.resources[SIEM].type == "webhook"
    text = site.text(hook(secret=b"NEW", authorization=b"NEW", query=b"sig=NEW"))
    for key in ("secret", "authorization", "target"):
        assert f"{key} *** → ***" in " ".join(text.split())
    assert "OLD" not in text
    assert "NEW" not in text


def test_a_decoy_that_comes_is_made_known_to_the_sink_without_a_row_of_its_own(site):
    site.apply(fleet())
    grown = fleet(decoy("web-01", 1), decoy("db-01", 2))
    assert rows(site.plan(grown)) == []
    site.apply(grown)
    assert json.loads(site.world.contents[SIEM])["hostnames"] == {"web-01": "WEB-01", "db-01": "DB-01"}
    assert site.plan(grown).empty


def test_a_sink_that_is_not_at_work_is_drift(site):
    site.apply(fleet())
    site.world.lose(SIEM)
    assert rows(site.plan(fleet())) == ["! sink siem sink is not running live"]
    saved, observed = site.look()
    status = engine.status(saved, observed)
    assert (status.exit_code, status.detail) == (4, ("sink siem: sink is not running",))
    assert [(one.name, one.state) for one in status.sinks] == [("siem", "down")]
    site.apply(fleet())
    assert site.plan(fleet()).empty


def test_a_sink_that_is_set_otherwise_is_drift(site):
    site.apply(fleet())
    site.world.alter(SIEM, bundle="other", target="udp://elsewhere:514")
    assert rows(site.plan(fleet())) == ["! sink siem sink runs other content live"]


def test_a_sink_no_longer_declared_goes_and_so_does_its_content(site):
    site.apply(fleet())
    assert rows(site.plan(network(decoy("web-01", 1)))) == ["- sink siem no longer declared"]
    site.apply(network(decoy("web-01", 1)))
    assert SIEM not in site.world.resources
    site.apply(fleet())
    site.destroy()
    assert site.world.resources == {}


def test_status_tells_how_a_sink_stands(site):
    site.apply(fleet())
    saved, observed = site.look()
    there = site.world.resources[SIEM]
    figures = {
        "sent": 9,
        "queued": 2,
        "queued_bytes": 99,
        "oldest": 4.5,
        "dropped": 1,
        "dropped_bytes": 50,
        "resent": 3,
    }
    shipping = Shipping(
        "siem", "syslog", there.target, there.bundle, SinkState.FAILING, "Connection refused", **figures
    )
    status = engine.status(saved, dataclasses.replace(observed, sinks=(shipping,)))
    assert status.exit_code == 0  # a server that is away is no drift
    (told,) = json.loads(engine.status_json(status))["sinks"]
    assert told == {
        "name": "siem", "type": "syslog", "target": "udp://logs.example:514", "state": "failing",
        "error": "Connection refused", **figures,
    }  # fmt: skip

"""What Debian's syslog servers make of events: every field is there, over UDP, TCP and TLS with client certificates."""

import json
from pathlib import Path

import pytest

from decnet.events import EventType
from decnet.events.sinks import Format
from decnet.events.syslog import SEVERITIES
from tests.events import certificates
from tests.events.receivers import Rsyslog, free_port, rsyslog, running, syslog_ng
from tests.events.shipping import HOSTNAMES, Log, event, syslog

HOSTILE = 'a "quoted" \\back\\slash] ]" = é 日本 \\" \\] [x y="z"]'


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    return certificates.write(tmp_path_factory.mktemp("pem"))


@pytest.fixture(scope="module", params=[rsyslog, syslog_ng])
def receiver(request, pem, tmp_path_factory):
    with running(request.param(tmp_path_factory.mktemp("server"), pem)) as one:
        yield one


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path)
    yield made
    made.close()


def tls(pem, **options):
    names = {"ca": "ca.pem", "cert": "client.pem", "key": "client.key"} | options
    return {part: (pem / name).read_bytes() for part, name in names.items() if name}


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_every_field_arrives(receiver, log, pem, transport):
    events = [event(n, kind=kind, text=HOSTILE, words=["a", 1]) for n, kind in enumerate(EventType)]
    log.write(*events)
    before = len(receiver.messages())
    options = tls(pem) if transport == "tls" else {}
    log.ship("siem", syslog(*receiver.target(transport), transport, **options))
    received = receiver.wait(before + len(events))[before:]
    for sent, got in zip(events, received, strict=True):
        assert got["facility"] == 16
        assert got["severity"] == SEVERITIES[sent.type]
        assert got["ts"].replace("+00:00", "Z") == sent.ts
        assert got["host"] == HOSTNAMES["web-01"]
        assert (got["app"], got["msgid"]) == ("ssh", sent.type)
        assert got["data"] == {
            "id": sent.id, "network": "lab", "decoy": "web-01", "session": "s1", "src_ip": "198.51.100.9",
            "src_port": "4022", "dst_ip": "198.51.100.20", "dst_port": "22", "proto": "tcp", "v": "1",
            "number": str(sent.data["number"]), "text": HOSTILE, "words": '["a",1]',
        }  # fmt: skip
        assert sent.type in got["text"]
        assert HOSTILE in got["text"]
    log.until(lambda: log.status("siem").sent == len(events))
    assert log.status("siem").state == "connected"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ca": "other-ca.pem"}, "certificate is not accepted"),
        ({"ca": ""}, "certificate is not accepted"),
        ({"cert": "", "key": ""}, ""),
    ],
)
def test_without_the_right_certificates_nothing_is_sent(receiver, log, pem, options, words):
    log.write(event(kind=EventType.SCAN, marker=str(log.run)))
    log.ship("siem", syslog(*receiver.target("tls"), "tls", **tls(pem, **options)))
    log.until(lambda: log.status("siem").state == "failing")
    assert words in log.status("siem").error
    assert str(log.run) not in str(receiver.messages())


def test_a_server_that_need_not_be_verified_is_not(receiver, log, pem):
    log.write(event(marker=str(log.run)))
    log.ship("siem", syslog(*receiver.target("tls"), "tls", verify=False, **tls(pem, ca="other-ca.pem")))
    log.until(lambda: str(log.run) in str(receiver.messages()))


def test_a_long_message_is_cut_and_says_so(receiver, log):
    log.write(event(command="x" * 4000), event(1))
    before = len(receiver.messages())
    log.ship("siem", syslog(*receiver.target("udp"), "udp", max_size=1000))
    first, second = receiver.wait(before + 2)[before:]
    assert first["data"]["command"].startswith("xxx")
    assert first["data"]["command"].endswith("…")
    assert int(first["data"]["shortened"]) > 3000
    assert first["data"]["src_ip"] == "198.51.100.9"
    assert "shortened" not in second["data"]


PAGE = Path(__file__).parents[2] / "docs" / "events.md"


def of_the_page(words: str, folder: Path) -> tuple[Rsyslog, int]:
    """rsyslog with the lines that follow some words on the page; only port and folder are others."""
    text = PAGE.read_text()
    snippet = text[text.index(words) :].partition("```text\n")[2].partition("```")[0]
    assert 'port="514"' in snippet
    assert 'file="/var/log/' in snippet
    port = free_port()
    lines = snippet.replace('port="514"', f'address="127.0.0.1" port="{port}"').replace(
        "/var/log", str(folder)
    )
    server = rsyslog(folder, folder)
    (folder / "rsyslog.conf").write_text(f'global(workDirectory="{folder}")\n{lines}')
    server.ports["tcp"] = port
    return server, port


@pytest.mark.parametrize("shape", [Format.ECS, Format.OCSF])
def test_the_page_s_rsyslog_writes_json(log, tmp_path, shape):
    (folder := tmp_path / "server").mkdir()
    server, port = of_the_page("rsyslog, with `format = ecs`", folder)
    sent = [event(n, kind=kind, text=HOSTILE) for n, kind in enumerate(EventType)]
    sent.append(event(99, command="x" * 4096, text="é" * 4096))
    with running(server):
        log.write(*sent)
        log.ship("siem", syslog("127.0.0.1", port, format=shape, max_size=8192))
        log.until(lambda: log.status("siem").sent == len(sent))
        written = folder / "decnet.jsonl"
        log.until(lambda: written.exists() and written.read_bytes().count(b"\n") == len(sent))
    made = [json.loads(line) for line in written.read_text().splitlines()]
    found = [json.loads(one.get("raw_data") or one["event"]["original"]) for one in made]
    assert [one["id"] for one in found] == [one.id for one in sent]
    assert [one["data"]["text"] for one in found[:-1]] == [HOSTILE] * len(EventType)


def test_the_page_s_rsyslog_filters_by_fields(log, tmp_path):
    (folder := tmp_path / "server").mkdir()
    server, port = of_the_page("rsyslog, with `format = native`", folder)
    with running(server):
        log.write(event(0), event(1, kind=EventType.AUTH, principal="root"), event(2))
        log.ship("siem", syslog("127.0.0.1", port))
        log.until(lambda: log.status("siem").sent == 3)
        written = folder / "decnet-logins.log"
        log.until(lambda: written.exists() and written.read_text().endswith("\n"))
    assert written.read_text().split()[1:] == [HOSTNAMES["web-01"], "198.51.100.9", "auth.attempt"]

"""Sinks as a file declares them."""

from pathlib import Path

import pytest

from decnet import catalog, ini
from decnet.errors import InvalidInput
from decnet.events.sinks import Facility, FileSetting, SyslogSetting, Transport
from decnet.render import expand
from decnet.services.registry import services
from decnet.spec import Sink
from decnet.spec.build import build
from tests.events import certificates
from tests.spec.files import BARE, BRIDGE, IDENTITY, codes, network, warnings

WEB = "[w]\nservices = redis\n"
SIEM = WEB + "[sink-siem]\ntype = syslog\ntarget = "


def sinks(text: str, head: str = BRIDGE) -> dict[str, Sink]:
    return {sink.name: sink for sink in network(head + text).sinks}


@pytest.mark.parametrize(
    ("target", "transport", "host", "port"),
    [
        ("198.51.100.7:514", "udp", "198.51.100.7", 514),
        ("logs.example", "udp", "logs.example", 514),
        ("udp://logs.example:5514", "udp", "logs.example", 5514),
        ("TCP://Logs.Example", "tcp", "logs.example", 514),
        ("tls://logs.example", "tls", "logs.example", 6514),
        ("tcp://[2001:db8::7]:601/", "tcp", "2001:db8::7", 601),
    ],
)
def test_targets(target: str, transport: str, host: str, port: int) -> None:
    setting = sinks(SIEM + target)["siem"].setting
    assert isinstance(setting, SyslogSetting)
    assert (setting.transport, setting.host, setting.port) == (Transport(transport), host, port)


@pytest.mark.parametrize(
    "target",
    ["http://x", "x:0", "x:70000", "a b", "user@x:514", "tcp://", "[::1", "x:y", "-x-", "[::g]:1", "x/y"],
)
def test_what_is_no_target(target: str) -> None:
    assert codes(SIEM + target) == ["bad-target"]


def test_log_target_is_short_for_a_sink() -> None:
    found = sinks(WEB, BRIDGE + "log_target = 198.51.100.9:514\n")["log_target"]
    assert found.setting == SyslogSetting("198.51.100.9", 514)
    assert str(found.span) == "network.ini:4"
    assert codes(WEB, head=BRIDGE + "log_target = ftp://x\n") == ["bad-target"]
    assert codes(WEB + "[sink-log_target]\ntype = file\npath = /x/y\n", head=BRIDGE + "log_target = x\n") == [
        "bad-name"
    ]


def test_keys_of_a_syslog_sink() -> None:
    setting = sinks(SIEM + "tcp://x\nfacility = auth\nsd_id = events@4711\nmax_size = 600\nhistory = no\n")[
        "siem"
    ].setting
    assert setting == SyslogSetting("x", 514, Transport.TCP, Facility.AUTH, "events@4711", 600, history=False)


def test_sizes_depend_on_the_transport() -> None:
    sizes = {kind: sinks(SIEM + f"{kind}://x")["siem"].setting for kind in Transport}
    assert {kind: one.max_size for kind, one in sizes.items() if isinstance(one, SyslogSetting)} == {
        "udp": 2048, "tcp": 8192, "tls": 8192,
    }  # fmt: skip


def test_a_file_and_the_log_that_is_there_without_being_asked_for() -> None:
    found = sinks(
        WEB
        + "[sink-a]\npath = /var/log/x/y.jsonl\nrotate_size = 1M\nrotate_age = 1d\nkeep = 2\n[sink-b]\ntype = file\n"
    )
    assert {name: sink.setting for name, sink in found.items()} == {
        "a": FileSetting("/var/log/x/y.jsonl", 1 << 20, 86_400, 2)
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[sink-x]\ntype = syslog\n", "missing-key"),
        ("[sink-x]\ntype = webhook\ntarget = https://x\n", "unsupported"),
        ("[sink-x]\ntype = nats\n", "unsupported"),
        ("[sink-x]\ntype = stdout\n", "unsupported"),
        ("[sink-x]\ntype = syslog\ntarget = x\nformat = ecs\n", "unsupported"),
        ("[sink-x]\ntype = syslog\ntarget = x\nsd_id = decnet\n", "bad-value"),
        ("[sink-x]\ntype = syslog\ntarget = x\nsd_id = a b@1\n", "bad-value"),
        ("[sink-x]\ntype = syslog\ntarget = x\nmax_size = 100\n", "bad-range"),
        ("[sink-x]\ntype = syslog\ntarget = x\nfacility = local9\n", "unknown-choice"),
        ("[sink-x]\npath = events.jsonl\n", "bad-value"),
        ("[sink-x]\npath = /var/../etc/x\n", "bad-value"),
        ("[sink-x]\npath = /a/b\n[sink-y]\npath = /a/b\n", "path-used-twice"),
    ],
)
def test_what_cannot_be(text: str, code: str) -> None:
    assert codes(WEB + text) == [code]


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    return certificates.write(tmp_path / "pem")


def declared(folder: Path, keys: str) -> Sink:
    file = folder / "network.ini"
    file.write_text(BRIDGE + SIEM + "tls://x\n" + keys)
    (sink,) = build(ini.load(file), catalog.load(), services(), IDENTITY, expand, BARE).sinks
    return sink


def test_certificates_are_read_relative_to_the_file_that_names_them(pem: Path) -> None:
    setting = declared(pem, "ca = ca.pem\ncert = client.pem\nkey = client.key\n").setting
    assert isinstance(setting, SyslogSetting)
    assert setting.ca == (pem / "ca.pem").read_bytes()
    assert setting.key == (pem / "client.key").read_bytes()
    both = (pem / "client.pem").read_bytes() + (pem / "client.key").read_bytes()
    (pem / "both.pem").write_bytes(both)
    setting = declared(pem, "cert = both.pem\n").setting
    assert isinstance(setting, SyslogSetting)
    assert setting.key == both
    assert "PRIVATE" not in repr(setting)


@pytest.mark.parametrize(
    ("keys", "code", "line"),
    [
        ("ca = gone.pem\n", "unreadable", 9),
        ("ca = client.key\n", "bad-certificate", 9),
        ("cert = client.pem\n", "bad-certificate", 9),
        ("key = client.key\n", "bad-certificate", 9),
        ("cert = client.pem\nkey = server.key\n", "bad-certificate", 10),
        ("cert = locked.pem\nkey = locked.key\n", "bad-certificate", 10),
        ("cert = client.key\nkey = client.key\n", "bad-certificate", 9),
        ("cert = ca.pem\nkey = pem\n", "bad-certificate", 10),
    ],
)
def test_certificates_that_cannot_be_used(pem: Path, keys: str, code: str, line: int) -> None:
    (pem / "pem").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput) as caught:
        declared(pem, keys)
    assert [(one.code, one.span.line) for one in caught.value.problems] == [(code, line)]
    assert "BEGIN" not in str([one.message for one in caught.value.problems])


def test_a_server_that_is_not_verified_is_warned_of() -> None:
    assert [code for code, _, _ in warnings(SIEM + "tls://x\nverify = no\n")] == ["unverified-server"]

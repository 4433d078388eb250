"""Sinks as a file declares them."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import nkeys
import pytest

from decnet import catalog, ini
from decnet.errors import InvalidInput
from decnet.events.sinks import (
    Body,
    Facility,
    FileSetting,
    Format,
    NatsSetting,
    StdoutSetting,
    SyslogSetting,
    Transport,
    WebhookSetting,
)
from decnet.render import expand
from decnet.services.registry import services
from decnet.spec import Sink
from decnet.spec.build import build
from tests.events import certificates
from tests.events.nats_users import user_by_jwt, user_by_nkey
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
        ("[sink-x]\ntype = webhook\n", "missing-key"),
        ("[sink-x]\ntype = webhook\ntarget = ftp://x\n", "bad-target"),
        ("[sink-x]\ntype = webhook\ntarget = https://me:pass@x/\n", "bad-target"),
        ("[sink-x]\ntype = webhook\ntarget = https://x/é\n", "bad-target"),
        ("[sink-x]\ntype = webhook\ntarget = https://x/\nsecret = whsec_?\n", "bad-value"),
        ("[sink-x]\ntype = webhook\ntarget = https://x/\nauthorization = é\n", "bad-value"),
        ("[sink-x]\ntype = webhook\ntarget = https://x/\nbatch = 0\n", "bad-range"),
        ("[sink-x]\ntype = webhook\ntarget = https://x/\nmax_size = 500\n", "bad-range"),
        ("[sink-x]\ntype = webhook\ntarget = https://x/\nbody = xml\n", "unknown-choice"),
        ("[sink-x]\ntype = nats\n", "missing-key"),
        ("[sink-x]\ntype = nats\ntarget = nats://x/y\n", "bad-target"),
        ("[sink-x]\ntype = nats\ntarget = x\nuser = u\n", "bad-value"),
        ("[sink-x]\ntype = nats\ntarget = tls://x\ntoken = t\nuser = u\npassword = p\n", "bad-value"),
        ("[sink-x]\ntype = syslog\ntarget = x\nformat = ecs\nmax_size = 1000\n", "bad-range"),
        ("[sink-x]\ntype = file\nformat = ecs\n", "missing-key"),
        ("[sink-x]\ntype = stdout\nformat = cef\n", "unknown-choice"),
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


def test_a_webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_KEY", "s3cret")
    text = (
        "[sink-x]\ntype = webhook\ntarget = https://Hooks.example/decnet?sig=top\nsecret = ${env:HOOK_KEY}\n"
    )
    text += "body = array\nbatch = 10\ntimeout = 3s\nformat = ecs\nhistory = no\n"
    setting = sinks(WEB + text)["x"].setting
    assert setting == WebhookSetting(
        "hooks.example", 443, "/decnet", query=b"sig=top", secret=b"s3cret", body=Body.ARRAY, batch=10,
        timeout=3, history=False, format=Format.ECS,
    )  # fmt: skip
    assert setting.target == "https://hooks.example/decnet"
    assert "s3cret" not in repr(setting)
    assert "top" not in repr(setting)
    assert warnings(WEB + text) == []
    plain = sinks(WEB + "[sink-x]\ntype = webhook\ntarget = http://[::1]:8080\n")["x"].setting
    assert plain.target == "http://[::1]:8080/"


def test_a_nats_server() -> None:
    setting = sinks(WEB + "[sink-x]\ntype = nats\ntarget = bus.example\nstream =\n")["x"].setting
    assert setting == NatsSetting("bus.example", 4222, stream="")
    assert setting.target == "nats://bus.example:4222"
    setting = sinks(WEB + "[sink-x]\ntype = nats\ntarget = tls://b:1\ntoken = t\n")["x"].setting
    assert setting == NatsSetting("b", 1, tls=True, token=b"t")
    assert "token" not in repr(setting)


def test_standard_output() -> None:
    assert sinks(WEB + "[sink-x]\ntype = stdout\nformat = ocsf\n")["x"].setting == StdoutSetting(
        format=Format.OCSF
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("type = webhook\ntarget = https://x/\nsecret = hunter2\n", ["secret-in-file"]),
        ("type = webhook\ntarget = http://x/\nauthorization = ${env:HOOK_KEY}\n", ["secret-in-clear"]),
        ("type = nats\ntarget = x\ntoken = hunter2\n", ["secret-in-file", "secret-in-clear"]),
        ("type = webhook\ntarget = https://x/\ntoken = ${env:HOOK_KEY}\n", ["no-effect"]),
        ("type = webhook\ntarget = http://x/\nverify = no\n", ["no-effect"]),
        ("type = stdout\ntarget = x\n", ["no-effect"]),
        ("type = webhook\ntarget = https://x/\nverify = no\n", ["unverified-server"]),
        ("type = nats\ntarget = tls://x/\nverify = no\n", ["unverified-server"]),
    ],
)
def test_what_is_warned_of(monkeypatch: pytest.MonkeyPatch, text: str, code: list[str]) -> None:
    monkeypatch.setenv("HOOK_KEY", "s3cret")
    found = warnings(WEB + "[sink-x]\n" + text)
    assert [one for one, _, _ in found] == code
    assert "hunter2" not in str(found)


def test_a_target_that_is_wrong_is_not_shown_with_its_query() -> None:
    with pytest.raises(InvalidInput) as caught:
        sinks(WEB + "[sink-x]\ntype = webhook\ntarget = https://x:0/?sig=top\n")
    assert [one.message for one in caught.value.problems] == ['"https://x:0/" is no server']


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    return certificates.write(tmp_path / "pem")


def declared(folder: Path, keys: str, kind: str = "syslog") -> Sink:
    file = folder / "network.ini"
    file.write_text(BRIDGE + SIEM.replace("syslog", kind) + "tls://x\n" + keys)
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


@pytest.mark.parametrize("made", [user_by_nkey, user_by_jwt])
def test_credentials_of_a_nats_user(tmp_path: Path, made: Callable[[], tuple[str, str]]) -> None:
    content = made()[1]
    (tmp_path / "bus.creds").write_bytes(content.encode())
    setting = of_nats(tmp_path, "credentials = bus.creds\n").setting
    assert isinstance(setting, NatsSetting)
    assert setting.credentials == content.encode()
    assert content[-20:].strip() not in repr(setting)


def test_a_seed_with_the_letters_of_what_it_is_not(tmp_path: Path) -> None:
    keys = (hashlib.sha256(str(number).encode()).digest() for number in range(20_000))
    seeds = (nkeys.encode_seed(key, nkeys.PREFIX_BYTE_USER) for key in keys)
    (tmp_path / "bus.creds").write_bytes(next(one for one in seeds if b"JWT" in one))
    assert isinstance(of_nats(tmp_path, "credentials = bus.creds\n").setting, NatsSetting)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "unreadable"),
        (b"", "bad-credentials"),
        (b"\xff\xfe", "bad-credentials"),
        (b"hunter2 hunter2", "bad-credentials"),
        (b"-----BEGIN NATS USER JWT-----\n", "bad-credentials"),
        (b"SU" + b"A" * 56, "bad-credentials"),
        (b"SU" + b"Z" * 56, "bad-credentials"),
        (b"SO" + b"A" * 56, "bad-credentials"),
    ],
)
def test_credentials_that_cannot_be_used(tmp_path: Path, content: bytes | None, code: str) -> None:
    if content is not None:
        (tmp_path / "bus.creds").write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        of_nats(tmp_path, "credentials = bus.creds\n")
    assert [(one.code, one.span.line) for one in caught.value.problems] == [(code, 9)]
    assert "hunter2" not in caught.value.problems[0].message


def test_credentials_beside_a_token_are_too_many(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        of_nats(tmp_path, "credentials = bus.creds\ntoken = ${env:T:x}\n")
    assert [one.code for one in caught.value.problems] == ["bad-value"]


def of_nats(folder: Path, keys: str) -> Sink:
    return declared(folder, keys, "nats")


def test_a_server_that_is_not_verified_is_warned_of() -> None:
    assert [code for code, _, _ in warnings(SIEM + "tls://x\nverify = no\n")] == ["unverified-server"]

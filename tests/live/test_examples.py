"""Every example is applied, touched by real clients, seen in the events, and destroyed without a trace."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.command import Command
from tests.live.lab import Lab, eventually, run

pytestmark = pytest.mark.live

EXAMPLES = Path(__file__).parents[2] / "examples"
SSH = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")


def login(address: str, user: str, password: str, command: str) -> str:
    return run("sshpass", "-p", password, "ssh", *SSH, f"{user}@{address}", command, timeout=30)


def touched(decnet: Command, name: str, decoy: str, kind: str) -> dict:
    """The first event of a type on a decoy, as soon as it is written."""
    found: list[dict] = []

    def there() -> bool:
        found[:] = decnet.events(name, "--decoy", decoy, "--type", kind)
        return bool(found)

    eventually(there)
    return found[0]


def test_every_example_is_named_here():
    assert {path.name for path in EXAMPLES.glob("*.ini")} == {
        "quickstart.ini",
        "compat.ini",
        "office.ini",
        "custom.ini",
        "fingerprints.ini",
        "boxes.ini",  # tests/docker/test_networks.py
        "sinks.ini",  # tests/live/test_sink_kinds.py
        "deaddeck.ini",  # tests/docker/test_high.py
    }


def test_quickstart(lab: Lab, tmp_path: Path):
    decnet, file = Command(tmp_path / "state"), EXAMPLES / "quickstart.ini"
    before = lab.snapshot()

    first = decnet.json("plan", file)
    assert first["summary"] == {"add": 5, "change": 0, "replace": 0, "remove": 0, "unchanged": 0}
    assert {change["action"] for change in first["changes"]} == {"add"}
    assert all(change["file"].endswith("quickstart.ini") and change["line"] for change in first["changes"])
    assert not (tmp_path / "state").exists()  # a plan writes nothing, anywhere
    assert lab.snapshot() == before

    decnet("apply", "--yes", file)
    status = decnet.status("quickstart")
    assert {decoy["state"] for decoy in status.values()} == {"up"}
    assert len(status) == 5
    assert status["web-01"]["ip"] == "198.51.100.11"
    assert len({decoy["mac"] for decoy in status.values()}) == 5
    assert len({decoy["hostname"] for decoy in status.values()}) == 5

    page = run("curl", "-sSi", "http://198.51.100.11/")
    assert page.startswith("HTTP/1.1 200")
    assert "Server: Apache/2.4" in page
    assert "HTTP/1.1 404" in run("curl", "-sSi", "http://198.51.100.11/nothing/here")
    assert run("curl", "-sSk", "-o", "/dev/null", "-w", "%{http_code}", "https://198.51.100.12/") == "200"
    assert "IIS/10.0" in run("curl", "-sSi", "http://198.51.100.14/")
    assert run("redis-cli", "-h", "198.51.100.13", "ping").strip() == "PONG"
    ubuntu = login("198.51.100.12", "admin", "admin123", "cat /etc/os-release; echo $((6*7)) | tr 2 3")
    assert "jammy" in ubuntu
    assert ubuntu.endswith("43\n")
    for address in sorted(decoy["ip"] for decoy in status.values()):
        run("ping", "-c1", "-W2", address)

    request = touched(decnet, "quickstart", "web-01", "request")
    assert (request["dst_ip"], request["dst_port"], request["service"]) == ("198.51.100.11", 80, "http")
    attempt = touched(decnet, "quickstart", "shop-01", "auth.attempt")
    assert (attempt["data"]["principal"], attempt["data"]["secret"]) == ("admin", "admin123")
    assert touched(decnet, "quickstart", "cache-01", "command")["service"] == "redis"
    assert touched(decnet, "quickstart", "intranet-01", "connection.close")["data"]["sent"] > 100

    again = decnet.json("plan", "--detailed-exitcode", file)
    assert again["changes"] == again["drift"] == []
    assert again["summary"]["unchanged"] == 5
    assert "5 unchanged" in decnet("apply", "--yes", file)

    decnet("destroy", "--yes", "quickstart")
    assert lab.snapshot() == before
    assert not Path("/run/netns").exists()
    assert not (tmp_path / "state").exists()


def test_compat(lab: Lab, tmp_path: Path):
    decnet, file = Command(tmp_path / "state"), EXAMPLES / "compat.ini"
    attacker = lab.machine("attacker", "203.0.113.200/24", cable="lan0")
    before = lab.snapshot()
    decnet("apply", "--yes", file)
    status = decnet.status("compat")
    assert len(status) == 7
    assert {decoy["state"] for decoy in status.values()} == {"up"}

    page = attacker.run("curl", "-sSi", "http://203.0.113.20/")
    assert "Server: Apache/2.4.54 (Debian)" in page
    assert "wp-content" in page
    assert (
        attacker.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "http://203.0.113.22/") == "403"
    )
    assert "redis_version:7.0.12" in attacker.run("redis-cli", "-h", "203.0.113.21", "info", "server")
    shell = attacker.run(
        "sshpass", "-p", "toor", "ssh", *SSH, "root@203.0.113.20", "uname -r; id -u", timeout=30
    )
    assert shell == "6.1.0-26-amd64\n0\n"
    assert (
        json.loads(json.dumps(touched(decnet, "compat", "web", "auth.attempt")))["src_ip"] == "203.0.113.200"
    )

    decnet("destroy", "--yes", file)
    assert lab.snapshot() == before
    lab.unplug(attacker)


RECEIVER = """
import socket, sys
server = socket.create_server(("0.0.0.0", 514))
while True:
    connection, _ = server.accept()
    with connection, open(sys.argv[1], "ab", buffering=0) as file:
        while data := connection.recv(65536):
            file.write(data)
"""
MAIL = """
import smtplib, sys
with smtplib.SMTP(sys.argv[1]) as client:
    client.ehlo("client.example")
    client.mail("a@b.example")
    print(client.rcpt("nobody@elsewhere.example"))
"""


def test_office(lab: Lab, tmp_path: Path, request: pytest.FixtureRequest):
    """25 decoys on macvlan, with IPv6, two sinks, and every service that there is; an attacker and a collector outside."""
    run("mount", "-t", "tmpfs", "tmpfs", "/var/log")  # in the lab only
    decnet, file = Command(tmp_path / "state"), EXAMPLES / "office.ini"
    attacker = lab.machine("attacker", "203.0.113.250/24", cable="lan0")
    run("ip", "address", "add", "203.0.113.2/24", "dev", "lan0")
    attacker.run("ip", "address", "add", "2001:db8:113::250/64", "dev", "eth0", "nodad")
    received = tmp_path / "received"
    received.touch()
    inside = ("nsenter", "--net=/run/netns/attacker", sys.executable, "-c", RECEIVER, str(received))
    collector = subprocess.Popen(inside)
    request.addfinalizer(lambda: (collector.kill(), collector.wait()))
    before = lab.snapshot()
    decnet("apply", "--yes", file)
    status = decnet.status("office")
    assert len(status) == 25
    assert {decoy["state"] for decoy in status.values()} == {"up"}, status
    assert len({decoy["mac"] for decoy in status.values()}) == 25

    web = status["web01"]["ip"]
    assert "Server: Apache" in attacker.run("curl", "-sSi", f"http://{web}/")
    shell = attacker.run(
        "sshpass", "-p", "toor", "ssh", *SSH, "root@203.0.113.22", "hostname; id -u", timeout=30
    )
    assert shell.endswith("\n0\n")
    sent = attacker.run(sys.executable, "-c", MAIL, "2001:db8:113::25")
    assert "Relay access denied" in sent
    ping = attacker.run("ping", "-6", "-c1", "-W2", "2001:db8:113::25")
    assert "1 received" in ping
    down = attacker.run("nmap", "-sn", "-n", "203.0.113.0/24", "-oG", "-", timeout=90)
    assert down.count("Status: Up") >= 25

    login = touched(decnet, "office", "jump", "auth.attempt")
    eventually(lambda: login["id"] in received.read_text(errors="replace"))
    line = next(text for text in received.read_text(errors="replace").splitlines() if login["id"] in text)
    assert status["jump"]["hostname"] in line
    archive = Path("/var/log/decnet-office")
    eventually(lambda: any(login["id"] in path.read_text() for path in archive.glob("*.jsonl")))

    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert plan["changes"] == plan["drift"] == []
    decnet("destroy", "--yes", "office")
    assert list(archive.glob("*.jsonl"))  # a log that was asked for is the user's
    assert lab.snapshot() == before
    lab.unplug(attacker)
    run("umount", "/var/log")


def test_custom(lab: Lab, tmp_path: Path):
    decnet, before = Command(tmp_path / "state"), lab.snapshot()
    decnet("apply", "--yes", EXAMPLES / "custom.ini")
    talk = "exec 3<>/dev/tcp/198.51.100.20/79; echo root >&3; timeout 5 cat <&3"
    assert "Never logged in." in run("bash", "-c", talk, check=False)
    assert touched(decnet, "custom", "mail-01", "log")["data"] == {"text": "asked for root"}
    again = decnet.json("plan", "--detailed-exitcode", EXAMPLES / "custom.ini")
    assert (again["changes"], again["drift"]) == ([], [])
    decnet("destroy", "--yes", "custom")
    assert lab.snapshot() == before


def test_fingerprints(lab: Lab, tmp_path: Path):
    decnet, file = Command(tmp_path / "state", supervised=False), EXAMPLES / "fingerprints.ini"
    before = lab.snapshot()
    decnet("apply", "--yes", file)
    assert decnet.json("plan", file)["changes"] == []
    for address in ("198.51.100.20", "198.51.100.21"):
        assert run("curl", "-sSI", f"http://{address}/").startswith("HTTP/1.1 ")
        assert " 0 received" in run("ping", "-c", "1", "-W", "1", address, check=False)
    seen = {one["decoy"]: one for one in decnet.json("verify", "os", file)["decoys"]}
    assert {decoy: one["verdict"] for decoy, one in seen.items()} == dict.fromkeys(seen, "as declared")
    assert "Microsoft Windows 10" in seen["desk-01"]["found"]
    assert "Linux 5.0 - 5.4" in seen["box-01"]["found"]
    touched(decnet, "fingerprints", "desk-01", "request")
    decnet("destroy", "--yes", "fingerprints")
    assert lab.snapshot() == before

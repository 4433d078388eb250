"""An event in the Elastic Common Schema (https://www.elastic.co/guide/en/ecs/current/ecs-field-reference.html).

Fields that the schema has not are below ``decnet``: a fixed set of names, so that nobody who talks to a decoy can make
fields in an index. The whole event, as it is in the log, is the text ``event.original``.
"""

from __future__ import annotations

import os.path
from typing import Any, NamedTuple

import msgspec

from decnet.events.formats.values import (
    address,
    headline,
    method,
    moment,
    number,
    port,
    present,
    seconds,
    succeeded,
    text,
    transferred,
    url,
)
from decnet.events.schema import Event, EventType
from decnet.events.severity import SEVERITIES

VERSION = "9.4.0"
_NANO = 10**9


class _Kind(NamedTuple):
    category: tuple[str, ...]
    type: tuple[str, ...]


_KINDS = {
    EventType.OPEN: _Kind(("network",), ("connection", "start")),
    EventType.CLOSE: _Kind(("network",), ("connection", "end")),
    EventType.AUTH: _Kind(("authentication",), ("start",)),
    EventType.COMMAND: _Kind(("process",), ("start",)),
    EventType.REQUEST: _Kind(("network",), ("protocol",)),
    EventType.DOWNLOAD: _Kind(("file",), ("access",)),
    EventType.UPLOAD: _Kind(("file",), ("creation",)),
    EventType.FINGERPRINT: _Kind(("network",), ("info",)),
    EventType.SCAN: _Kind(("intrusion_detection", "network"), ("info",)),
    EventType.LOG: _Kind(("network",), ("info",)),
    EventType.ERROR: _Kind(("network",), ("info",)),
    EventType.STATE: _Kind(("configuration",), ("change",)),
    EventType.APPLY: _Kind(("configuration",), ("change",)),
}
_WEB = _Kind(("web", "network"), ("access", "protocol"))


def shaped(event: Event, host: str) -> dict[str, Any]:
    """The event as objects within objects, none of them empty. ``host`` is the name of the decoy's host."""
    source, destination = address(event.src_ip), address(event.dst_ip)
    return present(
        {
            "@timestamp": moment(event).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "ecs": {"version": VERSION},
            "message": headline(event),
            "event": _event(event),
            "source": _endpoint(source, event.src_port, number(event, "received")),
            "destination": _endpoint(destination, event.dst_port, number(event, "sent")),
            "network": _network(event, source),
            "host": present({"hostname": host, "name": host, "ip": [destination] if destination else []}),
            "service": present({"name": event.service}),
            "observer": {"vendor": "decnet", "product": "decnet", "type": "honeypot"},
            "related": _related(event, source, destination, host),
            "decnet": _ours(event),
            **_special(event),
        }
    )


def _event(event: Event) -> dict[str, Any]:
    category, kind = _WEB if method(event) else _KINDS[event.type]
    outcome = succeeded(event)
    return present(
        {
            "id": event.id,
            "kind": "event",
            "category": list(category),
            "type": list(kind),
            "action": str(event.type),
            "module": "decnet",
            "dataset": "decnet.event",
            "severity": SEVERITIES[event.type],
            "outcome": "" if outcome is None else "success" if outcome else "failure",
            "duration": seconds(event, _NANO),
            "reason": text(event, "reason"),
            "original": msgspec.json.encode(event).decode(),
        }
    )


def _endpoint(ip: str, at: int, size: int | None) -> dict[str, Any]:
    """``size`` is what it sent."""
    return present({"ip": ip, "address": ip, "port": port(at), "bytes": size})


def _network(event: Event, source: str) -> dict[str, Any]:
    if not source:
        return {}
    protocol = "http" if method(event) else event.service.lower()
    return present(
        {
            "transport": event.proto.lower(),
            "type": "ipv6" if ":" in source else "ipv4",
            "protocol": protocol,
            "direction": "inbound",
            "bytes": transferred(event),
        }
    )


def _related(event: Event, source: str, destination: str, host: str) -> dict[str, Any]:
    return present(
        {
            "ip": sorted({source, destination} - {""}),
            "user": [name] if (name := _user(event)) else [],
            "hosts": [host] if host else [],
            "hash": sorted({text(event, key) for key in ("sha256", "body_sha256", "hassh")} - {""}),
        }
    )


def _user(event: Event) -> str:
    return text(event, "principal") or text(event, "user")


def _special(event: Event) -> dict[str, Any]:
    """What belongs to the type of event."""
    user = {"user": {"name": name}} if (name := _user(event)) else {}
    match event.type:
        case EventType.COMMAND:
            return {**user, "process": present({"command_line": text(event, "command")})}
        case EventType.DOWNLOAD | EventType.UPLOAD:
            return {**user, "file": _file(event)}
        case EventType.REQUEST if method(event):
            return {**user, **_http(event)}
        case EventType.ERROR:
            return {"error": present({"type": text(event, "error"), "message": text(event, "text")})}
    return user


def _file(event: Event) -> dict[str, Any]:
    path = text(event, "path")
    digest = present({"sha256": text(event, "sha256")})
    return present(
        {"path": path, "name": os.path.basename(path), "size": number(event, "size"), "hash": digest}  # noqa: PTH119
    )


def _http(event: Event) -> dict[str, Any]:
    asked = {"method": text(event, "method"), "body": present({"bytes": number(event, "body_size")})}
    answered = {"status_code": number(event, "status"), "body": present({"bytes": number(event, "bytes")})}
    path, query = url(event)
    asked_for = {"original": text(event, "path"), "path": path, "query": query, "domain": text(event, "host")}
    return {
        "http": present(
            {
                "version": text(event, "version"),
                "request": present(asked),
                "response": present(answered),
            }
        ),
        "url": present(asked_for),
        "user_agent": present({"original": text(event, "user_agent")}),
    }


def _ours(event: Event) -> dict[str, Any]:
    secret = present({"secret": text(event, "secret"), "secret_kind": text(event, "secret_kind")})
    return present(
        {
            "network": event.network,
            "decoy": event.decoy,
            "session": event.session,
            "auth": secret,
            "v": event.v,
        }
    )

"""An event in the Open Cybersecurity Schema Framework (https://schema.ocsf.io).

What OCSF has no attribute for is in ``unmapped``, under fixed names. The whole event, as it is in the log, is the text
``raw_data``.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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

VERSION = "1.3.0"
"""What is used of it is in every later version up to 1.8.0, too."""
_OTHER = 99
_INBOUND = 1
_UNKNOWN_DEVICE = 0
_REGULAR_FILE = 1
_SHA256 = 3
_NETWORK_LOGON = 3
_SUCCESS, _FAILURE = 1, 2
_IPV4, _IPV6 = 4, 6
_PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1}
_SEVERITY = {3: 4, 4: 3, 5: 2, 6: 1}
"""Syslog's error, warning, notice, informational as OCSF's high, medium, low, informational."""
_METHODS = {"CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8}
"""``activity_id`` of HTTP Activity; PATCH came with 1.4.0."""


@dataclass(frozen=True, slots=True)
class _Class:
    uid: int
    activity: int
    more: Callable[[Event, str], dict[str, Any]] = lambda _event, _host: {}

    @property
    def category(self) -> int:
        return self.uid // 1000


def shaped(event: Event, host: str) -> dict[str, Any]:
    """The event as an OCSF event. ``host`` is the name of the decoy's host."""
    kind = _class(event)
    outcome = succeeded(event)
    original = msgspec.json.encode(event).decode()
    return present(
        {
            "class_uid": kind.uid,
            "category_uid": kind.category,
            "activity_id": kind.activity,
            "activity_name": str(event.type) if kind.activity == _OTHER else "",
            "type_uid": kind.uid * 100 + kind.activity,
            "time": int(moment(event).timestamp() * 1000),
            "severity_id": _SEVERITY[SEVERITIES[event.type]],
            "status_id": None if outcome is None else _SUCCESS if outcome else _FAILURE,
            "message": headline(event),
            "metadata": _metadata(event),
            "raw_data": original,
            "unmapped": _unmapped(event),
            **kind.more(event, host),
        }
    )


def _class(event: Event) -> _Class:
    if event.type in _OF_A_PEER and not address(event.src_ip):
        return _BASE
    if method(event):
        return _Class(4002, _METHODS.get(method(event), _OTHER), _web)
    return _CLASSES.get(event.type, _BASE)


def _metadata(event: Event) -> dict[str, Any]:
    return present(
        {
            "version": VERSION,
            "product": {"name": "decnet", "vendor_name": "decnet"},
            "uid": event.id,
            "correlation_uid": event.session,
            "event_code": str(event.type),
            "log_name": event.network,
            "log_version": str(event.v),
            "original_time": event.ts,
        }
    )


def _unmapped(event: Event) -> dict[str, Any]:
    names = ("secret", "secret_kind", "outcome")
    return present({"decoy": event.decoy, **{name: text(event, name) for name in names}})


def _peers(event: Event, host: str) -> dict[str, Any]:
    """Who talked to whom."""
    source = present({"ip": address(event.src_ip), "port": port(event.src_port)})
    target = present(
        {
            "ip": address(event.dst_ip),
            "port": port(event.dst_port),
            "hostname": host,
            "svc_name": event.service,
        }
    )
    return {"src_endpoint": source, "dst_endpoint": target}


def _flow(event: Event, host: str) -> dict[str, Any]:
    protocol = event.proto.lower()
    return {
        **_peers(event, host),
        "connection_info": present(
            {
                "direction_id": _INBOUND,
                "protocol_name": protocol,
                "protocol_num": _PROTOCOLS.get(protocol),
                "protocol_ver_id": _IPV6 if ":" in event.src_ip else _IPV4,
                "uid": event.session,
            }
        ),
    }


def _close(event: Event, host: str) -> dict[str, Any]:
    traffic = {  # in and out of the source, which is the visitor
        "bytes_in": number(event, "sent"),
        "bytes_out": number(event, "received"),
        "bytes": transferred(event),
    }
    return {
        **_flow(event, host),
        "traffic": present(traffic),
        "duration": seconds(event, 1000),
        "status_detail": text(event, "reason"),
    }


def _login(event: Event, host: str) -> dict[str, Any]:
    protocol = text(event, "method") or text(event, "secret_kind")
    return {
        **_peers(event, host),
        "user": {"name": text(event, "principal") or "-"},
        "service": {"name": event.service or "-"},
        "auth_protocol": protocol,
        "auth_protocol_id": _OTHER if protocol else None,
        "logon_type_id": _NETWORK_LOGON,
        "is_remote": True,
    }


def _device(event: Event, host: str) -> dict[str, Any]:
    return present(
        {"type_id": _UNKNOWN_DEVICE, "hostname": host or event.decoy or "-", "ip": address(event.dst_ip)}
    )


def _actor(event: Event) -> dict[str, Any]:
    name = text(event, "user") or text(event, "principal")
    session = present({"uid": event.session})
    found = present({"user": present({"name": name}), "session": session})
    return found or {"app_name": event.service or "-"}


def _process(event: Event, host: str) -> dict[str, Any]:
    return {
        "device": _device(event, host),
        "actor": _actor(event),
        # no process runs, and a process has to have a uid: that of the event tells two commands apart
        "process": present({"uid": event.id or "-", "cmd_line": text(event, "command")}),
    }


def _file(event: Event, host: str) -> dict[str, Any]:
    path = text(event, "path")
    digest = text(event, "sha256")
    file = {
        "name": os.path.basename(path) or path or "-",  # noqa: PTH119
        "type_id": _REGULAR_FILE,
        "path": path,
        "size": number(event, "size"),
        "hashes": [{"algorithm_id": _SHA256, "value": digest}] if digest else [],
    }
    return {**_peers(event, host), "actor": _actor(event), "file": present(file)}


def _web(event: Event, host: str) -> dict[str, Any]:
    verb, (path, query) = method(event), url(event)
    asked = {
        "http_method": verb if verb in _METHODS else "",
        "version": text(event, "version"),
        "user_agent": text(event, "user_agent"),
        "length": number(event, "body_size"),
        "url": present({"path": path or "/", "query_string": query, "hostname": text(event, "host")}),
    }
    status = number(event, "status")
    answered = {"code": status, "length": number(event, "bytes")} if status is not None else {}
    return {**_flow(event, host), "http_request": present(asked), "http_response": present(answered)}


_BASE = _Class(0, _OTHER)
_CLASSES = {
    EventType.OPEN: _Class(4001, 1, _flow),
    EventType.CLOSE: _Class(4001, 2, _close),
    EventType.REQUEST: _Class(4001, 6, _flow),
    EventType.FINGERPRINT: _Class(4001, 6, _flow),
    EventType.SCAN: _Class(4001, _OTHER, _flow),
    EventType.AUTH: _Class(3002, 1, _login),
    EventType.COMMAND: _Class(1007, 1, _process),
    EventType.UPLOAD: _Class(6006, 1, _file),
    EventType.DOWNLOAD: _Class(6006, 2, _file),
}
"""Network Activity, Authentication, Process Activity, File Hosting Activity; anything else is a Base Event."""
_OF_A_PEER = frozenset(_CLASSES) - {EventType.COMMAND}
"""What cannot be told in its class without the address of who did it."""

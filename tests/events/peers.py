"""Whom a sink sends to, in one manner for all kinds: what can be away, killed and back, and knows what has come."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Protocol

from nats.js.errors import NotFoundError

from decnet.events.sinks import NatsSetting, Setting, StdoutSetting, WebhookSetting
from tests.events import certificates
from tests.events.nats_server import NatsServer
from tests.events.receivers import free_port, rsyslog
from tests.events.shipping import Log, syslog
from tests.events.test_webhook import Hook


class Peer(Protocol):
    """``away`` is what status says while it is."""

    setting: Setting
    away: str

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def numbers(self) -> list[int]:
        """Of all events that have come, in their order and as often as they came."""


class SyslogPeer:
    away = "Connection refused"

    def __init__(self, folder: Path, _: Log) -> None:
        self._server = rsyslog(folder, certificates.write(folder / "pem"))
        self.setting = syslog(*self._server.target("tcp"))

    def start(self) -> None:
        self._server.start()

    def kill(self) -> None:
        self._server.stop(signal.SIGKILL)

    def numbers(self) -> list[int]:
        found = [one["data"].get("number") for one in self._server.messages()]
        return [int(number) for number in found if number is not None]


class WebhookPeer:
    away = "Connection refused"

    def __init__(self, folder: Path, _: Log) -> None:
        self._pem = certificates.write(folder / "pem")
        self._port = free_port()
        self._servers: list[Hook] = []
        ca = (self._pem / "ca.pem").read_bytes()
        self.setting = WebhookSetting("127.0.0.1", self._port, "/in", timeout=3, ca=ca)

    def start(self) -> None:
        self._servers.append(Hook(self._port, self._pem))

    def kill(self) -> None:
        if self._servers:
            self._servers[-1].stop()

    def numbers(self) -> list[int]:
        found = [number for server in self._servers for number in server.kept]
        return [number for number in found if number is not None]


class NatsPeer:
    away = "Connection refused"

    def __init__(self, folder: Path, _: Log) -> None:
        self._server = NatsServer(folder)
        self.setting = NatsSetting("127.0.0.1", self._server.port, timeout=3)

    def start(self) -> None:
        self._server.start()

    def kill(self) -> None:
        self._server.stop(signal.SIGKILL)

    def numbers(self) -> list[int]:
        try:
            found = [event["data"].get("number") for _, _, event in self._server.stored()]
        except NotFoundError:  # nobody was there yet who makes the stream
            return []
        return [number for number in found if number is not None]


class StdoutPeer:
    """Who keeps the network in the foreground: a pipe that somebody reads."""

    away = "keeps the network in the foreground"
    setting = StdoutSetting()

    def __init__(self, _: Path, log: Log) -> None:
        self._log = log
        self._read = b""
        self._source = -1
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        self._source, target = os.pipe()
        self._log.shipper.lend(target)
        os.close(target)
        self._reader = threading.Thread(target=self._gather, args=[self._source], daemon=True)
        self._reader.start()

    def _gather(self, source: int) -> None:
        while chunk := os.read(source, 1 << 16):
            self._read += chunk
        os.close(source)

    def kill(self) -> None:
        """Its standard output ends with the shipper that had it: nobody lends one to the next."""

    def numbers(self) -> list[int]:
        found = [json.loads(line)["data"].get("number") for line in self._read.split(b"\n")[:-1]]
        return [number for number in found if number is not None]


PEERS = {"syslog": SyslogPeer, "webhook": WebhookPeer, "nats": NatsPeer, "stdout": StdoutPeer}

"""A log with a real shipper process at work on it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from decnet.events import Event, EventType, FileSink, now
from decnet.events.sinks import Setting, SinkBundle, SyslogSetting, Transport, kind_of
from decnet.shipper.protocol import Shipping
from decnet.spec.resources import Sink
from decnet.world import names, spawn
from decnet.world.shipping import SOCKET, Shipper

HOSTNAMES = {"web-01": "WEB-01.corp.example"}


def event(number: int = 0, decoy: str = "web-01", kind: EventType = EventType.COMMAND, **data: Any) -> Event:
    where = {
        "network": "lab", "decoy": decoy, "service": "ssh", "session": "s1", "src_ip": "198.51.100.9",
        "src_port": 4022, "dst_ip": "198.51.100.20", "dst_port": 22, "proto": "tcp",
    }  # fmt: skip
    return Event.of(kind, {"number": number, **data}, ts=now(), **where)


def syslog(host: str, port: int, transport: str = "tcp", **options: Any) -> SyslogSetting:
    return SyslogSetting(host, port, Transport(transport), **options)


class Log:
    """A network's events folder, a writer, and the shipper."""

    def __init__(self, path: Path) -> None:
        self.events = path / "events"
        self.events.mkdir()
        self.folder = os.open(self.events, os.O_RDONLY | os.O_DIRECTORY)
        self.sink = FileSink(self.folder)
        self.run = path / "run"
        self.shipper = Shipper("lab", self.run, self.events)

    def close(self) -> None:
        self.shipper.quit()
        self.sink.close()
        os.close(self.folder)

    def write(self, *events: Event) -> None:
        for one in events:
            self.sink.write(one)
        self.hand_over()

    def hand_over(self) -> None:
        """Files are those of the network's user, as if a decoy process had written them."""
        if os.geteuid() == 0:
            for path in self.events.iterdir():
                with contextlib.suppress(FileNotFoundError):  # a place that the shipper is just saving
                    os.chown(path, names.uid("lab"), -1)

    def ship(self, name: str, setting: Setting, hostnames: Mapping[str, str] = HOSTNAMES) -> Sink:
        content = msgspec.json.encode(SinkBundle(name, setting, hostnames))
        sink = Sink(name, kind_of(setting), setting.target, hashlib.sha256(content).hexdigest())
        self.shipper.serve(sink, content)
        return sink

    def status(self, name: str) -> Shipping:
        return next(sink for sink in self.shipper.running() if sink.name == name)

    def pid(self) -> int:
        connection = self.shipper._connect()
        assert connection is not None
        with connection:
            return spawn.peer(connection)

    def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.shipper.running()
            time.sleep(0.05)


__all__ = ["HOSTNAMES", "SOCKET", "Log", "event", "syslog"]

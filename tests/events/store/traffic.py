"""Events as decoys write them, many and always the same: sessions of attackers with log-ins, commands, uploads."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

from decnet.events import Event, EventType
from decnet.events.file import encode
from decnet.events.store.record import stamp

START = 1_790_000_000_000_000
"""Microseconds: the time of the first event."""


def identity(number: int, when: int, kind: int = 7) -> str:
    """A UUIDv7 of a time in microseconds that nobody else has."""
    text = f"{when // 1000:012x}7{kind:03x}8{number:015x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def events(
    count: int, *, attackers: int = 500, decoys: int = 200, step: int = 50_000, first: int = 0
) -> Iterator[Event]:
    """``count`` events, ``step`` microseconds apart; the numbers of others begin elsewhere."""
    draw = random.Random(first)
    number = first
    end = first + count
    while number < end:
        src = draw.randrange(attackers)
        decoy = draw.randrange(decoys)
        service = ("ssh", "http", "telnet", "smtp", "redis")[decoy % 5]
        session = identity(number, START + number * step, 1)
        port = draw.randrange(1024, 65536)
        for kind, data in _session(draw, service):
            if number >= end:
                return
            when = START + number * step
            yield Event(
                id=identity(number, when), ts=stamp(when), type=kind, network="lab", decoy=f"web-{decoy:03}",
                service=service, session=session, src_ip=f"198.51.{100 + src // 250}.{src % 250 + 1}", src_port=port,
                dst_ip=f"203.0.113.{decoy % 250 + 1}", dst_port=22, proto="tcp", data=data,
            )  # fmt: skip
            number += 1


def _session(draw: random.Random, service: str) -> Iterator[tuple[EventType, dict[str, object]]]:
    yield EventType.OPEN, {}
    for _ in range(draw.randrange(4)):
        secret = f"Summer{draw.randrange(2000)}"
        yield EventType.AUTH, {
            "principal": draw.choice(("root", "admin", "deploy")), "secret": secret, "secret_kind": "plaintext",
            "method": "password", "outcome": "accepted" if draw.random() < 0.1 else "refused",
        }  # fmt: skip
    for _ in range(draw.randrange(4)):
        yield (
            EventType.COMMAND,
            {"command": f"cat /etc/passwd | head -n {draw.randrange(50)}", "user": "root"},
        )
    if service == "smtp":
        mail = f"Subject: {draw.randrange(40)}\r\n\r\nHello\r\n"
        yield EventType.UPLOAD, {
            "path": "4Xy.eml", "sha256": hashlib.sha256(mail.encode()).hexdigest(), "size": len(mail),
            "content": mail.replace("\r\n", "\\r\\n"), "method": "smtp",
        }  # fmt: skip
    yield EventType.CLOSE, {"reason": "closed", "duration": 1.5, "received": 420, "sent": 1300}


def write(folder: Path, count: int, **options: int) -> None:
    """A log of so many events, in as few writes as may be."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.jsonl").open("ab") as file:
        os.fchmod(file.fileno(), 0o600)
        file.writelines(map(encode, events(count, **options)))

"""Reading the event log back: all that is kept, oldest first, and what comes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from decnet.events.file import NAME, rotated
from decnet.events.schema import Event

POLL_SECONDS = 0.2
_DECODER = msgspec.json.Decoder(Event)
_BEGIN = b'{"id":"'
"""How a line begins. Within a text of an event the quotes are escaped."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events to show; an empty tuple lets everything through."""

    decoys: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def passes(self, event: Event) -> bool:
        """Types match as a whole or by their first word (``connection``)."""
        if self.decoys and event.decoy not in self.decoys:
            return False
        return not self.types or any(event.type == t or event.type.startswith(f"{t}.") for t in self.types)


def read(folder: Path, chosen: Filter) -> Iterator[Event]:
    """Everything that is kept, oldest first. A torn line is passed over."""
    for file in _files(folder):
        with file.open("rb") as lines:
            for line in lines:
                if (event := decode(line)) and chosen.passes(event):
                    yield event


def follow(folder: Path, chosen: Filter, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Events as they are written from now on, across rotations, until ``stop`` says so."""
    source, rest = _open_at_end(folder), b""
    try:
        while not stop():
            chunk = source.read() if source else b""
            if not chunk:
                source, rest = _reopened(folder, source, rest)
                time.sleep(POLL_SECONDS)
                continue
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if (event := decode(line)) and chosen.passes(event):
                    yield event
    finally:
        if source:
            source.close()


def decode(line: bytes) -> Event | None:
    """An event from its line, or None when the line is none.

    Where a writer was cut short and another went on, the line is a torn event and a whole one: the whole one counts.
    """
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        start = line.rfind(_BEGIN)
    if start <= 0:
        return None
    try:
        return _DECODER.decode(line[start:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _files(folder: Path) -> list[Path]:
    numbers = [int(p.suffix[1:]) for p in folder.glob(f"{NAME}.*") if p.suffix[1:].isdigit()]
    return [
        folder / rotated(n) for n in (*sorted(numbers, reverse=True), 0) if (folder / rotated(n)).is_file()
    ]


def _open_at_end(folder: Path) -> BinaryIO | None:
    try:
        source = (folder / NAME).open("rb")
    except FileNotFoundError:
        return None
    source.seek(0, os.SEEK_END)
    return source


def _reopened(folder: Path, source: BinaryIO | None, rest: bytes) -> tuple[BinaryIO | None, bytes]:
    """The current file: the same one, or from its start the one that has taken its place."""
    try:
        if source and os.path.samestat(os.fstat(source.fileno()), (folder / NAME).stat()):
            return source, rest
        fresh = (folder / NAME).open("rb")
    except FileNotFoundError:
        return source, rest
    if source:
        source.close()
    return fresh, b""

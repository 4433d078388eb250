"""What the program printed, kept in memory for whoever tells of it: lines with their time, the oldest go first."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import NamedTuple

_LONGEST = 16 * 1024
"""Of a line that is longer each piece is an entry."""
_KEPT = 4 << 20
"""Bytes."""
_OVERHEAD = 200
"""Bytes that an entry takes beside its text."""


class Entry(NamedTuple):
    """A line, or a piece of one that was too long: then it has no end."""

    stamp: str
    stream: str
    text: bytes

    @property
    def message(self) -> bytes:
        """As an engine's log has it."""
        return self.stamp.encode() + b" " + self.text


class Lines:
    """The lines of one program. No two of them have one time."""

    def __init__(self) -> None:
        self._kept: deque[Entry] = deque()
        self._first = 0
        """Number of the first that is kept, counted from the first that there was."""
        self._bytes = 0
        self._partial = {"stdout": b"", "stderr": b""}
        self._last = 0
        self._more = asyncio.Event()

    def add(self, stream: str, data: bytes) -> None:
        """Take what was printed."""
        *whole, rest = (self._partial[stream] + data).split(b"\n")
        for line in whole:
            self._add(stream, line + b"\n")
        while len(rest) >= _LONGEST:
            self._append(stream, rest[:_LONGEST])
            rest = rest[_LONGEST:]
        self._partial[stream] = rest

    def flush(self) -> None:
        """The program has ended: what it printed last is a line, whether it ended it or not."""
        for stream, rest in self._partial.items():
            if rest:
                self._add(stream, rest + b"\n")
                self._partial[stream] = b""

    @property
    def last(self) -> str:
        """The last that it said, for a person."""
        text = next((one.text for one in reversed(self._kept) if one.text.strip()), b"")
        return text.strip().decode(errors="backslashreplace")

    def after(self, number: int) -> tuple[int, Entry] | None:
        """The first entry that has this number or a later one, and the number after it; None while there is none."""
        place = max(number, self._first) - self._first
        return (self._first + place + 1, self._kept[place]) if place < len(self._kept) else None

    async def wait(self) -> None:
        """Until there is one more."""
        self._more.clear()
        await self._more.wait()

    def _add(self, stream: str, line: bytes) -> None:
        for start in range(0, len(line), _LONGEST):
            self._append(stream, line[start : start + _LONGEST])

    def _append(self, stream: str, text: bytes) -> None:
        self._last = max(time.time_ns(), self._last + 1)
        seconds, rest = divmod(self._last, 1_000_000_000)
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"
        self._kept.append(Entry(stamp, stream, text))
        self._bytes += len(text) + _OVERHEAD
        while self._bytes > _KEPT:
            self._bytes -= len(self._kept.popleft().text) + _OVERHEAD
            self._first += 1
        self._more.set()

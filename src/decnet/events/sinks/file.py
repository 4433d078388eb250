"""A carrier to a further file on this host."""

from __future__ import annotations

import os
from collections.abc import Sequence

from decnet.events.file import FileSink, Rotation
from decnet.events.sinks.carrier import MOST_EVENTS, Encode
from decnet.events.sinks.setting import FileSetting


class FileCarrier:
    """Lines are on the disk before they count as sent. ``folder`` is closed with it."""

    settling = 0.0
    most = MOST_EVENTS

    def __init__(self, folder: int, name: str, setting: FileSetting, encode: Encode) -> None:
        rotation = Rotation(setting.rotate_bytes, setting.rotate_seconds, setting.keep)
        self._folder = folder
        self._sink = FileSink(folder, rotation, name)
        self._encode = encode

    def open(self) -> None:
        """Nothing to connect to."""

    def encode(self, line: bytes) -> bytes | None:
        """The event, and the end of its line."""
        found = self._encode(line)
        return None if found is None else found + b"\n"

    def send(self, batch: Sequence[bytes]) -> int:
        """Append, and wait for the disk."""
        for line in batch:
            self._sink.append(line)
        self._sink.sync()
        return 0

    def arrived(self, position: int) -> bool:  # noqa: ARG002 (what is appended has arrived)
        """Always."""
        return True

    def close(self) -> None:
        """Close the file, to open it again: it may have been removed."""
        self._sink.close()

    def __del__(self) -> None:
        os.close(self._folder)

"""How lines of the log leave: what every kind of sink has in common, and how each is made from its setting."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Protocol

from decnet.events.file import FileSink, Rotation
from decnet.events.sinks.setting import FileSetting, SinkBundle
from decnet.events.sinks.syslog import syslog_carrier


class Carrier(Protocol):
    """Takes lines to where they go. One thread uses it. Every method raises `OSError` when it cannot.

    ``settling`` is for how many seconds a line that has arrived is still not taken to be kept there: a server that dies
    takes with it what its kernel had received for it and it had not read.
    """

    settling: float

    def open(self) -> None:
        """Connect, or whatever it takes to begin."""

    def encode(self, line: bytes) -> bytes | None:
        """A line of the log as it is sent; None when it is no event."""

    def send(self, batch: Sequence[bytes]) -> int:
        """Send encoded lines; a position to ask `arrived` about. May block while nothing is taken; see `Stopped`."""

    def arrived(self, position: int) -> bool:
        """Whether everything up to a position is where it should be. Notices, too, that the other side has gone."""

    def close(self) -> None:
        """Hang up. Never raises."""


class FileCarrier:
    """A further file: lines as they are, on the disk before they count as sent."""

    settling = 0.0

    def __init__(self, folder: int, name: str, setting: FileSetting) -> None:
        rotation = Rotation(setting.rotate_bytes, setting.rotate_seconds, setting.keep)
        self._folder = folder
        self._sink = FileSink(folder, rotation, name)

    def open(self) -> None:
        """Nothing to connect to."""

    def encode(self, line: bytes) -> bytes | None:
        """The line as it is."""
        return line + b"\n"

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


def carrier(bundle: SinkBundle, descriptors: Sequence[int], stop: threading.Event) -> Carrier:
    """The carrier of a sink. ``descriptors``: for a file its open folder, which is duplicated.

    Raises:
        ValueError: a descriptor is missing.
        OSError: a certificate or key cannot be used.
    """
    setting = bundle.setting
    if isinstance(setting, FileSetting):
        if not descriptors:
            raise ValueError("the folder of the file is needed")
        return FileCarrier(os.dup(descriptors[0]), os.path.basename(setting.path), setting)  # noqa: PTH119
    return syslog_carrier(setting, bundle.hostnames, stop)

"""Where each sink is in the log, kept on disk: in the folder of the log itself, a file a sink."""

from __future__ import annotations

import contextlib
import os

import msgspec

from decnet.events.spool import Place

_LIMIT = 4096


def file_name(sink: str) -> str:
    """Name of the file that holds a sink's place."""
    return f"sink-{sink}.place"


def is_place(name: str) -> bool:
    """Whether a file of this name holds a place, or one that was about to be saved."""
    return name.startswith(("sink-", ".sink-")) and name.endswith((".place", ".place.new"))


def load(folder: int, sink: str) -> Place | None:
    """The place that was saved; None where there is none that can be read."""
    try:
        fd = os.open(
            file_name(sink), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder
        )
    except OSError:
        return None
    try:
        return msgspec.json.decode(os.pread(fd, _LIMIT, 0), type=Place)
    except (OSError, msgspec.DecodeError):
        return None
    finally:
        os.close(fd)


def save(folder: int, sink: str, place: Place) -> None:
    """Save a place: whole or not at all, whenever the machine stops. Raises `OSError`."""
    fresh = f".{file_name(sink)}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(fresh, flags, 0o600, dir_fd=folder)
    try:
        data = msgspec.json.encode(place)
        if os.write(fd, data) < len(data):
            raise OSError("the place was not written whole")
        os.fdatasync(fd)
    finally:
        os.close(fd)
    os.rename(fresh, file_name(sink), src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def forget(folder: int, sink: str) -> None:
    """Remove a place. Raises `OSError`."""
    for name in (file_name(sink), f".{file_name(sink)}.new"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)

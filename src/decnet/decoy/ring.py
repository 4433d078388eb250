"""Reads the ring that the kernel writes what an sshd does into (Documentation/bpf/ringbuf.rst)."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator

_BUSY, _DISCARD = 1 << 31, 1 << 30
_HEAD = 8


class Ring:
    """A ring of ``size`` bytes by its descriptor; ``owned`` are descriptors to be closed with it.

    The consumer's position is a page that we write, the producer's one that the kernel writes; after that the ring is
    there twice, so that no record is ever in two pieces.
    """

    def __init__(self, fd: int, size: int, owned: tuple[int, ...] = ()) -> None:
        self._size, self._fd, self._owned = size, fd, owned
        self._ours = mmap.mmap(fd, mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        length = mmap.PAGESIZE + 2 * size
        self._theirs = mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=mmap.PAGESIZE)

    def fileno(self) -> int:
        """Readable when there is something."""
        return self._fd

    def take(self, most: int) -> Iterator[bytes]:
        """At most so many records, the oldest first."""
        (at,) = struct.unpack_from("<Q", self._ours, 0)
        for _ in range(most):
            (end,) = struct.unpack_from("<Q", self._theirs, 0)
            if at >= end:
                return
            place = mmap.PAGESIZE + (at & (self._size - 1))
            (length,) = struct.unpack_from("<I", self._theirs, place)
            if length & _BUSY:
                return
            size = length & ~_DISCARD
            record = self._theirs[place + _HEAD : place + _HEAD + size]
            at += _HEAD + (size + 7 & ~7)
            struct.pack_into("<Q", self._ours, 0, at)
            if not length & _DISCARD:
                yield record

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()
        for fd in (self._fd, *self._owned):
            os.close(fd)

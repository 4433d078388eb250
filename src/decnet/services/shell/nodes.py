"""Inodes of the pretended file system, and the one rule of copy-on-write: a shared node is never changed."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from decnet.draw import Draw

_inodes = count(131_072)


@dataclass(slots=True)
class Node:
    """One inode.

    ``mode`` has type and permission bits. ``data`` is a file's content, or a function that makes it at each read
    (/proc, logs), or None for a file of ``size`` bytes whose content is made up from its name. ``children`` is a
    directory's, or a function that makes them. ``mtime`` is Unix time; a negative one counts seconds after the
    machine's installation. A ``shared`` node belongs to the tree of a distro family and all its machines.
    """

    mode: int
    uid: int = 0
    gid: int = 0
    mtime: float = 0
    size: int = 0
    data: bytearray | bytes | Callable[[], bytes] | None = None
    children: dict[str, Node] | Callable[[], dict[str, Node]] | None = None
    target: str = ""
    device: tuple[int, int] = (0, 0)
    shared: bool = False
    inode: int = field(default_factory=lambda: next(_inodes))
    links: int = 1

    @property
    def is_dir(self) -> bool:
        """It has names in it."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """It is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_file(self) -> bool:
        """It is a regular file."""
        return stat.S_ISREG(self.mode)

    def names(self) -> dict[str, Node]:
        """A directory's entries; not to be changed by the caller."""
        if callable(self.children):
            return self.children()
        return self.children if self.children is not None else {}

    def length(self) -> int:
        """``st_size``."""
        if self.is_link:
            return len(self.target)
        if self.is_dir:
            return 0 if callable(self.children) else 4096
        if self.data is None or callable(self.data):
            return self.size
        return len(self.data)

    def private(self) -> Node:
        """A copy of a shared node that may be changed."""
        children = dict(self.children) if isinstance(self.children, dict) else self.children
        return Node(
            self.mode,
            self.uid,
            self.gid,
            self.mtime,
            self.size,
            self.data,
            children,
            self.target,
            self.device,
            shared=False,
            inode=self.inode,
        )


class Stat(NamedTuple):
    """What stat(2) tells. ``kind`` and permissions are in ``mode``; times are Unix seconds."""

    mode: int
    uid: int
    gid: int
    size: int
    mtime: float
    inode: int
    links: int
    device: tuple[int, int]


def directory(mode: int = 0o755, *, mtime: float = -60) -> Node:
    """An empty directory of root's."""
    return Node(stat.S_IFDIR | mode, mtime=mtime, children={})


def regular(
    data: bytes | Callable[[], bytes], mode: int = 0o644, *, mtime: float = -60, size: int = 0
) -> Node:
    """A file of root's."""
    return Node(stat.S_IFREG | mode, mtime=mtime, data=data, size=size)


def symlink(target: str, *, mtime: float = -60) -> Node:
    """A symbolic link."""
    return Node(stat.S_IFLNK | 0o777, mtime=mtime, target=target)


def filler(name: str, size: int) -> bytes:
    """The content of a file that is only listed: a program starts as an x86-64 ELF image (gABI 4.1), the rest is noise."""
    head = b""
    if size > 4096 and "." not in name.removesuffix(".so").split(".so.")[0]:
        head = bytes.fromhex("7f454c46020101000000000000000000 03003e0001000000".replace(" ", ""))
    block = Draw(name.encode(), "filler").bytes(64) * 64
    return (head + block * (size // len(block) + 1))[:size]

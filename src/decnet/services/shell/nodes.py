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


_TEXT = (
    ".conf",
    ".cfg",
    ".sh",
    ".py",
    ".pl",
    ".txt",
    ".list",
    ".rules",
    ".service",
    ".timer",
    ".target",
    ".md",
    ".html",
)


def filler(path: str, size: int) -> bytes:
    """The content of a file that is only listed, a function of its path.

    A program starts as an x86-64 ELF image (gABI 4.1); what is text by its place or name is comments; the rest is noise.
    """
    name = path.rpartition("/")[2]
    if path.startswith("/etc/") or name.startswith(".") or name.endswith(_TEXT):
        head = f"# {name.lstrip('.')}\n#\n# See {name.lstrip('.').partition('.')[0]}(5) for what may stand here.\n#\n".encode()
        return (head + b"#\n" * (size // 2))[: max(0, size - 1)] + b"\n" * bool(size)
    image = b""
    if size > 4096 and "." not in name.removesuffix(".so").split(".so.")[0]:
        image = bytes.fromhex("7f454c4602010100000000000000000003003e0001000000")
    block = Draw(name.encode(), "filler").bytes(64) * 64
    return (image + block * (size // len(block) + 1))[:size]

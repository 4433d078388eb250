# ruff: noqa: C901, PLR0912 (a grammar has as many branches as rules)
"""The pretended file system of one machine: POSIX semantics, permission checks, bounded, copy-on-write over a shared tree."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from decnet.services.shell.nodes import Node, Stat, directory, filler, symlink

MAX_BYTES = 4 << 20
"""Bytes attackers may leave on one machine."""
MAX_NODES = 4096
"""Files and directories attackers may add to one machine."""
MAX_NAME = 255
MAX_PATH = 4096
MAX_LINKS = 40
MAX_DEPTH = 200
"""Directories below one another; the kernel has no such limit, a walk has."""

__all__ = ["Credentials", "FileSystem", "Node", "OpenFile", "Stat"]


class Credentials(NamedTuple):
    """Who asks: user name, user id, primary group and all groups."""

    name: str
    uid: int
    gid: int
    groups: frozenset[int] = frozenset()


def fail(number: int, path: str) -> OSError:
    """The error the kernel would give for this errno."""
    return OSError(number, os.strerror(number), path)


def split(path: str) -> list[str]:
    """The names in a path, without empty ones and single dots."""
    return [name for name in path.split("/") if name and name != "."]


def may(who: Credentials, node: Node, want: int) -> bool:
    """Whether the permission bits ``want`` (4 read, 2 write, 1 execute) are granted (path_resolution(7))."""
    if who.uid == 0:
        return want != 1 or node.is_dir or bool(node.mode & 0o111)
    if node.uid == who.uid:
        bits = node.mode >> 6
    elif node.gid == who.gid or node.gid in who.groups:
        bits = node.mode >> 3
    else:
        bits = node.mode
    return bits & want == want


class FileSystem:
    """All operations take who asks and an absolute path, and raise `OSError` with the errno of the real system call."""

    def __init__(
        self, root: Node, clock: Callable[[], float], installed: float, max_bytes: int = MAX_BYTES
    ) -> None:
        self.root = root.private()
        self.clock = clock
        self.installed = installed
        self.used = 0
        self.added = 0
        self._max_bytes = max_bytes

    # Looking

    def lookup(self, who: Credentials, path: str, *, follow: bool = True) -> Node:
        """The node at a path."""
        _, node = self._resolve(who, path, follow=follow)
        if node is None:
            raise fail(errno.ENOENT, path)
        return node

    def real(self, who: Credentials, path: str, *, strict: bool = True) -> str:
        """The path with every symbolic link followed; with ``strict`` it must exist."""
        names, node = self._resolve(who, path, follow=True)
        if node is None and strict:
            raise fail(errno.ENOENT, path)
        return "/" + "/".join(names)

    def stat(self, who: Credentials, path: str, *, follow: bool = True) -> Stat:
        """What the kernel knows of a file; of the link itself without ``follow`` (stat(2))."""
        return self.describe(self.lookup(who, path, follow=follow))

    def describe(self, node: Node) -> Stat:
        """What stat(2) tells of a node."""
        links = node.links
        if node.is_dir and not callable(node.children):
            links = 2 + sum(child.is_dir for child in node.names().values())
        return Stat(
            node.mode, node.uid, node.gid, node.length(), self.modified(node), node.inode, links, node.device
        )

    def modified(self, node: Node) -> float:
        """Time of the last change, Unix seconds."""
        if node.mtime > 0:
            return node.mtime
        return self.installed - node.mtime if node.mtime else self.clock()

    def exists(self, who: Credentials, path: str, *, follow: bool = True) -> bool:
        """Whether the path leads somewhere."""
        try:
            self.lookup(who, path, follow=follow)
        except OSError:
            return False
        return True

    def listdir(self, who: Credentials, path: str) -> list[str]:
        """Names in a directory, sorted, without dots."""
        return sorted(self.entries(who, path))

    def entries(self, who: Credentials, path: str) -> dict[str, Node]:
        """Names and nodes of a directory."""
        node = self.lookup(who, path)
        if not node.is_dir:
            raise fail(errno.ENOTDIR, path)
        if not may(who, node, 4):
            raise fail(errno.EACCES, path)
        return node.names()

    def access(self, who: Credentials, path: str, want: int) -> bool:
        """Whether the user may (access(2)): 4 read, 2 write, 1 execute; 0 is existence."""
        try:
            node = self.lookup(who, path)
        except OSError:
            return False
        return may(who, node, want)

    def readlink(self, who: Credentials, path: str) -> str:
        """Where a symbolic link points."""
        node = self.lookup(who, path, follow=False)
        if not node.is_link:
            raise fail(errno.EINVAL, path)
        return node.target

    # Content

    def read(self, who: Credentials, path: str) -> bytes:
        """A file's whole content."""
        node = self.lookup(who, path)
        if node.is_dir:
            raise fail(errno.EISDIR, path)
        if not may(who, node, 4):
            raise fail(errno.EACCES, path)
        return self.content(node, path)

    def content(self, node: Node, path: str) -> bytes:
        """The bytes of a regular file, made now where they are made up."""
        if callable(node.data):
            return node.data()
        if node.data is None:
            return filler("/" + "/".join(split(path)), node.size)
        return bytes(node.data)

    def write(
        self, who: Credentials, path: str, data: bytes, *, append: bool = False, mode: int = 0o644
    ) -> None:
        """Make or replace (or extend) a file."""
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
        self.open(who, path, flags, mode).write(data)

    def open(self, who: Credentials, path: str, flags: int, mode: int = 0o644) -> OpenFile:
        """Open of a regular file or device: ``flags`` are those of `os`, ``mode`` with the umask taken off."""
        names, node = self._resolve(who, path, follow=not flags & os.O_NOFOLLOW)
        want = {os.O_RDONLY: 4, os.O_WRONLY: 2}.get(flags & os.O_ACCMODE, 6)
        if node is None:
            if not flags & os.O_CREAT:
                raise fail(errno.ENOENT, path)
            node = Node(stat.S_IFREG | mode, data=bytearray(), mtime=self.clock())
            self._attach(who, names, node, path)
        elif flags & os.O_CREAT and flags & os.O_EXCL:
            raise fail(errno.EEXIST, path)
        elif node.is_dir and want & 2:
            raise fail(errno.EISDIR, path)
        elif node.is_link:
            raise fail(errno.ELOOP, path)
        elif not may(who, node, want):
            raise fail(errno.EACCES, path)
        elif want & 2 and node.is_file:
            node = self._writable(names, node, path, keep=not flags & os.O_TRUNC)
        return OpenFile(self, node, names, append=bool(flags & os.O_APPEND))

    def _writable(self, names: list[str], node: Node, path: str, *, keep: bool) -> Node:
        if callable(node.data) and names[:1] in (["proc"], ["sys"]):
            raise fail(errno.EACCES, path)
        owned = self._own(names)
        if not isinstance(owned.data, bytearray) or not keep:
            content = self.content(node, path) if keep else b""
            before = len(owned.data) if isinstance(owned.data, bytearray) else 0
            self.charge(len(content) - before)
            owned.data = bytearray(content)
            owned.mtime = self.clock()
        return owned

    def charge(self, count: int) -> None:
        """Take that many bytes of the disk, or give them back."""
        if count > 0 and self.used + count > self._max_bytes:
            raise fail(errno.ENOSPC, "")
        self.used = max(0, self.used + count)

    # Changing names

    def mkdir(self, who: Credentials, path: str, mode: int = 0o755) -> None:
        """Make a directory."""
        names, node = self._resolve(who, path, follow=False)
        if node is not None:
            raise fail(errno.EEXIST, path)
        self._attach(who, names, directory(mode, mtime=self.clock()), path)

    def symlink(self, who: Credentials, target: str, path: str) -> None:
        """Make ``path`` a link to ``target``."""
        names, node = self._resolve(who, path, follow=False)
        if node is not None:
            raise fail(errno.EEXIST, path)
        self._attach(who, names, symlink(target[:MAX_PATH], mtime=self.clock()), path)

    def link(self, who: Credentials, source: str, path: str) -> None:
        """Make a second name for a file."""
        names, node = self._resolve(who, path, follow=False)
        if node is not None:
            raise fail(errno.EEXIST, path)
        origin, found = self._resolve(who, source, follow=False)
        if found is None:
            raise fail(errno.ENOENT, source)
        if found.is_dir:
            raise fail(errno.EPERM, path)
        owned = self._own(origin)
        uid, gid = owned.uid, owned.gid
        self._attach(who, names, owned, path)
        owned.uid, owned.gid = uid, gid
        owned.links += 1

    def mknod(self, who: Credentials, path: str, mode: int) -> None:
        """A named pipe or another special file."""
        names, node = self._resolve(who, path, follow=False)
        if node is not None:
            raise fail(errno.EEXIST, path)
        self._attach(who, names, Node(mode, mtime=self.clock()), path)

    def unlink(self, who: Credentials, path: str) -> None:
        """Remove a file or link."""
        names, node = self._resolve(who, path, follow=False)
        if node is None:
            raise fail(errno.ENOENT, path)
        if node.is_dir:
            raise fail(errno.EISDIR, path)
        self._detach(who, names, path)

    def rmdir(self, who: Credentials, path: str) -> None:
        """Remove an empty directory."""
        names, node = self._resolve(who, path, follow=False)
        if node is None:
            raise fail(errno.ENOENT, path)
        if not node.is_dir:
            raise fail(errno.ENOTDIR, path)
        if node.names():
            raise fail(errno.ENOTEMPTY, path)
        self._detach(who, names, path)

    def rename(self, who: Credentials, source: str, path: str) -> None:
        """Give a file or directory another name."""
        origin, node = self._resolve(who, source, follow=False)
        if node is None:
            raise fail(errno.ENOENT, source)
        names, there = self._resolve(who, path, follow=False)
        if names == origin:
            return
        if names[: len(origin)] == origin:
            raise fail(errno.EINVAL, path)
        if there is not None:
            self._replaceable(node, there, path)
        self._own_parent(who, names, path)
        moved = self._own(origin)
        self._detach(who, origin, source, release=False)
        if there is not None:
            self._detach(who, names, path)
        parent = self._own(names[:-1])
        self._children(parent, path)[names[-1]] = moved
        parent.mtime = self.clock()

    @staticmethod
    def _replaceable(node: Node, there: Node, path: str) -> None:
        if there.is_dir and not node.is_dir:
            raise fail(errno.EISDIR, path)
        if node.is_dir and not there.is_dir:
            raise fail(errno.ENOTDIR, path)
        if there.is_dir and there.names():
            raise fail(errno.ENOTEMPTY, path)

    # Changing attributes

    def chmod(self, who: Credentials, path: str, mode: int) -> None:
        """Set the permission bits to those of ``mode``."""
        node = self._mine(who, path)
        node.mode = stat.S_IFMT(node.mode) | mode & 0o7777

    def chown(self, who: Credentials, path: str, uid: int, gid: int, *, follow: bool = True) -> None:
        """Give to another owner and group; -1 leaves an id as it is."""
        names, node = self._resolve(who, path, follow=follow)
        if node is None:
            raise fail(errno.ENOENT, path)
        allowed = gid in (-1, who.gid) or gid in who.groups
        if who.uid and (node.uid != who.uid or uid not in (-1, who.uid) or not allowed):
            raise fail(errno.EPERM, path)
        node = self._own(names)
        node.uid = node.uid if uid < 0 else uid
        node.gid = node.gid if gid < 0 else gid

    def utime(self, who: Credentials, path: str, mtime: float) -> None:
        """Set the time of the last change."""
        names, node = self._resolve(who, path, follow=True)
        if node is None:
            raise fail(errno.ENOENT, path)
        if who.uid not in (0, node.uid) and not may(who, node, 2):
            raise fail(errno.EACCES, path)
        self._own(names).mtime = max(mtime, 1)

    def truncate(self, who: Credentials, path: str, size: int) -> None:
        """Cut or stretch a file."""
        self.open(who, path, os.O_WRONLY).truncate(size)

    # Below

    def _mine(self, who: Credentials, path: str) -> Node:
        names, node = self._resolve(who, path, follow=True)
        if node is None:
            raise fail(errno.ENOENT, path)
        if who.uid not in (0, node.uid):
            raise fail(errno.EPERM, path)
        return self._own(names)

    def _resolve(self, who: Credentials, path: str, *, follow: bool) -> tuple[list[str], Node | None]:
        """The canonical names of a path and its node; None where only the last name is missing."""
        if len(path) > MAX_PATH:
            raise fail(errno.ENAMETOOLONG, path)
        if not path:
            raise fail(errno.ENOENT, path)
        todo = split(path)[::-1]
        names: list[str] = []
        trail = [self.root]
        links = 0
        while todo:
            name = todo.pop()
            here = trail[-1]
            if not here.is_dir:
                raise fail(errno.ENOTDIR, path)
            if not may(who, here, 1):
                raise fail(errno.EACCES, path)
            if name == "..":
                if names:
                    names.pop()
                    trail.pop()
                continue
            if len(name) > MAX_NAME:
                raise fail(errno.ENAMETOOLONG, path)
            child = here.names().get(name)
            if child is None:
                if todo:
                    raise fail(errno.ENOENT, path)
                return [*names, name], None
            if child.is_link and (todo or follow or path.endswith("/")):
                links += 1
                if links > MAX_LINKS:
                    raise fail(errno.ELOOP, path)
                if child.target.startswith("/"):
                    names, trail = [], [self.root]
                todo += split(child.target)[::-1]
                continue
            names.append(name)
            trail.append(child)
        if path.endswith("/") and not trail[-1].is_dir:
            raise fail(errno.ENOTDIR, path)
        return names, trail[-1]

    def _own(self, names: list[str]) -> Node:
        """The node at canonical names, it and every directory above it private to this machine."""
        node = self.root
        for name in names:
            children = node.names()
            child = children[name]
            if child.shared:
                child = child.private()
                children[name] = child
            node = child
        return node

    def _children(self, node: Node, path: str) -> dict[str, Node]:
        if not isinstance(node.children, dict):
            raise fail(errno.EACCES if node.is_dir else errno.ENOTDIR, path)
        return node.children

    def _own_parent(self, who: Credentials, names: list[str], path: str) -> Node:
        if not names:
            raise fail(errno.EBUSY, path)
        parent = self._own(names[:-1])
        if not may(who, parent, 3):
            raise fail(errno.EACCES, path)
        self._children(parent, path)
        return parent

    def _attach(self, who: Credentials, names: list[str], node: Node, path: str) -> None:
        parent = self._own_parent(who, names, path)
        if self.added >= MAX_NODES or len(names) > MAX_DEPTH:
            raise fail(errno.ENOSPC, path)
        node.uid, node.gid = who.uid, parent.gid if parent.mode & stat.S_ISGID else who.gid
        self._children(parent, path)[names[-1]] = node
        parent.mtime = self.clock()
        self.added += 1

    def _detach(self, who: Credentials, names: list[str], path: str, *, release: bool = True) -> None:
        parent = self._own_parent(who, names, path)
        node = parent.names()[names[-1]]
        sticky = parent.mode & stat.S_ISVTX and who.uid not in (0, parent.uid, node.uid)
        if sticky:
            raise fail(errno.EPERM, path)
        del self._children(parent, path)[names[-1]]
        parent.mtime = self.clock()
        if release:
            node.links -= 1
            self.added = max(0, self.added - 1)
            if isinstance(node.data, bytearray) and not node.links:
                self.charge(-len(node.data))


class OpenFile:
    """An open file: reads and writes at a position (``at`` for pread and pwrite, which do not move it)."""

    __slots__ = ("_append", "_fs", "name", "node", "position")

    def __init__(self, fs: FileSystem, node: Node, names: list[str], *, append: bool) -> None:
        self._fs = fs
        self.node = node
        self.name = names[-1] if names else ""
        self._append = append
        self.position = 0

    def stat(self) -> Stat:
        """What the kernel knows of the open file."""
        return self._fs.describe(self.node)

    def read(self, limit: int, at: int | None = None) -> bytes:
        """Up to ``limit`` bytes."""
        start = self.position if at is None else at
        data = self.node.data
        whole = data if isinstance(data, (bytes, bytearray)) else self._fs.content(self.node, self.name)
        taken = bytes(whole[start : start + max(0, limit)])
        if at is None:
            self.position += len(taken)
        return taken

    def write(self, data: bytes, at: int | None = None) -> int:
        """Write all of it; raises ENOSPC past the machine's bound."""
        content = self.node.data
        if not isinstance(content, bytearray):
            return len(data)
        start = self.position if at is None else at
        if self._append:
            start = len(content)
        end = start + len(data)
        self._fs.charge(max(0, end - len(content)))
        if start > len(content):
            content.extend(bytes(start - len(content)))
        content[start:end] = data
        self.node.mtime = self._fs.clock()
        if at is None:
            self.position = end
        return len(data)

    def truncate(self, size: int) -> None:
        """Cut or stretch the open file."""
        content = self.node.data
        if not isinstance(content, bytearray):
            return
        self._fs.charge(size - len(content))
        if size < len(content):
            del content[size:]
        else:
            content.extend(bytes(size - len(content)))
        self.node.mtime = self._fs.clock()

"""What the distributions of one family share: their shell's voice, their tree of files, their daemons."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import decnet
from decnet.services.shell.nodes import Node

DATA = Path(decnet.__file__).parent / "templates" / "shell"
TREE_SUFFIX = ".tree"


@dataclass(frozen=True, slots=True)
class Daemon:
    """A program that runs from boot on: its user, memory in KiB, state and command line; ``[name]`` is a kernel thread."""

    pid: int
    parent: int
    user: str
    vsz: int
    rss: int
    state: str
    command: str


@dataclass(frozen=True, slots=True)
class Family:
    """``voice`` is what error messages are signed with by the shell; ``ash`` marks busybox's shell and tools."""

    name: str
    kernel: str
    build: str
    shell: str
    ash: bool
    packages: str
    """``dpkg``, ``rpm``, ``apk``, ``pacman``."""
    systemd: bool


FAMILIES = {
    "debian": Family(
        "debian",
        "6.1.0-26-amd64",
        "#1 SMP PREEMPT_DYNAMIC Debian 6.1.112-1 (2024-09-30)",
        "/bin/bash",
        ash=False,
        packages="dpkg",
        systemd=True,
    ),
    "rhel": Family(
        "rhel",
        "5.14.0-427.13.1.el9_4.x86_64",
        "#1 SMP PREEMPT_DYNAMIC Wed May 1 19:11:28 UTC 2024",
        "/bin/bash",
        ash=False,
        packages="rpm",
        systemd=True,
    ),
    "alpine": Family(
        "alpine",
        "6.6.41-0-lts",
        "#1-Alpine SMP PREEMPT_DYNAMIC 2024-07-18 13:00:13",
        "/bin/ash",
        ash=True,
        packages="apk",
        systemd=False,
    ),
    "arch": Family(
        "arch",
        "6.10.10-arch1-1",
        "#1 SMP PREEMPT_DYNAMIC Thu, 12 Sep 2024 17:21:02 +0000",
        "/bin/bash",
        ash=False,
        packages="pacman",
        systemd=True,
    ),
}
SLUGS = {
    "rocky": "rhel",
    "centos": "rhel",
    "fedora": "rhel",
    "amazon": "rhel",
    "opensuse": "rhel",
    "alma": "rhel",
    "rhel": "rhel",
    "alpine": "alpine",
    "arch": "arch",
}
"""Distro slugs by their beginning; every other one is of Debian's family."""


def family_of(distro: str) -> Family:
    """The family of a distro slug."""
    slug = distro.rstrip("0123456789.")
    return FAMILIES[SLUGS.get(slug, "debian")]


def _load() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(DATA.glob("*.*")) if path.is_file()}


def _load_files(folder: Path) -> dict[str, bytes]:
    return {
        "/" + str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


_TEXTS = _load()
_FILES = {name: _load_files(DATA / "rootfs" / name) for name in ("common", *FAMILIES)}
"""Read at import: a process that serves attackers can open no file later."""


def text(name: str) -> str:
    """A data file of templates/shell by name; empty where there is none."""
    return _TEXTS.get(name, "")


@cache
def daemons(family: str) -> tuple[Daemon, ...]:
    """What runs on such a machine, in order of process id."""
    rows = (line.split(None, 6) for line in text(f"{family}.ps").splitlines() if line and line[0] != "#")
    return tuple(
        Daemon(int(pid), int(parent), user, int(vsz), int(rss), state, command)
        for pid, parent, user, vsz, rss, state, command in rows
    )


@cache
def tree(family: str) -> Node:
    """The root directory of a freshly installed machine of this family: shared nodes, not to be changed."""
    root = Node(stat.S_IFDIR | 0o755, mtime=-1, children={}, shared=True)
    where = root
    for line in text(f"{family}{TREE_SUFFIX}").splitlines():
        if line.startswith("/"):
            path, *bits = line.split()
            where = _directory(root, path, bits)
        elif line:
            name, *bits = line.split()
            assert isinstance(where.children, dict)  # noqa: S101 (made three lines above)
            where.children[name] = _entry(name, bits)
    for files in (_FILES["common"], _FILES[family]):
        for path, data in files.items():
            folder, _, name = path.rpartition("/")
            children = _directory(root, folder, []).children
            assert isinstance(children, dict)  # noqa: S101 (a directory of ours)
            mode = 0o755 if data.startswith(b"#!") else 0o644
            old = children.get(name)
            old = old if old is not None and old.is_file else None
            children[name] = Node(
                old.mode if old else stat.S_IFREG | mode,
                old.uid if old else 0,
                old.gid if old else 0,
                old.mtime if old else -120.0,
                data=data,
                shared=True,
            )
    return root


def _directory(root: Node, path: str, bits: list[str]) -> Node:
    node = root
    for name in path.split("/"):
        if not name:
            continue
        assert isinstance(node.children, dict)  # noqa: S101 (the tree file lists directories only)
        if name not in node.children:
            node.children[name] = Node(stat.S_IFDIR | 0o755, mtime=-30, children={}, shared=True)
        node = node.children[name]
    if bits:
        node.mode = stat.S_IFDIR | int(bits[0], 8)
    if len(bits) == 3:
        node.uid, node.gid = int(bits[1]), int(bits[2])
    return node


def _entry(name: str, bits: list[str]) -> Node:
    """``> target`` is a link; ``c|b mode uid gid major minor`` a device; otherwise ``size [mode [uid gid [mtime]]]``."""
    if bits[0] == ">":
        return Node(stat.S_IFLNK | 0o777, mtime=-20, target=bits[1], shared=True)
    if bits[0] in ("c", "b"):
        kind = stat.S_IFCHR if bits[0] == "c" else stat.S_IFBLK
        mode, uid, gid, major, minor = bits[1:6]
        return Node(
            kind | int(mode, 8), int(uid), int(gid), -300, device=(int(major), int(minor)), shared=True
        )
    permissions = int(bits[1], 8) if len(bits) > 1 else 0o644
    owner, group = (int(bits[2]), int(bits[3])) if len(bits) > 3 else (0, 0)
    mtime = float(bits[4]) if len(bits) > 4 else -45.0 - len(name)
    return Node(stat.S_IFREG | permissions, owner, group, mtime, int(bits[0]), shared=True)


for _family in FAMILIES:
    daemons(_family)

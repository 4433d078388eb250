"""Users and groups of the pretended machine, as its /etc/passwd, /etc/group and /etc/shadow say now."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple


class User(NamedTuple):
    """One line of passwd(5)."""

    name: str
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str

    def line(self) -> str:
        """The line as passwd(5) has it."""
        return f"{self.name}:x:{self.uid}:{self.gid}:{self.gecos}:{self.home}:{self.shell}"


class Group(NamedTuple):
    """One line of group(5)."""

    name: str
    gid: int
    members: tuple[str, ...]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 else None


@lru_cache(maxsize=64)
def parse_users(data: bytes) -> Mapping[str, User]:
    """The users of a passwd file by name; lines that are none are left out."""
    users: dict[str, User] = {}
    for line in data[: 1 << 18].decode("utf-8", "replace").splitlines():
        parts = line.split(":")
        if len(parts) != 7:
            continue
        uid, gid = _number(parts[2]), _number(parts[3])
        if uid is not None and gid is not None and parts[0]:
            users.setdefault(parts[0], User(parts[0], uid, gid, parts[4], parts[5], parts[6]))
    return MappingProxyType(users)


@lru_cache(maxsize=64)
def parse_groups(data: bytes) -> Mapping[str, Group]:
    """The groups of a group file by name."""
    groups: dict[str, Group] = {}
    for line in data[: 1 << 18].decode("utf-8", "replace").splitlines():
        parts = line.split(":")
        gid = _number(parts[2]) if len(parts) == 4 else None
        if gid is not None and parts[0]:
            groups.setdefault(parts[0], Group(parts[0], gid, tuple(m for m in parts[3].split(",") if m)))
    return MappingProxyType(groups)

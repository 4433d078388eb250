"""Accounts that a machine lets in: written in the file as ``name:password``, or a believable weak set of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from decnet.draw import Draw
from decnet.services.host import Host

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
"""What useradd(8) takes, and the upper case and dots that directory services add."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A user and the password that lets it in. Written ``name:password``; the password may hold further colons."""

    name: str
    password: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Credential:
        """A credential from ``name:password``. Raises `ValueError` that says what is missing."""
        name, colon, password = text.partition(":")
        if not colon:
            raise ValueError(f"expected name:password, not {text!r}")
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is no user name: a letter, then letters, digits, '.', '_', '-' (up to 32)"
            )
        if not password:
            raise ValueError(f"the password of {name!r} is empty: write {name}:password")
        if not password.isprintable():
            raise ValueError(f"the password of {name!r} holds a control character")
        return cls(name, password)

    def __str__(self) -> str:
        return f"{self.name}:{self.password}"


PEOPLE = (
    "james",
    "maria",
    "pkumar",
    "tom",
    "anna",
    "dlee",
    "sarah",
    "mike",
    "jsmith",
    "kwilson",
    "lukas",
    "nina",
)
ROLES = (
    "admin",
    "deploy",
    "backup",
    "ansible",
    "monitor",
    "support",
    "dev",
    "operator",
    "svc_backup",
    "sysadmin",
)
CLOUD = {
    "debian": "debian",
    "ubuntu": "ubuntu",
    "rocky": "rocky",
    "centos": "centos",
    "alpine": "alpine",
    "fedora": "fedora",
    "kali": "kali",
    "arch": "arch",
    "amazon": "ec2-user",
    "raspbian": "pi",
}
"""The first user that an image of the distro brings along."""
COMMON = (
    "123456",
    "password",
    "admin123",
    "changeme",
    "P@ssw0rd",
    "qwerty123",
    "letmein",
    "1q2w3e4r",
    "welcome1",
)
SEASONS = ("Spring", "Summer", "Autumn", "Winter")


def weak_accounts(host: Host) -> tuple[Credential, ...]:
    """Two or three accounts that a guesser finds sooner or later; each host has its own set.

    The same host (seed and name) gives the same set to each of its services. The first is the one with most rights.
    """
    draw = host.choices.child("accounts")
    leader = "root" if draw.chance(0.6) else draw.pick(ROLES)
    pool = [name for name in (draw.pick(ROLES), draw.pick(PEOPLE), _image_user(host, draw)) if name != leader]
    names = [leader, *dict.fromkeys(draw.sample(pool, draw.integer(1, 2)))]
    return tuple(Credential(name, _weak_password(name, host, draw)) for name in names)


def _image_user(host: Host, draw: Draw) -> str:
    slug = host.distro.name.rstrip("0123456789") if host.distro else ""
    return CLOUD.get(slug) or draw.pick(PEOPLE)


def _weak_password(name: str, host: Host, draw: Draw) -> str:
    released = int(host.distro.released[:4]) if host.distro else 0
    year = max(released, 2021) + draw.integer(0, 2)
    end = draw.pick(("", "!", "#", "1", "!!", "123", "*", "@"))
    word = re.sub(r"[^a-z]", "", host.hostname.lower()) or name
    shapes = (
        f"{name}{draw.integer(1, 999)}",
        f"{name}@{year}{end}",
        f"{draw.pick(SEASONS)}{year}{end}",
        f"{word}{draw.integer(1, 99)}{end}",
        f"{draw.pick(COMMON)}{end}",
    )
    return draw.pick(shapes)

"""What the files of a machine with a shell are rendered from: its people, and what a careless script gives away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from decnet.draw import Draw
from decnet.services.accounts import Credential
from decnet.services.host import Host

DEFAULT_KERNEL = "6.1.0-28-amd64"
DEFAULT_BUILD = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)"
_DOORS = {"ssh": "22/sshd", "telnet": "23/inetd"}
_ASH_DOORS = {"ssh": "22/sshd", "telnet": "23/telnetd"}
"""Services that lead into the machine: port and program; on busybox the daemon listens itself."""


class Bait(NamedTuple):
    """An account elsewhere that a careless script gives away."""

    user: str
    target: str
    password: str


SYSTEM_NAMES = frozenset(
    [
        "root",
        "daemon",
        "bin",
        "sys",
        "sync",
        "games",
        "man",
        "lp",
        "mail",
        "news",
        "uucp",
        "proxy",
        "www-data",
        "backup",
        "list",
        "irc",
        "_apt",
        "nobody",
        "adm",
        "shutdown",
        "halt",
        "operator",
        "ftp",
        "dbus",
        "tss",
        "sshd",
        "chrony",
        "cron",
        "ntp",
        "guest",
        "http",
        "messagebus",
        "systemd-network",
        "systemd-timesync",
    ]
)
"""Users that the distros' own /etc/passwd has."""


def household(
    users: tuple[Credential, ...], kernel: str, host: Host, *, ash: bool = False
) -> Mapping[str, Any]:
    """Names for the templates of ``ssh/``, which describe the same machine to each service that leads into it.

    ``ash``: a busybox system, whatever the distro.
    """
    doors = _ASH_DOORS if ash or (host.distro and host.distro.family == "alpine") else _DOORS
    family = "alpine" if ash else host.distro.family if host.distro else "debian"
    draw = host.choices.child("ssh", "files")
    people = tuple(user.name for user in users if user.name not in SYSTEM_NAMES)
    peers = [one.hostname for one in host.neighbours] or [host.gateway]
    identity = host.identity.child("ssh", "shadow")
    year = draw.integer(2022, 2024)
    bait = Bait(
        draw.pick(("backup", "rsync", "bkp")),
        draw.pick(peers),
        f"{draw.pick(('Bkp', 'rsync', 'Tape'))}-{year}-{draw.hex(3)}",
    )
    return {
        "family": family,
        "title": host.distro.title if host.distro else "Debian GNU/Linux",
        "build": host.distro.kernel_build if host.distro else DEFAULT_BUILD,
        "machine": host.distro.machine if host.distro else "x86_64",
        "people": people,
        "hashes": {name: _yescrypt(identity) for name in ("root", *people)},
        "day": host.installed.date().toordinal() - date(1970, 1, 1).toordinal(),
        "shell": "/bin/ash" if ash else host.distro.shell if host.distro else "/bin/bash",
        "busybox": ash and (host.distro is None or host.distro.family != "alpine"),
        "bait": bait,
        "lot": draw.integer(0, 999),
        "kernel": kernel,
        "listeners": " ".join(doors[name] for name in sorted(host.services) if name in doors),
        "machine_seed": host.identity.child("machine").hex(32),
    }


def _yescrypt(draw: Draw) -> str:
    """A hash of yescrypt's form (crypt(5)) that no password gives."""
    letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    text = "".join(letters[byte & 63] for byte in draw.bytes(65))
    return f"$y$j9T${text[:22]}${text[22:]}"

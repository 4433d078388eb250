"""A machine as its doors know it: who was there last, what a login is greeted with; one for all doors of a decoy."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from weakref import WeakValueDictionary

from decnet.draw import Draw
from decnet.services.accounts import Credential
from decnet.services.service import Facts
from decnet.services.shell.family import family_of
from decnet.services.shell.machine import BUNDLE_ROOT, ROOT, Machine, System
from decnet.services.shell.timezones import zone


class Entry(NamedTuple):
    """A line of lastlog(8): Unix seconds, and from where."""

    when: float
    source: str


@dataclass(slots=True, weakref_slot=True)
class Premises:
    """A decoy's machine and who was there last."""

    machine: Machine
    seed: bytes
    sources: tuple[str, ...]
    """Addresses that its users come from."""
    doors: set[str] = field(default_factory=set)
    """Services that lead into it."""
    lastlog: dict[str, Entry] = field(default_factory=dict)

    def last(self, user: str) -> Entry:
        """The login before this one; the first time one of the days after the boot, from a neighbour."""
        if user not in self.lastlog:
            draw = Draw(self.seed, "lastlog", user)
            facts = self.machine.facts
            span = max(60, int(time.time() - facts.booted))
            when = facts.booted + draw.integer(30, min(span, 4 * 86400))
            self.lastlog[user] = Entry(when, draw.pick(self.sources))
        return self.lastlog[user]

    def last_login(self, user: str, *, pam: bool = False) -> str:
        """What sshd says of it (PrintLastLog), or pam_lastlog(8); nothing on Alpine, which is built without."""
        if self.machine.family.ash:
            return ""
        entry = self.last(user)
        when = datetime.fromtimestamp(entry.when, zone(self.machine.facts.timezone))
        if pam:
            clock = f"{when:%a %b} {when.day:2d} {when:%H:%M:%S %Z %Y}"
            return f"Last login: {clock} from {entry.source} on pts/0\n"
        return f"Last login: {when:%a %b} {when.day:2d} {when:%H:%M:%S %Y} from {entry.source}\n"

    def motd(self, user: str) -> str:
        """What pam_motd (or login) shows, unless the user has a .hushlogin."""
        machine = self.machine
        who = machine.credentials(user)
        if machine.fs.exists(who, f"{machine.user(user).home}/.hushlogin"):
            return ""
        return "".join(_text(machine, path) for path in ("/run/motd.dynamic", "/etc/motd"))


_standing: WeakValueDictionary[bytes, Premises] = WeakValueDictionary()
"""The machines of this process, as long as a door of theirs is open."""


def premises(
    door: str, files: Mapping[str, bytes], facts: Facts, users: tuple[Credential, ...], kernel: str
) -> Premises:
    """The machine that a bundle describes: that of another service of the same decoy, or a fresh one.

    ``door`` is the service that asks; one that asks again has started anew, and so does its machine.
    ``files`` has ``system`` (templates/ssh/system.j2) and what lies below ``rootfs/``.
    """
    passwords = {user.name: user.password for user in users}
    build, arch, mac, prefix, gateway, doors, secret = files["system"].decode().splitlines()
    system = System(kernel, build, arch, mac, int(prefix), gateway, _listeners(doors))
    laid = {path: data for path, data in files.items() if path.startswith(BUNDLE_ROOT)}
    laid[_history(facts, users)] = files.get("history", b"")
    digest = hashlib.blake2b(repr((facts, users, passwords, kernel, sorted(laid.items()))).encode())
    digest.update(files["system"])
    found = _standing.get(digest.digest())
    if found is None or door in found.doors:
        seed = bytes.fromhex(secret)
        machine = Machine.boot(facts, laid, passwords, clock=time.time, seed=seed, system=system)
        found = _standing[digest.digest()] = Premises(machine, seed, _sources(files, facts, seed))
    found.doors.add(door)
    return found


def _listeners(text: str) -> tuple[tuple[int, str], ...]:
    """``22/sshd 23/inetd`` as ports and programs."""
    pairs = (word.partition("/") for word in text.split())
    return tuple((int(port), program) for port, _, program in pairs)


def _history(facts: Facts, users: tuple[Credential, ...]) -> str:
    """Where the shell history goes: to the account with most rights."""
    names = [user.name for user in users]
    home = "root" if "root" in names or not names else f"home/{names[0]}"
    ash = family_of(facts.distro).ash
    return f"{BUNDLE_ROOT}{home}/" + (".ash_history" if ash else ".bash_history")


def _sources(files: Mapping[str, bytes], facts: Facts, seed: bytes) -> tuple[str, ...]:
    """Where the people of this machine log in from: its neighbours in /etc/hosts, or its own network."""
    hosts = files.get("rootfs/etc/hosts", b"").decode("utf-8", "replace").splitlines()
    known = [line.split()[0] for line in hosts if line[:1].isdigit()]
    near = tuple(address for address in known if address != facts.ip and not address.startswith("127."))
    return near or (f"{facts.ip.rpartition('.')[0]}.{Draw(seed, 'source').integer(2, 30)}",)


def _text(machine: Machine, path: str) -> str:
    try:
        return machine.fs.read(ROOT, path)[:8192].decode("utf-8", "replace")
    except OSError:
        return ""

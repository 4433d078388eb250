"""One decoy's running system, shared by all its sessions: files, users, processes, who is logged in."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from decnet.draw import Draw
from decnet.services.service import Facts
from decnet.services.shell.accounts import Group, User, parse_groups, parse_users
from decnet.services.shell.family import Family, daemons, family_of, tree
from decnet.services.shell.filesystem import Credentials, FileSystem
from decnet.services.shell.nodes import Node
from decnet.services.shell.processes import Process, ProcessTable

ROOT = Credentials("root", 0, 0)
BUNDLE_ROOT = "rootfs/"
"""Entries of a bundle below this folder are files of the machine."""


TELNET = 23
"""A port whose listener is not among the daemons that every machine of a family has."""
_SKELETON = "/etc/skel"
_SETTLED = 5400
"""Seconds after the installation at which a machine had its accounts and its first configuration."""


@dataclass(frozen=True, slots=True)
class System:
    """What else a machine says of itself; what is empty is filled in from its family and address.

    ``kernel`` is ``uname -r``, ``build`` ``uname -v``. ``listeners`` are the open TCP ports and their programs.
    """

    kernel: str = ""
    build: str = ""
    arch: str = "x86_64"
    mac: str = ""
    prefix: int = 24
    gateway: str = ""
    listeners: tuple[tuple[int, str], ...] = ((22, "sshd"),)
    memory: int = 0
    """KiB of RAM."""
    cpus: int = 0


@dataclass(slots=True)
class Login:
    """A session on a terminal, as who(1) shows it."""

    user: str
    tty: str
    source: str
    since: float
    pid: int


class Machine:
    """Everything below a shell. Made with `boot`."""

    def __init__(
        self,
        facts: Facts,
        system: System,
        fs: FileSystem,
        accounts: Mapping[str, str],
        clock: Callable[[], float],
        draw: Draw,
    ) -> None:
        self.facts = facts
        self.family: Family = family_of(facts.distro)
        self.system = system
        self.fs = fs
        self.passwords = dict(accounts)
        self.clock = clock
        self.draw = draw
        self.hostname = facts.hostname
        self.logins: list[Login] = []
        self.processes = ProcessTable(daemons(self.family.name), facts.booted, clock, draw.child("pids"))
        for port, program in system.listeners:
            if port == TELNET:
                self.processes.boot("root", f"/usr/sbin/{program}")
        self.crontabs: dict[str, bytes] = {}
        self.stopped: set[str] = set()
        """Services that somebody stopped."""

    @classmethod
    def boot(
        cls,
        facts: Facts,
        files: Mapping[str, bytes],
        accounts: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.time,
        seed: bytes = b"",
        system: System | None = None,
    ) -> Machine:
        """A machine of ``facts.distro`` with what lies below ``rootfs/`` in ``files`` laid over its family's tree.

        ``accounts`` maps users to passwords (what ``su`` and ``sudo`` take); who is not in the rendered
        /etc/passwd is added to it, with a home.
        """
        from decnet.services.shell import proc  # noqa: PLC0415 (it describes machines)

        draw = Draw(seed, "machine")
        family = family_of(facts.distro)
        fs = FileSystem(tree(family.name), lambda: facts.installed + _SETTLED, facts.installed)
        machine = cls(facts, _filled(facts, family, system or System(), draw), fs, accounts, clock, draw)
        proc.mount(machine)
        for path, data in files.items():
            if path.startswith(BUNDLE_ROOT):
                machine.place("/" + path.removeprefix(BUNDLE_ROOT), data)
        for name in accounts:
            machine.ensure_user(name)
        machine.own_homes()
        machine.own_kernel(family.kernel)
        fs.used = fs.added = 0
        fs.clock = clock
        return machine

    def own_kernel(self, shipped: str) -> None:
        """Give what lies in /boot the name of this machine's kernel; the tree has its family's."""
        kernel = self.system.kernel
        if shipped == kernel or "/" in kernel:
            return
        for name in self.fs.listdir(ROOT, "/boot"):
            if shipped in name:
                self.fs.rename(ROOT, f"/boot/{name}", f"/boot/{name.replace(shipped, kernel)}")
        for link in ("/vmlinuz", "/initrd.img"):
            if self.fs.exists(ROOT, link, follow=False):
                image = link.removeprefix("/")
                self.fs.unlink(ROOT, link)
                self.fs.symlink(ROOT, f"boot/{image}-{kernel}", link)

    def place(self, path: str, data: bytes) -> None:
        """Put a file there as the installation would have: the mode of what it replaces, dated some days later."""
        folder = path.rpartition("/")[0]
        self.make_directories(folder)
        old = self.fs.lookup(ROOT, path) if self.fs.exists(ROOT, path) else None
        late = Draw(path.encode(), "dated").integer(200, 40_000)
        private = old is None and ("shadow" in path or "/.ssh" in path or path.endswith("_history"))
        mode = old.mode if old else stat.S_IFREG | (0o600 if private else 0o644)
        gid = old.gid if old else 0
        self.fs.write(ROOT, path, data)
        node = self.fs.lookup(ROOT, path)
        node.mode, node.gid, node.mtime = mode, gid, self.facts.installed + late
        if node.data is not None and not callable(node.data):
            node.data = bytes(node.data)

    def make_directories(self, path: str) -> None:
        """All of a path's directories that are missing."""
        at = ""
        for name in path.strip("/").split("/"):
            at += "/" + name
            if name and not self.fs.exists(ROOT, at):
                self.fs.mkdir(ROOT, at, 0o700 if name == ".ssh" else 0o755)
                self.fs.lookup(ROOT, at).mtime = -90

    # Users

    def users(self) -> Mapping[str, User]:
        """Who /etc/passwd knows now."""
        return parse_users(self._etc("/etc/passwd"))

    def groups(self) -> Mapping[str, Group]:
        """The groups /etc/group knows now."""
        return parse_groups(self._etc("/etc/group"))

    def _etc(self, path: str) -> bytes:
        try:
            return self.fs.read(ROOT, path)
        except OSError:
            return b""

    def user(self, name: str) -> User:
        """A user by name; one who is in no file gets the next free id and a home."""
        found = self.users().get(name)
        if found:
            return found
        if name == "root":
            return User("root", 0, 0, "root", "/root", self.family.shell)
        return User(name, 1000, 1000, "", f"/home/{name}", self.family.shell)

    def credentials(self, name: str) -> Credentials:
        """The ids that a user's processes run with."""
        user = self.user(name)
        groups = frozenset(g.gid for g in self.groups().values() if name in g.members)
        return Credentials(name, user.uid, user.gid, groups | {user.gid})

    def ensure_user(self, name: str) -> User:
        """Add a user, with a group and a home, unless there is one of that name."""
        users = self.users()
        if name in users:
            return users[name]
        if name == "root":
            user = User("root", 0, 0, "root", "/root", self.family.shell)
        else:
            uid = max([999, *(u.uid for u in users.values() if u.uid < 60000)]) + 1
            user = User(name, uid, uid, "", f"/home/{name}", self.family.shell)
        self.append("/etc/passwd", user.line())
        if name not in self.groups():
            self.append("/etc/group", f"{name}:x:{user.gid}:")
        self.append("/etc/shadow", f"{name}:!:{int(self.clock()) // 86400}:0:99999:7:::")
        self.make_directories(user.home)
        return user

    def append(self, path: str, line: str) -> None:
        """Add a line to a file of /etc."""
        old = self._etc(path)
        glue = b"" if not old or old.endswith(b"\n") else b"\n"
        if len(old) < 1 << 18:
            self.fs.write(ROOT, path, old + glue + line.encode("utf-8", "replace") + b"\n")

    def own_homes(self) -> None:
        """Give each user of a person a home, as useradd(8) makes it, and what lies in it."""
        skeleton = self.fs.listdir(ROOT, _SKELETON) if self.fs.exists(ROOT, _SKELETON) else []
        for user in self.users().values():
            if not user.home.startswith("/home/"):
                continue
            self.make_directories(user.home)
            for name in skeleton:
                if not self.fs.exists(ROOT, f"{user.home}/{name}", follow=False):
                    self.fs.write(ROOT, f"{user.home}/{name}", self.fs.read(ROOT, f"{_SKELETON}/{name}"))
            self._give(user.home, user, 0)

    def _give(self, path: str, user: User, depth: int) -> None:
        self.fs.chown(ROOT, path, user.uid, user.gid, follow=False)
        if depth < 6:
            node = self.fs.lookup(ROOT, path, follow=False)
            for name in list(node.names()) if node.is_dir else ():
                self._give(f"{path}/{name}", user, depth + 1)

    # Sessions

    def uptime(self) -> float:
        """Seconds since boot."""
        return max(1.0, self.clock() - self.facts.booted)

    def load(self) -> tuple[float, float, float]:
        """Load averages of 1, 5 and 15 minutes: a slow, noisy wave below one half, more while others are here."""
        minute = int(self.clock() // 5)

        def noise(window: int) -> float:
            drawn = [
                Draw(self.facts.hostname.encode(), "load", str(minute // window - step)).integer(0, 30)
                for step in range(3)
            ]
            return sum(drawn) / 300 + 0.02 * len(self.logins)

        return round(noise(1), 2), round(noise(6), 2), round(noise(18), 2)

    def free_terminal(self) -> str:
        """The name of the next pseudo-terminal, ``pts/0``."""
        taken = {login.tty for login in self.logins}
        return next(f"pts/{n}" for n in range(10_000) if f"pts/{n}" not in taken)

    def login(self, user: str, source: str, *, tty: bool, daemon: str = "sshd") -> Login:
        """Note that somebody is here; gives the terminal (``pts/0``) and the shell's process id.

        ``daemon`` is what let them in: sshd, or a telnet daemon, which has login(1) between it and the shell.
        """
        name = self.free_terminal() if tty else ""
        terminal = name or "?"
        if daemon == "sshd":
            listener = self.processes.first("sshd")
            above = self.processes.spawn("root", "?", f"sshd: {user} [priv]", parent=listener)
            child = self.processes.spawn(user, "?", f"sshd: {user}@{name or 'notty'}", parent=above.pid)
        else:
            above = self.processes.spawn("root", "?", daemon, parent=self._telnet())
            child = self.processes.spawn("root", terminal, "login -p --", parent=above.pid)
        shell = self.user(user).shell.rpartition("/")[2] or "sh"
        process = self.processes.spawn(user, terminal, f"-{shell}" if tty else shell, parent=child.pid)
        login = Login(user, name, source, self.clock(), process.pid)
        if tty:
            self.logins.append(login)
        return login

    def _telnet(self) -> int:
        program = dict(self.system.listeners).get(TELNET, "inetd")
        return self.processes.first(program)

    def logout(self, login: Login) -> None:
        """Forget a session and its processes."""
        if login in self.logins:
            self.logins.remove(login)
        self.processes.end_family(login.pid)

    def null(self) -> Node:
        """The /dev/null node."""
        return self.fs.lookup(ROOT, "/dev/null")

    def init(self) -> Process:
        """Process 1."""
        return self.processes.table[1]


def _filled(facts: Facts, family: Family, system: System, draw: Draw) -> System:
    hardware = draw.child("hardware")
    network = facts.ip.rpartition(".")[0]
    mac = "52:54:00:" + ":".join(hardware.hex(1) for _ in range(3))
    return System(
        system.kernel or family.kernel,
        system.build or family.build,
        system.arch,
        system.mac or mac,
        system.prefix,
        system.gateway or f"{network}.1",
        system.listeners,
        system.memory or hardware.pick((2_030_000, 4_013_000, 8_141_000)) + hardware.integer(0, 9000),
        system.cpus or hardware.pick((1, 2, 2, 4)),
    )

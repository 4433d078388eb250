"""The process table: what runs since boot, what attackers start, and process ids that move on as time does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from decnet.draw import Draw
from decnet.services.shell.family import Daemon

MAX_PROCESSES = 512
PID_MAX = 4_194_304
SESSION_LEADERS = ("sshd: ", "login -p", "in.telnetd", "telnetd -F", "/usr/sbin/telnetd")
"""What stands between a daemon and a login shell; it ends with the shell."""


@dataclass(slots=True)
class Process:
    """One process. ``started`` is Unix time, ``cpu`` seconds used, memory in KiB."""

    pid: int
    parent: int
    user: str
    tty: str
    command: str
    started: float
    vsz: int = 7200
    rss: int = 3900
    state: str = "S"
    cpu: float = 0.0

    @property
    def name(self) -> str:
        """``comm``: the program's name, at most 15 characters."""
        if self.command.startswith("["):
            return self.command.strip("[]")[:15]
        word = self.command.split(" ")[0]
        return word.lstrip("-").rstrip(":").rpartition("/")[2][:15]


class ProcessTable:
    """All processes of a machine by id."""

    def __init__(
        self, daemons: Sequence[Daemon], booted: float, clock: Callable[[], float], draw: Draw
    ) -> None:
        self.table: dict[int, Process] = {}
        self._booted = booted
        self._clock = clock
        self._spawned = 0
        shift = draw.integer(0, 60)
        self._pace = draw.integer(18, 70) / 100
        names: dict[int, int] = {}
        for daemon in daemons:
            pid = daemon.pid if daemon.pid < 300 else daemon.pid + shift
            names[daemon.pid] = pid
            cpu = draw.integer(0, 100) / 50 if daemon.command[0] == "[" else draw.integer(5, 900) / 100
            self.table[pid] = Process(
                pid,
                names.get(daemon.parent, daemon.parent),
                daemon.user,
                "?",
                daemon.command,
                booted + (0.0 if pid < 200 else 2.0 + pid / 200),
                daemon.vsz,
                daemon.rss,
                daemon.state,
                cpu,
            )
        self._base = max([300, *self.table]) + 60

    def next_pid(self) -> int:
        """A fresh process id: they grow with time, as other processes come and go, and with each one started."""
        self._spawned += 1
        passed = int(max(0.0, self._clock() - self._booted) * self._pace / 10)
        return 300 + (self._base + passed + self._spawned) % (PID_MAX - 300)

    def spawn(self, user: str, tty: str, command: str, *, parent: int = 1) -> Process:
        """Start a process. Raises `BlockingIOError` (EAGAIN) when the table is full."""
        if len(self.table) >= MAX_PROCESSES:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        process = Process(self.next_pid(), parent, user, tty, command[:4096], self._clock())
        self.table[process.pid] = process
        return process

    def boot(self, user: str, command: str) -> Process:
        """Note a daemon that came up with the machine."""
        pid = next(number for number in range(502, PID_MAX) if number not in self.table)
        booted = self._booted + 2.0 + pid / 200
        self.table[pid] = Process(pid, 1, user, "?", command, booted)
        return self.table[pid]

    def end(self, pid: int) -> None:
        """A process is gone."""
        self.table.pop(pid, None)

    def end_family(self, pid: int) -> None:
        """End a login shell, what it started, and the daemon's children above it."""
        process = self.table.get(pid)
        for _ in range(2):
            above = self.table.get(process.parent) if process else None
            if above is None or not above.command.startswith(SESSION_LEADERS):
                break
            process = above
        doomed = {process.pid if process else pid}
        for other in sorted(self.table.values(), key=lambda p: p.pid):
            if other.parent in doomed:
                doomed.add(other.pid)
        for one in doomed:
            self.table.pop(one, None)

    def first(self, name: str) -> int:
        """The id of the first process of that name, or 1."""
        return next((p.pid for p in self.table.values() if p.name == name), 1)

    def all(self) -> list[Process]:
        """Every process in order of id."""
        return sorted(self.table.values(), key=lambda process: process.pid)

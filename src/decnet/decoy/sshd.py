"""What happens in a real sshd, told from its system calls: who tries to log in, what is typed, shown and run. Pure.

An sshd is many processes that talk by messages (monitor.h of OpenSSH): a length of four bytes, a type, and what belongs
to it. One process reads the question, another the answer, so reading is all there is to look at. A terminal is the
descriptor that is told its size. A visitor has a say in nearly every byte: nothing here raises over what it is.

Only children of the first process, which accepts connections, count as connections: whoever calls a program of his own
``sshd`` is told of nowhere.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv6Address, ip_address
from typing import Any, NamedTuple

from decnet.decoy.calls import Call, Nr
from decnet.decoy.typed import Line

_LISTENER = 1
_MOST_PROCESSES, _MOST_FDS = 4096, 64
_MOST_EARLY, _MOST_CALLS = 128, 512
_LONGEST_MESSAGE = 256 * 1024
_INET, _INET6 = 2, 10
_FORKS = frozenset({Nr.CLONE, Nr.FORK, Nr.VFORK, Nr.CLONE3})
_OWN = (b"sshd", b"sshd-session", b"sshd-auth")
_NOT_ASKED = (b"/usr/bin/env -i PATH=",)
"""What PAM runs for everybody who logs in (pam_motd)."""


class _Message(IntEnum):
    """Types of messages (enum monitor_reqtype), the same since OpenSSH 6.9."""

    PWNAM = 8
    AUTHPASSWORD = 12
    ANS_AUTHPASSWORD = 13
    KEYALLOWED = 22
    ANS_KEYALLOWED = 23
    KEYVERIFY = 24
    ANS_KEYVERIFY = 25
    ANS_PAM_QUERY = 107
    PAM_RESPOND = 108


@dataclass(slots=True, eq=False)
class Connection:
    """One visitor's connection. ``number`` counts its terminals."""

    address: str = ""
    port: int = 0
    user: str = ""
    number: int = 0
    socket: int = -1
    """Descriptor that the visitor's own bytes come from: no messages are read there."""
    entered: bool = False
    asked: tuple[str, str, dict[str, Any]] | None = None
    """Method, secret and more of an attempt that is not answered yet."""


@dataclass(slots=True, eq=False)
class Terminal:
    """What a connection's shell is seen through; ``columns`` and ``rows`` as the visitor's own window says."""

    connection: Connection
    number: int
    columns: int = 80
    rows: int = 24
    line: Line = field(default_factory=Line)


class Attempt(NamedTuple):
    """Somebody tried to log in."""

    connection: Connection
    data: dict[str, Any]


class Ran(NamedTuple):
    """A command: run (``via`` is exec), or typed into a terminal (tty)."""

    connection: Connection
    command: bytes
    via: str


class Shown(NamedTuple):
    """Something of a terminal: ``o`` what it shows, ``i`` what is typed, ``r`` its size."""

    terminal: Terminal
    kind: str
    data: bytes
    time: float


class Left(NamedTuple):
    """A connection has ended."""

    connection: Connection


Told = Attempt | Ran | Shown | Left


@dataclass(slots=True)
class _Partly:
    """A message of ``length`` bytes, so many of which were read; ``data`` is what there is of them."""

    length: int
    read: int = 0
    data: bytearray = field(default_factory=bytearray)


@dataclass(slots=True, eq=False)
class _Process:
    connection: Connection
    first: bool = False
    terminals: dict[int, Terminal] = field(default_factory=dict)
    partly: dict[int, _Partly] = field(default_factory=dict)
    """Descriptor → the message that is being read from it."""


class Sshd:
    """One sshd, from its start on."""

    def __init__(self) -> None:
        self._processes: dict[int, _Process] = {}
        self._early: dict[int, list[Call]] = {}
        """What processes did before their parents came back from making them."""

    def see(self, call: Call) -> Iterator[Told]:
        """What a call tells."""
        if call.nr in _FORKS:
            if self._born(call):
                for one in self._early.pop(call.result, ()):
                    yield from self.see(one)
            else:
                self._wait(call)
            return
        process = self._processes.get(call.pid)
        if process is None:
            self._wait(call)
            return
        see = _SEEN.get(call.nr)
        if see is not None:
            yield from see(self, process, call)

    def end_all(self) -> Iterator[Told]:
        """It has gone, and all connections with it."""
        for process in self._processes.values():
            if process.first:
                yield Left(process.connection)
        self._processes.clear()

    def _wait(self, call: Call) -> None:
        """A process that nobody has told of yet, or never will: what it does is kept for a while."""
        if call.pid == _LISTENER:
            return
        if call.pid not in self._early and len(self._early) >= _MOST_EARLY:
            del self._early[next(iter(self._early))]
        kept = self._early.setdefault(call.pid, [])
        if len(kept) < _MOST_CALLS:
            kept.append(call)

    def _born(self, call: Call) -> bool:
        """Whether a process that was made belongs to a connection."""
        parent = self._processes.get(call.pid)
        if parent is None and call.pid != _LISTENER:
            return False
        while len(self._processes) >= _MOST_PROCESSES:
            del self._processes[next(iter(self._processes))]
        self._processes[call.result] = (
            _Process(parent.connection) if parent else _Process(Connection(), first=True)
        )
        return True

    def _read(self, process: _Process, call: Call) -> Iterator[Told]:
        terminal = process.terminals.get(call.fd)
        if terminal is not None:
            yield Shown(terminal, "o", call.data, call.time)
            return
        if not process.connection.entered and call.fd != process.connection.socket:
            yield from self._gather(process, call)

    def _gather(self, process: _Process, call: Call) -> Iterator[Told]:
        """A message comes in pieces: its length, and then what its sender had written by then."""
        partly = process.partly.pop(call.fd, None)
        if partly is not None and len(partly.data) == partly.read:
            partly.data += call.data
        if partly is not None:
            partly.read += call.result
            if partly.read == partly.length and partly.data:
                yield from _message(process.connection, bytes(partly.data))
            if partly.read < partly.length:
                process.partly[call.fd] = partly
        elif call.result == 4 and len(process.partly) < _MOST_FDS:
            announced = int.from_bytes(call.data[:4], "big")
            if 0 < announced <= _LONGEST_MESSAGE:
                process.partly[call.fd] = _Partly(announced)

    def _write(self, process: _Process, call: Call) -> Iterator[Told]:
        terminal = process.terminals.get(call.fd)
        if terminal is not None:
            yield Shown(terminal, "i", call.data, call.time)
            for line in terminal.line.take(call.data):
                yield Ran(terminal.connection, line, "tty")

    def _window(self, process: _Process, call: Call) -> Iterator[Told]:
        if len(call.data) < 4 or len(process.terminals) >= _MOST_FDS:
            return
        rows, columns = struct.unpack_from("<HH", call.data)
        terminal = process.terminals.get(call.fd)
        if terminal is None:
            process.connection.number += 1
            terminal = Terminal(process.connection, process.connection.number)
            process.terminals[call.fd] = terminal
        terminal.columns, terminal.rows = columns or 80, rows or 24
        yield Shown(terminal, "r", f"{terminal.columns}x{terminal.rows}".encode(), call.time)

    def _dup(self, process: _Process, call: Call) -> Iterator[Told]:
        terminal = process.terminals.get(call.fd)
        if terminal is not None and len(process.terminals) < _MOST_FDS:
            process.terminals[call.result] = terminal
        yield from ()

    def _close(self, process: _Process, call: Call) -> Iterator[Told]:
        process.terminals.pop(call.fd, None)
        process.partly.pop(call.fd, None)
        yield from ()

    def _peer(self, process: _Process, call: Call) -> Iterator[Told]:
        if not process.connection.port:
            process.connection.address, process.connection.port = _address(call.data)
            process.connection.socket = call.fd
        yield from ()

    def _exec(self, process: _Process, call: Call) -> Iterator[Told]:
        words = call.arguments
        if not words or words[0].rpartition(b"/")[2].partition(b":")[0] in _OWN:
            return
        # The option is a constant of the program's, and may not be in memory yet; the command was sent by the visitor.
        if len(words) > 2 and words[1] in (b"-c", b"") and not _is_pam(words):
            yield Ran(process.connection, words[2], "exec")

    def _exit(self, process: _Process, call: Call) -> Iterator[Told]:
        del self._processes[call.pid]
        if process.first:
            yield Left(process.connection)


def _is_pam(words: tuple[bytes, ...]) -> bool:
    """Whether it is what PAM runs, by system(3): ``sh -c COMMAND``, since glibc 2.38 ``sh -c -- COMMAND``."""
    return words[0] == b"sh" and (words[2] == b"--" or words[2].startswith(_NOT_ASKED))


_SEEN: dict[int, Callable[[Sshd, _Process, Call], Iterator[Told]]] = {
    Nr.READ: Sshd._read,  # noqa: SLF001
    Nr.WRITE: Sshd._write,  # noqa: SLF001
    Nr.IOCTL: Sshd._window,  # noqa: SLF001
    Nr.DUP: Sshd._dup,  # noqa: SLF001
    Nr.CLOSE: Sshd._close,  # noqa: SLF001
    Nr.GETPEERNAME: Sshd._peer,  # noqa: SLF001
    Nr.EXECVE: Sshd._exec,  # noqa: SLF001
    Nr.EXIT_GROUP: Sshd._exit,  # noqa: SLF001
}


def _message(connection: Connection, message: bytes) -> Iterator[Told]:
    """One that was read whole; of a longer one there are its first 4,096 bytes."""
    kind, rest = message[0], message[1:]
    match kind:
        case _Message.PWNAM:
            connection.user = _text(_string(rest)[0])
        case _Message.AUTHPASSWORD:
            connection.asked = ("password", _text(_string(rest)[0]), {})
        case _Message.PAM_RESPOND if _number(rest):
            connection.asked = ("keyboard-interactive", _text(_string(rest[4:])[0]), {})
        case _Message.KEYALLOWED:
            _, left = _string(rest[4:])
            _, left = _string(left)
            connection.asked = _key(_string(left)[0])
        case _Message.ANS_AUTHPASSWORD | _Message.ANS_KEYVERIFY:
            yield from _answered(connection, accepted=_number(rest) == 1)
        case _Message.ANS_KEYALLOWED if _number(rest) == 0:
            yield from _answered(connection, accepted=False)
        case _Message.ANS_PAM_QUERY if connection.asked:
            yield from _answered(connection, accepted=_number(rest) == 0 and not _prompts(rest))


def _answered(connection: Connection, *, accepted: bool) -> Iterator[Told]:
    if connection.asked is None:
        return
    method, secret, more = connection.asked
    connection.asked = None
    connection.entered = accepted
    data = {
        "principal": connection.user,
        "secret": secret,
        "secret_kind": "publickey" if method == "publickey" else "plaintext",
        "method": method,
        "outcome": "accepted" if accepted else "refused",
        **more,
    }
    yield Attempt(connection, data)


def _key(blob: bytes) -> tuple[str, str, dict[str, Any]]:
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return "publickey", f"SHA256:{digest}", {"key_type": _text(_string(blob)[0])}


def _prompts(rest: bytes) -> int:
    """How many questions PAM has left: after a status, two texts, and whether there were too many tries."""
    _, left = _string(rest[4:])
    _, left = _string(left)
    return _number(left[4:])


def _number(data: bytes) -> int:
    return int.from_bytes(data[:4], "big")


def _string(data: bytes) -> tuple[bytes, bytes]:
    """A text with its length before it (RFC 4251 section 5), and what comes after."""
    length = _number(data)
    return data[4 : 4 + length], data[4 + length :]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _address(data: bytes) -> tuple[str, int]:
    """A socket address (struct sockaddr_in, sockaddr_in6)."""
    if len(data) < 16:
        return "", 0
    family, port = struct.unpack_from("<H", data)[0], int.from_bytes(data[2:4], "big")
    if family == _INET:
        return str(ip_address(data[4:8])), port
    if family == _INET6 and len(data) >= 24:
        six = IPv6Address(data[8:24])
        return str(six.ipv4_mapped or six), port
    return "", 0

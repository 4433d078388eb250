"""Talk to a network's decoy processes: find them by their control sockets, start them, ask them, end them."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import threading
import time
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from decnet.decoy.protocol import MARKS, PACKET_LIMIT, STREAMS, Reply, Request, Running, mark_of
from decnet.errors import WorldError
from decnet.services.limits import Bounds
from decnet.spec.resources import Service
from decnet.world import bounds, cells, chronicle, names, spawn, supervision
from decnet.world.supervision import Coming

_ANSWER_SECONDS = {"list": 5.0, "serve": 30.0}
_STOP_SECONDS = 60.0
"""A process that stops services waits up to 5 s for the sessions of each."""
_QUIT_SECONDS, _TERM_SECONDS, _KILL_SECONDS = 8.0, 2.0, 5.0
_SOCKET_NAME = re.compile(r"process-(\d{1,6})\.sock")


@dataclass(slots=True)
class _Channel:
    """The connection to one process; its lock also keeps two threads from starting the process twice."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    connection: socket.socket | None = None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Processes:
    """The decoy processes of one network. Threads may share it."""

    def __init__(self, network: str, run_dir: Path, events_dir: Path, program: Sequence[str]) -> None:
        self._network = network
        self._run_dir = run_dir
        self._events_dir = events_dir
        self._spawner = spawn.Spawner(network, run_dir, events_dir, program)
        self._supervisor: Coming | None = None
        self._channels: dict[int, _Channel] = {}
        self._served: set[str] | None = None
        """Decoys that were served at the last look, or were given something since; None before a look."""
        self._mute: dict[int, str] = {}
        """Processes that did not answer in a look that passed over them, and what is to be said of each."""
        self._bounded: dict[int, Bounds] = {}
        """What processes were seen, or made, to be bounded by: looking it up for every service took 0.1 ms each."""
        self._lock = threading.Lock()

    def close(self) -> None:
        """Hang up. The processes go on."""
        for channel in self._channels.values():
            with channel.lock:
                channel.close()
        self._spawner.close()

    def leave_to(self, supervisor: Coming) -> None:
        """Have processes started by the supervisor from now on, which is waited for when the first one is."""
        self._supervisor = supervisor

    def running(
        self, contained: Container[str] = (), *, to_end: bool = False
    ) -> dict[int, tuple[Running, ...]]:
        """What every live process serves. Raises PermissionError when we may not ask, `WorldError` when one is stuck.

        ``contained`` are the decoys whose containers run: a process in one that does not is not asked, it may be frozen.
        What is ``to_end`` may be stuck: it is passed over, and killed as soon as anything is asked of it.
        """
        found: dict[int, tuple[Running, ...]] = {}
        for number in numbers(self._run_dir):
            cell = cells.of(self._run_dir, number)
            if (cell and cell.decoy not in contained) or number in self._mute:
                continue
            try:
                entries = self._served_by(number)
            except WorldError as error:
                if not to_end:
                    raise
                self._mute[number] = error.message
                continue
            if entries is not None:
                found[number] = entries
        self._served = None if self._mute else {one.decoy for entries in found.values() for one in entries}
        return found

    def mute(self) -> tuple[str, ...]:
        """Processes that were passed over, for a person."""
        return tuple(self._mute.values())

    def _served_by(self, number: int) -> tuple[Running, ...] | None:
        found: tuple[Running, ...] = ()
        reply = self.ask(number, Request("list"))
        if reply is None:
            return None
        while reply is not None:
            found += reply.running
            if not reply.more:
                break
            last = reply.running[-1]
            reply = self.ask(number, Request("list", last.decoy, last.service))
        return found

    def ailing(self) -> tuple[str, ...]:
        """What is wrong of those that keep the network going, for a person."""
        try:
            missing = supervision.is_missing(self._run_dir)
        except PermissionError:  # then the services are unseen too, which is told
            return ()
        return ("the supervisor does not run: decnet apply starts it",) if missing else ()

    def kept_sockets(self, service: Service) -> list[socket.socket]:
        """The sockets that the supervisor kept of a service whose process died; none otherwise."""
        return supervision.take(self._run_dir, service.decoy, service.name, service.ports)

    def drop(self, decoy: str) -> None:
        """Stop all services of a decoy, whoever runs them. Of one that nobody serves nobody is asked."""
        if self._served is not None and decoy not in self._served:
            return
        for number in numbers(self._run_dir):
            cell = cells.of(self._run_dir, number)
            if cell is None or cell.decoy == decoy:
                self.ask(number, Request("drop", decoy))

    def ask(
        self, number: int, request: Request, fds: Sequence[int] = (), *, start: bool = False
    ) -> Reply | None:
        """Ask a process; None when it is not there. With ``start`` it is started when absent, and again if it crashed.

        ``Reply.error`` is for the caller. Raises `WorldError` when the process dies over the request or never answers.
        """
        message = msgspec.json.encode(request)
        if number in self._mute:
            self._put_down(number)
        if self._served is not None and request.op in {"serve", "attend"}:
            self._served.add(request.decoy)
        with self._lock:
            channel = self._channels.setdefault(number, _Channel())
        with channel.lock:
            for _ in range(2):
                if channel.connection is None:
                    channel.connection = self._connected(number, start=start)
                if channel.connection is None:
                    return None
                try:
                    channel.connection.settimeout(_ANSWER_SECONDS.get(request.op, _STOP_SECONDS))
                    return _exchange(channel.connection, message, fds)
                except (ConnectionError, EOFError):
                    channel.close()
                except TimeoutError:
                    pid = spawn.peer(channel.connection)
                    channel.close()
                    raise WorldError(
                        f"decoy process {number} of {self._network} (pid {pid}) does not answer",
                        hint=f"it is stopped or stuck: kill -KILL {pid}, and apply again",
                    ) from None
        if not start:
            return None
        raise WorldError(
            f"decoy process {number} of {self._network} ended while it was asked to {request.op}",
            hint=f"its log: {self._run_dir / f'process-{number}.log'}",
        )

    def warm(self, number: int, asked: Bounds) -> None:
        """Start a process that is about to be needed, unless it runs. One that is not needed after all ends by itself.

        What goes wrong, whoever needs it meets again.
        """
        with contextlib.suppress(WorldError, OSError):
            connection = self._connect(number)
            if connection is not None:
                connection.close()
                return
            self.bound(number, asked)
            self.ask(number, Request("ping"), start=True)

    def bound(self, number: int, asked: Bounds) -> None:
        """See that a process has its bounds, now if it runs, and whenever it is started. Raises `WorldError`."""
        path = spawn.bounds_path(self._run_dir, number)
        with self._lock:
            if self._bounded.get(number) == asked:
                return
            if asked == spawn.bounds_of(self._run_dir, number) and path.exists() == bool(asked):
                self._bounded[number] = asked
                return
            spawn.prepare_folder(self._run_dir)
            if asked:
                path.write_bytes(msgspec.json.encode(asked))
            else:
                path.unlink(missing_ok=True)
        connection = self._connect(number)
        if connection is not None:
            with connection:
                bounds.put(self._network, number, spawn.peer(connection), asked)
        with self._lock:
            self._bounded[number] = asked

    def put_inside(self, number: int, decoy: str, pid: int) -> None:
        """See that a process is started in the container that this process is the first of."""
        spawn.prepare_folder(self._run_dir)
        with self._lock:
            cells.put(self._run_dir, number, decoy, pid)

    def forget(self, decoy: str) -> None:
        """The process of a decoy ended with its container: what belongs to it goes."""
        cells.forget(self._run_dir, decoy)

    def prepare_shelves(self) -> None:
        """See that there are the folders that recordings and files are kept in. Raises `WorldError`."""
        chronicle.shelves(self._network, self._events_dir)

    def unmark(self, decoy: str, service: str) -> None:
        """Nobody tells of a custom service any more: how far its lines were told goes."""
        for stream in STREAMS:
            (self._events_dir / mark_of(decoy, service, stream)).unlink(missing_ok=True)

    def quit_all(self) -> None:
        """End every process (asked, then told, then killed), and unlink what belongs to them."""
        handles = []
        for number in tuple(self._mute):
            self._put_down(number)
        for number in numbers(self._run_dir):
            connection = self._connect(number)
            if connection is not None:
                handles.append(self._ask_to_quit(number, connection))
        asked = time.monotonic() + _QUIT_SECONDS
        for handle in handles:
            if not handle.wait(max(0.0, asked - time.monotonic())):
                handle.kill(signal.SIGTERM)
        told = time.monotonic() + _TERM_SECONDS
        for handle in handles:
            if not handle.wait(max(0.0, told - time.monotonic())):
                handle.kill(signal.SIGKILL)
                handle.wait(_KILL_SECONDS)
            handle.close()
        self._spawner.reap()
        self._bounded.clear()
        bounds.forget(self._network)
        self._unlink()

    def _ask_to_quit(self, number: int, connection: socket.socket) -> spawn.Handle:
        with connection:
            handle = spawn.Handle(connection, names.uid(self._network))
            with contextlib.suppress(OSError):
                connection.setblocking(False)
                connection.send(msgspec.json.encode(Request("quit")))
        with self._lock:
            channel = self._channels.pop(number, None)
        if channel:
            with channel.lock:
                channel.close()
        return handle

    def _put_down(self, number: int) -> None:
        """Kill a process that does not answer."""
        connection = self._connect(number)
        if connection is not None:
            with connection:
                handle = spawn.Handle(connection, names.uid(self._network))
            handle.kill(signal.SIGKILL)
            handle.wait(_KILL_SECONDS)
            handle.close()
        self._mute.pop(number, None)

    def _connected(self, number: int, *, start: bool) -> socket.socket | None:
        connection = self._connect(number)
        if connection is None and start:
            if self._supervisor:
                self._supervisor.wait()
            if not supervision.start_process(self._run_dir, number):
                self._spawner.spawn(number)
            connection = self._connect(number)
            if connection is None:
                raise WorldError(f"decoy process {number} of {self._network} ended at once")
        return connection

    def _connect(self, number: int) -> socket.socket | None:
        try:
            return spawn.connected(
                self._run_dir, spawn.control_path(self._run_dir, number).name, _STOP_SECONDS
            )
        except BlockingIOError:  # whom nobody lets in nobody can ask for the process id either
            uid = names.uid(self._network)
            raise WorldError(
                f"decoy process {number} of {self._network} (of user {uid}) does not answer, and many have asked",
                hint=f"it is stopped or stuck: pkill -KILL -u {uid}, and try again",
            ) from None

    def _unlink(self) -> None:
        for mark in self._events_dir.glob(f"{MARKS}*"):
            mark.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            for entry in self._run_dir.iterdir():
                if re.fullmatch(r"process-\d{1,6}\.(sock|log|bounds|cell)|nursery\.log", entry.name):
                    entry.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody else's file in it: it stays
            self._run_dir.rmdir()


def numbers(run_dir: Path) -> list[int]:
    """Numbers of the processes that have a control socket, alive or not. Raises PermissionError."""
    try:
        entries = [entry.name for entry in run_dir.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(found[1]) for entry in entries if (found := _SOCKET_NAME.fullmatch(entry)))


def _exchange(connection: socket.socket, message: bytes, fds: Sequence[int]) -> Reply:
    if fds:
        socket.send_fds(connection, [message], list(fds))
    else:
        connection.send(message)
    answer = connection.recv(PACKET_LIMIT)
    if not answer:
        raise EOFError
    return msgspec.json.decode(answer, type=Reply)

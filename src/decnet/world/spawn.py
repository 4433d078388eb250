"""Start a decoy process, and end one: it outlives the command that started it, and is known by its control socket."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from decnet.decoy.nursery import Order
from decnet.errors import WorldError
from decnet.services.limits import Bounds
from decnet.world import bounds, cells, names
from decnet.world.nursery import LOG, Nursery

_READY_SECONDS = 60
"""A process imports every service before it says that it is ready: 1 s, more on a busy machine."""
_LOG_LIMIT = 1 << 20
PROGRAM = (sys.executable, "-P", "-m", "decnet.decoy")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/"}
_UCRED = struct.Struct("=iII")


class Detached(subprocess.Popen[bytes]):
    """A child that is meant to live on when this object goes: no warning about it."""

    def __del__(self) -> None:
        pass


class Spawner:
    """Starts decoy processes of one network."""

    def __init__(self, network: str, run_dir: Path, events_dir: Path, program: Sequence[str]) -> None:
        self._command = (*program, "--network", network)
        self._network = network
        self._run_dir = run_dir
        self._nursery = Nursery(self._command, ENVIRONMENT, run_dir / LOG)
        self._events_dir = events_dir
        self._children: list[Detached] = []
        self._lock = threading.Lock()

    def spawn(self, number: int) -> None:
        """Start process ``number`` unless it listens, and wait until it does.

        A command and the supervisor may be about to start the same one: the second finds it started. Raises `WorldError`
        with its last words when it dies.
        """
        self.reap()
        prepare_folder(self._run_dir)
        with contextlib.ExitStack() as stack:
            # A descriptor of our own, since the process has the other one, and with it would have the lock.
            fcntl.flock(open_log(stack, self._run_dir / f"process-{number}.log"), fcntl.LOCK_EX)
            if self._listens(number):
                return
            control = bound(stack, self._run_dir, control_path(self._run_dir, number).name)
            events = _events(stack, self._events_dir, names.uid(self._network))
            log = open_log(stack, self._run_dir / f"process-{number}.log")
            ready, told = os.pipe2(os.O_CLOEXEC)
            stack.callback(os.close, ready)
            cell = cells.of(self._run_dir, number)
            with _closing(told):
                if cell:
                    end = self._fork(cell, number, (control, events, told, log))
                else:
                    end = self._begin(number, control, events, told, log)
            if not is_ready(ready):
                self._give_up(end, number, log)

    def _listens(self, number: int) -> bool:
        try:
            connection = connected(self._run_dir, control_path(self._run_dir, number).name, _READY_SECONDS)
        except BlockingIOError:  # too busy to let one more in
            return True
        if connection is None:
            return False
        connection.close()
        return True

    def close(self) -> None:
        """Let go of what was started."""
        self.reap()
        self._nursery.close()

    def reap(self) -> None:
        """Collect children that ended."""
        with self._lock:
            self._children = [child for child in self._children if child.poll() is None]

    def _begin(self, number: int, control: int, events: int, told: int, log: int) -> Callable[[], None]:
        """Start a process on the host; what ends it."""
        uid = names.uid(self._network)
        options = {"control-fd": control, "events-fd": events, "ready-fd": told, "uid": uid, "number": number}
        child = Detached(
            [
                *self._command,
                *(word for name, value in options.items() for word in (f"--{name}", str(value))),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            pass_fds=(control, events, told),
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,
        )
        with self._lock:
            self._children.append(child)

        def end() -> None:
            child.kill()
            child.wait()
            self.reap()

        self._bound(child, number, end)
        return end

    def _fork(self, cell: cells.Cell, number: int, descriptors: tuple[int, ...]) -> Callable[[], None]:
        """Start a process in a container; what ends it. Raises `WorldError` when that does not run."""
        limits = bounds.limits(bounds_of(self._run_dir, number))
        order = Order(self._network, names.uid(self._network), limits)
        with cells.opened(cell) as doors:
            self._nursery.fork(order, (*descriptors, doors.namespace, *doors.groups))
        return lambda: None  # it has ended, or ends with its container

    def _bound(self, child: Detached, number: int, end: Callable[[], None]) -> None:
        """While it is still root's: later only CAP_SYS_RESOURCE could set the limits of another user's process."""
        asked = bounds_of(self._run_dir, number)
        bounds.limit(child.pid, asked)
        try:
            bounds.put(self._network, number, child.pid, asked)
        except WorldError:
            end()
            control_path(self._run_dir, number).unlink(missing_ok=True)
            raise

    def _give_up(self, end: Callable[[], None], number: int, log: int) -> None:
        end()
        control_path(self._run_dir, number).unlink(missing_ok=True)
        words = os.pread(log, 4096, max(0, os.fstat(log).st_size - 4096)).decode(errors="replace").strip()
        last = words.splitlines()[-1] if words else "it said nothing"
        raise WorldError(
            f"decoy process {number} of {self._network} did not start: {last}",
            hint=f"its log: {self._run_dir / f'process-{number}.log'}",
        )


def control_path(run_dir: Path, number: int) -> Path:
    return run_dir / f"process-{number}.sock"


def bounds_path(run_dir: Path, number: int) -> Path:
    return run_dir / f"process-{number}.bounds"


def bounds_of(run_dir: Path, number: int) -> Bounds:
    """What a process is to be bounded by, whoever starts it: as it was written down for it."""
    try:
        return msgspec.json.decode(bounds_path(run_dir, number).read_bytes(), type=Bounds)
    except (FileNotFoundError, msgspec.DecodeError):
        return Bounds()


def prepare_folder(run_dir: Path) -> None:
    """The network's run folder: nobody but its owner gets at the control sockets. Raises `WorldError`."""
    try:
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        run_dir.chmod(0o700)
    except OSError as error:
        raise WorldError(
            f"cannot use {run_dir}: {error.strerror}", hint="run as root: sudo decnet …"
        ) from error


@contextlib.contextmanager
def _closing(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)


def _opened(stack: contextlib.ExitStack, path: Path, flags: int, mode: int = 0) -> int:
    fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    stack.callback(os.close, fd)
    return fd


def bound(stack: contextlib.ExitStack, run_dir: Path, name: str) -> int:
    """A control socket that has its address, and does not listen: the process at the other end does that."""
    (run_dir / name).unlink(missing_ok=True)
    control = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    with address(run_dir, name) as there:
        control.bind(there)
    return control.fileno()


@contextlib.contextmanager
def events_folder(events_dir: Path, uid: int) -> Iterator[int]:
    """A network's events folder, open; made when missing. Raises `WorldError`."""
    with contextlib.ExitStack() as stack:
        yield _events(stack, events_dir, uid)


def _events(stack: contextlib.ExitStack, events_dir: Path, uid: int) -> int:
    """The folder the process writes its events to, made when missing. It is the network's own, and so the process's."""
    try:
        events_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        fd = _opened(stack, events_dir, os.O_RDONLY | os.O_DIRECTORY)
        if os.geteuid() == 0 and os.fstat(fd).st_uid != uid:
            os.fchown(fd, uid, -1)
    except OSError as error:
        raise WorldError(f"cannot write events to {events_dir}: {error.strerror}") from error
    return fd


def open_log(stack: contextlib.ExitStack, path: Path) -> int:
    """What a process writes to stderr, open for appending; begun anew when it has grown large."""
    fd = _opened(stack, path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    if os.fstat(fd).st_size > _LOG_LIMIT:
        os.ftruncate(fd, 0)
    return fd


def is_ready(ready: int) -> bool:
    """Whether the process at the other end of this pipe says so, before it ends or the time is over."""
    waiting = select.poll()
    waiting.register(ready, select.POLLIN)
    return bool(waiting.poll(_READY_SECONDS * 1000)) and bool(os.read(ready, 1))


@contextlib.contextmanager
def address(run_dir: Path, name: str) -> Iterator[str]:
    """A control socket's address through the open folder: an address holds 107 bytes, a path may be longer."""
    fd = os.open(run_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{name}"
    finally:
        os.close(fd)


def connected(run_dir: Path, name: str, seconds: float) -> socket.socket | None:
    """A connection to a control socket, which waits so long for answers; None when nobody listens. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(seconds)
    try:
        with address(run_dir, name) as path:
            connection.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except BaseException:  # whatever ends this, the socket is closed; raised again
        connection.close()
        raise
    return connection


def peer(connection: socket.socket) -> int:
    """The process that called listen() at the other end of a connected control socket."""
    pid, _, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return int(pid)


class Handle:
    """A process at the other end of a connected control socket: the one that called listen(), whatever it says."""

    def __init__(self, connection: socket.socket, uid: int) -> None:
        pid = peer(connection)
        self._fd = -1
        with contextlib.suppress(ProcessLookupError, ValueError):
            self._fd = os.pidfd_open(pid)
        if self._fd >= 0 and not runs_as(pid, {uid, os.geteuid()}):  # the number has gone to somebody else
            self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def wait(self, seconds: float) -> bool:
        """Whether the process ends within this time."""
        if self._fd < 0:
            return True
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        return bool(waiting.poll(seconds * 1000))

    def kill(self, number: signal.Signals) -> None:
        if self._fd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._fd, number)


def runs_as(pid: int, users: set[int]) -> bool:
    """Whether a process is there and is one of these users'."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESRCH):
            return False
        raise
    (line,) = (line for line in status.splitlines() if line.startswith("Uid:"))
    return int(line.split()[1]) in users

"""Talk to a network's supervisor: find it, start it, ask it, end it.

Its control socket lies beside those of the decoy processes and speaks as they do: SOCK_SEQPACKET, one packet is one
message (JSON), one answer to each, descriptors beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from decnet.errors import WorldError
from decnet.world import names, spawn
from decnet.world.docker import presence

SOCKET = "supervisor.sock"
LOG = "supervisor.log"
LOCK = "supervisor.lock"
PACKET_LIMIT = 64 * 1024
DESCRIPTORS = 128
_ANSWER_SECONDS = 10.0
_START_SECONDS = 70.0
"""It waits for a decoy process as long as `spawn` does."""
_READY_SECONDS = 20.0
_QUIT_SECONDS, _END_SECONDS = 5.0, 20.0
_BOOTED_BY_SYSTEMD = Path("/run/systemd/system")
"""sd_booted(3)."""


@dataclass(frozen=True, slots=True)
class Question:
    """``op`` is take (a service's listening sockets), start (decoy process ``number``), follow, status, quit."""

    op: str
    decoy: str = ""
    service: str = ""
    ports: tuple[tuple[int, str], ...] = ()
    number: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """``error`` is empty when it was done. ``since`` is ISO 8601, UTC; ``processes`` are those it watches."""

    error: str = ""
    pid: int = 0
    since: str = ""
    processes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a network's supervisor finds things. ``state_dir`` is that of the command line."""

    network: str
    state_dir: Path
    run_dir: Path
    events_dir: Path


def ask(
    run_dir: Path, question: Question, seconds: float = _ANSWER_SECONDS
) -> tuple[Answer, list[socket.socket]] | None:
    """One question; None when no supervisor runs. The sockets belong to the caller. Raises `WorldError`."""
    connection = spawn.connected(run_dir, SOCKET, _ANSWER_SECONDS)
    if connection is None:
        return None
    with connection:
        connection.settimeout(seconds)
        try:
            connection.send(msgspec.json.encode(question))
            message, descriptors, _, _ = socket.recv_fds(connection, PACKET_LIMIT, DESCRIPTORS)
        except ConnectionError:
            return None
        except TimeoutError:
            raise WorldError(
                f"the supervisor in {run_dir} (pid {spawn.peer(connection)}) does not answer",
                hint=f"its log: {run_dir / LOG}",
            ) from None
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    if not message:
        for one in sockets:
            one.close()
        return None
    return msgspec.json.decode(message, type=Answer), sockets


def status(run_dir: Path) -> Answer | None:
    """What the supervisor says of itself; None when none runs. Raises PermissionError."""
    told = ask(run_dir, Question("status"))
    return told[0] if told else None


def is_missing(run_dir: Path) -> bool:
    """Whether one was left behind and does not run any more. Raises PermissionError."""
    return (run_dir / LOCK).exists() and status(run_dir) is None


def take(run_dir: Path, decoy: str, service: str, ports: Sequence[tuple[int, str]]) -> list[socket.socket]:
    """The listening sockets that it keeps for a service, which are the caller's from then on; none if it has none."""
    told = ask(run_dir, Question("take", decoy, service, tuple(ports)))
    return told[1] if told else []


def start_process(run_dir: Path, number: int) -> bool:
    """Have it start a decoy process. False when no supervisor runs. Raises `WorldError` when the process dies."""
    told = ask(run_dir, Question("start", number=number), _START_SECONDS)
    if told and told[0].error:
        raise WorldError(told[0].error, hint=f"its log: {run_dir / f'process-{number}.log'}")
    return told is not None


def follow(run_dir: Path) -> None:
    """Have it hear of every namespace that is there now, and take what happened so far for a command's doing.

    A command says so before it gives the network's lock back. Nothing when no supervisor runs.
    """
    with contextlib.suppress(WorldError):  # one that does not answer hears nothing either
        ask(run_dir, Question("follow"))


class Coming:
    """A supervisor that runs, or has been started and may not listen yet. Threads may share it."""

    def __init__(self, place: Place, ready: int = -1) -> None:
        """``ready`` is a pipe that it writes to when it listens, and whose other end closes when it has died."""
        self._place = place
        self._ready = ready
        self._lock = threading.Lock()
        self._told: bool | None = None

    def wait(self) -> None:
        """Return when it answers. Raises `WorldError` when it does not start."""
        with self._lock:
            if self._told is None:
                self._told = self._answers()
            if not self._told:
                raise WorldError(
                    f"the supervisor of {self._place.network} did not start",
                    hint=f"its log: {self._place.run_dir / LOG}",
                )

    def _answers(self) -> bool:
        deadline = time.monotonic() + _READY_SECONDS
        if self._ready >= 0:
            waiting = select.poll()
            waiting.register(self._ready, select.POLLIN)
            waiting.poll(_READY_SECONDS * 1000)
        while status(self._place.run_dir) is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def close(self) -> None:
        """Let go of what tells that it is there."""
        with self._lock:
            if self._ready >= 0:
                os.close(self._ready)
                self._ready = -1


@contextlib.contextmanager
def beside(place: Place) -> Iterator[Coming]:
    """Start the supervisor unless it runs, and go on: it takes half a second to listen. Raises `WorldError`."""
    if status(place.run_dir) is not None:
        yield Coming(place)
        return
    spawn.prepare_folder(place.run_dir)
    systemd_run = shutil.which("systemd-run") if _BOOTED_BY_SYSTEMD.is_dir() else None
    if systemd_run:
        _start_unit(systemd_run, place)
        yield Coming(place)
        return
    coming = Coming(place, _start_detached(place))
    try:
        yield coming
    finally:
        coming.close()


def end(run_dir: Path, network: str) -> None:
    """End the supervisor, when one runs; the decoy processes go on. Raises `WorldError` when it stays.

    One that does not quit is killed; its guard starts another, which does.
    """
    deadline = time.monotonic() + _END_SECONDS
    while _is_guarded(run_dir):
        if time.monotonic() > deadline:
            raise WorldError(f"the supervisor of {network} does not end", hint=f"its log: {run_dir / LOG}")
        connection = spawn.connected(run_dir, SOCKET, _ANSWER_SECONDS)
        if connection is None:  # its guard is about to start it again
            time.sleep(0.02)
            continue
        with connection:
            handle = spawn.Handle(connection, 0)
            with contextlib.suppress(OSError):
                connection.send(msgspec.json.encode(Question("quit")))
            if not handle.wait(_QUIT_SECONDS):
                handle.kill(signal.SIGKILL)
            handle.close()
    for name in (SOCKET, LOG, LOCK):
        (run_dir / name).unlink(missing_ok=True)


def _is_guarded(run_dir: Path) -> bool:
    """Whether a supervisor or its guard lives: each holds the lock."""
    try:
        lock = os.open(run_dir / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def command(place: Place) -> list[str]:
    """What runs a supervisor. DECNET_LOOK_SECONDS says how often it looks for what nobody hears of."""
    look = os.environ.get("DECNET_LOOK_SECONDS", "")
    return [
        sys.executable,
        "-P",
        "-m",
        "decnet.supervisor",
        f"--network={place.network}",
        f"--state={place.state_dir.absolute()}",
        f"--run={place.run_dir.absolute()}",
        f"--events={place.events_dir.absolute()}",
        *([f"--look={look}"] if look else ()),
    ]


def bind(run_dir: Path) -> socket.socket:
    """The supervisor's end: its control socket, listening. Only the owner of ``run_dir`` gets at it."""
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    (run_dir / SOCKET).unlink(missing_ok=True)
    with spawn.address(run_dir, SOCKET) as name:
        control.bind(name)
    control.listen(16)
    return control


def _start_unit(systemd_run: str, place: Place) -> None:
    """A transient service: started again by systemd when it dies; the decoy processes are not killed with it."""
    properties = ("Restart=on-failure", "RestartSec=200ms", "KillMode=process", "LimitNOFILE=65536")
    words = [f"--property={one}" for one in properties]
    words += [f"--setenv={name}={value}" for name, value in presence.variables().items()]
    unit = f"decnet-{names.uid(place.network)}"
    done = subprocess.run(
        [
            *(systemd_run, "--quiet", "--collect", f"--unit={unit}", f"--description=decnet {place.network}"),
            *words,
            *command(place),
            "--foreground",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WorldError(
            f"systemd-run refused to start the supervisor: {done.stderr.strip()}",
            hint="see: systemctl status",
        )


def _start_detached(place: Place) -> int:
    """A process of its own; the pipe that it writes to when it listens."""
    log = os.open(
        place.run_dir / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
    )
    ready, told = os.pipe2(os.O_CLOEXEC)
    try:
        spawn.Detached(
            [*command(place), f"--ready={told}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            pass_fds=(told,),
            cwd="/",
            env={**spawn.ENVIRONMENT, **presence.variables()},
            start_new_session=True,
        )
    except BaseException:  # whatever ends this, nobody else knows of the pipe; raised again
        os.close(ready)
        raise
    finally:
        os.close(log)
        os.close(told)
    return ready

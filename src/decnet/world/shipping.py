"""Talk to a network's shipper: find it by its control socket, start it, tell it its sinks, end it."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from decnet.control import PACKET_LIMIT
from decnet.errors import WorldError
from decnet.events.sinks import FileSetting, SinkBundle
from decnet.shipper import places
from decnet.shipper.protocol import Reply, Request, Shipping
from decnet.spec.resources import Sink
from decnet.world import names, sockets, spawn

SOCKET = "shipper.sock"
LOG = "shipper.log"
PROGRAM = (sys.executable, "-P", "-m", "decnet.shipper")
_ANSWER_SECONDS = 20.0
_LIST_SECONDS = 5.0
"""A list is ready at any time, and a person waits for it."""
_QUIT_SECONDS, _TERM_SECONDS, _KILL_SECONDS = 10.0, 2.0, 5.0
_OPEN_FILES = 4096


class Shipper:
    """The process that ships one network's events. Threads may share it."""

    def __init__(
        self, network: str, run_dir: Path, events_dir: Path, program: Sequence[str] = PROGRAM
    ) -> None:
        self._network = network
        self._run_dir = run_dir
        self._events_dir = events_dir
        self._program = tuple(program)
        self._children: list[spawn.Detached] = []
        self._starting = threading.Lock()

    def close(self) -> None:
        """Collect a process that we started and that has ended."""
        self._children = [child for child in self._children if child.poll() is None]

    def running(self) -> tuple[Shipping, ...]:
        """How its sinks are; none when it does not run. Raises PermissionError when we may not ask."""
        reply = self._ask(Request("list"))
        if reply is not None and reply.error:
            raise WorldError(f"the shipper of {self._network}: {reply.error}")
        return reply.running if reply else ()

    def serve(self, sink: Sink, content: bytes | None) -> None:
        """Have events shipped to a sink, as its content says. Starts the shipper. Raises `WorldError`."""
        if content is None:
            raise WorldError(f"{sink.id}: cannot be served without its content")
        setting = msgspec.json.decode(content, type=SinkBundle).setting
        with contextlib.ExitStack() as stack:
            fds = [stack.enter_context(sockets.in_memory(content))]
            if isinstance(setting, FileSetting):
                folder = own_folder(Path(setting.path).parent, names.uid(self._network))
                stack.callback(os.close, folder)
                fds.append(folder)
            reply = self._ask(Request("serve", sink.name, sink.bundle), fds, start=True)
        if reply is None or reply.error:
            raise WorldError(f"{sink.id}: {reply.error if reply else 'the shipper does not run'}")

    def stop(self, sink: str) -> None:
        """Ship to a sink no more, and forget how far it was. The last one gone, the shipper ends."""
        reply = self._ask(Request("stop", sink))
        if reply is not None and reply.error:
            raise WorldError(f"sink/{sink}: {reply.error}")
        with contextlib.suppress(FileNotFoundError), self._folder() as folder:
            places.forget(folder, sink)
        if reply is not None and not self.running():
            self.quit()

    def lend(self, fd: int) -> None:
        """Let sinks of type ``stdout`` write to a descriptor, if the shipper runs. Raises `WorldError`."""
        self._ask(Request("lend"), [fd])

    def quit(self) -> None:
        """End it (asked, then told, then killed), and remove what belongs to it. What arrives within 2 s is delivered."""
        connection = self._connect()
        if connection is not None:
            with connection:
                handle = spawn.Handle(connection, names.uid(self._network))
                with contextlib.suppress(OSError):
                    connection.send(msgspec.json.encode(Request("quit")))
            for seconds, then in ((_QUIT_SECONDS, signal.SIGTERM), (_TERM_SECONDS, signal.SIGKILL)):
                if not handle.wait(seconds):
                    handle.kill(then)
            handle.wait(_KILL_SECONDS)
            handle.close()
        self.close()
        for name in (SOCKET, LOG):
            with contextlib.suppress(FileNotFoundError):
                (self._run_dir / name).unlink()
        with contextlib.suppress(OSError):  # others are still in it
            self._run_dir.rmdir()

    def forget(self) -> None:
        """Remove the places of all sinks."""
        with contextlib.suppress(FileNotFoundError), self._folder() as folder:
            for name in os.listdir(folder):  # noqa: PTH208 (by a descriptor)
                if places.is_place(name):
                    os.unlink(name, dir_fd=folder)

    @contextlib.contextmanager
    def _folder(self) -> Iterator[int]:
        folder = os.open(self._events_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            yield folder
        finally:
            os.close(folder)

    def _ask(self, request: Request, fds: Sequence[int] = (), *, start: bool = False) -> Reply | None:
        """Its answer; None when it is not there. With ``start`` it is started when absent, and again if it was dying."""
        for _ in range(2):
            connection = self._connect()
            if connection is None and start:
                connection = self._started()
            if connection is None:
                return None
            with connection:
                answer = self._exchange(connection, request, fds)
            if answer:
                return msgspec.json.decode(answer, type=Reply)
        if not start:
            return None
        raise WorldError(
            f"the shipper of {self._network} ended while it was asked to {request.op}",
            hint=f"its log: {self._run_dir / LOG}",
        )

    def _started(self) -> socket.socket | None:
        with self._starting:
            connection = self._connect()
            if connection is None:
                self._spawn()
                connection = self._connect()
            return connection

    def _exchange(self, connection: socket.socket, request: Request, fds: Sequence[int]) -> bytes:
        """The answer, empty when it hangs up."""
        try:
            if request.op == "list":
                connection.settimeout(_LIST_SECONDS)
            socket.send_fds(connection, [msgspec.json.encode(request)], list(fds))
            return connection.recv(PACKET_LIMIT)
        except ConnectionError:
            return b""
        except TimeoutError:
            pid = spawn.peer(connection)
            raise WorldError(
                f"the shipper of {self._network} (pid {pid}) does not answer",
                hint=f"it is stopped or stuck: kill -KILL {pid}, and apply again",
            ) from None

    def _connect(self) -> socket.socket | None:
        return spawn.connected(self._run_dir, SOCKET, _ANSWER_SECONDS)

    def _spawn(self) -> None:
        """Start it and wait until it listens. Raises `WorldError` with its last words when it dies."""
        self.close()
        spawn.prepare_folder(self._run_dir)
        uid = names.uid(self._network)
        with contextlib.ExitStack() as stack:
            control = spawn.bound(stack, self._run_dir, SOCKET)
            events = stack.enter_context(spawn.events_folder(self._events_dir, uid))
            log = spawn.open_log(stack, self._run_dir / LOG)
            ready, told = os.pipe2(os.O_CLOEXEC)
            stack.callback(os.close, ready)
            child = spawn.Detached(
                [
                    *self._program,
                    *("--network", self._network, "--control-fd", str(control), "--events-fd", str(events)),
                    *("--ready-fd", str(told), "--uid", str(uid)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(control, events, told),
                cwd="/",
                env=spawn.ENVIRONMENT,
                start_new_session=True,
            )
            os.close(told)
            with contextlib.suppress(
                ProcessLookupError, PermissionError, ValueError
            ):  # what there is must do
                resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
            self._children.append(child)
            if not spawn.is_ready(ready):
                child.kill()
                child.wait()
                words = os.pread(log, 4096, max(0, os.fstat(log).st_size - 4096)).decode(errors="replace")
                last = (words.strip() or "it said nothing").splitlines()[-1]
                raise WorldError(
                    f"the shipper of {self._network} did not start: {last}",
                    hint=f"its log: {self._run_dir / LOG}",
                )


def own_folder(path: Path, uid: int) -> int:
    """The folder of a file sink, open: made for the network's user when it is missing, else it must be that user's.

    No link is followed on the way: root would otherwise make a folder wherever a link of somebody's leads. Raises
    `WorldError`.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = os.open("/", flags)
    try:
        for position, part in enumerate(path.parts[1:], 2):
            folder, parent = _entered(folder, part, last=position == len(path.parts), uid=uid), folder
            os.close(parent)
    except OSError as error:
        os.close(folder)
        what = "a part of it is a link" if error.errno in _LINKS else error.strerror
        raise WorldError(f"cannot use the folder {path}: {what}") from error
    if os.fstat(folder).st_uid != uid and os.geteuid() == 0:
        os.close(folder)
        raise WorldError(
            f"the folder {path} belongs to somebody else",
            hint="name a folder that does not exist yet: it is made for this network alone",
        )
    return folder


_LINKS = {errno.ENOTDIR, errno.ELOOP}
"""What O_DIRECTORY with O_NOFOLLOW says of a link."""


def _entered(folder: int, part: str, *, last: bool, uid: int) -> int:
    """A folder within a folder, made when it is missing: as the user's where it is the last, else as root's."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(part, flags, dir_fd=folder)
    except FileNotFoundError:
        os.mkdir(part, 0o750 if last else 0o755, dir_fd=folder)
    made = os.open(part, flags, dir_fd=folder)
    if last and os.geteuid() == 0:
        os.fchown(made, uid, -1)
    return made

"""Runs the program, starts it again when it ends, and asks it whether it is well."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable

from decnet.sandbox.lines import Lines
from decnet.sandbox.protocol import Setting

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PAUSE_SECONDS, _LONGEST_PAUSE = 0.1, 60.0
_STEADY_SECONDS = 10.0
"""A program that lived as long as this starts again at once; one that did not, ever later."""
_READ = 64 * 1024
_FIRST = 1
"""The first process of a namespace: a signal to all reaches nobody outside."""
_UNKNOWN_COMMAND = 127
_FAILURES = 3
_STARTING = 3
"""Intervals in which a program that has just been started need not be well."""


class Runner:
    """One program. ``unwell`` is called when it has failed its health check often enough."""

    def __init__(self, setting: Setting, lines: Lines, unwell: Callable[[], None]) -> None:
        self._setting = setting
        self._lines = lines
        self._unwell = unwell
        environment = dict(one.partition("=")[::2] for one in setting.env)
        self._environment = {"PATH": PATH, "HOME": "/", "LANG": "C.UTF-8", **environment}
        self._children: dict[int, asyncio.Future[int]] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)
        self._out = {stream: self._pipe(stream) for stream in ("stdout", "stderr")}
        self._nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self.pid = 0
        """0 while it does not run."""
        self.starts = self.code = 0
        self.healthy = True

    async def run(self) -> None:
        """For ever."""
        pause = _PAUSE_SECONDS
        while True:
            began = self._loop.time()
            self.code = await self._live()
            self._lines.flush()
            steady = self._loop.time() - began > _STEADY_SECONDS
            await asyncio.sleep(_PAUSE_SECONDS if steady else pause)
            pause = _PAUSE_SECONDS if steady else min(_LONGEST_PAUSE, pause * 2)

    async def _live(self) -> int:
        """Start it and wait for its end, and for that of all that it started. Its exit code, a signal's as a shell says it."""
        self.starts += 1
        self.healthy = True
        try:
            self.pid = self._spawn(self._setting.command, *self._out.values())
        except OSError as error:
            self._lines.add("stderr", f"{self._setting.command[0]}: {error.strerror}\n".encode())
            return _UNKNOWN_COMMAND
        asking = self._loop.create_task(self._ask_on()) if self._setting.health else None
        try:
            code = await self._ended(self.pid)
        finally:
            self.pid = 0
            if asking:
                asking.cancel()
        self._end_all()
        return code if code >= 0 else 128 - code

    def _spawn(self, command: tuple[str, ...], out: int, err: int) -> int:
        """Start a command. Raises `OSError`."""
        program = shutil.which(command[0], path=self._environment["PATH"])
        if program is None:
            raise FileNotFoundError(2, "no such program")
        descriptors = [(os.POSIX_SPAWN_DUP2, fd, place) for place, fd in enumerate((self._nothing, out, err))]
        pid = os.posix_spawn(
            program,
            command,
            self._environment,
            file_actions=descriptors,
            setsid=True,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
        self._children[pid] = self._loop.create_future()
        return pid

    async def _ended(self, pid: int) -> int:
        try:
            return await self._children[pid]
        finally:
            self._children.pop(pid, None)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.get(pid)
            if child is not None and not child.done():
                child.set_result(os.waitstatus_to_exitcode(status))

    def _end_all(self) -> None:
        """What the program left behind may have its ports."""
        if os.getpid() == _FIRST:
            try:
                os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                return

    async def _ask_on(self) -> None:
        interval, failures = self._setting.interval, 0
        began = self._loop.time()
        while True:
            await asyncio.sleep(interval)
            well = await self._is_well(interval / 2)
            if self._loop.time() - began <= interval * _STARTING and not well:
                continue
            failures = 0 if well else failures + 1
            was, self.healthy = self.healthy, failures < _FAILURES
            if was and not self.healthy:
                self._unwell()

    async def _is_well(self, seconds: float) -> bool:
        try:
            pid = self._spawn(self._setting.health, self._nothing, self._nothing)
        except OSError:
            return False
        try:
            return await asyncio.wait_for(self._ended(pid), seconds) == 0
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            return False

    def _pipe(self, stream: str) -> int:
        """The end to print to; what comes out of the other is read whenever something does."""
        source, sink = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(source, False)
        self._loop.add_reader(source, self._read, stream, source)
        return sink

    def _read(self, stream: str, source: int) -> None:
        with contextlib.suppress(BlockingIOError):  # it may have read that itself, by way of /proc
            self._lines.add(stream, os.read(source, _READ))

"""The process with the user's privileges: it reads tokens and states, serves nobody, and keeps a child that does.

The listening socket is its own, so that who comes while the child is started again waits instead of being refused.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from decnet.api import server
from decnet.api.site import Facts, encode
from decnet.errors import DecnetError

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0
"""Seconds before a child that ended is started again: twice as long each time, until one has lived for a while."""
_STEADY_SECONDS = 60.0
_LOOK_SECONDS = 1.0
_TELL_SECONDS = 10.0
_KILL_SECONDS = server.LEAVE_SECONDS + 5.0
"""A child that was told to end and is still there then is killed."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(settings: server.Settings, facts: Callable[[], Facts], say: Callable[[str], None]) -> int:
    """Serve until told to end; the exit code. ``facts`` is asked again every second. Raises `DecnetError`."""
    known = facts()
    with server.listen(settings.host, settings.port) as listener:
        return _Keeper(settings, listener, facts, known, say).run()


class _Keeper:
    """One child after the other."""

    def __init__(
        self,
        settings: server.Settings,
        listener: socket.socket,
        facts: Callable[[], Facts],
        known: Facts,
        say: Callable[[str], None],
    ) -> None:
        self._settings, self._listener, self._facts, self._say = settings, listener, facts, say
        self._known = known
        self._child = 0
        self._told_to_end = 0.0
        self._is_serving = False

    def run(self) -> int:
        """Until told to end, or the first child did not come up: it has said why."""
        for number in _SIGNALS:
            signal.signal(number, self._end)
        pause, has_served = FIRST_PAUSE, False
        while True:
            begun = time.monotonic()
            status = self._serve_once()
            if self._told_to_end or not (has_served or self._is_serving):
                return _exit_code(status)
            if not has_served or time.monotonic() - begun >= _STEADY_SECONDS:
                pause = FIRST_PAUSE
            has_served = True
            self._say(f"the serving process ended ({_why(status)}): another is started in {pause:g} s")
            if not self._wait(pause):
                return 0
            pause = min(LONGEST_PAUSE, pause * 2)

    def _serve_once(self) -> int:
        """A child, until its end; its status."""
        self._is_serving = False
        pipe = self._start()
        with pipe:
            self._feed(pipe)
        return self._reap()

    def _start(self) -> socket.socket:
        mine, theirs = socket.socketpair()
        mine.settimeout(_TELL_SECONDS)
        with _held_back():  # else one could come while nobody knows which child it is for
            self._child = os.fork()
            if self._child == 0:
                mine.close()
                os._exit(server.run(self._settings, self._listener, theirs, self._known))
        theirs.close()
        return mine

    def _feed(self, pipe: socket.socket) -> None:
        """Tell the child what has changed, until it hears no more."""
        due = time.monotonic() + _LOOK_SECONDS
        while not self._is_overdue():
            readable, _, _ = select.select([pipe], [], [], max(0.0, due - time.monotonic()))
            if readable and not self._hear(pipe):
                return
            if time.monotonic() < due:
                continue
            try:
                now = self._facts()
                if now != self._known:
                    pipe.sendall(encode(now))
                    self._known = now
            except DecnetError:
                pass  # it is being written: the next look has it
            except OSError:
                break  # it takes nothing: it may not go on with tokens that were revoked
            due = time.monotonic() + _LOOK_SECONDS
        os.kill(self._child, signal.SIGKILL)

    def _hear(self, pipe: socket.socket) -> bool:
        """Its one word, that it serves; False at its end."""
        try:
            if not pipe.recv(16):
                return False
        except ConnectionError:
            return False  # it was killed before it had read what it was told (unix(7))
        if not self._is_serving:
            self._is_serving = True
            self._say(f"serving {self._url()}")
        return True

    def _reap(self) -> int:
        deadline = time.monotonic() + _KILL_SECONDS
        while True:
            with _held_back():  # once it is waited for, its number may be somebody else's
                ended, status = os.waitpid(self._child, os.WNOHANG)
                if ended:
                    self._child = 0
                    return status
            if time.monotonic() > deadline:
                os.kill(self._child, signal.SIGKILL)
            time.sleep(0.02)

    def _wait(self, seconds: float) -> bool:
        """False when told to end meanwhile."""
        deadline = time.monotonic() + seconds
        while not self._told_to_end and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(0.1, left))
        return not self._told_to_end

    def _end(self, *_: object) -> None:
        self._told_to_end = self._told_to_end or time.monotonic()
        if self._child:
            os.kill(self._child, signal.SIGTERM)

    def _is_overdue(self) -> bool:
        return bool(self._told_to_end) and time.monotonic() - self._told_to_end > _KILL_SECONDS

    def _url(self) -> str:
        host, port = self._listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        return f"http{'s' if self._settings.certificate else ''}://{shown}:{port}/"


@contextmanager
def _held_back() -> Iterator[None]:
    """Signals wait meanwhile."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _exit_code(status: int) -> int:
    return 1 if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def _why(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit code {os.waitstatus_to_exitcode(status)}"

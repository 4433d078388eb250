"""A profile of each request, as a file that speedscope shows: DECNET_PROFILE_REQUESTS names the folder.

The newest `MOST` are kept. Meanwhile the store is asked by the thread of the loop, so that the whole of a request is in
its profile, and requests wait for each other: it is for looking, not for serving.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import re
import stat
import sys
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastapi.routing
from pyinstrument import Profiler
from pyinstrument.renderers import SpeedscopeRenderer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from decnet.api import live
from decnet.api.metrics import template
from decnet.errors import UsageError

MOST = 500
"""Files; of some 10 to 100 KB each."""
SUFFIX = ".speedscope.json"
_INTERVAL = 0.0002
"""Seconds between two looks at the stack."""


class Profiles:
    """The folder, opened while there are privileges, and what is written there without."""

    def __init__(self, folder: Path, user: int) -> None:
        self._folder = _opened(folder, user)
        names = os.listdir(self._folder)  # noqa: PTH208 (Path has nothing for a descriptor)
        self._kept = deque(sorted(name for name in names if name.endswith(SUFFIX)))
        self._number = 0
        self._is_failing = False

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Profile what it does for each request; streams, which do not end, pass."""

        async def profiled(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] != live.PATH:
                # In a context of its own: of a pipelined request the loop would take that of the one before.
                own = contextvars.Context()
                await asyncio.create_task(self._profile(app, scope, receive, send), context=own)
            else:
                await app(scope, receive, send)

        return profiled

    def begin(self) -> None:
        """Let no other thread work for a request: a profile is of one thread."""
        fastapi.routing.run_in_threadpool = _at_once  # type: ignore[assignment,attr-defined]  # not its public name

    def end(self) -> None:
        """Nothing waits to be written."""

    async def _profile(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        begun = time.perf_counter()
        profiler = Profiler(_INTERVAL, async_mode="enabled")
        profiler.start(target_description=f"{scope['method']} {template(scope['path'])}")
        try:
            await app(scope, receive, sending)
        finally:
            profiler.stop()
            self._write(_name(scope, status, time.perf_counter() - begun), profiler)

    def _write(self, name: str, profiler: Profiler) -> None:
        self._number += 1
        when = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        name = f"{when}-{self._number:06}-{name}{SUFFIX}"
        text = profiler.output(SpeedscopeRenderer())
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            while len(self._kept) >= MOST:
                os.unlink(self._kept.popleft(), dir_fd=self._folder)
            with os.fdopen(os.open(name, flags, 0o600, dir_fd=self._folder), "w") as file:
                file.write(text)
            self._kept.append(name)
        except OSError as error:
            if not self._is_failing:  # the request is answered all the same
                sys.stderr.write(f"api: profiles cannot be written: {error.strerror or error}\n")
            self._is_failing = True


async def _at_once(function: Callable[..., Any], /, *words: Any, **named: Any) -> Any:
    return function(*words, **named)


def _name(scope: Scope, status: int, seconds: float) -> str:
    """Of the declared path, so that nothing of what was asked for is a file's name."""
    path = re.sub(r"\W+", "-", template(scope["path"]).removeprefix("/api/v1/")).strip("-")
    return f"{path}-{status}-{seconds * 1000:.0f}ms"


def _opened(folder: Path, user: int) -> int:
    """A folder that is ``user``'s alone: made now, or by a run before. Raises `UsageError`."""
    try:
        try:
            folder.mkdir(mode=0o700)
            is_new = True
        except FileExistsError:
            is_new = False
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        if is_new and os.geteuid() == 0:
            os.fchown(handle, user, user)
        found = os.fstat(handle)
    except OSError as error:
        raise UsageError(
            f"the folder of profiles {folder} cannot be used: {error.strerror}",
            hint="name one that is not there yet",
        ) from None
    if found.st_uid != user or stat.S_IMODE(found.st_mode) & 0o077:
        os.close(handle)
        raise UsageError(
            f"the folder of profiles {folder} is not the server's alone",
            hint="name one that is not there yet",
        )
    return handle

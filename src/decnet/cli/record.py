"""Who changed what: a run of apply or destroy that changed something is one event in the network's log."""

from __future__ import annotations

import os
import pwd
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click

from decnet import engine
from decnet.errors import DecnetError, WorldError
from decnet.events import Event, EventType, now
from decnet.state import Snapshot
from decnet.world import chronicle
from decnet.world.supervision import Place

_NOBODY = 0xFFFF_FFFF
"""loginuid of what no login began."""


class Run:
    """One run of a command, from now on. What ends its ``with`` block without an outcome is told as a failure.

    ``about`` is what else is known of it; what is empty is left out.
    """

    def __init__(
        self, command: str, where: Place, plan: engine.Plan, saved: Snapshot, about: Mapping[str, Any]
    ) -> None:
        self._began = time.monotonic()
        self._head = {"command": command, **who(), **about}
        self._where = where
        self._plan = plan
        self._open = len(saved.intents)
        self._told = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, DecnetError) and not self._told:  # nobody knows how far it came
            self.tell(engine.Outcome(failed=tuple((op, error.message) for op in self._plan.ops)))

    def tell(self, outcome: engine.Outcome, left: Sequence[str] = ()) -> None:
        """Write the event, unless nothing was changed. ``left`` is what is not as declared after all.

        A log that cannot be written is told on stderr, and is no fault of the run.
        """
        self._told = True
        if not (outcome.serial or self._plan.ops or self._open):
            return
        data = self._data(engine.account(self._plan, outcome, left))
        event = Event.of(EventType.APPLY, data, ts=now(), network=self._where.network)
        try:
            chronicle.write(self._where.network, self._where.events_dir, [event])
        except (WorldError, OSError) as error:
            click.echo(f"warning: who changed what is not in the event log: {error}", err=True)

    def _data(self, done: engine.Account) -> dict[str, Any]:
        said = {
            "outcome": done.verdict.value,
            **self._head,
            "decoys": done.decoys,
            "others": done.others,
            "unnamed": done.unnamed,
            "errors": done.errors,
            "resumed": self._open,
        }
        return {
            **{key: value for key, value in said.items() if value or key == "uid"},
            "serial": done.serial,
            **{action.value: count for action, count in done.counts.items()},
            "done": done.done,
            "failed": done.failed,
            "skipped": done.skipped,
            "duration": round(time.monotonic() - self._began, 3),
        }


def who() -> dict[str, Any]:
    """Whose process this is, and as far as the machine knows, who logged in to start it."""
    return {
        "user": _name(os.getuid()),
        "uid": os.getuid(),
        "sudo_user": os.environ.get("SUDO_USER", ""),
        "login": _login(),
        "pid": os.getpid(),
        "host": socket.gethostname(),
    }


def _login() -> str:
    """Who logged in (proc_pid_loginuid(5)): su and sudo do not change it. Empty where the kernel does not know."""
    try:
        uid = int(Path("/proc/self/loginuid").read_text())
    except (OSError, ValueError):
        return ""
    return "" if uid == _NOBODY else _name(uid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)

"""What developers switch on by a variable: traces, and a profile of each request. Off, none of it is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from starlette.types import ASGIApp

from decnet.errors import UsageError
from decnet.events.store import Repository

TRACING = "DECNET_DEVELOPER_TRACING"
PROFILES = "DECNET_PROFILE_REQUESTS"


class Aid(Protocol):
    """One of them. It is made while there are privileges."""

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Stand around all that is served."""

    def begin(self) -> None:
        """Privileges are gone, requests not come yet."""

    def end(self) -> None:
        """The last request is answered."""


def aids(store: Repository, user: int) -> tuple[Aid, ...]:
    """Those that are switched on, the innermost first; ``user`` is who will serve. Raises `UsageError`."""
    found: list[Aid] = []
    if _is_on(os.environ.get(TRACING, "")):
        with _extra("tracing", TRACING):
            from decnet.api.tracing import Tracing  # noqa: PLC0415 (an extra that few install)
        found.append(Tracing(store))
    if folder := os.environ.get(PROFILES, ""):
        with _extra("profiling", PROFILES):
            from decnet.api.profiles import Profiles  # noqa: PLC0415 (as above)
        found.append(Profiles(Path(folder), user))
    return tuple(found)


def _is_on(value: str) -> bool:
    if value.lower() not in ("", "true", "false"):
        raise UsageError(f"{TRACING} is {value!r}", hint="true or false")
    return value.lower() == "true"


@contextmanager
def _extra(name: str, variable: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{variable} needs {error.name}, which is not installed", hint=f"pip install 'decnet[{name}]'"
        ) from None

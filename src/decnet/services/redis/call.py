"""One command being carried out: its words, who sent it, and the readers of arguments that commands share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from decnet.services.redis.dataset import Database
from decnet.services.redis.reply import Refused
from decnet.services.redis.request import integer
from decnet.services.redis.table import Spec

if TYPE_CHECKING:  # both import the commands, which import this
    from decnet.services.redis.client import Client
    from decnet.services.redis.state import State

NOT_INTEGER = "ERR value is not an integer or out of range"
NOT_FLOAT = "ERR value is not a valid float"
SYNTAX = "ERR syntax error"


@dataclass(slots=True)
class Call:
    """``args[0]`` is the command's name as it was sent."""

    args: list[bytes]
    spec: Spec
    client: Client
    state: State

    @property
    def db(self) -> Database:
        """The client's selected database."""
        return self.state.dataset.databases[self.client.db]

    @property
    def key(self) -> bytes:
        """The first argument."""
        return self.args[1]

    def integer(self, position: int, problem: str = NOT_INTEGER) -> int:
        """An argument as a 64-bit integer. Raises `Refused`."""
        return number(self.args[position], problem)

    def find(self, kind: type[Any], key: bytes | None = None) -> Any:
        """The value of the first argument's key (or of another) if it is of that kind, or None."""
        return self.db.of(kind, self.key if key is None else key)


def number(text: bytes, problem: str = NOT_INTEGER) -> int:
    """A 64-bit integer. Raises `Refused`."""
    value = integer(text)
    if value is None:
        raise Refused(problem)
    return value


_FLOAT = re.compile(
    rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|0[xX][0-9a-fA-F]+)", re.IGNORECASE
)


def real(text: bytes, problem: str = NOT_FLOAT) -> float:
    """A double, as strtod() reads it, but not NaN. Raises `Refused`."""
    if len(text) > 256 or _FLOAT.fullmatch(text) is None:
        raise Refused(problem)
    return float.fromhex(text.decode()) if b"x" in text.lower() else float(text)


def option(text: bytes) -> str:
    """A word of a command's options, upper case."""
    return text[:32].upper().decode("latin-1")

"""The command table: what redis says about each command (recorded data), and the function that carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

import decnet
from decnet.services.redis.reply import Encoder, Members, Refused, Status

DATA = Path(decnet.__file__).parent / "templates" / "redis" / "7.0"
"""COMMAND and COMMAND DOCS as redis 7.0.15 answers them, one command a line, sets as ``{"set": […]}``."""

_decoded = msgspec.json.decode
_NO_DOCS = msgspec.Raw(b"{}")


def _named(entries: bytes) -> dict[str, msgspec.Raw]:
    """Entries of COMMAND by their names; a command without subcommands has an empty set of them instead."""
    if not entries.lstrip().startswith(b"["):
        return {}
    found = msgspec.json.decode(entries, type=list[msgspec.Raw])
    return {_decoded(one)[0]: one for one in found}


_COMMANDS = _named((DATA / "commands.json").read_bytes())
_DOCS = msgspec.json.decode((DATA / "docs.json").read_bytes(), type=dict[str, msgspec.Raw])

HELP: Mapping[str, list[bytes]] = {
    block.partition("]")[0]: [line.encode() for line in block.splitlines()[1:]]
    for block in (DATA / "help.txt").read_text(encoding="ascii").split("\n[")
    for block in [block.removeprefix("[")]
}
"""What the HELP of a command answers, line by line."""

Run = Callable[[Any], Any]
"""Carries out a command: takes a `decnet.services.redis.call.Call`, returns a reply."""
_RUN: dict[str, Run] = {}


@dataclass(frozen=True, slots=True)
class Spec:
    """One command or subcommand (``config|get``). A negative arity is the least number of words, name included."""

    name: str
    arity: int
    flags: frozenset[str]
    first: int
    last: int
    step: int
    categories: frozenset[str]
    run: Run | None
    entry: msgspec.Raw
    about: msgspec.Raw
    """The entries of COMMAND and COMMAND DOCS as they were recorded: rarely asked for, and ten times as large decoded."""
    subcommands: Mapping[str, Spec] = field(default_factory=dict)

    @property
    def info(self) -> list[Any]:
        """The entry of COMMAND, as a reply."""
        # Tips and names are bulk strings, flags and categories simple strings (server.c, addReplyCommandInfo).
        entry = _decoded(self.entry)
        told = [_reply(part) for part in entry[:9]]
        told[7] = Members(tip.encode() for tip in entry[7]["set"])
        told.append([sub.info for sub in self.subcommands.values()] if self.subcommands else Members())
        return told

    @property
    def docs(self) -> Any:
        """The entry of COMMAND DOCS, as a reply."""
        documented = _decoded(self.about)
        if documented.get("subcommands"):
            documented["subcommands"] = {
                key: value
                for key, value in documented["subcommands"].items()
                if key.partition("|")[2] in self.subcommands
            }
        return _reply(documented)

    def keys(self, args: list[bytes]) -> list[bytes]:
        """The arguments that are keys, by the simple positions of the table."""
        if self.first <= 0:
            return []
        last = self.last if self.last >= 0 else len(args) + self.last
        return args[self.first : last + 1 : self.step]


def command(*names: str) -> Callable[[Run], Run]:
    """Register a function as what carries out these commands."""

    def register(run: Run) -> Run:
        _RUN.update(dict.fromkeys(names, run))
        table.cache_clear()
        return run

    return register


@cache
def table(version: tuple[int, ...]) -> Mapping[str, Spec]:
    """The commands of a version: those that can be carried out and that it had already.

    A command that is not there is not listed either, as after ``rename-command NAME ""``.
    """
    found = (_spec(name, entry, _DOCS.get(name, _NO_DOCS), version) for name, entry in _COMMANDS.items())
    return {spec.name: spec for spec in found if spec is not None}


def _spec(name: str, entry: msgspec.Raw, about: msgspec.Raw, version: tuple[int, ...]) -> Spec | None:
    docs = msgspec.json.decode(about, type=dict[str, msgspec.Raw])
    since: str = _decoded(docs["since"]) if "since" in docs else "1.0.0"
    if tuple(map(int, since.split("."))) > version:
        return None
    *facts, below = msgspec.json.decode(entry, type=list[msgspec.Raw])
    subdocs = msgspec.json.decode(docs.get("subcommands", _NO_DOCS), type=dict[str, msgspec.Raw])
    subcommands = {}
    for key, sub in _named(bytes(below)).items():
        found = _spec(key, sub, subdocs.get(key, _NO_DOCS), version)
        if found is not None:
            subcommands[key.partition("|")[2]] = found
    run = _RUN.get(name)
    if run is None and not subcommands:
        return None
    return Spec(
        name=name,
        arity=_decoded(facts[1]),
        flags=frozenset(_decoded(facts[2])["set"]),
        first=_decoded(facts[3]),
        last=_decoded(facts[4]),
        step=_decoded(facts[5]),
        categories=frozenset(_decoded(facts[6])["set"]),
        run=run,
        entry=entry,
        about=about,
        subcommands=subcommands,
    )


def _reply(value: Any) -> Any:
    """Recorded data as a reply: texts are bulk strings, in sets simple strings."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return [_reply(item) for item in value]
    if isinstance(value, dict):
        if value.keys() == {"set"}:
            return Members(Status(v.encode()) if isinstance(v, str) else _reply(v) for v in value["set"])
        return {key.encode(): _reply(item) for key, item in value.items()}
    return value


@cache
def encoded(version: tuple[int, ...], part: str, *, resp3: bool) -> bytes:
    """The whole reply of COMMAND (``info``) or of COMMAND DOCS (``docs``): large, and always the same."""
    encoder = Encoder(limit=4 * 1024 * 1024)
    encoder.resp3 = resp3
    specs = table(version).values()
    encoder.add([s.info for s in specs] if part == "info" else {s.name.encode(): s.docs for s in specs})
    return encoder.take()


def find(commands: Mapping[str, Spec], args: list[bytes]) -> Spec:
    """The spec of a request, its arity checked. Raises `Refused` with redis' own words (server.c, processCommand)."""
    name = args[0].lower().decode("latin-1")
    spec = commands.get(name)
    if spec is None:
        raise Refused(_unknown(args))
    if spec.subcommands:
        if len(args) > 1:
            chosen = spec.subcommands.get(args[1].lower().decode("latin-1"))
            if chosen is not None:
                spec = chosen
            else:
                raise Refused(
                    b"ERR unknown subcommand '%b'. Try %b HELP." % (args[1][:128], name.upper().encode())
                )
        elif spec.run is None:
            raise wrong_arity(spec.name)
    if (spec.arity > 0 and spec.arity != len(args)) or len(args) < -spec.arity:
        raise wrong_arity(spec.name)
    return spec


def wrong_arity(name: str) -> Refused:
    """The refusal of too few or too many arguments."""
    return Refused(f"ERR wrong number of arguments for '{name}' command")


def _unknown(args: list[bytes]) -> bytes:
    told = b""
    for arg in args[1:]:
        if len(told) >= 128:
            break
        told += b"'%b' " % arg[: 128 - len(told)]
    return b"ERR unknown command '%b', with args beginning with: %b" % (args[0][:128], told)

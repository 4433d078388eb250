"""CONFIG: the parameters of the server, what may be set, and what redis says to what may not."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from decnet.services.redis.pattern import glob
from decnet.services.redis.reply import Refused
from decnet.services.redis.table import DATA

VALUE_LIMIT = 64 * 1024
"""Bytes of one value that are kept."""

_YES_NO = ("yes", "no")
_IMMUTABLE = frozenset(
    [
        "aclfile",
        "always-show-logo",
        "aof_rewrite_cpulist",
        "appenddirname",
        "appendfilename",
        "bgsave_cpulist",
        "bio_cpulist",
        "cluster-config-file",
        "cluster-enabled",
        "cluster-port",
        "crash-log-enabled",
        "daemonize",
        "databases",
        "disable-thp",
        "enable-debug-command",
        "enable-module-command",
        "enable-protected-configs",
        "ignore-warnings",
        "io-threads",
        "io-threads-do-reads",
        "logfile",
        "pidfile",
        "rdb-del-sync-files",
        "replicaof",
        "server_cpulist",
        "set-proc-title",
        "slaveof",
        "socket-mark-id",
        "supervised",
        "syslog-enabled",
        "syslog-facility",
        "syslog-ident",
        "tcp-backlog",
        "tls-prefer-server",
        "unixsocket",
        "unixsocketperm",
    ]
) - {"rdb-del-sync-files", "crash-log-enabled", "cluster-port"}
_IMMUTABLE_TOO = frozenset({"cluster-port"})
_PROTECTED = frozenset({"dir", "dbfilename"})
_MEMORY = frozenset(
    [
        "maxmemory",
        "repl-backlog-size",
        "client-query-buffer-limit",
        "proto-max-bulk-len",
        "auto-aof-rewrite-min-size",
        "active-defrag-ignore-bytes",
        "stream-node-max-bytes",
        "hll-sparse-max-bytes",
    ]
)
_ENUMS: Mapping[str, tuple[str, ...]] = {
    "maxmemory-policy": (
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "noeviction",
    ),
    "loglevel": ("debug", "verbose", "notice", "warning"),
    "appendfsync": ("everysec", "always", "no"),
    "repl-diskless-load": ("disabled", "on-empty-db", "swapdb"),
}
_UNITS = {
    b"": 1,
    b"b": 1,
    b"k": 1000,
    b"kb": 1024,
    b"m": 1000**2,
    b"mb": 1024**2,
    b"g": 1000**3,
    b"gb": 1024**3,
}
ALIASES = {"slave": "replica", "ziplist": "listpack"}


def _parse(text: bytes) -> dict[str, bytes]:
    lines = [line.partition(b" ") for line in text.splitlines() if line]
    return {name.decode(): value for name, _, value in lines}


_DEFAULTS = _parse((DATA / "config.txt").read_bytes())
"""CONFIG GET * of a fresh server."""


@dataclass(frozen=True, slots=True)
class Own:
    """What is rendered for one decoy: a seed for its content, its parameters, its facts for INFO."""

    choices: bytes
    config: Mapping[str, bytes]
    info: Mapping[str, str]

    @classmethod
    def parse(cls, rendered: bytes) -> Own:
        """Three blocks of ``name value`` lines. Raises `KeyError` or `ValueError` when they are not that."""
        seed, config, info = (_parse(block) for block in rendered.split(b"\n\n"))
        return cls(
            bytes.fromhex(seed["choices"].decode()),
            config,
            {name: value.decode() for name, value in info.items()},
        )


@dataclass(slots=True)
class Config:
    """The parameters by name, values as CONFIG GET tells them."""

    values: dict[str, bytes] = field(default_factory=_DEFAULTS.copy)
    directories: frozenset[bytes] = frozenset()
    """The folders that there are, for ``dir``."""

    @classmethod
    def of(cls, own: Mapping[str, bytes], directories: bytes) -> Config:
        """The defaults with a decoy's own on top; ``directories`` are one a line."""
        values = {**_DEFAULTS, **own}
        return cls(values, frozenset({values["dir"], *directories.split()}))

    def __getitem__(self, name: str) -> bytes:
        return self.values[name]

    def get(self, patterns: Iterable[bytes]) -> dict[bytes, bytes]:
        """The parameters whose names match any of the patterns."""
        found: dict[bytes, bytes] = {}
        for pattern in patterns:
            wanted = pattern.lower()
            if wanted.decode("latin-1") in self.values:
                found[wanted] = self.values[wanted.decode()]
                continue
            match = glob(wanted, fold=True).fullmatch
            found.update({k.encode(): v for k, v in self.values.items() if match(k.encode())})
        return found

    def set(self, assignments: list[tuple[bytes, bytes]]) -> None:
        """Set parameters, all or none. Raises `Refused`."""
        changed: dict[str, bytes] = {}
        for raw, value in assignments:
            name = raw.lower().decode("latin-1")
            if name not in self.values:
                raise Refused(b"ERR Unknown option or number of arguments for CONFIG SET - '%b'" % raw[:128])
            if name in changed:
                raise _failed(raw, "duplicate parameter")
            changed[name] = self._checked(raw, name, value)
        for name, value in changed.items():
            for alias in _aliases(name, self.values):
                self.values[alias] = value

    def _checked(self, raw: bytes, name: str, value: bytes) -> bytes:
        if name in _IMMUTABLE or name in _IMMUTABLE_TOO:
            raise _failed(raw, "can't set immutable config")
        if name in _PROTECTED and self.values["enable-protected-configs"] != b"yes":
            raise _failed(raw, "can't set protected config")
        if len(value) > VALUE_LIMIT:
            raise _failed(raw, "argument too long")
        return self._typed(raw, name, value)

    def _typed(self, raw: bytes, name: str, value: bytes) -> bytes:  # noqa: C901, PLR0911 (one return a kind of parameter)
        current = self.values[name]
        if name in _ENUMS:
            if value.lower().decode("latin-1") not in _ENUMS[name]:
                told = ", ".join(_ENUMS[name])
                raise _failed(raw, f"argument(s) must be one of the following: {told}")
            return value.lower()
        if current.decode("latin-1") in _YES_NO:
            if value.lower().decode("latin-1") not in _YES_NO:
                raise _failed(raw, "argument must be 'yes' or 'no'")
            return value.lower()
        if name in _MEMORY:
            return _memory(raw, value)
        if name == "save":
            return _save(raw, value)
        if name == "dir":
            path = value.rstrip(b"/") or b"/"
            path = path if path.startswith(b"/") else posixpath.normpath(current + b"/" + path)
            if path not in self.directories:
                raise _failed(raw, "No such file or directory")
            return path
        if name == "dbfilename" and b"/" in value:
            raise _failed(raw, "dbfilename can't be a path, just a filename")
        if current.isdigit() and name != "save":
            if not value.lstrip(b"-").isdigit():
                raise _failed(raw, "argument couldn't be parsed into an integer")
            if not 0 <= int(value[:20]) < 2**31:
                raise _failed(raw, "argument must be between 0 and 2147483647 inclusive")
            return b"%d" % int(value[:20])
        return value


def _failed(name: bytes, why: str) -> Refused:
    return Refused(
        b"ERR CONFIG SET failed (possibly related to argument '%b') - %b" % (name[:128], why.encode())
    )


def _aliases(name: str, known: Mapping[str, bytes]) -> list[str]:
    names = [name]
    for old, new in ALIASES.items():
        others = (name.replace(old, new), name.replace(new, old))
        names.extend(other for other in others if other != name and other in known)
    return names


def _memory(raw: bytes, value: bytes) -> bytes:
    digits = value.rstrip(b"bBkKmMgG")
    unit = _UNITS.get(value[len(digits) :].lower())
    if unit is None or not digits.isdigit() or len(digits) > 19:
        raise _failed(raw, "argument must be a memory value")
    return b"%d" % (int(digits) * unit)


def _save(raw: bytes, value: bytes) -> bytes:
    words = value.split()
    if len(words) % 2 or not all(word.isdigit() for word in words):
        raise _failed(raw, "Invalid save parameters")
    return b" ".join(words)

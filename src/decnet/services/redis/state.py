"""Everything one redis server holds beside its connections' own state."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from decnet.services.redis.client import Client
from decnet.services.redis.config import Config
from decnet.services.redis.dataset import Dataset
from decnet.services.redis.quoting import representation
from decnet.services.redis.reply import Encoder, Push
from decnet.services.service import Facts

SCRIPTS_LIMIT = 256
SLOWLOG_LENGTH = 128


@dataclass(slots=True)
class Usage:
    """What COMMANDSTATS tells of one command; ``spent`` in microseconds."""

    calls: int = 0
    spent: int = 0
    rejected: int = 0
    failed: int = 0


@dataclass(slots=True)
class Stats:
    """Counters that CONFIG RESETSTAT sets back."""

    connections: int = 0
    commands: int = 0
    hits: int = 0
    misses: int = 0
    received: int = 0
    sent: int = 0
    reads: int = 0
    writes: int = 0
    usage: dict[str, Usage] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    second: int = 0
    in_second: int = 0
    last_second: int = 0

    def tick(self) -> None:
        """Count one command for instantaneous_ops_per_sec."""
        self.commands += 1
        now = int(time.monotonic())
        if now != self.second:
            self.last_second = self.in_second if now == self.second + 1 else 0
            self.second, self.in_second = now, 0
        self.in_second += 1


@dataclass(slots=True)
class User:
    """A user of ACL SETUSER, rules as ACL LIST shows them."""

    on: bool = False
    nopass: bool = False
    passwords: list[bytes] = field(default_factory=list)
    """SHA-256 in hex."""
    keys: list[bytes] = field(default_factory=list)
    channels: list[bytes] = field(default_factory=list)
    commands: list[bytes] = field(default_factory=lambda: [b"-@all"])

    def allows(self, name: bytes, categories: list[bytes]) -> bool:
        """Whether the last rule that is about a command lets it through."""
        allowed = False
        for rule in self.commands:
            if rule[1:] in {name, b"@all", *categories}:
                allowed = rule[:1] == b"+"
        return allowed


@dataclass(slots=True)
class State:
    """One server. ``version`` is its number as a tuple; ``told`` the fields of INFO that never move."""

    version: tuple[int, ...]
    facts: Facts
    config: Config
    dataset: Dataset
    told: Mapping[str, str]
    run_id: str
    replication_id: str
    process_id: int
    rendered_path: bytes
    """Where the server saves as long as nobody changes it."""
    random: random.Random
    """For what the real server leaves to chance (RANDOMKEY, SPOP); nothing else asks it."""
    stats: Stats = field(default_factory=Stats)
    clients: dict[int, Client] = field(default_factory=dict)
    next_client: int = 3
    channels: dict[bytes, dict[Client, None]] = field(default_factory=dict)
    patterns: dict[bytes, dict[Client, None]] = field(default_factory=dict)
    shards: dict[bytes, dict[Client, None]] = field(default_factory=dict)
    monitors: dict[Client, None] = field(default_factory=dict)
    watchers: dict[tuple[int, bytes], set[Client]] = field(default_factory=dict)
    waiting: dict[tuple[int, bytes], dict[Client, None]] = field(default_factory=dict)
    users: dict[bytes, User] = field(default_factory=dict)
    """By name, without ``default``."""
    scripts: dict[str, bytes] = field(default_factory=dict)
    slowlog: deque[list[object]] = field(default_factory=lambda: deque(maxlen=SLOWLOG_LENGTH))
    saved: float = field(default_factory=time.time)
    saves: int = 0
    peak: int = 0
    """Most memory that INFO ever told."""
    loaded: int = 0
    """Keys at the start."""
    master: tuple[str, int] | None = None
    master_since: float = 0.0
    previous_replication_id: str = "0" * 40

    def connect(self, client: Client) -> None:
        """A client has come."""
        self.clients[client.id] = client
        self.stats.connections += 1

    def disconnect(self, client: Client) -> None:
        """A client has gone: forget it everywhere."""
        self.clients.pop(client.id, None)
        self.unwatch(client)
        self.forget_subscriptions(client)

    def forget_subscriptions(self, client: Client) -> None:
        """The client listens to nothing any more."""
        self.monitors.pop(client, None)
        for names, table in (
            (client.channels, self.channels),
            (client.patterns, self.patterns),
            (client.shards, self.shards),
        ):
            for name in names:
                listeners = table.get(name, {})
                listeners.pop(client, None)
                if not listeners:
                    table.pop(name, None)
            names.clear()

    def unwatch(self, client: Client) -> None:
        """End all WATCHes of a client."""
        for place in client.watched:
            watchers = self.watchers.get(place)
            if watchers is not None:
                watchers.discard(client)
                if not watchers:
                    del self.watchers[place]
        client.watched.clear()
        client.dirty = False

    def touched(self, database: int, key: bytes) -> None:
        """A key changed: spoil the transactions that watch it, wake the clients that wait for it."""
        if self.watchers:
            for client in self.watchers.get((database, key), ()):
                client.dirty = True
        if self.waiting:
            for client in self.waiting.get((database, key), ()):
                if client.blocked is not None:
                    client.blocked()

    def show(self, client: Client, args: list[bytes]) -> None:
        """Let those who MONITOR see a command; passwords are not shown to them."""
        if args[0].lower() in {b"auth", b"hello", b"monitor", b"exec"}:
            return
        shown = " ".join(f'"{representation(arg[:4096])}"' for arg in args[:256])
        line = f"+{time.time():.6f} [{client.db} {client.address}] {shown}\r\n".encode()
        for listener in self.monitors:
            listener.push(line)

    def tell(self, client: Client, message: list[object]) -> None:
        """Push a message to a client that listens, in its protocol."""
        encoder = Encoder(len(str(message)) * 4 + 1024)
        encoder.resp3 = client.out.resp3
        encoder.add(Push(message))
        client.push(encoder.take())

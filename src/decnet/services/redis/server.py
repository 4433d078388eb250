"""The server: connections in, replies out."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from decnet.draw import Draw
from decnet.services import Session, Setting
from decnet.services.redis import Persona, bait, commands, version_numbers
from decnet.services.redis.config import Config, Own
from decnet.services.redis.connection import Connection
from decnet.services.redis.dataset import Dataset
from decnet.services.redis.state import State

__all__ = ["commands", "create"]


def create(setting: Setting, previous: Any = None) -> Redis:
    """The handler of one redis. After a live change it goes on with the dataset of the one before."""
    return Redis(setting, previous)


class Redis:
    """One redis server of one decoy. Its state is made when the first visitor comes: most decoys see none for days."""

    def __init__(self, setting: Setting, previous: Redis | None = None) -> None:
        self._setting = setting
        self._own = Own.parse(setting.files["server"])
        self._shape = bait.shape(setting.files["keys.json"])
        self._state: State | None = None
        if previous is not None and previous.started:
            self._state = self._start(previous.state)

    @property
    def started(self) -> bool:
        """Has been visited."""
        return self._state is not None

    @property
    def state(self) -> State:
        """What the server holds."""
        if self._state is None:
            self._state = self._start(None)
        return self._state

    def _start(self, old: State | None) -> State:
        setting = self._setting
        persona: Persona = setting.persona
        draw = Draw(setting.seed, "redis", "ids")
        own = self._own
        choices = Draw(own.choices, "redis")
        config = Config.of(
            {
                **own.config,
                "databases": b"%d" % persona.databases,
                "maxmemory": b"%d" % persona.maxmemory,
                "requirepass": persona.password.encode(),
            },
            setting.files["directories"],
        )
        state = State(
            version=version_numbers(persona.redis_version),
            facts=setting.facts,
            config=config,
            dataset=Dataset(persona.databases),
            told={
                "redis_version": persona.redis_version,
                "redis_build_id": choices.child("build", persona.redis_version).hex(8),
                **own.info,
            },
            run_id=draw.child("run", str(setting.facts.booted)).hex(20),
            replication_id=draw.child("replication", str(setting.facts.booted)).hex(20),
            process_id=draw.child("pid").integer(380, 1200),
            random=random.Random(draw.child("chance").bytes(16) + time.time_ns().to_bytes(8, "big")),  # noqa: S311 (no secret hangs on it)
            rendered_path=config["dir"] + b"/" + config["dbfilename"],
        )
        if old is None:
            filling = bait.Filling(self._shape, setting.facts, choices.child("keys"), draw.child("keys"))
            bait.load(state.dataset, self._shape, persona.keys, filling)
        else:
            _take_over(old, state)
        state.loaded = sum(len(db.values) for db in state.dataset.databases)
        state.dataset.touched = state.touched
        return state

    async def handle(self, session: Session) -> None:
        """Serve one connection."""
        connection = Connection(self.state, session)
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
            lambda: connection, session.socket
        )
        try:
            await connection.gone
        finally:
            transport.abort()


def _take_over(old: State, state: State) -> None:
    """What visitors left stays when the persona changes."""
    state.stats, state.scripts, state.slowlog = old.stats, old.scripts, old.slowlog
    state.users = old.users
    state.saved, state.saves, state.next_client = old.saved, old.saves, old.next_client
    for source, target in zip(old.dataset.databases, state.dataset.databases, strict=False):
        target.values, target.expires, target.used_at = source.values, source.expires, source.used_at
    state.dataset.dirty = old.dataset.dirty
    state.dataset.audit()

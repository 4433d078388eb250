"""The server: connections in, replies out."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from decnet.draw import Draw
from decnet.events import EventType
from decnet.services import Session, Setting
from decnet.services.redis import Persona, bait, commands, version_numbers
from decnet.services.redis.client import Client
from decnet.services.redis.config import Config, Own
from decnet.services.redis.dataset import Dataset
from decnet.services.redis.execute import Blocked, execute
from decnet.services.redis.reply import Error, OutputLimit
from decnet.services.redis.request import ProtocolError
from decnet.services.redis.state import State

__all__ = ["commands", "create"]

READ_SIZE = 64 * 1024
FLUSH_SIZE = 256 * 1024
"""Bytes of replies after which a pipeline is written before it goes on."""
SLICE = 0.005
"""Seconds after which a pipeline lets other connections go first."""
WRITE_PATIENCE = 30.0
"""Seconds a client has to read what it asked for."""


def create(setting: Setting, previous: Any = None) -> Redis:
    """The handler of one redis. After a live change it goes on with the dataset of the one before."""
    return Redis(setting, previous)


class Redis:
    """One redis server of one decoy. Its state is made when the first visitor comes: most decoys see none for days."""

    def __init__(self, setting: Setting, previous: Redis | None = None) -> None:
        self._setting = setting
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
        own = Own.parse(setting.files["server"])
        choices = Draw(own.choices, "redis")
        config = Config.of(own.config, setting.files["directories"])
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
            shape = bait.shape(setting.files["keys.json"])
            filling = bait.Filling(shape, setting.facts, choices.child("keys"), draw.child("keys"))
            bait.load(state.dataset, shape, persona.keys, filling)
        else:
            _take_over(old, state)
        state.loaded = sum(len(db.values) for db in state.dataset.databases)
        state.dataset.touched = state.touched
        return state

    async def handle(self, session: Session) -> None:
        """Serve one connection."""
        reader, writer = await session.streams()
        state = self.state
        client = Client(state.next_client, session, writer, trusted=not state.config["requirepass"])
        client.parser.trusted = client.trusted
        state.next_client += 1
        state.connect(client)
        conversation = _Conversation(state, client, reader, writer)
        try:
            await conversation.run()
        except (ConnectionError, TimeoutError):
            writer.transport.abort()
        finally:
            state.disconnect(client)
            conversation.finish()


def _take_over(old: State, state: State) -> None:
    """What visitors left stays when the persona changes."""
    state.stats, state.scripts, state.slowlog = old.stats, old.scripts, old.slowlog
    state.saved, state.saves, state.next_client = old.saved, old.saves, old.next_client
    for source, target in zip(old.dataset.databases, state.dataset.databases, strict=False):
        target.values, target.expires, target.used_at = source.values, source.expires, source.used_at
    state.dataset.dirty = old.dataset.dirty
    state.dataset.audit()


class _Conversation:
    """One client's requests and their replies."""

    def __init__(
        self, state: State, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.state = state
        self.client = client
        self.reader = reader
        self.writer = writer
        self.reading: asyncio.Task[bytes] | None = None

    async def run(self) -> None:
        """Until the client goes or is sent away."""
        client, stats = self.client, self.state.stats
        while not client.closing:
            data = await self._read()
            if not data:
                return
            stats.received += len(data)
            stats.reads += 1
            client.parser.feed(data)
            try:
                await self._serve()
            except OutputLimit:
                client.out.take()
                return
            except ProtocolError as problem:
                client.out.add(Error(problem.reply))
                client.session.emit(EventType.ERROR, reason=problem.reply.decode("latin-1"))
                client.closing = True
            await self._flush()

    async def _read(self) -> bytes:
        if self.reading is None:
            return await self.reader.read(READ_SIZE)
        reading, self.reading = self.reading, None
        return await reading

    async def _serve(self) -> None:
        """Everything that has arrived: replies are gathered and written once, or by and by when there are many."""
        client, out = self.client, self.client.out
        started = time.monotonic()
        while not client.closing:
            request = client.parser.next()
            if request is None:
                return
            result = execute(self.state, client, request)
            if isinstance(result, Blocked):
                await self._flush()
                await self._wait(result)
                started = time.monotonic()
            if out.size > FLUSH_SIZE or time.monotonic() - started > SLICE:
                await self._flush()
                await asyncio.sleep(0)
                started = time.monotonic()

    async def _flush(self) -> None:
        out = self.client.out
        if not out.size:
            return
        data = out.take()
        if self.writer.transport.is_closing():
            self.client.closing = True
            return
        self.state.stats.sent += len(data)
        self.state.stats.writes += 1
        self.writer.write(data)
        if self.writer.transport.get_write_buffer_size() > FLUSH_SIZE:
            async with asyncio.timeout(WRITE_PATIENCE):
                await self.writer.drain()

    async def _wait(self, blocked: Blocked) -> None:
        """Until one of the keys has what the client waits for, time is up, or the client goes."""
        client, state = self.client, self.state
        client.blocked = asyncio.Event()
        client.unblock = ""
        for key in blocked.keys:
            state.waiting.setdefault((client.db, key), {})[client] = None
        deadline = None if blocked.seconds == 0 else time.monotonic() + blocked.seconds
        try:
            await self._sleep(blocked, deadline)
        finally:
            client.blocked = None
            for key in blocked.keys:
                waiting = state.waiting.get((client.db, key), {})
                waiting.pop(client, None)
                if not waiting:
                    state.waiting.pop((client.db, key), None)

    async def _sleep(self, blocked: Blocked, deadline: float | None) -> None:
        client = self.client
        while client.blocked is not None:
            waking = asyncio.ensure_future(client.blocked.wait())
            if self.reading is None:
                self.reading = asyncio.ensure_future(self.reader.read(READ_SIZE))
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                # What is read meanwhile stays where it is: only that the client goes is of interest.
                watched = {waking} if self.reading.done() else {waking, self.reading}
                done, _ = await asyncio.wait(watched, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
            if self.reading in done and not self.reading.result():
                client.closing = True
                return
            client.blocked.clear()
            if blocked.answer(expired=not done):
                return

    def finish(self) -> None:
        """Let go of what still runs."""
        if self.reading is not None:
            self.reading.cancel()

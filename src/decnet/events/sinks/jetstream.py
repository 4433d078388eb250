"""A carrier to NATS with JetStream: a message an event, and an acknowledgement of each.

The library wants an event loop that runs all the time, since servers ask whether we are there: it has a thread of its
own. `Nats-Msg-Id` is the id of the event, so a stream stores once what is sent twice within its window.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client, RawCredentials
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, Header, StreamConfig

from decnet.events.formats.document import Document
from decnet.events.reader import decode
from decnet.events.schema import Event, safe_text
from decnet.events.sinks.carrier import MOST_EVENTS, Stopped
from decnet.events.sinks.setting import NatsSetting
from decnet.events.sinks.tls import client_context

T = TypeVar("T")
PREFIX = "decnet"
SUBJECTS = f"{PREFIX}.>"
STREAM_BYTES = 1 << 30
"""How much a stream that we make keeps: attackers decide how much there is."""
WINDOW_SECONDS = 600.0
"""For how long such a stream knows an id: a server that was away for less stores nothing twice."""
_TURN_SECONDS = 0.2
_LAST_SECONDS = 2.0
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")


class JetStream:
    """One connection; ``make`` makes the payload of an event."""

    settling = 0.0
    most = MOST_EVENTS

    def __init__(self, setting: NatsSetting, make: Document, stop: threading.Event) -> None:
        self._setting = setting
        self._make = make
        self._stop = stop
        self._context = client_context(setting) if setting.tls else None
        self._signs = _signing(setting)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None

    def open(self) -> None:
        """Connect, and see to it that a stream takes what is sent."""
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=_turn, args=[self._loop], name="nats", daemon=True).start()
        self._wait(self._connect(), 2 * self._setting.timeout)

    def encode(self, line: bytes) -> bytes | None:
        """Subject, id and payload."""
        event = decode(line)
        if event is None:
            return None
        return f"{subject(event)} {_token(event.id)}\n".encode() + self._make(event)

    def send(self, batch: Sequence[bytes]) -> int:
        """Send all, then wait until each is acknowledged: it is in the stream, or was there already."""
        self._wait(self._publish(batch), self._setting.timeout)
        return 0

    def arrived(self, position: int) -> bool:  # noqa: ARG002 (what is acknowledged has arrived)
        """Always; notices that the server has gone."""
        if self._client is None or not self._client.is_connected:
            raise ConnectionError("the server has closed the connection")
        return True

    def close(self) -> None:
        """Hang up, and end the thread."""
        loop, client = self._loop, self._client
        self._loop = self._client = self._stream = None
        if loop is not None:
            asyncio.run_coroutine_threadsafe(_ended(loop, client), loop)

    async def _connect(self) -> None:
        setting = self._setting
        host = f"[{setting.host}]" if ":" in setting.host else setting.host
        self._client = Client()
        await self._client.connect(
            f"nats://{host}:{setting.port}",
            name=PREFIX,
            allow_reconnect=False,
            connect_timeout=setting.timeout,
            error_cb=self._hear,
            tls=self._context,
            tls_hostname=setting.host if self._context else None,
            user=self._shown(setting.user),
            password=self._shown(setting.password),
            token=self._shown(setting.token),
            **self._signs,
        )
        self._check_sealed()
        self._stream = self._client.jetstream(timeout=setting.timeout)
        if setting.stream:
            await self._see_to_stream(self._stream)

    async def _hear(self, error: Exception) -> None:
        """Errors beside the call. Of those when it connects the library would tell nobody, and try again and again."""
        if self._stream is None:
            raise error

    def _shown(self, secret: bytes) -> Callable[[], str] | None:
        """What shows a secret to the server, once the connection is as safe as it is to be."""

        def show() -> str:
            self._check_sealed()
            return secret.decode()

        return show if secret else None

    def _check_sealed(self) -> None:
        """The library goes on in clear when the server does not ask for TLS, whoever that server is."""
        transport = self._client._transport if self._client else None  # noqa: SLF001 (it tells in no other way)
        writer = getattr(transport, "_io_writer", None)
        if self._context is not None and (writer is None or writer.get_extra_info("ssl_object") is None):
            raise ConnectionError("the server does not offer TLS")

    async def _see_to_stream(self, context: JetStreamContext) -> None:
        try:
            await context.find_stream_name_by_subject(SUBJECTS)
        except nats.js.errors.NotFoundError:
            await context.add_stream(
                StreamConfig(
                    name=self._setting.stream,
                    description="events of decnet",
                    subjects=[SUBJECTS],
                    max_bytes=STREAM_BYTES,
                    discard=DiscardPolicy.OLD,
                    duplicate_window=WINDOW_SECONDS,
                )
            )

    async def _publish(self, batch: Sequence[bytes]) -> None:
        if self._stream is None or self._client is None:
            raise ConnectionError("not connected")
        waiting = []
        for message in batch:
            head, _, payload = message.partition(b"\n")
            name, _, identity = head.decode("ascii").partition(" ")
            waiting.append(await self._stream.publish_async(name, payload, headers={Header.MSG_ID: identity}))
        acknowledged = asyncio.gather(*waiting)
        try:
            while not acknowledged.done():
                await asyncio.wait([acknowledged], timeout=_TURN_SECONDS)
                if not self._client.is_connected:
                    raise ConnectionError("the server has closed the connection")
            await acknowledged
        finally:
            acknowledged.cancel()

    def _wait(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """What comes of it; raises `Stopped` when the sink is to end and it takes long."""
        if self._loop is None:
            work.close()
            raise ConnectionError("not connected")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        waited = 0.0
        while True:
            try:
                return future.result(_TURN_SECONDS)
            except (nats.errors.Error, nats.js.errors.Error) as error:
                raise OSError(_words(error)) from None
            except ConnectionError as error:
                if error.errno:  # asyncio puts the address into the words
                    raise OSError(error.errno, os.strerror(error.errno)) from None
                raise
            except TimeoutError:
                if future.done():
                    raise TimeoutError("no answer") from None
            waited += _TURN_SECONDS
            if waited > seconds or (self._stop.is_set() and waited > _LAST_SECONDS):
                future.cancel()
                raise Stopped if self._stop.is_set() else TimeoutError("no answer")


def _signing(setting: NatsSetting) -> dict[str, Any]:
    """Options of the library for a user who signs what the server asks for. Raises `ValueError`."""
    if not setting.credentials:
        return {}
    from decnet.events.sinks.nkey import read_credentials  # noqa: PLC0415 (PyNaCl, for those who have some)

    found = read_credentials(setting.credentials)
    return {"user_credentials": RawCredentials(found.text)} if found.jwt else {"nkeys_seed_str": found.seed}


def subject(event: Event) -> str:
    """``decnet.<network>.<decoy>.<service>.<type>``; the type has a dot itself, so ``…auth.>`` is all of a family."""
    return ".".join((PREFIX, *map(_token, (event.network, event.decoy, event.service)), event.type))


def _token(text: str) -> str:
    """One token of a subject: the rest means something there."""
    return _UNFIT.sub("_", text)[:64] or "-"


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    """The thread of a loop."""
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _ended(loop: asyncio.AbstractEventLoop, client: Client | None) -> None:
    try:
        if client is not None:
            await asyncio.wait_for(client.close(), _LAST_SECONDS)
    finally:
        loop.stop()


def _words(error: Exception) -> str:
    """An error of the library for a person."""
    match error:
        case nats.js.errors.NoStreamResponseError():
            return "no stream takes the subjects decnet.>"
        case nats.js.errors.ServiceUnavailableError():
            return f"JetStream is not available{_described(error)}"
        case nats.js.errors.APIError():
            return f"JetStream refuses{_described(error)}"
        case nats.errors.TimeoutError():
            return "no answer"
        case nats.errors.NoServersError():
            return "nobody answers there"
    return safe_text(str(error).removeprefix("nats: "), 200) or type(error).__name__


def _described(error: nats.js.errors.APIError) -> str:
    return f": {safe_text(error.description, 200)}" if error.description else ""

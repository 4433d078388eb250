"""What was answered last, as long as the store has not changed: from memory, with its ETag, and each computed once.

An answer is kept for its path, its query and the token's scopes. `Site.version` says up to when it holds; while that is
not known nothing is kept. Whoever asks for what is being computed waits for it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from decnet.api.site import Site

ENTRIES = 1000
BYTES = 16 << 20
LARGEST = 1 << 20
"""Bytes of an answer that is kept."""
_PREFIX = "/api/v1/"
_STREAM = "/api/v1/events/stream"
_Key = tuple[str, bytes, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was sent. ``etag`` is empty for what is no success."""

    start: Message
    body: bytes
    etag: bytes


class Cache:
    """In front of what answers; the pages and the stream pass by it."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app, self._site = app, site
        self._kept: OrderedDict[_Key, Answer] = OrderedDict()
        self._size = 0
        self._version: tuple[int, ...] | None = None
        self._under_way: dict[_Key, asyncio.Task[Answer]] = {}
        self.hits = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(_PREFIX) or path == _STREAM:
            await self._app(scope, receive, send)
            return
        answer = await self._answer(scope)
        if answer.etag and _knows(scope["headers"], answer.etag):
            await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", answer.etag)]})
            await send({"type": "http.response.body", "body": b""})
            return
        await send(answer.start)
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope) -> Answer:
        version = self._site.version
        if version != self._version:
            self._forget(version)
        if version is None:
            return await self._compute(scope)
        token = scope.get("token")
        key = (scope["path"], scope["query_string"], token.scopes if token else ())
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            self.hits += 1
            return kept
        if (task := self._under_way.get(key)) is None:
            # A task of its own: it goes on for the others when the one who asked first is gone.
            task = self._under_way[key] = asyncio.create_task(self._compute_and_keep(scope, key, version))
        return await asyncio.shield(task)

    def _forget(self, version: tuple[int, ...] | None) -> None:
        self._version = version
        self._kept.clear()
        self._size = 0
        # What was begun before may not have what is new: nobody joins it any more.
        self._under_way = {}

    async def _compute_and_keep(self, scope: Scope, key: _Key, version: tuple[int, ...]) -> Answer:
        mine = self._under_way
        try:
            answer = await self._compute(scope)
        finally:
            mine.pop(key, None)
        if version == self._version and answer.etag and len(answer.body) <= LARGEST:
            self._kept[key] = answer
            self._size += len(answer.body)
            while len(self._kept) > ENTRIES or self._size > BYTES:
                self._size -= len(self._kept.popitem(last=False)[1].body)
        return answer

    async def _compute(self, scope: Scope) -> Answer:
        start: Message = {}
        parts: list[bytes] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, send)
        body = b"".join(parts)
        if start["status"] != HTTPStatus.OK:
            return Answer(start, body, b"")
        etag = b'"%b"' % hashlib.blake2b(body, digest_size=16).hexdigest().encode()
        return Answer({**start, "headers": [*start["headers"], (b"etag", etag)]}, body, etag)


def _knows(headers: Iterable[tuple[bytes, bytes]], etag: bytes) -> bool:
    """Whether who asks has it (RFC 9110, 13.1.2)."""
    said = [one.strip() for name, value in headers if name == b"if-none-match" for one in value.split(b",")]
    return any(one == b"*" or one.removeprefix(b"W/") == etag for one in said)

"""The stream of events: first those after the one that was seen last, then each as it comes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from decnet.api import queries
from decnet.api.routes import ERRORS
from decnet.api.site import Site
from decnet.api.stream import MOST, PAGE, Hub, Listener, write
from decnet.errors import StoreError

router = APIRouter(prefix="/api/v1", responses=ERRORS)
PATH = "/api/v1/events/stream"
_TYPE = "text/event-stream"
_EXAMPLE = 'id: 7\ndata: {"seq":7,"type":"command",…}\n\n'
_HELLO = b"retry: 2000\n\n"
"""Milliseconds after which a browser comes back."""


class _Stream(Response):
    """What sends it. When it ends by itself, a browser comes back with the number of the last event it had."""

    media_type = _TYPE

    def __init__(self, site: Site, hub: Hub, listener: Listener, after: int | None) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.headers["x-accel-buffering"] = "no"
        self._site, self._hub, self._listener, self._after = site, hub, listener, after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._hub.streams += 1
        try:
            newest = await self._newest()  # a store that is away is told in the head
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if not scope.get("is_head"):
                await self._listen(newest, receive, send)
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._hub.streams -= 1

    async def _listen(self, newest: int, receive: Receive, send: Send) -> None:
        leaving = asyncio.create_task(self._leave(receive))
        try:
            with suppress(StoreError):
                await self._send(newest, send)
        finally:
            self._hub.leave(self._listener)
            leaving.cancel()

    async def _leave(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._hub.leave(self._listener)

    async def _send(self, after: int, send: Send) -> None:
        async def sent(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        await sent(_HELLO)
        listener = self._listener
        if self._after is not None:
            # A number that there is not yet is of another store.
            after = await self._catch_up(min(self._after, after), sent)
        while not listener.is_over and not self._hub.join(listener, after):
            after = await self._catch_up(after, sent)
        while not listener.is_over:
            if body := await listener.take():
                await sent(body)

    async def _newest(self) -> int:
        return (await to_thread.run_sync(self._site.store.span))[1]

    async def _catch_up(self, after: int, sent: Any) -> int:
        """Send what is in the store; the number up to which it was looked at."""
        newest = await self._newest()
        wanted = self._listener.wanted
        while not self._listener.is_over:
            found = await to_thread.run_sync(self._site.store.events, replace(wanted, after=after), PAGE)
            if found:
                await sent(write(found, wanted))
                after = found[-1].seq
            if len(found) < PAGE:
                break
        return max(after, newest)


@router.get(
    "/events/stream",
    response_class=Response,
    responses={
        200: {
            "description": "Server-Sent Events: `id` is `seq`, `data` an event as in `/events`",
            "content": {_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
        }
    },
)
async def stream(
    request: Request,
    asked: queries.Stream,
    last: Annotated[
        str, Header(alias="last-event-id", pattern=r"^[0-9]{0,15}$", description="go on behind this event")
    ] = "",
) -> Response:
    """Events as they come; with `Last-Event-ID` or `after` first those behind that one, from the store."""
    hub: Hub = request.app.state.hub
    if hub.streams >= MOST:
        raise HTTPException(503, "too many listen", {"retry-after": "5"})
    wanted = replace(asked.wanted(), after=None)
    after = int(last) if last else asked.after
    return _Stream(request.app.state.site, hub, Listener(wanted, request.scope["token"]), after)

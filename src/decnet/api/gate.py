"""The door, before anything of the framework: methods, tokens, headers. Nothing of a request is written anywhere."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from decnet.api import problem, tokens
from decnet.api.metrics import Metrics
from decnet.api.site import Site
from decnet.api.tokens import Token

OPEN = "/api/v1/health"
"""The one path that needs no token."""
_OVERVIEW = ("/api/v1/networks", "/api/v1/decoys", "/api/v1/topology", "/api/v1/stats", "/api/v1/histogram")
_API_POLICY = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"vary", b"authorization"),
)
_CHALLENGES = ((b"www-authenticate", b'Bearer realm="api"'), (b"www-authenticate", b'Basic realm="api"'))
"""A browser asks for a name (any) and a password (the token), and sends them with whatever the page asks for."""
_FAILURES, _REFILL_SECONDS, _SOURCES = 10, 6.0, 10_000


class Gate:
    """Let through who may. ``tls``: tell browsers to stay with it."""

    def __init__(self, app: ASGIApp, site: Site, metrics: Metrics, *, tls: bool) -> None:
        self._app, self._site, self._metrics = app, site, metrics
        self._failures = Failures()
        self._extra = ((b"strict-transport-security", b"max-age=31536000"),) if tls else ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._pass(scope, receive, sending)
        finally:
            self._metrics.count(scope["path"], status, time.perf_counter() - begun)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        send = self._with_headers(send, path, head=scope["method"] == "HEAD")
        if scope["method"] not in ("GET", "HEAD"):
            await _refuse(send, 405, "nothing can be changed here", [(b"allow", b"GET, HEAD")])
            return
        given = secret_of(scope["headers"])
        token = self._site.keys.get(tokens.digest(given)) if given else None
        if path == OPEN or (refusal := self._refusal(scope, path, given, token)) is None:
            inner = {**scope, "method": "GET", "is_head": scope["method"] == "HEAD", "token": token}
            await self._app(inner, receive, send)
        else:
            status, detail, headers = refusal
            await _refuse(send, status, detail, headers)

    def _refusal(
        self, scope: Scope, path: str, given: bytes, token: Token | None
    ) -> tuple[int, str, Iterable[tuple[bytes, bytes]]] | None:
        now = time.time()
        if token is not None and token.is_valid(now):
            needed = tokens.Scope.OVERVIEW if is_overview(path) else tokens.Scope.READ
            return None if token.opens(needed, now) else (403, "the token is not for this", ())
        # One that is right always passes: its 256 bits are not guessed, and sources may share an address.
        source = source_of(str((scope.get("client") or ("",))[0]))
        if given and not self._failures.is_allowed(source, time.monotonic()):
            return 429, "too many wrong tokens", ((b"retry-after", b"%d" % _REFILL_SECONDS),)
        return 401, "a token is needed", _CHALLENGES

    def _with_headers(self, send: Send, path: str, *, head: bool) -> Send:
        policy = _API_POLICY if path.startswith("/api/") else _PAGE_POLICY

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                names = {name for name, _ in own}
                more = [(b"content-security-policy", policy), *_HEADERS, *self._extra]
                if b"cache-control" not in names:
                    more.append((b"cache-control", b"private, no-cache"))
                message = {**message, "headers": own + more}
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        return sending


class Failures:
    """Wrong tokens by source: so many at once, then one in some seconds."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def is_allowed(self, source: str, now: float) -> bool:
        """Count one more; False beyond what is allowed."""
        left, last = self._left.pop(source, (float(_FAILURES), now))
        left = min(float(_FAILURES), left + (now - last) / _REFILL_SECONDS)
        self._left[source] = (max(0.0, left - 1), now)
        if len(self._left) > _SOURCES:
            self._left.popitem(last=False)
        return left >= 1


def source_of(client: str) -> str:
    """Who is counted as one: an IPv4 address, and of IPv6 the /64, of which anybody has all addresses (RFC 6177)."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv4Address):
        return client
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(address) >> 64 << 64))


def is_overview(path: str) -> bool:
    """Whether nothing that a visitor typed is there."""
    return path.startswith(_OVERVIEW) or not path.startswith("/api/")


def secret_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The token of a request: a bearer's, or the password of HTTP's basic way; empty without one."""
    for name, value in headers:
        if name == b"authorization":
            kind, _, rest = value.partition(b" ")
            if kind.lower() == b"bearer":
                return rest.strip()
            if kind.lower() == b"basic":
                try:
                    return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
                except (binascii.Error, ValueError):
                    return b"?"
    return b""


async def _refuse(send: Send, status: int, detail: str, headers: Iterable[Any]) -> None:
    body = problem.body(status, detail)
    own = [(b"content-type", problem.MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": own})
    await send({"type": "http.response.body", "body": body})

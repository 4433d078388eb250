"""From a request to a reply: the site's pages, conditions and ranges, who may see what."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import mktime_tz, parsedate_tz
from html import escape
from string import Template
from urllib.parse import quote

from decnet.events import EventType
from decnet.services.accounts import Credential
from decnet.services.http import visitors
from decnet.services.http.dialect import Dialect, http_date
from decnet.services.http.message import Reply, Request
from decnet.services.http.site import Answer, Login, Route, Site

Emit = Callable[..., None]
"""`Session.emit`."""


@dataclass(frozen=True, slots=True)
class App:
    """A site behind a server. ``forced`` is the status of the front page, 0 as the site has it."""

    site: Site
    users: tuple[Credential, ...]
    sessions: visitors.Sessions
    forced: int = 0

    async def answer(self, request: Request, dialect: Dialect, emit: Emit) -> Reply:
        """The reply to a request, with an ``auth.attempt`` event where it carries credentials."""
        method = request.head.method
        route, known = self.site.find(request.path, method)
        handled = dialect.method(request, static=route is None or route.static, exists=known)
        if handled is not None:
            return handled
        visit = _Visit(self, request, dialect, emit, self.sessions.of(request))
        if route is None:
            return visit.missing(known=known)
        if self.forced and request.path == "/":
            return visit.forced(route)
        return await visit.open(route)


@dataclass(slots=True)
class _Visit:
    """One request on its way through the site."""

    app: App
    request: Request
    dialect: Dialect
    emit: Emit
    session: str
    started: bool = False

    def missing(self, *, known: bool) -> Reply:
        request, dialect = self.request, self.dialect
        if dialect.directories and self.app.site.directory(request.path):
            query = f"?{request.query}" if request.query else ""
            return dialect.redirect(request, quote(request.path) + "/" + query, 301)
        return self.failed(405 if known else 404)

    def failed(self, status: int) -> Reply:
        """The app's own page for a status where it has one, the server's otherwise."""
        own = self.app.site.index.errors.get(str(status))
        if own is None:
            return self.dialect.error(status, self.request)
        return self.send(own, status)

    def forced(self, route: Route) -> Reply:
        if self.app.forced >= 300:
            return self.failed(self.app.forced)
        reply = self.send(route)
        reply.status = self.app.forced
        return reply

    async def open(self, route: Route) -> Reply:
        """The reply of a route: guards first, then a login, then the page."""
        if route.guard == "basic" and not await self.basic():
            realm = Template(route.realm).safe_substitute(self.words())
            reply = self.failed(401)
            reply.fields.append(("WWW-Authenticate", f'Basic realm="{realm}"'))
            return reply
        if route.guard == "session" and not self.app.sessions.user(self.session):
            denied = self.app.site.index.denied
            return self.send(denied) if denied else self.failed(403)
        if route.login is not None:
            credentials = visitors.submitted(self.request, route.login)
            if credentials is not None:
                return await self.login(route.login, *credentials)
        if route.leave:
            self.app.sessions.end(self.session)
            self.session = ""
        if route.member and self.app.sessions.user(self.session):
            return self.send(replace(route, file=route.member))
        return self.send(route)

    async def basic(self) -> bool:
        credentials = visitors.basic(self.request)
        return credentials is not None and self.check(*credentials, via="basic")

    def check(self, name: str, password: str, via: str) -> bool:
        welcome = visitors.accepted(self.app.users, name, password)
        self.emit(
            EventType.AUTH,
            principal=name,
            secret=password,
            secret_kind="plaintext",  # noqa: S106 (a kind, not a password)
            outcome="accepted" if welcome else "refused",
            via=via,
            path=self.request.path,
        )
        return welcome

    async def login(self, login: Login, name: str, password: str) -> Reply:
        welcome = self.check(name, password, via="form")
        await asyncio.sleep(login.delay * (0.95 + secrets.randbelow(100) / 800))
        if welcome and self.app.sessions.cookie is not None:
            self.app.sessions.end(self.session)
            self.session = self.app.sessions.start(name)
            self.started = True
        return self.send(login.accepted if welcome else login.refused, name=name)

    def send(self, answer: Answer, status: int = 0, name: str = "") -> Reply:
        """The reply of an answer."""
        site, sessions = self.app.site, self.app.sessions
        if answer.static and not status:
            return self.file(answer)
        cookie = sessions.cookie
        if cookie is not None and cookie.always and not self.session:
            self.session = sessions.start()
            self.started = True
        words = self.words(name)
        fields = [(key, Template(text).safe_substitute(words)) for key, text in self._headers(answer)]
        if self.started:
            fields.append(sessions.field(self.session))
        if answer.location:
            location = Template(answer.location).safe_substitute(words)
            fields.append(("Location", location))
        if answer.status >= 400 and not answer.file and not answer.text and not status:
            reply = self.dialect.error(answer.status, self.request)
            reply.fields += fields
            return reply
        body = site.page(answer)
        if answer.dynamic or answer.text:
            marked = {key: escape(text) for key, text in words.items()}
            body = Template(body.decode()).safe_substitute(marked).encode()
        return Reply(status or answer.status, body, site.type(answer), fields, length=not answer.chunked)

    def _headers(self, answer: Answer) -> tuple[tuple[str, str], ...]:
        return (*self.app.site.index.headers, *answer.headers)

    def words(self, name: str = "") -> dict[str, str]:
        """What a page may mention of the request and its visitor."""
        request = self.request
        return {
            "user": self.app.sessions.user(self.session),
            "name": name,
            "token": self.app.sessions.token(self.session),
            "session": self.session,
            "host": request.host,
            "origin": self.dialect.origin(request),
            "path": quote(request.path),
            "from": quote(request.head.target, safe=""),
            "server": self.dialect.server,
            "trace": secrets.token_hex(12).upper(),
            "uuid": str(uuid.uuid4()),
        }

    def file(self, answer: Answer) -> Reply:
        """A static file, with conditions and ranges (RFC 9110 sections 13 and 14)."""
        site, request = self.app.site, self.request
        validators = site.validators(answer)
        body = site.page(answer)
        tag, modified = self.dialect.etag(validators), validators.modified
        reply = Reply(200, body, site.type(answer), list(answer.headers), validators)
        failed = _precondition(request, tag, modified, exact=self.dialect.exact_dates)
        if failed == 412:
            return self.dialect.precondition(reply, request)
        if failed == 304:
            reply.status, reply.body = 304, b""
            return reply
        return self._ranged(reply, tag)

    def _ranged(self, reply: Reply, tag: str) -> Reply:
        head = self.request.head
        match = re.fullmatch(r"bytes=(\d{0,15})-(\d{0,15})", head.get("range").replace(" ", ""))
        if match is None or head.method != "GET" or not any(match.groups()):
            return reply
        if (
            (condition := head.get("if-range"))
            and reply.validators
            and condition
            not in {
                tag,
                http_date(reply.validators.modified),
            }
        ):
            return reply
        size = len(reply.body)
        first, last = match.groups()
        begin = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        if first and last and int(last) < begin:
            return reply
        if begin >= size:
            return self.dialect.unsatisfiable(self.request, size)
        reply.status = 206
        reply.fields.append(("Content-Range", f"bytes {begin}-{end}/{size}"))
        reply.body = reply.body[begin : end + 1]
        return reply


def _precondition(request: Request, tag: str, modified: int, *, exact: bool) -> int:
    """412 or 304 when a condition says so, else 0 (RFC 9110 section 13.2.2)."""
    head = request.head
    if wanted := head.get("if-match"):
        if not _matches(wanted, tag):
            return 412
    elif (seconds := _seconds(head.get("if-unmodified-since"))) is not None and modified > seconds:
        return 412
    if wanted := head.get("if-none-match"):
        return 304 if _matches(wanted, tag) else 0
    seconds = _seconds(head.get("if-modified-since"))
    if seconds is None or seconds > time.time():
        return 0
    return 304 if (modified == seconds if exact else modified <= seconds) else 0


def _matches(wanted: str, tag: str) -> bool:
    return wanted.strip() == "*" or tag in [one.strip() for one in wanted.split(",")]


def _seconds(text: str) -> int | None:
    try:
        parsed = parsedate_tz(text) if text else None
        return int(mktime_tz(parsed)) if parsed else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None

"""The HTTP server: one connection after the other, each request answered as the claimed server would."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

from decnet.events import EventType
from decnet.services.http import site, visitors
from decnet.services.http.app import App
from decnet.services.http.dialect import Dialect
from decnet.services.http.message import Body, Head, Refused, Reply, Request
from decnet.services.http.servers import SERVERS
from decnet.services.http.wire import Closed, Wire, parse_request_line
from decnet.services.service import Handler, Setting
from decnet.services.session import Session
from decnet.services.tls import Certificates

BODY_SECONDS = 300
"""A body may take this long (Apache's and nginx's own limits restart with each read; a decoy's do not)."""
LINGER_SECONDS = 2
LINGER_BYTES = 1024 * 1024
"""What is read and dropped after the last reply, so that a reset does not overtake it (as lingering_close does)."""
FIRST_BYTE_SECONDS = 60
FIELDS_LOGGED = 64
SAMPLE_LOGGED = 4096
HANDSHAKE = 0x16
"""First byte of a TLS record that carries a handshake (RFC 8446 section 5.1)."""


def create(setting: Setting, previous: Handler | None = None) -> Handler:
    """The server of one decoy. Sessions of visitors outlive a live change."""
    return Http(setting, previous if isinstance(previous, Http) else None)


class Http:
    """One site on one server, over TCP or TLS."""

    def __init__(self, setting: Setting, previous: Http | None, *, tls: bool = False) -> None:
        persona, facts = setting.persona, setting.facts
        loaded = site.load(setting.files, setting.seed, facts.installed)
        sessions = visitors.Sessions(loaded.index.cookie, setting.seed)
        if previous is not None and previous.app.sessions.cookie == sessions.cookie:
            sessions = previous.app.sessions
        self.app: App = App(loaded, persona.users, sessions, persona.response_code)
        self._server = SERVERS[loaded.index.server]
        self._banner = persona.server_header
        self._release = loaded.index.release
        self._name = f"{facts.hostname}.{facts.domain}" if facts.domain else facts.hostname
        self._certificates: Certificates | None = None
        if tls:
            made = Certificates(
                loaded.index.certificate, persona.tls_cn, setting.seed, facts, self._server.protocols
            )
            same = previous is not None and previous.certificates
            self._certificates = same if same and same.made == made.made else made

    @property
    def certificates(self) -> Certificates | None:
        """The certificate shown, kept over a live change that does not touch it."""
        return self._certificates

    async def handle(self, session: Session) -> None:
        """Serve one connection. Raises `ssl.SSLError` and `OSError` where the peer breaks off."""
        tls = self._certificates is not None
        dialect = self._server(self._banner, self._name, session.local[1], tls=tls, release=self._release)
        if self._certificates is None:
            reader, writer = await session.streams()
        elif await _first_byte(session.socket) == HANDSHAKE:
            context = await self._certificates.context()
            reader, writer = await session.streams(context)
        else:
            reader, writer = await session.streams()
            await _misdirected(dialect, reader, writer)
            return
        await _Connection(self.app, dialect, session, reader, writer).run()


class _Connection:
    """One keep-alive connection."""

    def __init__(
        self,
        app: App,
        dialect: Dialect,
        session: Session,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._app = app
        self._dialect = dialect
        self._session = session
        self._reader = reader
        self._writer = writer
        self._wire = Wire(reader, dialect.rules)
        self._served = 0
        self._shut = True

    async def run(self) -> None:
        """Answer requests until one of both sides has enough."""
        going = True
        while going:
            try:
                async with asyncio.timeout(self._patience()):
                    await self._wire.wait()
            except (TimeoutError, Closed):
                break
            going = await self._one()
        await _linger(self._reader, self._writer, shut=self._shut)

    def _patience(self) -> float:
        rules = self._dialect.rules
        return rules.idle if self._served else max(rules.idle, rules.head)

    async def _one(self) -> bool:
        """Serve one request; whether the connection goes on."""
        dialect = self._dialect
        self._served += 1
        head: Head | None = None
        request: Request | None = None
        try:
            async with asyncio.timeout(dialect.rules.head):
                head = await self._wire.head()
            request = dialect.request(head)
            body = await self._body(head)
            request = Request(head, request.path, request.query, request.host, request.port, body)
            reply = await self._app.answer(request, dialect, self._session.emit)
        except Refused as refused:
            known = request if request is not None else dialect.guess(head, refused)
            reply = dialect.error(refused.status, known, refused.key, refused.shown)
            reply.close = True
        except TimeoutError:
            late = dialect.hung(started=True)
            if late is None:
                return False
            reply = late
            reply.close = True
        except Closed:
            return False
        return await self._send(head, request, reply)

    async def _body(self, head: Head) -> Body:
        if not head.get("transfer-encoding") and head.get("content-length") in {"", "0"}:
            return Body()
        if head.get("expect").lower() == "100-continue" and head.version >= (1, 1):
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async with asyncio.timeout(BODY_SECONDS):
            return await self._wire.body(head)

    async def _send(self, head: Head | None, request: Request | None, reply: Reply) -> bool:
        rules = self._dialect.rules
        left = rules.requests - self._served + 1 if rules.requests else 100
        keep = head is not None and head.keeps and left > 0 and self._dialect.keeps(head, reply)
        self._shut = reply.status != 413  # the rest of the body is taken before the end is shown
        data = self._dialect.encode(reply, head, keep=keep, now=time.time(), left=left)
        self._report(head, request, reply, len(data))
        self._writer.write(data)
        async with asyncio.timeout(BODY_SECONDS):
            await self._writer.drain()
        return keep

    def _report(self, head: Head | None, request: Request | None, reply: Reply, sent: int) -> None:
        body = request.body if request else Body()
        self._session.emit(
            EventType.REQUEST,
            method=head.method if head else "",
            path=head.target if head else "",
            version=f"{head.version[0]}.{head.version[1]}" if head else "",
            host=head.get("host") if head else "",
            user_agent=head.get("user-agent") if head else "",
            headers=[f"{name}: {value}" for name, value in head.fields[:FIELDS_LOGGED]] if head else [],
            status=reply.status,
            bytes=sent,
            body_size=body.size,
            body_sha256=body.sha256,
            body=body.sample[:SAMPLE_LOGGED],
        )


async def _first_byte(connection: socket.socket) -> int:
    """The first byte that the peer sends, left in the socket; -1 when it sends none."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(connection, wake)
    try:
        async with asyncio.timeout(FIRST_BYTE_SECONDS):
            await ready
        data = connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return -1
    finally:
        loop.remove_reader(connection)
    return data[0] if data else -1


async def _misdirected(dialect: Dialect, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a client that speaks something else than TLS to the TLS port."""
    head: Head | None = None
    try:
        async with asyncio.timeout(FIRST_BYTE_SECONDS):
            line = await reader.readline()
        head = Head(*parse_request_line(line.decode("latin-1").rstrip("\r\n"), dialect.rules))
    except (Refused, ValueError):
        head = None
    except TimeoutError:
        return
    reply = dialect.plain_on_tls(head)
    if reply is not None:
        writer.write(dialect.encode(reply, head, keep=False, now=time.time()))
        await _linger(reader, writer)


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, shut: bool = True) -> None:
    """Close our half (``shut``) and read what is still coming, for a while."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            await writer.drain()
            if not writer.can_write_eof():
                return
            if shut:
                writer.write_eof()
            left = LINGER_BYTES
            while left > 0 and (data := await reader.read(16384)):
                left -= len(data)

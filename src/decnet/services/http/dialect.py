"""How a web server speaks: the order and form of its header fields, its error pages, what it lets pass.

A `Dialect` is one server software with its version as it runs on one host. What differs as data (field order, pages,
limits) is in templates/http/servers/NAME.toml; what differs in behaviour is a subclass in `decnet.services.http.servers`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from time import gmtime
from urllib.parse import unquote_to_bytes

import msgspec

import decnet
from decnet.services.http.message import BODILESS, Body, Head, Refused, Reply, Request, Validators
from decnet.services.http.wire import Rules

FOLDER = Path(decnet.__file__).parent / "templates" / "http" / "servers"
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=%-]*(?::\d{0,5})?|\[[0-9A-Fa-f:.]+\](?::\d{0,5})?")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Manner:
    """A server's data file. ``order`` are the names of header fields, ``*`` where all others go.

    ``page`` is the error page (`string.Template`), ``texts`` what it says by status or by `Refused.key`, ``titles`` its
    heading where that is not the reason phrase; ``reasons`` the phrases of the status line.
    """

    order: tuple[str, ...]
    rules: Rules
    page: str
    type: str = "text/html"
    reasons: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    error_fields: tuple[tuple[str, str], ...] = ()
    redirect_page: bool = True
    version: str = "1.1"
    """HTTP version of replies; ``mirror`` for that of the request."""
    keep: bool = True
    length: bool = True
    dates: bool = True
    """Whether connections are kept, and Content-Length and Date are sent at all."""


@cache
def manner(name: str) -> Manner:
    """The data of a server. Read once: the process that serves may open no files later."""
    return msgspec.convert(tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8")), Manner)


def http_date(seconds: float) -> str:
    """IMF-fixdate (RFC 9110 section 5.6.7), whatever the process's locale."""
    t = gmtime(seconds)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year} "
        f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT"
    )


class Dialect:
    """One server on one host. ``server`` is its Server field ("" sends none), ``name`` its own host name."""

    data = ""
    """Name of the data file; subclasses set it."""
    implicit_keep_alive = True
    """HTTP/1.1 connections that go on are not announced by a Connection field."""
    directories = True
    """A directory asked for without its slash is redirected."""

    exact_dates = False
    """If-Modified-Since is compared for equality."""

    protocols: tuple[str, ...] = ()
    """What it agrees on by ALPN (RFC 7301); none takes no part in it."""

    def __init__(self, server: str, name: str, port: int, *, tls: bool, release: str = "") -> None:
        self.manner = manner(self.data)
        self.rules = self.manner.rules
        self.server = server
        self.name = name
        self.port = port
        self.tls = tls
        self.release = release
        self.shown = ""

    # What it takes

    def request(self, head: Head, body: Body = Body()) -> Request:  # noqa: B008 (a frozen value)
        """Where a request is sent to. Raises `Refused` for what this server answers with an error straight away."""
        self.check(head)
        target, host = head.target, head.get("host")
        if match := re.match(r"https?://([^/?#]*)(.*)", target, re.IGNORECASE | re.DOTALL):
            host, target = match[1], match[2] or "/"
        name, port = self._split(host)
        path, _, query = target.partition("?")
        return Request(head, self.normal(path.partition("#")[0]), query, name, port, body)

    def guess(self, head: Head | None, refused: Refused) -> Request | None:
        """What the server knows of a request that it refused: nothing before it has looked at the path."""
        if head is None or refused.key not in {"path", "expect"}:
            return None
        return Request(head, "/", "", *self._split(head.get("host")))

    def check(self, head: Head) -> None:
        """Raise `Refused` for a head that is malformed in this server's eyes."""
        if head.version < (1, 0):
            return
        hosts = head.all("host")
        if len(hosts) > 1 or (not hosts and head.version >= (1, 1)):
            raise Refused(400, "host")
        if hosts and not _HOST.fullmatch(hosts[0]):
            raise Refused(400, "host-invalid", hosts[0])
        self.check_target(head)
        self.check_framing(head)

    def check_target(self, head: Head) -> None:
        """Raise `Refused` for a target that is no path."""
        if head.target == "*" and head.method == "OPTIONS":
            return
        if not head.target.startswith(("/", "http://", "https://")):
            raise Refused(400, "target", head.target)

    def check_framing(self, head: Head) -> None:
        """Raise `Refused` for a length or coding that says no unambiguous length (RFC 9112 section 6.3)."""
        coding = head.get("transfer-encoding")
        if coding and coding.lower().strip() != "chunked":
            raise Refused(501 if self.rules.major == 1 else 400, "coding")
        lengths = set(head.all("content-length"))
        if len(lengths) > 1 or not all(re.fullmatch(r"\d{1,18}", length) for length in lengths):
            raise Refused(400, "length")
        if lengths and self.rules.body and int(lengths.pop()) > self.rules.body:
            raise Refused(413, "body")

    def normal(self, path: str) -> str:
        """The path decoded, its dots and double slashes resolved. Raises `Refused` when it leads out of the root."""
        if re.search(r"%(?![0-9A-Fa-f]{2})", path):
            raise Refused(400, "path")
        decoded = unquote_to_bytes(path).decode("latin-1")
        if "\0" in decoded:
            raise Refused(400, "path")
        kept: list[str] = []
        words = decoded.split("/")[1:]
        for word in words:
            if word == "..":
                if not kept:
                    raise Refused(400, "path")
                kept.pop()
            elif word not in {"", "."}:
                kept.append(word)
        slash = "/" if kept and words[-1] in {"", ".", ".."} else ""
        return "/" + "/".join(kept) + slash

    def _split(self, host: str) -> tuple[str, int]:
        name, colon, port = host.rpartition(":")
        if not colon or not port.isdigit() or host.endswith("]"):
            name, port = host.rstrip(":"), ""
        number = int(port) if port else self.port
        return name.lower() or self.name, number if 0 < number < 65536 else self.port

    def method(self, request: Request, *, static: bool, exists: bool) -> Reply | None:  # noqa: ARG002
        """The reply to a method that the server itself handles or refuses, or None to serve the page."""
        if request.head.method in {"GET", "HEAD", "POST"}:
            return None
        return self.error(405, request)

    # What it says

    def reason(self, status: int) -> str:
        """The reason phrase this server sends."""
        known = self.manner.reasons.get(str(status))
        if known is not None:
            return known
        return HTTPStatus(status).phrase if status in _STATUSES else "Unknown"

    def error(
        self,
        status: int,
        request: Request | None = None,
        key: str = "",
        shown: str = "",
        page: str = "",
        **fields: str,
    ) -> Reply:
        """The server's own page for a status. ``fields`` are further header fields, ``_`` for ``-``."""
        manner = self.manner
        self.shown = shown
        title = manner.titles.get(key) or manner.titles.get(str(status)) or self.reason(status)
        words = {
            "status": str(status),
            "reason": self.reason(status),
            "title": title,
            "server": self.server,
            "host": escape(request.host if request else self.name),
            "port": str(request.port if request else self.port),
            "method": escape(request.head.method if request else ""),
            "path": escape(request.path if request else ""),
            "shown": escape(shown),
            **self.words(request, key, status),
        }
        text = manner.texts.get(key)
        if text is None:
            text = manner.texts.get(str(status), manner.texts.get("other", ""))
        words["text"] = Template(text).safe_substitute(words)
        form = manner.pages.get(page or key) or manner.pages.get(str(status)) or manner.page
        body = Template(form).safe_substitute(words).encode("utf-8")
        reply = Reply(status, body, self.manner.type, list(manner.error_fields))
        reply.fields += [(name.replace("_", "-"), value) for name, value in fields.items()]
        reply.close = status in {400, 408, 413, 414, 431, 500, 501, 505}
        reply.phrase = manner.reasons.get(key, "")
        return reply

    def words(self, request: Request | None, key: str, status: int) -> dict[str, str]:  # noqa: ARG002
        """Further words for the error page."""
        return {}

    def redirect(self, request: Request, location: str, status: int = 302) -> Reply:
        """A redirect as the server itself makes it: absolute, with its own page."""
        target = location if "://" in location else f"{self.origin(request)}{location}"
        reply = self.error(status, request, shown=target)
        reply.fields.append(("Location", target))
        reply.close = False
        if not self.manner.redirect_page:
            reply.body = b""
        return reply

    def precondition(self, reply: Reply, request: Request) -> Reply:  # noqa: ARG002
        """The reply to a precondition that does not hold; ``reply`` is what would have been sent."""
        return self.error(412, request)

    def unsatisfiable(self, request: Request, size: int) -> Reply:
        """The reply to a range outside of a file of ``size`` bytes."""
        return self.error(416, request, Content_Range=f"bytes */{size}")

    def origin(self, request: Request) -> str:
        """``scheme://host:port`` that the server would put before a path of its own."""
        standard = 443 if self.tls else 80
        port = "" if request.port == standard else f":{request.port}"
        return f"{'https' if self.tls else 'http'}://{request.host}{port}"

    def etag(self, file: Validators) -> str:
        """The entity tag of a file; "" where the server sends none."""
        return f'"{file.modified:x}-{file.size:x}"'

    def validator_fields(self, file: Validators, status: int) -> list[tuple[str, str]]:  # noqa: ARG002
        """The fields that come with a file."""
        fields = [("Last-Modified", http_date(file.modified)), ("Accept-Ranges", "bytes")]
        if tag := self.etag(file):
            fields.append(("ETag", tag))
        return fields

    def plain_on_tls(self, head: Head | None) -> Reply | None:  # noqa: ARG002
        """What a client hears that speaks plain HTTP to the TLS port (``head`` None: something else); None closes."""
        return None

    def encode(self, reply: Reply, head: Head | None, *, keep: bool, now: float, left: int = 0) -> bytes:
        """The reply as bytes. ``keep``: the connection goes on; ``left``: requests it may still carry."""
        if head is not None and head.version < (1, 0):
            return reply.body
        fields = [*reply.fields]
        if reply.validators is not None:
            fields += self.validator_fields(reply.validators, reply.status)
        bodiless = reply.status in BODILESS
        body = reply.body
        if reply.type and not bodiless:
            fields.append(("Content-Type", reply.type))
        if reply.length and self.manner.length and not bodiless:
            fields.append(("Content-Length", str(len(body))))
        elif keep and not bodiless:
            fields.append(("Transfer-Encoding", "chunked"))
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        if self.manner.dates and not reply.plain:
            fields.append(("Date", http_date(now)))
        if (reply.server or self.server) and not reply.plain:
            fields.append(("Server", reply.server or self.server))
        fields += self.connection(head, keep=keep, left=left)
        lines = [f"{self.status_line(reply, head)}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in self.ordered(fields)]
        data = ("".join(lines) + "\r\n").encode("latin-1", "replace")
        if bodiless or (head is not None and head.method == "HEAD"):
            return data
        return data + body

    def keeps(self, head: Head, reply: Reply) -> bool:
        """Whether the connection goes on after this reply, as far as the server is concerned."""
        if not self.manner.keep or reply.close:
            return False
        return (reply.length and self.manner.length) or head.version >= (1, 1)

    def status_line(self, reply: Reply, head: Head | None) -> str:
        """Version, status and reason."""
        version = self.manner.version
        if version == "mirror":
            version = "1.0" if head is not None and head.version == (1, 0) else "1.1"
        return f"HTTP/{version} {reply.status} {reply.phrase or self.reason(reply.status)}"

    def connection(self, head: Head | None, *, keep: bool, left: int) -> list[tuple[str, str]]:  # noqa: ARG002
        """The fields that say whether the connection goes on."""
        if not keep:
            return [("Connection", "close")]
        if self.implicit_keep_alive and head is not None and head.version >= (1, 1):
            return []
        return [("Connection", "keep-alive")]

    def ordered(self, fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The fields in this server's order."""
        order = self.manner.order
        places = {name: place for place, name in enumerate(order)}
        rest = places.get("*", len(order))
        return sorted(fields, key=lambda item: places.get(item[0], rest))

    def hung(self, *, started: bool) -> Reply | None:  # noqa: ARG002
        """The reply to a request that does not come to an end in time, or None to close without one."""
        return None


_STATUSES = frozenset(int(status) for status in HTTPStatus)

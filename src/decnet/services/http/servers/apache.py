"""Apache httpd 2.4, as Debian, Ubuntu and Red Hat build it. Each answer was compared with 2.4.71 byte by byte."""

from __future__ import annotations

import mimetypes
import re

from decnet.draw import Draw
from decnet.services.http.dialect import Dialect
from decnet.services.http.message import Body, Head, Refused, Reply, Request, Validators

DOCTYPE_CHANGED = (2, 4, 64)
"""Error pages say HTML 4.01 from here on, IETF HTML 2.0 before."""
KNOWN = frozenset(
    [
        "PUT",
        "DELETE",
        "PATCH",
        "PROPFIND",
        "PROPPATCH",
        "MKCOL",
        "COPY",
        "MOVE",
        "LOCK",
        "UNLOCK",
        "VERSION-CONTROL",
        "CHECKOUT",
        "UNCHECKOUT",
        "CHECKIN",
        "UPDATE",
        "LABEL",
        "REPORT",
        "MKWORKSPACE",
        "MKACTIVITY",
        "BASELINE-CONTROL",
        "MERGE",
        "CONNECT",
        "SEARCH",
        "BIND",
        "UNBIND",
        "MKCALENDAR",
    ]
)
"""Methods it has a number for: not allowed rather than not implemented."""
METHODS = ("GET", "POST", "OPTIONS", "HEAD")


class Apache(Dialect):
    """Apache httpd with mpm_event."""

    data = "apache"

    @property
    def allowed(self) -> str:
        """The methods of Allow. Their order comes from a hash table seeded at start: each host has its own."""
        return ",".join(Draw(self.name.encode(), "apache", "allow").sample(METHODS, len(METHODS)))

    def words(self, request: Request | None, key: str, status: int) -> dict[str, str]:  # noqa: ARG002
        found = re.search(r"/(\d+)\.(\d+)\.(\d+)", self.server)
        new = found is not None and tuple(int(part) for part in found.groups()) >= DOCTYPE_CHANGED
        return {"doctype": self.manner.texts["doctype-new" if new else "doctype-old"]}

    def check_target(self, head: Head) -> None:
        if head.method == "CONNECT":
            return
        super().check_target(head)

    def check_framing(self, head: Head) -> None:
        super().check_framing(head)
        expect = head.get("expect")
        if expect and expect.lower() != "100-continue":
            raise Refused(417, "expect", expect)

    def request(self, head: Head, body: Body = Body()) -> Request:  # noqa: B008 (a frozen value)
        if head.method == "CONNECT":
            name, _, port = head.target.partition(":")
            return Request(head, "/", "", name, int(port) if port.isdigit() and len(port) < 6 else self.port)
        return super().request(head, body)

    def normal(self, path: str) -> str:
        if re.search(r"%2f", path, re.IGNORECASE) or "%00" in path:
            raise Refused(404, "path")
        return super().normal(path)

    def method(self, request: Request, *, static: bool, exists: bool) -> Reply | None:  # noqa: ARG002
        method = request.head.method
        if method in {"GET", "HEAD", "POST"}:
            return None
        if method == "OPTIONS":
            if request.head.target == "*":
                return Reply(200)
            ending = f".{request.path.rpartition('.')[2]}" if not request.path.endswith("/") else ".html"
            return Reply(200, b"", mimetypes.types_map.get(ending, ""), [("Allow", self.allowed)])
        if method == "TRACE":
            return self.error(405, request, Allow="")
        return self.error(405 if method in KNOWN else 501, request, Allow=self.allowed)

    def etag(self, file: Validators) -> str:
        return f'"{file.size:x}-{file.modified * 1_000_000:x}"'

    def error(
        self,
        status: int,
        request: Request | None = None,
        key: str = "",
        shown: str = "",
        page: str = "",
        **fields: str,
    ) -> Reply:
        reply = super().error(status, request, key, shown, page, **fields)
        reply.close = status in {400, 408, 413, 414, 500, 501}
        if status == 416:  # its length is lost in the byte-range filter
            reply.length = False
        return reply

    def precondition(self, reply: Reply, request: Request) -> Reply:  # noqa: ARG002
        reply.status, reply.body = 412, b""
        return reply

    def unsatisfiable(self, request: Request, size: int) -> Reply:  # noqa: ARG002
        return self.error(416, request)

    def connection(self, head: Head | None, *, keep: bool, left: int) -> list[tuple[str, str]]:
        if not keep:
            return [("Connection", "close")]
        if head is not None and head.version >= (1, 1) and not head.get("connection"):
            return []
        return [("Keep-Alive", f"timeout={self.rules.idle:.0f}, max={left}"), ("Connection", "Keep-Alive")]

    def plain_on_tls(self, head: Head | None) -> Reply | None:
        return self.error(400, None, "plain-on-tls") if head else None

    def hung(self, *, started: bool) -> Reply | None:
        return self.error(408) if started else None

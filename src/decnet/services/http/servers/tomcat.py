"""Apache Tomcat. Each answer was compared with 10.1.60 byte by byte, stack traces of other releases excepted."""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from string import Template

from decnet.services.http.dialect import Dialect
from decnet.services.http.message import Head, Refused, Reply, Request, Validators

THROWN = frozenset(
    {"method", "line", "protocol", "line-too-long", "field-too-long", "field", "too-many-fields"}
)
"""What the parser throws an exception for, which the page then shows."""
SERVLET = "OPTIONS, GET, HEAD, POST"


class Tomcat(Dialect):
    """Apache Tomcat's HTTP/1.1 connector. The persona's ``server_header`` is not sent unless set."""

    data = "tomcat"

    def reason(self, status: int) -> str:  # noqa: ARG002
        return ""

    def check(self, head: Head) -> None:
        if head.method == "CONNECT":
            raise Refused(501, "connect")
        super().check(head)
        expect = head.get("expect")
        if expect and expect.lower() != "100-continue":
            raise Refused(417, "expect")

    def method(self, request: Request, *, static: bool, exists: bool) -> Reply | None:  # noqa: ARG002
        method = request.head.method
        if method in {"GET", "HEAD", "POST"}:
            return None
        if method == "OPTIONS":
            star = request.head.target == "*"
            return Reply(
                200, fields=[("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS" if star else SERVLET)]
            )
        if method == "TRACE":
            return self.error(405, request, "trace", Allow="HEAD, DELETE, POST, GET, OPTIONS, PUT")
        if method in {"PUT", "DELETE"}:
            return self.error(405, request, Allow=SERVLET)
        return self.error(501, request)

    def etag(self, file: Validators) -> str:
        return f'W/"{file.size}-{file.modified * 1000}"'

    def words(self, request: Request | None, key: str, status: int) -> dict[str, str]:
        texts = self.manner.texts
        message = texts.get(f"message-{key}") or (texts.get(f"message-{status}") if request else None) or ""
        seen = {
            "path": _escape(request.path if request else ""),
            "method": escape(request.head.method if request else ""),
            "shown": _escape(self.shown),
        }
        said = Template(message).safe_substitute(seen)
        thrown = key in THROWN
        trace = Template(texts["trace"]).safe_substitute(said=said, place="561") if thrown else ""
        return {
            "phrase": HTTPStatus(status).phrase,
            "kind": "Exception Report" if thrown else "Status Report",
            "message": f"<p><b>Message</b> {said}</p>" if said else "",
            "trace": trace,
            "version": self.release,
        }

    def connection(self, head: Head | None, *, keep: bool, left: int) -> list[tuple[str, str]]:  # noqa: ARG002
        if not keep:
            return [("Connection", "close")]
        if head is not None and head.get("connection").lower() == "keep-alive":
            return [("Keep-Alive", f"timeout={self.rules.idle:.0f}"), ("Connection", "keep-alive")]
        return []


def _escape(text: str) -> str:
    return escape(text).replace("/", "&#47;")

"""nginx 1.18 to 1.27. Each answer was compared with 1.22.1 byte by byte."""

from __future__ import annotations

from decnet.services.http.dialect import Dialect
from decnet.services.http.message import Head, Refused, Reply, Request, Validators

PADDING = b"<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n" * 6
"""Sent after an error page to browsers that would show their own instead (``msie_padding``)."""
CLOSES = frozenset({400, 413, 414, 500, 501})


class Nginx(Dialect):
    """nginx, serving files with try_files."""

    data = "nginx"
    exact_dates = True
    protocols = ("http/1.1",)

    def check(self, head: Head) -> None:
        if head.method == "CONNECT" or head.target == "*":
            raise Refused(400)
        if head.get("transfer-encoding") and head.get("content-length"):
            raise Refused(400)
        super().check(head)

    def method(self, request: Request, *, static: bool, exists: bool) -> Reply | None:
        method = request.head.method
        if method == "TRACE":
            return self.error(405, request)
        if method in {"GET", "HEAD"} or not static:
            return None
        return self.error(405, request) if exists else None

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
        reply.close = status in CLOSES
        if request is not None and status >= 400 and request.head.version >= (1, 0):
            agent = request.head.get("user-agent")
            if "MSIE " in agent or "Chrome" in agent:
                reply.body += PADDING
        return reply

    def validator_fields(self, file: Validators, status: int) -> list[tuple[str, str]]:
        fields = super().validator_fields(file, status)
        return fields if status == 200 else [one for one in fields if one[0] != "Accept-Ranges"]

    def connection(self, head: Head | None, *, keep: bool, left: int) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("Connection", "keep-alive" if keep else "close")]

    def plain_on_tls(self, head: Head | None) -> Reply | None:
        return self.error(400, None, "plain-on-tls" if head else "")

"""IIS 10 behind http.sys. The lengths of its pages are those of the real ones (404: 1245 bytes, invalid host: 334)."""

from __future__ import annotations

from decnet.services.http.dialect import Dialect
from decnet.services.http.message import Head, Refused, Reply, Request, Validators

HTTP_SYS = "Microsoft-HTTPAPI/2.0"
ALLOW = "GET, HEAD, OPTIONS, TRACE"
_EPOCH = 11_644_473_600
"""Seconds from 1601, where FILETIME starts, to 1970."""


class Iis(Dialect):
    """Internet Information Services."""

    data = "iis"

    def method(self, request: Request, *, static: bool, exists: bool) -> Reply | None:
        method = request.head.method
        if method in {"GET", "HEAD"} or (method == "POST" and not static):
            return None
        if method == "OPTIONS":
            known = "OPTIONS, TRACE, GET, HEAD, POST"
            return Reply(200, b"", "", [("Allow", known), ("Public", known), *self._powered()])
        if method == "TRACE":
            return self.error(501, request)
        return self.error(405, request, Allow=ALLOW) if exists else self.error(404, request)

    def etag(self, file: Validators) -> str:
        filetime = (file.modified + _EPOCH) * 10_000_000
        return f'"{"".join(f"{byte:x}" for byte in filetime.to_bytes(8, "little"))}:0"'

    def error(
        self,
        status: int,
        request: Request | None = None,
        key: str = "",
        shown: str = "",
        page: str = "",
        **fields: str,
    ) -> Reply:
        refused = key in self.manner.titles
        reply = super().error(status, request, key, shown, "http-sys" if refused else page, **fields)
        if refused:
            reply.type = "text/html; charset=us-ascii"
            reply.server = HTTP_SYS
            reply.close = True
        else:
            reply.fields += self._powered()
            reply.close = status in {400, 413, 501}
        if status in {301, 302}:
            reply.type = "text/html; charset=UTF-8"
        return reply

    def words(self, request: Request | None, key: str, status: int) -> dict[str, str]:  # noqa: ARG002
        return {"short": self.reason(status)}

    def _powered(self) -> list[tuple[str, str]]:
        return [("X-Powered-By", "ASP.NET")]

    def plain_on_tls(self, head: Head | None) -> Reply | None:  # noqa: ARG002
        return None

    def check_target(self, head: Head) -> None:
        if head.method in {"CONNECT", "TRACK"}:
            raise Refused(400, "method")
        super().check_target(head)

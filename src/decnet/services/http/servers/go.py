"""Go's net/http, as Grafana embeds it."""

from __future__ import annotations

from decnet.services.http.dialect import Dialect
from decnet.services.http.message import Head, Reply, Request, Validators


class Go(Dialect):
    """The server of Go's standard library."""

    data = "go"
    directories = False
    protocols = ("h2", "http/1.1")[1:]

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
        if request is None:
            reply.plain = True
            reply.length = False
            reply.body = reply.body.rstrip(b"\n")
        else:
            reply.fields.append(("X-Content-Type-Options", "nosniff"))
        return reply

    def etag(self, file: Validators) -> str:  # noqa: ARG002
        return ""

    def plain_on_tls(self, head: Head | None) -> Reply | None:  # noqa: ARG002
        reply = self.error(400)
        reply.body = b"Client sent an HTTP request to an HTTPS server.\n"
        reply.type = ""
        return reply

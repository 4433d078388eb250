"""Jetty, as Jenkins embeds it."""

from __future__ import annotations

from decnet.services.http.dialect import Dialect
from decnet.services.http.message import Head, Reply, Request, Validators


class Jetty(Dialect):
    """Jetty 9.4 to 12."""

    data = "jetty"
    directories = False

    def error(
        self,
        status: int,
        request: Request | None = None,
        key: str = "",
        shown: str = "",
        page: str = "",
        **fields: str,
    ) -> Reply:
        if request is not None:
            return super().error(status, request, key, shown, page, **fields)
        reply = super().error(status, request, key, shown, "bare", **fields)
        reply.plain = True
        return reply

    def words(self, request: Request | None, key: str, status: int) -> dict[str, str]:
        own = self.manner.reasons.get(key, self.reason(status))
        return {"release": self.server[6:-1], "reason": own if request is None else self.reason(status)}

    def etag(self, file: Validators) -> str:  # noqa: ARG002
        return ""

    def check_target(self, head: Head) -> None:
        if head.target != "*":
            super().check_target(head)

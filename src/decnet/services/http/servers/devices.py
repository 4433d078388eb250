"""The small servers of devices: their data files say all that sets them apart."""

from __future__ import annotations

from decnet.services.http.dialect import Dialect
from decnet.services.http.message import Reply, Request, Validators


class Httpd(Dialect):
    """The httpd of ASUS routers."""

    data = "httpd"
    directories = False

    def etag(self, file: Validators) -> str:  # noqa: ARG002
        return ""

    def validator_fields(self, file: Validators, status: int) -> list[tuple[str, str]]:  # noqa: ARG002
        return []

    def method(self, request: Request, *, static: bool, exists: bool) -> Reply | None:  # noqa: ARG002
        return None if request.head.method in {"GET", "HEAD", "POST"} else self.error(501, request)


class Hp(Dialect):
    """The server of HP LaserJet printers."""

    data = "hp"
    directories = False

    def etag(self, file: Validators) -> str:  # noqa: ARG002
        return ""

    def validator_fields(self, file: Validators, status: int) -> list[tuple[str, str]]:
        return [one for one in super().validator_fields(file, status) if one[0] == "Last-Modified"]


class AppWebs(Dialect):
    """App-webs of Hikvision cameras."""

    data = "appwebs"
    directories = False

    def validator_fields(self, file: Validators, status: int) -> list[tuple[str, str]]:
        return [one for one in super().validator_fields(file, status) if one[0] != "Accept-Ranges"]

    def connection(self, head: object, *, keep: bool, left: int) -> list[tuple[str, str]]:  # noqa: ARG002
        if not keep:
            return [("Connection", "close")]
        return [("Connection", "keep-alive"), ("Keep-Alive", f"timeout={self.rules.idle:.0f}, max={left}")]

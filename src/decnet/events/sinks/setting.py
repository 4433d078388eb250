"""What a sink is told: values, encoded as JSON for the process that ships events."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Transport(StrEnum):
    """How syslog frames travel: RFC 5426, RFC 6587 (octet counting), RFC 5425."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class Facility(StrEnum):
    """Facilities of RFC 5424 section 6.2.1, table 1, by the names of syslog(3)."""

    USER = "user"
    DAEMON = "daemon"
    AUTH = "auth"
    SYSLOG = "syslog"
    AUTHPRIV = "authpriv"
    LOCAL0 = "local0"
    LOCAL1 = "local1"
    LOCAL2 = "local2"
    LOCAL3 = "local3"
    LOCAL4 = "local4"
    LOCAL5 = "local5"
    LOCAL6 = "local6"
    LOCAL7 = "local7"


class Format(StrEnum):
    """How an event looks: as in the log, in the Elastic Common Schema, in the Open Cybersecurity Schema Framework."""

    NATIVE = "native"
    ECS = "ecs"
    OCSF = "ocsf"


class Body(StrEnum):
    """How a request holds several events: one JSON object a line (NDJSON), or a JSON array of them."""

    LINES = "lines"
    ARRAY = "array"


class Shaped(msgspec.Struct, frozen=True, kw_only=True):
    """What every sink is told: whether it gets what the log holds already, and how events look there."""

    history: bool = True
    format: Format = Format.NATIVE


class Secured(Shaped, frozen=True, kw_only=True):
    """What TLS to a server needs: whether and with which certificates it is verified, and our own; all PEM."""

    verify: bool = True
    ca: bytes = b""
    cert: bytes = b""
    key: bytes = b""


class SyslogSetting(Secured, frozen=True, tag="syslog"):
    """A syslog server. ``max_size`` is the largest message in bytes."""

    host: str
    port: int
    transport: Transport = Transport.UDP
    facility: Facility = Facility.LOCAL0
    sd_id: str = "decnet@32473"
    max_size: int = 2048

    @property
    def target(self) -> str:
        """``tls://logs.example:6514``."""
        return f"{self.transport}://{_authority(self.host, self.port)}"

    def __repr__(self) -> str:
        return f"SyslogSetting({self.target})"


class FileSetting(Shaped, frozen=True, tag="file"):
    """A further file of JSON lines, with a rotation of its own (see `decnet.events.Rotation`)."""

    path: str
    rotate_bytes: int
    rotate_seconds: int
    keep: int

    @property
    def target(self) -> str:
        """The path."""
        return self.path


class WebhookSetting(Secured, frozen=True, tag="webhook"):
    """A server that is sent events by POST.

    ``query`` may hold a token, as ``secret`` (the key of the signature) and ``authorization`` (the value of that header)
    do: they are bytes, as all that is not shown. ``batch`` is the most events of one request, ``timeout`` in seconds.
    """

    host: str
    port: int
    path: str
    tls: bool = True
    query: bytes = b""
    secret: bytes = b""
    authorization: bytes = b""
    body: Body = Body.LINES
    batch: int = 256
    timeout: int = 10
    max_size: int = 65_000

    @property
    def target(self) -> str:
        """``https://hooks.example/decnet``, without the query."""
        usual = self.port == (443 if self.tls else 80)
        host = _authority(self.host, None if usual else self.port)
        return f"{'https' if self.tls else 'http'}://{host}{self.path}"

    def __repr__(self) -> str:
        return f"WebhookSetting({self.target})"


class NatsSetting(Secured, frozen=True, tag="nats"):
    """A NATS server with JetStream. ``stream`` is the one that is made where none takes our subjects.

    ``credentials`` is the content of a file: see `decnet.events.sinks.nkey`.
    """

    host: str
    port: int
    tls: bool = False
    user: bytes = b""
    password: bytes = b""
    token: bytes = b""
    credentials: bytes = b""
    stream: str = "decnet"
    timeout: int = 10
    max_size: int = 65_000

    @property
    def target(self) -> str:
        """``nats://bus.example:4222``."""
        return f"{'tls' if self.tls else 'nats'}://{_authority(self.host, self.port)}"

    def __repr__(self) -> str:
        return f"NatsSetting({self.target})"


class StdoutSetting(Shaped, frozen=True, tag="stdout"):
    """The standard output of whoever keeps the network in the foreground: `decnet supervise`."""

    @property
    def target(self) -> str:
        """``-``, as programs call it."""
        return "-"


Setting = SyslogSetting | FileSetting | WebhookSetting | NatsSetting | StdoutSetting


def kind_of(setting: Setting) -> str:
    """The ``type`` of a sink, as files call it."""
    return str(type(setting).__struct_config__.tag)


def _authority(host: str, port: int | None) -> str:
    """``host:port`` of a URL."""
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"


class SinkBundle(msgspec.Struct, frozen=True):
    """All that a sink is made of: its setting, and the host name of every decoy by the decoy's name."""

    name: str
    setting: Setting
    hostnames: Mapping[str, str]

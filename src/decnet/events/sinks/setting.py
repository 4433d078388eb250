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


class SyslogSetting(msgspec.Struct, frozen=True, tag="syslog"):
    """A syslog server. ``max_size`` is the largest message in bytes; certificates and key are PEM."""

    host: str
    port: int
    transport: Transport = Transport.UDP
    facility: Facility = Facility.LOCAL0
    sd_id: str = "decnet@32473"
    max_size: int = 2048
    verify: bool = True
    ca: bytes = b""
    cert: bytes = b""
    key: bytes = b""
    history: bool = True

    @property
    def target(self) -> str:
        """``tls://logs.example:6514``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.port}"

    def __repr__(self) -> str:
        return f"SyslogSetting({self.target})"


class FileSetting(msgspec.Struct, frozen=True, tag="file"):
    """A further file of JSON lines, with a rotation of its own (see `decnet.events.Rotation`)."""

    path: str
    rotate_bytes: int
    rotate_seconds: int
    keep: int
    history: bool = True

    @property
    def target(self) -> str:
        """The path."""
        return self.path


Setting = SyslogSetting | FileSetting


class SinkBundle(msgspec.Struct, frozen=True):
    """All that a sink is made of: its setting, and the host name of every decoy by the decoy's name."""

    name: str
    setting: Setting
    hostnames: Mapping[str, str]

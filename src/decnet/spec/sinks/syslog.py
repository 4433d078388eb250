"""A sink that is a syslog server."""

from __future__ import annotations

from decnet.errors import Span
from decnet.events.sinks import Format, SyslogSetting, Transport
from decnet.events.syslog import is_sd_name
from decnet.ini.names import quote
from decnet.spec.keys import SinkKeys
from decnet.spec.reading import Findings
from decnet.spec.sinks.target import target

HINT = "write udp://host:514, tcp://host:514 or tls://host:6514"
_PORTS = {Transport.UDP.value: 514, Transport.TCP.value: 514, Transport.TLS.value: 6514}
_SIZES = {Transport.UDP: 2048, Transport.TCP: 8192, Transport.TLS: 8192}
"""What receivers take as they come: of UDP RFC 5424 section 6.1 asks 2,048 bytes; of streams rsyslog reads 8 KB."""
_JSON_SIZE = 8192
"""An object of ECS or OCSF cannot be cut anywhere: it has the whole event in it a second time."""


def syslog_setting(text: str, at: Span, keys: SinkKeys, findings: Findings) -> SyslogSetting | None:
    """The setting of a target that stands ``at`` a place, or None with a problem."""
    found = target(text, _PORTS, at, HINT, findings)
    if found is None:
        return None
    transport = Transport(found.scheme)
    usual = _SIZES[transport] if keys.format is Format.NATIVE else _JSON_SIZE
    return SyslogSetting(
        host=found.host,
        port=found.port,
        transport=transport,
        facility=keys.facility,
        sd_id=keys.sd_id,
        max_size=keys.max_size or usual,
        history=keys.history,
        format=keys.format,
    )


def check_sd_id(text: str, at: Span, findings: Findings) -> None:
    """The name of structured data of one's own has an enterprise number."""
    if not is_sd_name(text) or "@" not in text:
        findings.error(
            "bad-value",
            f"{quote(text)} is no name for structured data of one's own",
            at,
            "write name@number, with the enterprise number of your company (RFC 5424 section 7.2.2)",
        )

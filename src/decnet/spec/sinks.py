"""``[sink-NAME]`` and ``log_target`` to sinks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path
from typing import NamedTuple

from decnet.errors import Span
from decnet.events.sinks import FileSetting, Setting, SyslogSetting, Transport
from decnet.events.syslog import is_sd_name
from decnet.ini import Document
from decnet.ini.names import quote
from decnet.spec.keys import General, SinkKeys
from decnet.spec.members import is_hostname
from decnet.spec.model import Sink
from decnet.spec.outline import Outline
from decnet.spec.reading import Findings, Read, read

LOG_TARGET = "log_target"
"""Name of the sink that this key of ``[general]`` declares."""
_TARGET = re.compile(r"(?:([A-Za-z]+)://)?(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@?#\s]+)(?::([0-9]{1,5}))?/?")
_PORTS = {Transport.UDP: 514, Transport.TCP: 514, Transport.TLS: 6514}
_SIZES = {Transport.UDP: 2048, Transport.TCP: 8192, Transport.TLS: 8192}
"""What receivers take as they come: of UDP RFC 5424 section 6.1 asks 2,048 bytes; of streams rsyslog reads 8 KB."""
_TARGET_HINT = "write udp://host:514, tcp://host:514 or tls://host:6514"
_LATER = {"webhook", "nats", "stdout"}
_OF_TLS = ("ca", "cert", "key", "verify")
_OF_SYSLOG = ("target", "facility", "sd_id", "max_size", *_OF_TLS)
_OF_FILE = ("path", "rotate_size", "rotate_age", "keep")
_PEM_LIMIT = 1 << 20


class _Target(NamedTuple):
    transport: Transport
    host: str
    port: int


def sinks(
    document: Document, sections: Outline, general: Read[General], findings: Findings
) -> tuple[Sink, ...]:
    """Every sink that is declared, beside the log that every network has."""
    found: list[Sink] = []
    for name, section in sections.kinds["sink"].items():
        keys = read(document, (section,), SinkKeys, section.span, findings)
        setting = _setting(keys, findings)
        if setting is not None:
            found.append(Sink(name, setting, keys.span, keys.spans))
    if general.keys.log_target:
        target = _target(general.keys.log_target, general.at(LOG_TARGET), findings)
        if target is not None:
            found.append(Sink(LOG_TARGET, _syslog(target, SinkKeys()), general.at(LOG_TARGET), {}))
    _check_together(found, findings)
    return tuple(found)


def _setting(keys: Read[SinkKeys], findings: Findings) -> Setting | None:
    kind = keys.keys.type
    if kind in _LATER:
        message = f"this version has no sink of type {kind}"
        findings.error("unsupported", message, keys.at("type"), "use syslog or file")
        return None
    if keys.keys.format != "native":
        message = f"this version has no format {keys.keys.format}"
        findings.error("unsupported", message, keys.at("format"), "use native")
        return None
    _check_unused(keys, _OF_FILE if kind == "syslog" else _OF_SYSLOG, f"a sink of type {kind}", findings)
    return _syslog_setting(keys, findings) if kind == "syslog" else _file_setting(keys, findings)


def _check_unused(keys: Read[SinkKeys], unused: tuple[str, ...], what: str, findings: Findings) -> None:
    for key in unused:
        if key in keys.given:
            findings.warn("no-effect", f"{what} has no use for {quote(key)}", keys.at(key), "remove it")


def _file_setting(keys: Read[SinkKeys], findings: Findings) -> FileSetting | None:
    path = keys.keys.path
    if not path:  # the network's own log, which there is without being asked for
        _check_unused(keys, _OF_FILE[1:], "the log in the state folder", findings)
        return None
    # The text decides, not what the system would make of it: what is applied has to be what was read.
    if not path.startswith("/") or path.endswith("/") or {"..", "."} & set(path.split("/")):
        findings.error(
            "bad-value",
            f"{quote(path)} is no absolute path of a file",
            keys.at("path"),
            "write path = /var/log/decnet/events.jsonl",
        )
        return None
    of = keys.keys
    return FileSetting(path, int(of.rotate_size), int(of.rotate_age), of.keep, of.history)


def _syslog_setting(keys: Read[SinkKeys], findings: Findings) -> SyslogSetting | None:
    if not keys.keys.target:
        findings.error("missing-key", 'the key "target" is missing', keys.span, _TARGET_HINT)
        return None
    if not is_sd_name(keys.keys.sd_id) or "@" not in keys.keys.sd_id:
        findings.error(
            "bad-value",
            f"{quote(keys.keys.sd_id)} is no name for structured data of one's own",
            keys.at("sd_id"),
            "write name@number, with the enterprise number of your company (RFC 5424 section 7.2.2)",
        )
    target = _target(keys.keys.target, keys.at("target"), findings)
    if target is None:
        return None
    if target.transport is not Transport.TLS:
        _check_unused(keys, _OF_TLS, f"a sink over {target.transport.value.upper()}", findings)
        return _syslog(target, keys.keys)
    if not keys.keys.verify:
        message = "the server is not verified: whoever stands between can read and change events"
        findings.warn("unverified-server", message, keys.at("verify"), "give ca = FILE instead")
    return _with_certificates(_syslog(target, keys.keys), keys, findings)


def _target(text: str, span: Span, findings: Findings) -> _Target | None:
    """A target taken apart, or None with a problem."""
    match = _TARGET.fullmatch(text)
    scheme, host, port = match.groups() if match else ("", "", "")
    try:
        transport = Transport((scheme or "udp").lower())
    except ValueError:
        findings.error("bad-target", f"unknown scheme {quote(scheme or '')}", span, _TARGET_HINT)
        return None
    if not match or not _is_host(host) or not 0 < int(port or 514) < 1 << 16:
        findings.error("bad-target", f"{quote(text)} is no server", span, _TARGET_HINT)
        return None
    return _Target(transport, host.strip("[]").lower(), int(port or _PORTS[transport]))


def _is_host(text: str) -> bool:
    if not text.startswith("["):
        return is_hostname(text)
    try:
        IPv6Address(text.strip("[]"))
    except AddressValueError:
        return False
    return True


def _syslog(target: _Target, keys: SinkKeys) -> SyslogSetting:
    return SyslogSetting(
        host=target.host,
        port=target.port,
        transport=target.transport,
        facility=keys.facility,
        sd_id=keys.sd_id,
        max_size=keys.max_size or _SIZES[target.transport],
        verify=keys.verify,
        history=keys.history,
    )


def _with_certificates(
    setting: SyslogSetting, keys: Read[SinkKeys], findings: Findings
) -> SyslogSetting | None:
    import msgspec  # noqa: PLC0415 (with ssl 20 ms, for those who have certificates)

    from decnet.events.sinks.tls import CertificateError, client_context  # noqa: PLC0415

    if keys.keys.key and not keys.keys.cert:
        findings.error(
            "bad-certificate", "a key without its certificate", keys.at("key"), "write cert = FILE"
        )
        return None
    parts = dict(_parts(keys, findings))
    if None in parts.values():
        return None
    if keys.keys.cert and not keys.keys.key:
        parts["key"] = parts["cert"]
    complete: SyslogSetting = msgspec.structs.replace(setting, **parts)
    try:
        client_context(complete)
    except CertificateError as error:
        part = error.part if error.part in keys.given else "cert"
        path = getattr(keys.keys, part)
        findings.error("bad-certificate", f"{path} {error}", keys.at(part))
        return None
    return complete


def _parts(keys: Read[SinkKeys], findings: Findings) -> Iterator[tuple[str, bytes | None]]:
    """Contents of the files that are named, relative to the file that names them."""
    for part in ("ca", "cert", "key"):
        path: Path | None = getattr(keys.keys, part)
        if path is None:
            continue
        span = keys.at(part)
        try:
            with (Path(span.file).parent / path).open("rb") as file:
                content = file.read(_PEM_LIMIT)
        except OSError as error:
            findings.error("unreadable", f"{path} cannot be read: {error.strerror}", span)
            yield part, None
        else:
            yield part, content


def _check_together(found: list[Sink], findings: Findings) -> None:
    """No two sinks have one name or write to one file."""
    names: dict[str, Sink] = {}
    paths: dict[str, Sink] = {}
    for sink in found:
        other = names.setdefault(sink.name, sink)
        if other is not sink:
            message = f"log_target is a sink of this name, and [sink-{sink.name}] another"
            findings.error("bad-name", message, other.span, "give one of them another name", (sink.span,))
        if isinstance(sink.setting, FileSetting):
            other = paths.setdefault(sink.setting.path, sink)
            if other is not sink:
                span = sink.spans.get("path", sink.span)
                related = (other.spans.get("path", other.span),)
                findings.error(
                    "path-used-twice", f"two sinks write to {sink.setting.path}", span, related=related
                )

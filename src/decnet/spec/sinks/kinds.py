"""Each kind of sink: the keys it has a use for, and its setting made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from decnet.events.sinks import (
    FileSetting,
    Format,
    NatsSetting,
    Setting,
    StdoutSetting,
    SyslogSetting,
    Transport,
    WebhookSetting,
)
from decnet.ini.names import quote
from decnet.spec.keys import SinkKeys
from decnet.spec.reading import Findings, Read
from decnet.spec.sinks import syslog
from decnet.spec.sinks.certificates import OF_TLS, content, with_certificates
from decnet.spec.sinks.target import target

_LEAST_JSON = 4096
"""Bytes of an event in JSON that has nothing but what every event has, whatever the format."""
_SIZE = 65_000
_WEB_HINT = "write https://host/path"
_NATS_HINT = "write nats://host:4222 or tls://host:4222"
_SECRETS = ("secret", "authorization", "password", "token")
_OF_ALL = ("type", "format", "history")


class _Kind(NamedTuple):
    keys: tuple[str, ...]
    make: Callable[[Read[SinkKeys], Findings], Setting | None]


def setting_of(keys: Read[SinkKeys], findings: Findings) -> Setting | None:
    """The setting of a section; None where there is none to make, or with a problem."""
    name = keys.keys.type
    kind = _KINDS[name]
    unused = [key for key in keys.given if key not in (*_OF_ALL, *kind.keys)]
    _check_unused(keys, unused, f"a sink of type {name}", findings)
    for key in _SECRETS:
        if key in keys.given and "${" not in keys.given[key].option.text.raw:
            message = f"{quote(key)} stands here for everybody who reads this file"
            hint = f"write {key} = ${{file:FILE}} or ${{env:NAME}}"
            findings.warn("secret-in-file", message, keys.span, hint)  # the line itself is not for a log
    return kind.make(keys, findings)


def _check_unused(keys: Read[SinkKeys], unused: list[str], what: str, findings: Findings) -> None:
    for key in unused:
        if key in keys.given:
            findings.warn("no-effect", f"{what} has no use for {quote(key)}", keys.at(key), "remove it")


def _needs_target(keys: Read[SinkKeys], hint: str, findings: Findings) -> bool:
    if not keys.keys.target:
        findings.error("missing-key", 'the key "target" is missing', keys.span, hint)
    return bool(keys.keys.target)


def _has_room(keys: Read[SinkKeys], findings: Findings, *, syslog: bool = False) -> bool:
    """Whether ``max_size`` holds an object, which cannot be cut anywhere."""
    size = keys.keys.max_size
    least = _LEAST_JSON + 1024 * syslog
    if size is None or size >= least:
        return True
    message = f"max_size: {size} bytes do not hold an event as JSON"
    findings.error("bad-range", message, keys.at("max_size"), f"write at least {least}")
    return False


def _file(keys: Read[SinkKeys], findings: Findings) -> FileSetting | None:
    path = keys.keys.path
    if not path:  # the network's own log, which there is without being asked for
        unused = ["rotate_size", "rotate_age", "keep"]
        _check_unused(keys, unused, "the log in the state folder", findings)
        if keys.keys.format is not Format.NATIVE:
            message = "the log in the state folder is always native"
            findings.error("missing-key", message, keys.at("format"), "write path = FILE for a further one")
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
    return FileSetting(
        path, int(of.rotate_size), int(of.rotate_age), of.keep, history=of.history, format=of.format
    )


def _syslog(keys: Read[SinkKeys], findings: Findings) -> SyslogSetting | None:
    if not _needs_target(keys, syslog.HINT, findings):
        return None
    syslog.check_sd_id(keys.keys.sd_id, keys.at("sd_id"), findings)
    if keys.keys.format is not Format.NATIVE and not _has_room(keys, findings, syslog=True):
        return None
    setting = syslog.syslog_setting(keys.keys.target, keys.at("target"), keys.keys, findings)
    if setting is None:
        return None
    if setting.transport is not Transport.TLS:
        _check_unused(keys, list(OF_TLS), f"a sink over {setting.transport.value.upper()}", findings)
        return setting
    return with_certificates(setting, keys, findings)


def _webhook(keys: Read[SinkKeys], findings: Findings) -> WebhookSetting | None:
    of = keys.keys
    if not _needs_target(keys, _WEB_HINT, findings) or not _has_room(keys, findings):
        return None
    found = target(of.target, {"https": 443, "http": 80}, keys.at("target"), _WEB_HINT, findings, paths=True)
    if found is None or not _is_usable(keys, findings):
        return None
    setting = WebhookSetting(
        host=found.host,
        port=found.port,
        path=found.path,
        tls=found.scheme == "https",
        query=found.query.encode(),
        secret=of.secret.encode(),
        authorization=of.authorization.encode(),
        body=of.body,
        batch=of.batch,
        timeout=int(of.timeout),
        max_size=of.max_size or _SIZE,
        history=of.history,
        format=of.format,
    )
    if setting.tls:
        return with_certificates(setting, keys, findings)
    _in_clear(keys, "HTTP", ("authorization",), findings)
    return setting


def _is_usable(keys: Read[SinkKeys], findings: Findings) -> bool:
    """Whether the secrets of a webhook can be sent, and signed with."""
    from decnet.events.sinks.webhook import signing_key  # noqa: PLC0415 (http.client: 30 ms)

    try:
        signing_key(keys.keys.secret.encode())
    except ValueError as error:
        findings.error("bad-value", f"secret: the value {error}", keys.span)
        return False
    if not (keys.keys.authorization.isascii() and keys.keys.authorization.isprintable()):
        message = "authorization: the value is no header: printable ASCII on one line"
        findings.error("bad-value", message, keys.span)
        return False
    return True


def _nats(keys: Read[SinkKeys], findings: Findings) -> NatsSetting | None:
    of = keys.keys
    if not _needs_target(keys, _NATS_HINT, findings) or not _has_room(keys, findings):
        return None
    found = target(of.target, {"nats": 4222, "tls": 4222}, keys.at("target"), _NATS_HINT, findings)
    if found is None:
        return None
    shown = [key for key in ("user", "token", "credentials") if getattr(of, key)]
    if bool(of.user) != bool(of.password) or len(shown) > 1:
        message = "a server is shown a user with a password, a token, or credentials"
        span = keys.at(shown[-1] if shown else "password")
        findings.error("bad-value", message, span, "write user and password, or token, or credentials")
        return None
    credentials = _credentials(keys, findings) if of.credentials else b""
    if credentials is None:
        return None
    setting = NatsSetting(
        host=found.host,
        port=found.port,
        tls=found.scheme == "tls",
        user=of.user.encode(),
        password=of.password.encode(),
        token=of.token.encode(),
        credentials=credentials,
        stream=of.stream,
        timeout=int(of.timeout),
        max_size=of.max_size or _SIZE,
        history=of.history,
        format=of.format,
    )
    if setting.tls:
        return with_certificates(setting, keys, findings)
    _in_clear(keys, "NATS without TLS", ("password", "token"), findings)
    return setting


def _credentials(keys: Read[SinkKeys], findings: Findings) -> bytes | None:
    """What the file of a NATS user holds; None with a problem when it cannot be used."""
    from decnet.events.sinks.nkey import read_credentials  # noqa: PLC0415 (PyNaCl, for those who have some)

    found = content(keys, "credentials", findings)
    try:
        if found is not None:
            read_credentials(found)
    except ValueError as error:
        findings.error("bad-credentials", f"{keys.keys.credentials} {error}", keys.at("credentials"))
        return None
    return found


def _in_clear(keys: Read[SinkKeys], over: str, secrets: tuple[str, ...], findings: Findings) -> None:
    """Warn of secrets that go over the network in clear; what is for TLS alone has no effect."""
    _check_unused(keys, list(OF_TLS), f"a sink over {over}", findings)
    for key in secrets:
        if getattr(keys.keys, key):
            message = f"{quote(key)} is sent in clear over {over}"
            findings.warn("secret-in-clear", message, keys.at(key), "use TLS")


def _stdout(keys: Read[SinkKeys], _: Findings) -> StdoutSetting:
    return StdoutSetting(history=keys.keys.history, format=keys.keys.format)


_KINDS: Mapping[str, _Kind] = {
    "file": _Kind(("path", "rotate_size", "rotate_age", "keep"), _file),
    "syslog": _Kind(("target", "facility", "sd_id", "max_size", *OF_TLS), _syslog),
    "webhook": _Kind(
        ("target", "secret", "authorization", "body", "batch", "timeout", "max_size", *OF_TLS), _webhook
    ),
    "nats": _Kind(
        ("target", "user", "password", "token", "credentials", "stream", "timeout", "max_size", *OF_TLS),
        _nats,
    ),
    "stdout": _Kind((), _stdout),
}

"""Files that a sink is shown to its server with: certificates and key, read and tried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from decnet.events.sinks import Secured
from decnet.spec.keys import SinkKeys
from decnet.spec.reading import Findings, Read

S = TypeVar("S", bound=Secured)
OF_TLS = ("ca", "cert", "key", "verify")
_FILE_LIMIT = 1 << 20


def with_certificates(setting: S, keys: Read[SinkKeys], findings: Findings) -> S | None:
    """A setting that uses TLS with what its files hold; None with a problem when they cannot be used."""
    import msgspec  # noqa: PLC0415 (with ssl 20 ms, for those who have certificates)

    from decnet.events.sinks.tls import CertificateError, client_context  # noqa: PLC0415

    if not keys.keys.verify:
        message = "the server is not verified: whoever stands between can read and change events"
        findings.warn("unverified-server", message, keys.at("verify"), "give ca = FILE instead")
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
    complete: S = msgspec.structs.replace(setting, verify=keys.keys.verify, **parts)
    try:
        client_context(complete)
    except CertificateError as error:
        part = error.part if error.part in keys.given else "cert"
        path = getattr(keys.keys, part)
        findings.error("bad-certificate", f"{path} {error}", keys.at(part))
        return None
    return complete


def _parts(keys: Read[SinkKeys], findings: Findings) -> Iterator[tuple[str, bytes | None]]:
    """Contents of the files that are named."""
    for part in ("ca", "cert", "key"):
        if getattr(keys.keys, part) is not None:
            yield part, content(keys, part, findings)


def content(keys: Read[SinkKeys], part: str, findings: Findings) -> bytes | None:
    """Content of the file that a key names, relative to the file that names it; None with a problem."""
    path: Path = getattr(keys.keys, part)
    span = keys.at(part)
    try:
        with (Path(span.file).parent / path).open("rb") as file:
            return file.read(_FILE_LIMIT)
    except OSError as error:
        findings.error("unreadable", f"{path} cannot be read: {error.strerror}", span)
        return None

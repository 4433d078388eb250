"""An identity as a file: how a network moves to another machine and is still itself there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec

from decnet.errors import StateError, UsageError
from decnet.spec import Identity
from decnet.spec.resources import Decoy
from decnet.state.model import Snapshot

FORMAT_VERSION = 1
KIND = "decnet-identity"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")


@dataclass(frozen=True, slots=True)
class Passport:
    """What a file says: of which network, its identity, and the first names of decoys that were renamed."""

    network: str
    identity: Identity
    renamed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _File:
    """The file's content; ``secret`` in base64, ``created`` in Unix seconds."""

    kind: str
    format_version: int
    network: str
    created: int
    secret: bytes
    renamed: dict[str, str] = field(default_factory=dict)


def of(saved: Snapshot) -> Passport:
    """The passport of a network that has an identity. Raises `StateError` for one that has none."""
    if saved.identity is None:
        raise StateError(f"network {saved.about.network} has no identity")
    renamed = {
        one.resource.name: one.resource.identity
        for one in saved.resources.values()
        if isinstance(one.resource, Decoy) and one.resource.identity
    }
    return Passport(saved.about.network, saved.identity, renamed)


def encode(passport: Passport) -> bytes:
    """The file's content, without a final newline."""
    made = _File(
        KIND,
        FORMAT_VERSION,
        passport.network,
        int(passport.identity.created.timestamp()),
        passport.identity.secret,
        passport.renamed,
    )
    return msgspec.json.format(msgspec.json.encode(made))


def decode(content: bytes, place: str) -> Passport:
    """What a file says. Raises `UsageError` when it is no identity, or one of a newer release."""
    try:
        found = msgspec.json.decode(content, type=_File)
        if found.kind != KIND or not _NAME.fullmatch(found.network):
            raise ValueError("it is something else")  # noqa: TRY301 (one answer for all that it may be)
        if found.format_version > FORMAT_VERSION:
            raise UsageError(
                f"{place} has format {found.format_version}; this release reads format {FORMAT_VERSION}",
                hint="use the newer release that wrote it",
            )
        identity = Identity.of_parts(found.secret, found.created)
    except ValueError as error:  # msgspec's own among them
        raise UsageError(
            f"{place} is no identity: {error}", hint="decnet identity export NAME writes one"
        ) from None
    return Passport(found.network, identity, found.renamed)

"""Resources as JSON documents. Deterministic, so that equal resources have equal hashes."""

from __future__ import annotations

import hashlib

import msgspec

from decnet.spec.resources import Custom, Decoy, Kind, Lan, Link, Resource, Service, Sink, Stack

HASH_VERSION = 1
"""Goes up when an encoding changes; a hash is compared with one of its own version only."""

_TYPES: dict[Kind, type[Resource]] = {
    Kind.LAN: Lan,
    Kind.DECOY: Decoy,
    Kind.LINK: Link,
    Kind.STACK: Stack,
    Kind.SERVICE: Service,
    Kind.CUSTOM: Custom,
    Kind.SINK: Sink,
}
_DECODERS = {kind: msgspec.json.Decoder(type_) for kind, type_ in _TYPES.items()}
_ENCODER = msgspec.json.Encoder(order="deterministic")


def encode(resource: Resource) -> bytes:
    """A resource as JSON."""
    return _ENCODER.encode(resource)


def decode(kind: str, document: bytes) -> Resource:
    """The resource back; fields that a newer release added have their defaults.

    Raises `ValueError` (also as `msgspec.ValidationError`) when the document is not of that kind.
    """
    resource: Resource = _DECODERS[Kind(kind)].decode(document)
    return resource


def digest(document: bytes) -> str:
    """Hash of a document, 16 bytes, hex."""
    return hashlib.blake2b(document, digest_size=16).hexdigest()

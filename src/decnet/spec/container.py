"""What the container of a decoy is made of: the content that `Decoy.container` is the hash of."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True)
class Container:
    """One decoy's container. ``image`` is ``TAG@ID`` (the tag alone where nobody could say which image that is).

    ``lan`` is the LAN that it is on, with these addresses (``ip`` without prefix length, ``mac`` may be empty); empty
    where it only lends its namespaces.
    """

    image: str
    hostname: str
    domain: str
    lan: str
    mac: str
    ip: str
    pids: int = 0
    """Most processes and threads in it; 0 is: as many as the machine lets it."""
    sysctls: tuple[tuple[str, str], ...] = field(default=())
    """What the engine sets before anything answers, at each start. Not part of the hash: decnet changes them live."""

    @property
    def tag(self) -> str:
        """``decnet/debian:0123456789ab``."""
        return self.image.partition("@")[0]

    @property
    def image_id(self) -> str:
        """``sha256:…``; empty where the image is not there."""
        return self.image.partition("@")[2]


def encode(container: Container) -> tuple[bytes, str]:
    """A container as the content of its decoy, and the hash of that."""
    bare = msgspec.json.encode(dataclasses.replace(container, sysctls=()))
    return msgspec.json.encode(container), hashlib.blake2b(bare, digest_size=20).hexdigest()


def decode(content: bytes) -> Container:
    """The container back. Raises `ValueError`."""
    return msgspec.json.decode(content, type=Container)

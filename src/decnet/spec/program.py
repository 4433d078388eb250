"""What a custom service runs: the content that `decnet.spec.resources.Custom.bundle` is the hash of."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Program:
    """A command in a container of its own, or in a sandbox, which has its decoy's network.

    ``image`` is a name that the engine knows (empty: a program of the host, in a sandbox), ``image_id`` (``sha256:…``) what it stood for when it was applied; empty
    where nobody could say. ``volumes`` are folders or files of the host and where they are in it, to be read only.
    """

    image: str = ""
    command: tuple[str, ...] = ()
    """In place of the image's own, entrypoint included; empty is the image's own."""
    env: tuple[str, ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    health: tuple[str, ...] = ()
    """A command that ends with status 0 while all is well; empty is none."""
    memory: int = 0
    pids: int = 0
    image_id: str = ""
    cpu: int = 0
    """Percent of one processor; 0 is no bound."""
    reset: int = 0
    """Seconds after which it is made anew; 0 is never."""
    disk: int = 0
    """Bytes written after which it is made anew; 0 is no bound."""
    guest: bytes = b""
    """A `decnet.decoy.protocol.ServiceBundle`: the service whose real server runs here, as JSON. Empty for others."""
    guest_hash: str = ""
    """Stands for ``guest`` in the hash: what its neighbours are called is no part of it."""
    hostname: str = ""
    """What it takes the machine for, in a sandbox; a container has that of its decoy's."""


def encode(program: Program) -> tuple[bytes, str]:
    """A program as the content of its service, and the hash of that."""
    bare = msgspec.json.encode(dataclasses.replace(program, guest=b""))
    return msgspec.json.encode(program), hashlib.blake2b(bare, digest_size=20).hexdigest()


def decode(content: bytes) -> Program:
    """The program back. Raises `ValueError`."""
    return msgspec.json.decode(content, type=Program)

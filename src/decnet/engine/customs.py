"""Services of the user's own: what they are made of, and what of that differs. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from decnet.engine.placement import is_alone
from decnet.ini.values import Duration, Size
from decnet.services.limits import Bounds
from decnet.spec import Custom as CustomSpec
from decnet.spec import Decoy as DecoySpec
from decnet.spec import program
from decnet.spec.program import Program
from decnet.state import Snapshot
from decnet.world import Custom

_KEYS = {"image": "binary", "command": "exec", "health": "healthcheck"}
"""Field of a program → INI key, where they differ."""
SECRETS = frozenset({"env"})
"""Keys whose values are not shown."""
_APART = frozenset({"image_id", "guest", "guest_hash"})
"""Told in another way: what an image's name stands for here, a guest key by key where it is explained."""
_DIGEST = 19
"""Characters of an image's id that tell it apart: ``sha256:`` and twelve."""


def made(
    decoy: DecoySpec,
    one: CustomSpec,
    process: int,
    carrier: tuple[str, str],
    images: Mapping[str, str],
    saved: Snapshot | None,
    *,
    docker: bool,
) -> tuple[Custom, bytes]:
    """A custom service and its content. ``carrier`` is the image (tag, id) of its decoy's container.

    Under ``netns`` a command without an image is a program of the host. Which image a name stands for is what the engine says now; while it says nothing, what it said when it was applied.
    """
    found = one.program
    sandbox = not docker and not found.image
    if sandbox:
        found = dataclasses.replace(found, hostname=decoy.hostname)
    elif not found.image:
        found = dataclasses.replace(found, image=carrier[0], image_id=carrier[1])
    elif found.image in images:
        found = dataclasses.replace(found, image_id=images[found.image])
    ports = tuple(sorted((port.number, port.proto) for port in one.ports))
    bounds = decoy.bounds if is_alone(process) else Bounds()
    resource = Custom(
        decoy.name, one.name, ports, "", process, decoy.limits, bounds, docker=docker, sandbox=sandbox
    )
    resource = dataclasses.replace(resource, high=bool(one.service))
    if found.image and found.image not in images and not found.image_id:
        found = _as_applied(resource, found, saved)
    content, digest = program.encode(found)
    return dataclasses.replace(resource, bundle=digest), content


def with_guest(one: CustomSpec, image: str, guest: bytes, digest: str) -> CustomSpec:
    """A service of high interaction with what its container is made of: an image, and its rendered bundle."""
    return dataclasses.replace(
        one, program=dataclasses.replace(one.program, image=image, guest=guest, guest_hash=digest)
    )


def _as_applied(resource: Custom, found: Program, saved: Snapshot | None) -> Program:
    was = saved.resources.get(resource.id) if saved else None
    content = (
        saved.contents.get(was.resource.bundle)
        if saved and was and isinstance(was.resource, Custom)
        else None
    )
    applied = program.decode(content) if content else None
    if applied is None or applied.image != found.image:
        return found
    return dataclasses.replace(found, image_id=applied.image_id)


def changes(old: Program, new: Program) -> Iterator[tuple[str, Any, Any]]:
    """What of a program differs: INI key, old and new value as a person reads them."""
    for field in dataclasses.fields(Program):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before != after and field.name not in _APART:
            key = _KEYS.get(field.name, field.name)
            yield key, _shown(field.name, before), _shown(field.name, after)
    if old.image == new.image and old.image_id != new.image_id:
        yield "image", old.image_id[:_DIGEST], new.image_id[:_DIGEST]


def _shown(name: str, value: Any) -> Any:
    match name:
        case "memory" | "disk":
            return Size(value).text
        case "reset":
            return Duration(value).text
        case "volumes":
            return [f"{host}:{inside}" for host, inside in value]
        case "command" | "health":
            return " ".join(value)
        case _:
            return value

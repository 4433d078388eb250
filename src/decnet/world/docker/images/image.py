"""The images that decnet built. They are found by their labels, which nobody inside a container sees."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from decnet.errors import WorldError
from decnet.world.docker.engine import Engine, explained

DISTRO = "decnet.distro"
BASE = "decnet.base"
TAG = "decnet.tag"
"""Labels: what a recipe says of itself. Containers and images that are made of an image inherit them."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that decnet built. ``tag`` is empty when a build was cut off, or another image has the tag now."""

    tag: str
    id: str
    """``sha256:…``, of its configuration and with it of all content: what a state pins."""
    distro: str
    base: str
    size: int
    """Bytes, those of the base with it."""
    created: datetime


def every(engine: Engine) -> tuple[Image, ...]:
    """All of them, by distro, the newest first. One whose only name is not ours is somebody else's. Raises `WorldError`."""
    with explained("images"):
        listed = engine.client.api.images(filters={"label": TAG})
    found = [image for one in listed if (image := _image(one)) is not None]
    return tuple(sorted(found, key=lambda image: (image.distro, -image.created.timestamp(), image.tag)))


def find(engine: Engine, tags: Collection[str]) -> Mapping[str, Image]:
    """Those of these tags that are there. Raises `WorldError`."""
    return {image.tag: image for image in every(engine) if image.tag and image.tag in tags}


def users(engine: Engine) -> Mapping[str, int]:
    """How many containers, running or not, and whoever made them, each image has, by its id. Raises `WorldError`."""
    with explained("containers"):
        return Counter(one["ImageID"] for one in engine.client.api.containers(all=True))


@functools.lru_cache(maxsize=64)
def environment(engine: Engine, image: str) -> tuple[str, ...]:
    """Names of the variables that an image, by id or tag, would give its containers beside PATH.

    Some bases say ``container=oci`` there. Who creates a container gives these names without a value as its ``Env``:
    then it does not get them. Raises `WorldError`.
    """
    with explained(image):
        config = engine.client.images.get(image).attrs["Config"]
    names = [variable.partition("=")[0] for variable in config.get("Env") or ()]
    return tuple(name for name in names if name != "PATH")


def missing(tag: str, base: str, distro: str) -> WorldError:
    """The error that an image has not been built here."""
    return WorldError(
        f"there is no image {tag} of distro {distro}, made from {base}",
        hint=f"decnet image build FILE, or decnet image build --distro {distro}; offline: decnet image load ARCHIVE",
    )


def _image(listed: Mapping[str, Any]) -> Image | None:
    labels = listed["Labels"]
    names = [name for name in listed["RepoTags"] or () if name != "<none>:<none>"]
    tag = labels[TAG] if labels[TAG] in names else ""
    if names and not tag:
        return None
    return Image(
        tag,
        listed["Id"],
        labels.get(DISTRO, ""),
        labels.get(BASE, ""),
        listed["Size"],
        datetime.fromtimestamp(listed["Created"], UTC),
    )

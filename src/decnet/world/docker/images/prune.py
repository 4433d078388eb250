"""Images that nothing needs any more."""

from __future__ import annotations

from collections.abc import Collection

from docker.errors import APIError, ImageNotFound

from decnet.world.docker.engine import Engine, explained
from decnet.world.docker.images.image import Image, every, users

_CONFLICT = 409


def unused(engine: Engine, keep: Collection[str]) -> tuple[Image, ...]:
    """Our images that no container is made of, and that ``keep`` names neither by tag nor by id. Raises `WorldError`."""
    used = users(engine)
    return tuple(
        image
        for image in every(engine)
        if not used.get(image.id) and image.id not in keep and image.tag not in keep
    )


def prune(engine: Engine, keep: Collection[str]) -> tuple[Image, ...]:
    """Remove the `unused`; what went. One that came into use meanwhile, or has children, stays. Raises `WorldError`."""
    return tuple(image for image in unused(engine, keep) if _removed(engine, image))


def _removed(engine: Engine, image: Image) -> bool:
    name = image.tag or image.id
    with explained(name):
        try:
            engine.client.api.remove_image(name)
        except ImageNotFound:
            return True
        except APIError as error:
            if error.status_code == _CONFLICT:
                return False
            raise
    return True

"""A distro's image, as a Dockerfile and what it copies. Pure: the same profile and templates give the same tag."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping

from decnet.catalog import Distro
from decnet.draw import Draw
from decnet.errors import InvalidInput, Problem, Span, UsageError
from decnet.ini.names import quote
from decnet.render.templates import Templates
from decnet.spec import Decoy, Network, Runtime
from decnet.spec.recipe import Recipe

__all__ = ["PLAIN", "Recipe", "carrier", "guests", "may_be_carried", "recipe", "wanted"]
PLAIN = "debian"
"""Name of the distro that carries what is no Linux: nothing of its image is seen from outside."""
ROOT = "root/"
"""Where the context has what comes into the image."""
_DIGITS = 12
_SERVER = "-sshd"


def recipe(distro: Distro, templates: Templates, *, server: bool = False) -> Recipe:
    """How the image of a distro is made; with ``server`` the one that has its sshd, for services of high interaction.

    Raises `UsageError` when its profile names no base image, `InvalidInput` with the place of a mistake in a template.
    """
    if not distro.image:
        raise UsageError(
            f"the distro {quote(distro.name)} names no container image",
            hint="in its profile: image = debian:12",
        )
    name, span = _slug(distro.name), Span(f"distro {distro.name}", 0)
    context = {"distro": distro, "date": _date(distro), "server": server}
    within = templates.render(
        ("docker/root/all", f"docker/root/family/{distro.family}", f"docker/root/distro/{name}"),
        context,
        span,
    )
    made = templates.render(
        ("docker/image", f"docker/distro/{name}"), {**context, "paths": tuple(_paths(within, span))}, span
    )
    files = {**{ROOT + path: content for path, content in within.items()}, **made}
    return Recipe(distro.name, distro.image, files, f"decnet/{name}{_SERVER * server}:{_hash(files)}")


def carrier(decoy: Decoy, plain: Distro) -> Distro:
    """The distro whose image a decoy's container is made of: its own; ``plain`` for a machine that is no Linux."""
    return decoy.distro or plain


def may_be_carried(decoy: Decoy) -> bool:
    """Whether a decoy may have a container: one with custom services has, and all may that do not say ``netns``."""
    return decoy.runtime is not Runtime.NETNS or decoy.has_images


def wanted(network: Network, plain: Distro) -> Mapping[str, Distro]:
    """The distros, by name, of the decoys that a container may carry."""
    found = [carrier(decoy, plain) for decoy in network.decoys if may_be_carried(decoy)]
    return {distro.name: distro for distro in sorted(found, key=lambda distro: distro.name)}


def guests(network: Network, plain: Distro) -> Mapping[str, Distro]:
    """The distros, by name, whose real servers decoys run: services of high interaction."""
    found = {
        (distro := carrier(decoy, plain)).name: distro
        for decoy in network.decoys
        if any(one.service for one in decoy.customs)
    }
    return dict(sorted(found.items()))


def _paths(files: Mapping[str, bytes], span: Span) -> Iterator[str]:
    """Where the files go, as words of a shell."""
    for path in sorted(files):
        if not path.isprintable():
            message = f"the template file {quote(path)} has a name that no Dockerfile can say"
            raise InvalidInput((Problem("unreadable", message, span),))
        yield shlex.quote(f"/{path}")


def _slug(name: str) -> str:
    """A name as the engine takes it in a tag: lower case, single separators within."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "distro"


def _date(distro: Distro) -> str:
    """When a file that the base lacks was made: on the day of the release, at a time of its own."""
    second = Draw(distro.name.encode(), "image").integer(9 * 3600, 19 * 3600)
    return f"{distro.released} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def _hash(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        for part in (path.encode(), content):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:_DIGITS]

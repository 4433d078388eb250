"""Building an image from a recipe, by the engine's own builder, without a network unless somebody asks for one."""

from __future__ import annotations

import contextlib
import io
import json
import re
import tarfile
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from docker.errors import APIError, DockerException, ImageNotFound

from decnet.errors import WorldError
from decnet.spec.recipe import Recipe
from decnet.world.docker.engine import Engine, advice, explained
from decnet.world.docker.images.image import BASE, DISTRO, TAG, Image, find
from decnet.world.docker.images.progress import Progress, Tell, silent

_FROM = re.compile(
    r"^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)(?:[ \t]+AS[ \t]+(\S+))?[ \t]*$", re.MULTILINE | re.IGNORECASE
)
_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BUILDER_SAYS = (" --->", "Removing intermediate container ")
_LAST_LINES = 12
_LINE = 160
"""Characters of a line that an error shows."""
_SWEEP_SECONDS = 15
"""How long an engine may take to end what a build that was cut off has begun."""
_LOOK_SECONDS = 0.2
_QUIET = 2
"""Looks that find nothing, one after the other, until it is believed."""


def build(
    engine: Engine, recipe: Recipe, tell: Tell = silent, *, force: bool = False, network: str = "none"
) -> Image:
    """The image of a recipe, built if it is not there, or by ``force``. ``network`` is that of its steps.

    A build that fails or is interrupted leaves nothing behind. Raises `WorldError`: a base image is missing, a step
    fails (with the last that it said), the disk is full, somebody else's image has the tag.
    """
    if not force and recipe.tag in (there := find(engine, (recipe.tag,))):
        return there[recipe.tag]
    check_bases(engine, (recipe,))
    _check_name(engine, recipe.tag)
    before = _nameless(engine, recipe.tag)
    try:
        with explained(recipe.tag):
            _run(engine, recipe, tell, force=force, network=network)
    except BaseException:
        _sweep(engine, recipe.tag, before)
        raise
    return find(engine, (recipe.tag,))[recipe.tag]


def check_bases(engine: Engine, recipes: Iterable[Recipe]) -> None:
    """Raise `WorldError` with every image that recipes begin with and that is not there: none is fetched."""
    lacking = sorted({base for recipe in recipes for base in _bases(recipe) if not _is_there(engine, base)})
    if lacking:
        names, many = ", ".join(lacking), len(lacking) > 1
        pulls = "; ".join(f"docker pull {name}" for name in lacking)
        raise WorldError(
            f"the base image{'s' if many else ''} {names} {'are' if many else 'is'} not here",
            hint=f"{pulls}; offline: decnet image load ARCHIVE, of `docker save` or `decnet image save` elsewhere",
        )


def _bases(recipe: Recipe) -> Iterator[str]:
    stages = {"scratch"}
    for name, stage in _FROM.findall(recipe.files["Dockerfile"].decode()):
        if name not in stages and "$" not in name:
            yield name
        stages.add(stage)


def _is_there(engine: Engine, name: str) -> bool:
    with explained(name):
        try:
            engine.client.images.get(name)
        except ImageNotFound:
            return False
    return True


def _check_name(engine: Engine, tag: str) -> None:
    if tag not in find(engine, (tag,)) and _is_there(engine, tag):
        raise WorldError(
            f"{tag} is the name of an image that decnet did not build",
            hint=f"docker rmi {tag}, if nobody needs it",
        )


def _run(engine: Engine, recipe: Recipe, tell: Tell, *, force: bool, network: str) -> None:
    stream = engine.client.api.build(
        fileobj=_context(recipe),
        custom_context=True,
        decode=True,
        tag=recipe.tag,
        nocache=force,
        rm=True,
        forcerm=True,
        network_mode=network,
    )
    step, said = Progress(0, 0, ""), deque[str](maxlen=_LAST_LINES)
    # Whoever stops listening must hang up at once: the engine ends a build only when its client has gone.
    with contextlib.closing(stream):
        for message in stream:
            if "error" in message:
                raise _failure(recipe, step, message, said)
            for line in message.get("stream", "").splitlines():
                if match := _STEP.fullmatch(line):
                    step = Progress(int(match[1]), int(match[2]), match[3])
                    said.clear()
                    tell(step)
                elif (plain := _plain(line)) and not line.startswith(_BUILDER_SAYS):
                    said.append(plain)


def _plain(line: str) -> str:
    """What a step printed, without colours and what else would move on a terminal."""
    return "".join(filter(str.isprintable, _ESCAPE.sub("", line))).rstrip()[:_LINE]


def _failure(recipe: Recipe, step: Progress, message: Mapping[str, Any], said: Iterable[str]) -> WorldError:
    code = message.get("errorDetail", {}).get("code")
    words = f"exit code {code}" if code else str(message["error"]).strip()
    if step.total:
        words = f"step {step.done} of {step.total}, {' '.join(step.text.split())[:60]}…: {words}"
    lines = "".join(f"\n    {line}" for line in said)
    return WorldError(
        f"the image of {recipe.distro} cannot be built: {words}{lines}",
        hint=advice(f"{words}{lines}") or "its Dockerfile is made of templates/docker",
    )


def _context(recipe: Recipe) -> io.BytesIO:
    """What is sent to the engine. Dates and owners are the same everywhere, so that the engine's cache holds."""
    sent = io.BytesIO()
    with tarfile.open(fileobj=sent, mode="w") as archive:
        for path, content in sorted(recipe.files.items()):
            data = _labelled(content, recipe) if path == "Dockerfile" else content
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o755 if data.startswith(b"#!") else 0o644
            archive.addfile(entry, io.BytesIO(data))
    sent.seek(0)
    return sent


def _labelled(dockerfile: bytes, recipe: Recipe) -> bytes:
    """Labels in the first step of each stage: so whatever a build leaves behind is known to be ours."""
    labels = {DISTRO: recipe.distro, BASE: recipe.base, TAG: recipe.tag}
    words = " ".join(
        f'"{key}"={json.dumps(value).replace("$", chr(92) + "$")}' for key, value in labels.items()
    )
    return _FROM.sub(lambda match: f"{match[0]}\nLABEL {words}", dockerfile.decode()).encode()


def _nameless(engine: Engine, tag: str) -> frozenset[str]:
    """Images without a name that builds of this tag left: steps, for the engine's cache."""
    wanted = {"label": f"{TAG}={tag}", "dangling": True}
    with explained(tag):
        return frozenset(one["Id"] for one in engine.client.api.images(filters=wanted))


def _sweep(engine: Engine, tag: str, before: Collection[str]) -> None:
    """Remove the steps of a build that was cut off, while the engine ends it: its last container holds the last step."""
    deadline, quiet = time.monotonic() + _SWEEP_SECONDS, 0
    while quiet < _QUIET and time.monotonic() < deadline:
        with contextlib.suppress(WorldError, DockerException, OSError):
            left = _nameless(engine, tag) - frozenset(before)
            quiet = 0 if left else quiet + 1
            for one in left:
                with contextlib.suppress(APIError):  # the container of the step is still there
                    engine.client.api.remove_image(one)
        time.sleep(_LOOK_SECONDS)

"""Images in a file, for machines without a registry: written and read as ``docker save`` and ``docker load`` do."""

from __future__ import annotations

import contextlib
import lzma
import os
import re
import secrets
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from decnet.errors import UsageError, WorldError
from decnet.world.docker.engine import ANSWER_SECONDS, Engine, advice, explained
from decnet.world.docker.images.image import find
from decnet.world.docker.images.progress import Progress, Tell, silent

_PIECE = 1024 * 1024
_LOADED = re.compile(r"Loaded image(?: ID)?: (\S+)")
_INDEXES = {"manifest.json", "index.json"}
"""What an archive of images has: Docker's index, or that of the OCI."""


def save(engine: Engine, tags: Collection[str], path: Path, tell: Tell = silent) -> int:
    """Write images to a file that only its owner may read, whole or not at all; the number of its bytes.

    What they have in common is in it once. Raises `WorldError`, `UsageError` when the file cannot be written.
    """
    there = find(engine, tags)
    if lacking := sorted(set(tags) - there.keys()):
        raise WorldError(f"not here: {', '.join(lacking)}", hint="decnet image build")
    api = engine.client.api
    with explained("saving images"):
        address = f"{api.base_url}/v{api.api_version}/images/get"
        answer = api.get(address, params={"names": sorted(tags)}, stream=True, timeout=ANSWER_SECONDS)
    with answer:
        if not answer.ok:
            raise WorldError(f"saving images: {answer.text.strip()}", hint=advice(answer.text))
        size = sum(image.size for image in there.values())
        return _written(path, _told(answer.iter_content(_PIECE), size, path.name, tell))


def load(engine: Engine, path: Path, tell: Tell = silent) -> tuple[str, ...]:
    """Bring the images of an archive to the engine; their names, or ids where they have none.

    Raises `UsageError` for a file that cannot be read or holds no images, `WorldError` for what the engine refuses.
    """
    _check(path)
    loaded: list[str] = []
    with path.open("rb") as file, explained(str(path)):
        size = os.fstat(file.fileno()).st_size
        sent = _told(_pieces(file.read), size, path.name, tell)
        for message in engine.client.api.load_image(sent):  # type: ignore[no-untyped-call]
            if "error" in message:
                words = str(message["error"]).strip()
                raise WorldError(f"{path}: {words}", hint=advice(words))
            loaded += _LOADED.findall(message.get("stream", ""))
    return tuple(sorted(loaded))


def _pieces(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while piece := read(_PIECE):
        yield piece


def _told(pieces: Iterable[bytes], size: int, name: str, tell: Tell) -> Iterator[bytes]:
    """The pieces, each told when it is through."""
    done = 0
    with explained(name):
        for piece in pieces:
            yield piece
            done += len(piece)
            tell(Progress(done, max(size, done), name))


def _written(path: Path, pieces: Iterator[bytes]) -> int:
    beside = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        beside.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
    return size


def _check(path: Path) -> None:
    """Raise `UsageError` unless it is a whole archive of images."""
    try:
        if not path.is_file():
            raise UsageError(
                f"cannot read {path}: {'not a file' if path.exists() else 'there is no such file'}"
            )
        with tarfile.open(path) as archive:
            if _INDEXES.isdisjoint(member.name for member in archive):
                raise UsageError(f"{path} holds no images", hint=_HINT)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError):
        raise UsageError(f"{path} is no archive of images, or a part of one", hint=_HINT) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None


_HINT = "an archive is what decnet image save or docker save writes"

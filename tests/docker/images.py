"""Images for tests: bases that look like those of a family, and what is in the layers of an image."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import pytest

from decnet.render import Templates
from decnet.world.docker import images
from decnet.world.docker.engine import Engine
from tests.docker.engine import BASE
from tests.live.lab import run


@pytest.fixture
def here(engine):
    """The engine as decnet sees it, with the base image and nothing of ours in it, before and after."""
    before = ids(engine)
    with Engine() as found:
        yield found
        for container in engine.containers.list(all=True):
            container.remove(force=True)
        images.prune(found, ())
    for name in {tag for one in engine.images.list() for tag in one.tags} - {BASE}:
        engine.images.remove(name)
    assert ids(engine) == before


@pytest.fixture
def overlay(tmp_path):
    def write(name, text):
        path = tmp_path / "templates" / "docker" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return Templates([tmp_path / "templates"])

    return write


def ids(client: docker.DockerClient) -> set[str]:
    """Every image there is, those that are steps of a build too."""
    return {one["Id"] for one in client.api.images(all=True)}


def archive_of(files: Mapping[str, bytes | str]) -> bytes:
    """A tar; a text that begins with ``->`` is a symbolic link."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.mtime = 1_700_000_000
            if isinstance(content, str) and content.startswith("->"):
                entry.type, entry.linkname = tarfile.SYMTYPE, content.removeprefix("->")
                archive.addfile(entry)
            else:
                data = content if isinstance(content, bytes) else content.encode()
                entry.size, entry.mode = len(data), 0o755 if isinstance(content, bytes) else 0o644
                archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def derived(client: docker.DockerClient, name: str, files: Mapping[str, bytes | str]) -> None:
    """An image of this name: the base with files of another family in it."""
    container = client.containers.create(BASE, ["true"])
    try:
        container.put_archive("/", archive_of(files))
        container.commit(*name.split(":"))
    finally:
        container.remove()


def busybox(client: docker.DockerClient, name: str) -> None:
    """An image that has busybox and nothing else, as Alpine's nearly does."""
    program = shutil.which("busybox")
    if program is None:
        pytest.skip("no busybox here")
    applets = run(program, "--list").split()
    links = {f"bin/{applet}": "->busybox" for applet in applets if applet != "busybox"}
    files = {
        "bin/busybox": Path(program).read_bytes(),
        **links,
        "etc/os-release": "NAME=old\n",
        "etc/alpine-release": "3.21.0\n",
        "etc/passwd": "root:x:0:0:root:/root:/bin/ash\n",
    }
    repository, tag = name.split(":")
    client.api.import_image_from_data(archive_of(files), repository=repository, tag=tag)


def layers(client: docker.DockerClient, name: str) -> Iterator[tuple[int, tarfile.TarInfo, bytes]]:
    """Every entry of every layer: the number of its layer, the lowest first, and its content."""
    saved = io.BytesIO(b"".join(client.images.get(name).save()))
    with tarfile.open(fileobj=saved) as archive:
        (manifest,) = json.load(archive.extractfile("manifest.json"))
        for number, layer in enumerate(manifest["Layers"]):
            with tarfile.open(fileobj=archive.extractfile(layer)) as inner:
                for entry in inner:
                    content = inner.extractfile(entry).read() if entry.isfile() else b""
                    yield number, entry, content


@contextlib.contextmanager
def shown(client: docker.DockerClient, name: str) -> Iterator[tarfile.TarFile]:
    """The file system of a container of an image, as it is created."""
    container = client.containers.create(name)
    try:
        with tarfile.open(fileobj=io.BytesIO(b"".join(container.export()))) as archive:
            yield archive
    finally:
        container.remove()

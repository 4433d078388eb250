"""Images in a file: saved from one engine, brought to one that has nothing and no network."""

import gzip
import io
import os
import stat
import tarfile

import pytest

from decnet.catalog import load
from decnet.errors import UsageError, WorldError
from decnet.render import Templates
from decnet.render.images import recipe
from decnet.world.docker import images
from tests.docker.engine import BASE

pytestmark = pytest.mark.docker

DEBIAN = load().distros["debian"]
PLAIN = recipe(DEBIAN, Templates())


@pytest.fixture
def emptied(engine):
    """Take every image away; the base is there again afterwards."""
    base = b"".join(engine.images.get(BASE).save(named=True))

    def empty():
        while left := engine.images.list():
            for one in left:
                engine.images.remove(one.tags[0] if one.tags else one.id, force=True)

    yield empty
    engine.images.load(base)


@pytest.fixture
def saved(here, overlay, tmp_path):
    """Two images that share a base, in a file."""
    made = [images.build(here, PLAIN), images.build(here, recipe(DEBIAN, overlay("root/all/a", "1")))]
    path = tmp_path / "images.tar"
    images.save(here, [image.tag for image in made], path)
    return path, made


def test_an_archive_is_private_whole_and_has_what_is_shared_once(here, overlay, tmp_path):
    made = [images.build(here, PLAIN), images.build(here, recipe(DEBIAN, overlay("root/all/a", "1")))]
    told, path = [], tmp_path / "images.tar"
    mask = os.umask(0)
    size = images.save(here, [image.tag for image in made], path, told.append)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size == size == told[-1].done
    assert size < 1.5 * made[0].size
    assert [step.done for step in told] == sorted(step.done for step in told)
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["images.tar"]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_an_emptied_engine_gets_them_back_as_they_were(here, engine, emptied, saved, packed):
    path, made = saved
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes(), 1))
    emptied()
    assert images.every(here) == ()
    told = []
    assert images.load(here, path, told.append) == tuple(sorted(image.tag for image in made))
    assert told[-1].done == told[-1].total == path.stat().st_size
    assert {(one.tag, one.id) for one in images.every(here)} == {(one.tag, one.id) for one in made}
    assert images.build(here, PLAIN).id == made[0].id  # without its base, which is not needed any more
    assert engine.containers.run(PLAIN.tag, ["cat", "/etc/os-release"], network_mode="none").startswith(
        b"PRETTY_NAME"
    )


def test_an_image_that_is_not_there_is_not_saved(here, tmp_path):
    with pytest.raises(WorldError, match=f"not here: {PLAIN.tag}"):
        images.save(here, [PLAIN.tag], tmp_path / "images.tar")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(here, tmp_path):
    images.build(here, PLAIN)
    with pytest.raises(UsageError, match=r"cannot write .*/nowhere/images\.tar: No such file or directory"):
        images.save(here, [PLAIN.tag], tmp_path / "nowhere" / "images.tar")


def test_a_save_that_is_interrupted_leaves_nothing(here, tmp_path):
    images.build(here, PLAIN)

    def interrupt(step):
        if step.done > 5_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        images.save(here, [PLAIN.tag], tmp_path / "images.tar", interrupt)
    assert list(tmp_path.iterdir()) == []
    assert here.client.ping()


def a_tar(*names):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no archive of images"),
        (b"#!/bin/sh\necho hello\n" * 100, "is no archive of images"),
        (a_tar("a", "b"), "holds no images"),
        (gzip.compress(a_tar("manifest.json"))[:40], "is no archive of images, or a part of one"),
    ],
    ids=["empty", "a script", "another tar", "cut off"],
)
def test_what_is_no_archive_is_not_sent(here, tmp_path, content, said):
    path = tmp_path / "images.tar"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        images.load(here, path)


def test_an_archive_that_is_cut_off_is_refused(here, saved):
    path, made = saved
    images.prune(here, ())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises((UsageError, WorldError)):
        images.load(here, path)
    assert made
    assert images.every(here) == ()


def test_what_the_engine_makes_of_a_false_archive_is_told(here, tmp_path):
    path = tmp_path / "images.tar"
    path.write_bytes(a_tar("manifest.json"))
    with pytest.raises(WorldError, match=r"images\.tar: "):
        images.load(here, path)


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_file_that_cannot_be_read_is_named(here, tmp_path, kind):
    path = tmp_path if kind == "folder" else tmp_path / "none.tar"
    with pytest.raises(UsageError, match=r"cannot read .*: (not a file|there is no such file)"):
        images.load(here, path)

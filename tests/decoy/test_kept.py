"""What is kept of visitors: recordings and files."""

import hashlib
import io
import json
import os
import tarfile

import pytest

from decnet.decoy.artifacts import END, LARGEST, PATH, PIECE, Artifacts, Room
from decnet.decoy.cast import Cast


@pytest.fixture
def folder(tmp_path):
    for name in ("artifacts", "recordings"):
        (tmp_path / name).mkdir()
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def archived(content=b"evil", kind=tarfile.REGTYPE, name="miner"):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.size, entry.mode, entry.linkname = kind, len(content), 0o4755, "/etc/shadow"
        archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def taken(folder, archive, path=b"/tmp/miner", room=None, size=1000):
    found = Artifacts(folder, room or Room())
    pieces = [archive[start : start + size] for start in range(0, len(archive), size)]
    messages = [PATH + path, *(PIECE + piece for piece in pieces), END]
    return [upload for message in messages for upload in found.take(message)]


def test_a_file_is_kept_once_under_its_digest(folder, tmp_path):
    for _ in range(2):
        (upload,) = taken(folder, archived())
        digest = hashlib.sha256(b"evil").hexdigest()
        assert upload == (b"/tmp/miner", 4, digest, 0o4755, f"artifacts/{digest}")
    (kept,) = (tmp_path / "artifacts").iterdir()
    assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (b"evil", 0o600)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE]
)
def test_what_is_no_file_is_passed_over(folder, tmp_path, kind):
    assert taken(folder, archived(b"", kind)) == []
    assert not list((tmp_path / "artifacts").iterdir())


@pytest.mark.parametrize("broken", [b"", b"\0" * 700, b"no archive" * 100, archived()[:514]])
def test_what_is_no_archive_is_passed_over(folder, broken):
    assert taken(folder, broken) == []


def test_the_name_in_the_archive_leads_nowhere(folder, tmp_path):
    (upload,) = taken(folder, archived(name="../../../etc/passwd"))
    assert (tmp_path / upload.artifact).parent == tmp_path / "artifacts"


def test_there_is_no_room_without_end(folder, tmp_path):
    (upload,) = taken(folder, archived(b"x" * 100), room=Room(99))
    assert (upload.size, upload.artifact) == (100, "")
    assert taken(folder, archived(b"x" * (LARGEST + 2_000_000)), size=1 << 20) == []
    assert not list((tmp_path / "artifacts").iterdir())


def recording(tmp_path):
    (path,) = (tmp_path / "recordings").iterdir()
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_recording_is_asciicast(folder, tmp_path):
    cast = Cast(folder, "one", 101, 31, 5.0, Room())
    cast.add("o", "ä".encode()[:1], 5.5)
    cast.add("o", "ä".encode()[1:] + b"\x1b[0m", 6.0)
    cast.add("i", b"\xff\x03", 6.25)
    kept = cast.close()
    header, *lines = recording(tmp_path)
    assert (header["version"], header["width"], header["height"]) == (2, 101, 31)
    assert lines == [[1.0, "o", "ä\x1b[0m"], [1.25, "i", "\ufffd\x03"]]
    path = tmp_path / "recordings" / "one.cast"
    assert kept == (
        "recordings/one.cast",
        path.stat().st_size,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        1.25,
        False,
    )
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_recording_has_an_end(folder, tmp_path):
    room = Room(500)
    cast = Cast(folder, "one", 80, 24, 0.0, room)
    for at in range(100):
        cast.add("o", b"x" * 40, float(at))
    kept = cast.close()
    assert kept.cut
    assert kept.size == (tmp_path / "recordings" / "one.cast").stat().st_size <= 500
    assert recording(tmp_path)

"""The filter of system calls, on a process of its own that needs no privilege."""

import ctypes
import platform
import subprocess
import sys

import pytest

from decnet.decoy import seccomp
from decnet.errors import MissingCapability
from decnet.world import Service, check

BEFORE = """
import os, sys, threading, socket, mmap, ssl, tempfile, zoneinfo, ctypes, errno
from decnet.decoy import seccomp
folder = os.open({folder!r}, os.O_RDONLY)
other = os.open("/", os.O_RDONLY)
lib = seccomp.library()
seccomp.Filter(lib, seccomp.rules(folder, os.getpid())).load()
def after():
    {code}
try:
    sys.stdout.write(str(after()))
except OSError as error:
    sys.stdout.write(errno.errorcode[error.errno])
except Exception as error:
    sys.stdout.write(type(error).__name__)
"""


def under_the_filter(code: str, folder: str = "/tmp") -> str:
    """What came of running this in a process that has just put the filter on itself."""
    done = subprocess.run(
        [sys.executable, "-c", BEFORE.format(code=code, folder=folder)],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "socket.socket()",
        "socket.socketpair()",
        "os.kill(os.getpid(), 0)",
        "os.mkdir('here', dir_fd=folder)",
        "os.open('etc/passwd', os.O_RDONLY, dir_fd=other)",
        "os.unlink('x', dir_fd=folder)",
        "os.rename('x', 'y', src_dir_fd=folder, dst_dir_fd=other)",
        "os.chdir('/')",
        "mmap.mmap(-1, 4096, prot=7)",
        "os.memfd_create('x')",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
    ],
)
def test_what_is_refused(code: str):
    assert under_the_filter(f"return {code}") == "EPERM"


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("done = []; one = threading.Thread(target=done.append, args=(1,)); one.start(); one.join(); return done", "[1]"),
        ("return sum(bytearray(1 << 24))", "0"),
        ("return os.setpriority(os.PRIO_PROCESS, 0, 5)", "None"),
        ("os.close(os.open('x', os.O_RDWR | os.O_CREAT, dir_fd=folder)); return 'opened'", "opened"),
        ("open('/nowhere/at/all')", "ENOENT"),
        ("return ssl.create_default_context().minimum_version.name", "TLSv1_2"),
        ("return len(os.urandom(8))", "8"),
    ],
)  # fmt: skip
def test_what_serving_needs(code: str, result: str, tmp_path):
    assert under_the_filter(code, str(tmp_path)) == result


ROTATING = """
import os
from pathlib import Path
from decnet.decoy import seccomp
from decnet.events import Event, EventType, FileSink, file, now
folder = os.open({folder!r}, os.O_RDONLY)
seccomp.Filter(seccomp.library(), seccomp.rules(folder, os.getpid())).load()
file.CHECK_SECONDS = 0.0
sink = FileSink(folder, file.Rotation(bytes=2000, keep=2))
for number in range(40):
    sink.write(Event.of(EventType.ERROR, {{"number": number}}, ts=now(), network="lab"))
sink.close()
os.write(1, str(sink.dropped).encode())
"""


def test_events_are_written_and_their_files_rotated(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ROTATING.format(folder=str(tmp_path))],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("0", "")
    assert {"events.jsonl", "events.jsonl.1", "events.jsonl.2"} <= {path.name for path in tmp_path.iterdir()}


def test_an_abort_still_ends_the_process():
    done = subprocess.run(
        [sys.executable, "-c", BEFORE.format(code="os.abort()", folder="/tmp")], check=False, timeout=30
    )
    assert done.returncode == -6


@pytest.mark.parametrize("architecture", [0xC000003E, 0xC00000B7], ids=["x86_64", "aarch64"])
def test_every_rule_names_a_call_that_is_known(architecture: int):
    resolve = seccomp.library().seccomp_syscall_resolve_name_arch
    for rule in seccomp.rules(3, 4):
        assert resolve(ctypes.c_uint32(architecture), rule.call.encode()) != -1, rule.call


@pytest.mark.skipif(platform.machine() != "x86_64", reason="calls of another processor's numbers")
def test_no_rule_lets_a_process_be_made_or_a_socket():
    allowed = {rule.call for rule in seccomp.rules(3, 4) if not rule.answer}
    forbidden = {
        "execve",
        "execveat",
        "fork",
        "vfork",
        "socket",
        "connect",
        "bind",
        "listen",
        "ptrace",
        "mount",
    }
    assert not allowed & (
        forbidden | {"setns", "unshare", "kill", "bpf", "io_uring_setup", "setuid", "keyctl"}
    )


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr(seccomp, "_LIBRARY", "libseccomp.so.nowhere")
    with pytest.raises(MissingCapability, match="nowhere") as caught:
        seccomp.library()
    assert "apt install libseccomp2" in caught.value.hint


def test_without_the_library_nothing_is_begun(monkeypatch):
    monkeypatch.setattr(seccomp, "_LIBRARY", "libseccomp.so.nowhere")
    monkeypatch.setattr(check, "missing_capabilities", lambda _: [])
    with pytest.raises(MissingCapability, match="nowhere"):
        check.check([Service("web", "http", ((80, "tcp"),), "hash")])

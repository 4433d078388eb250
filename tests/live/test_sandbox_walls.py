"""What a custom service that has been broken into can do from its sandbox: nothing but what a visitor could."""

import json
import os
import socket
from pathlib import Path

import pytest

from tests.live import trespasser
from tests.live.command import Command
from tests.live.lab import Lab, run

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]

PYTHON = Path("/usr/bin/python3")
ADDRESS = "198.51.100.20"
NETWORK = """
[general]
name = walls
net = 198.51.100.0/24
runtime = netns
seed = lab

[custom-broken]
exec = /usr/bin/python3 -S /srv/trespasser.py 80
ports = 80
volumes = {folder}:/srv, {conf}:/etc/broken.conf
env = LEVEL=info
memory = 96M
pids = 20

[web]
ip = 198.51.100.20
services = broken, redis
distro = debian
hostname = web-01

[db]
ip = 198.51.100.21
services = redis
distro = debian
"""
ROOT = {
    "bin",
    "dev",
    "etc",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "proc",
    "run",
    "sbin",
    "srv",
    "tmp",
    "usr",
    "var",
}
DEVICES = ["fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"]
FAILS = [
    # what is the host's own
    *((("read", path), "ENOENT") for path in (
        "/etc/shadow", "/etc/machine-id", "/etc/ssh/sshd_config", "/etc/resolv.conf", "/root/.bashrc", "/home",
        "/var/lib/decnet", "/run/decnet", "/sys/kernel/notes", "/proc/1/environ", "/proc/1/mem", "/dev/mem",
    )),
    # writing
    *((("write", path), error) for path, error in (
        ("/usr/bin/x", "EROFS"), ("/x", "EROFS"), ("/etc/passwd", "EROFS"), ("/etc/x", "EROFS"), ("/srv/x", "EROFS"),
        ("/srv/trespasser.py", "EROFS"), ("/etc/broken.conf", "EROFS"), ("/dev/x", "EROFS"),
        ("/proc/sys/net/ipv4/ip_forward", "EACCES"), ("/proc/sys/kernel/hostname", "EACCES"),
    )),
    (("fill", "/tmp/big"), "ENOSPC"),
    (("fill", "/run/big"), "ENOSPC"),
    # mounts, roots, namespaces
    (("call", "mount", "none", "/tmp", "tmpfs", 0, 0), "EPERM"),
    (("call", "mount", "/usr", "/tmp", "none", 0x1000, 0), "EPERM"),
    (("call", "umount2", "/usr", 2), "EPERM"),
    (("call", "fsopen", "tmpfs", 0), "EPERM"),
    (("call", "chroot", "/tmp"), "EPERM"),
    (("call", "pivot_root", "/tmp", "/tmp"), "EPERM"),
    (("call", "open_by_handle_at", 0, 0, 0), "EPERM"),
    *((("call", "unshare", kind), "EPERM") for kind in trespasser.NAMESPACES),
    *((("call", "clone", kind | 17, 0, 0, 0, 0), "EPERM") for kind in trespasser.NAMESPACES),
    (("call", "clone3", 0, 0), "ENOSYS"),
    (("call", "setns", 0, 0), "EPERM"),
    # other processes
    (("call", "ptrace", 16, 1, 0, 0), "EPERM"),
    (("call", "process_vm_readv", 1, 0, 0, 0, 0, 0), "EPERM"),
    (("call", "pidfd_getfd", 0, 0, 0), "EPERM"),
    # the kernel
    *((("call", name, 0, 0, 0, 0, 0), "EPERM") for name in (
        "keyctl", "add_key", "bpf", "perf_event_open", "io_uring_setup", "userfaultfd", "init_module", "kexec_load",
        "reboot", "sethostname", "swapon", "settimeofday", "syslog",
    )),
    (("push_a_key",), "EPERM"),
    # privilege
    (("become_root",), "EPERM"),
    (("call", "setuid", 0), "EPERM"),
    (("set_user_bit",), "EPERM"),
    (("raise_limit",), "ValueError"),
    # the network
    (("raw_socket", socket.AF_PACKET, socket.SOCK_RAW, 768), "EAFNOSUPPORT"),
    (("raw_socket", socket.AF_PACKET, socket.SOCK_DGRAM, 768), "EAFNOSUPPORT"),
    (("raw_socket", socket.AF_VSOCK, socket.SOCK_STREAM), "EAFNOSUPPORT"),
    (("raw_socket", socket.AF_ALG, socket.SOCK_SEQPACKET), "EAFNOSUPPORT"),
    (("raw_socket", socket.AF_INET, socket.SOCK_RAW, 1), "EPERM"),
    (("raw_socket", socket.AF_INET6, socket.SOCK_RAW, 58), "EPERM"),
    (("mark",), "EPERM"),
    (("change_link",), "EPERM"),
    (("connect", "198.51.100.21", 6379), "TimeoutError"),
    (("connect", "198.51.100.1", 22), "TimeoutError"),
    (("bind", "198.51.100.21", 8080), "EADDRNOTAVAIL"),
    (("bind", "198.51.100.20", 79), "EACCES"),
    # more than its share
    (("fork_on",), "EAGAIN"),
    (("hoard",), "MemoryError"),
]  # fmt: skip


@pytest.fixture(scope="module")
def decnet(lab: Lab, tmp_path_factory: pytest.TempPathFactory):
    if not PYTHON.exists():
        pytest.skip(f"no {PYTHON} here")
    folder = tmp_path_factory.mktemp("walls")
    shown = folder / "shown"
    shown.mkdir()
    for one in (folder.parent, folder, shown):
        one.chmod(0o755)
    (shown / "trespasser.py").write_text(Path(trespasser.__file__).read_text())
    (folder / "broken.conf").write_text("level = info\n")
    for one in (shown / "trespasser.py", folder / "broken.conf"):
        one.chmod(0o666)  # so that it is the mount that forbids
    file = folder / "network.ini"
    file.write_text(NETWORK.format(folder=shown, conf=folder / "broken.conf"))
    command = Command(folder / "state")
    before = lab.snapshot()
    command("apply", "--yes", file)
    yield command
    command("destroy", "--yes", "walls")
    assert lab.snapshot() == before


def tried(*attempt):
    with socket.create_connection((ADDRESS, 80), timeout=30) as visitor, visitor.makefile("rwb") as talk:
        talk.write(json.dumps(attempt).encode() + b"\n")
        talk.flush()
        return json.loads(talk.readline())


@pytest.mark.parametrize(
    ("attempt", "error"),
    FAILS,
    ids=lambda value: value if isinstance(value, str) else " ".join(map(str, value)),
)
def test_it_fails(decnet, attempt, error):
    assert tried(*attempt) == [error]


def test_the_control(decnet):
    """What it may do it can: else the attempts above might fail for another reason."""
    assert tried("read", "/etc/broken.conf") == ["done", 13]
    assert tried("read", "/usr/bin/env")[0] == "done"
    assert tried("write", "/tmp/x") == tried("write", "/run/x") == ["done", 1]
    assert tried("bind", ADDRESS, 8080) == ["done", "bound"]
    assert tried("connect", ADDRESS, 6379) == ["done", "connected"]
    assert tried("raw_socket", socket.AF_INET, socket.SOCK_DGRAM) == ["done", None]


def test_its_sandbox_outlives_what_it_sends_it(decnet):
    before = tried("about")[1]["me"]
    assert tried("kill_the_first") == ["done", None]
    assert tried("about")[1]["me"] == before


def test_what_it_finds_is_its_own(decnet):
    (found,) = tried("about")[1:]
    assert found["uid"] >= 61184
    assert found["groups"] == []
    assert set(found["capabilities"]) == {"0000000000000000"}
    assert (found["no_new_privs"], found["seccomp"], found["host"]) == ("1", "2", "web-01")
    assert found["processes"] == [found["me"]], "not even the one that runs it"
    assert found["environment"].keys() <= {"PATH", "HOME", "LANG", "LEVEL", "LC_CTYPE"}
    assert set(found["root"]) <= ROOT
    assert not {"ssh", "machine-id", "resolv.conf", "shadow", "fstab"} & set(found["etc"])
    assert found["devices"] == DEVICES
    assert found["interfaces"] == ["lo", "eth0"]
    assert "decnet" not in json.dumps({**found, "mounts": ""})
    assert os.uname().nodename not in json.dumps(found)


def test_its_user_is_no_other_services(decnet):
    (process,) = (uid for uid in run("stat", "-c", "%u", f"{decnet.state}/events/walls").split())
    assert tried("about")[1]["uid"] != int(process)

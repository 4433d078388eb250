"""Hostile code inside a decoy process: what it tries, and that nothing comes of it."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
from pathlib import Path

import msgspec
import pytest

from decnet.decoy import seccomp
from decnet.decoy.protocol import ServiceBundle
from decnet.errors import WorldError
from decnet.services.limits import Bounds
from decnet.services.service import Facts
from decnet.world import Decoy, Driver, Lan, Link, Service, bounds, names
from decnet.world.linux import LinuxWorld
from tests.live.lab import Lab

pytestmark = pytest.mark.live

HOSTILE = (sys.executable, "-P", str(Path(__file__).parent / "hostile.py"))
RUN, EVENTS = Path("/run/decnet/office"), Path("/run/events/office")
LAN = Lan("default", Driver.BRIDGE, subnet="198.18.0.0/24", address="198.18.0.1/24")
LAN_OF_WEAK = Lan("default", Driver.BRIDGE, subnet="198.18.1.0/24", address="198.18.1.1/24")
BRIDGE = names.lan_interface("office", "default")
ADDRESSES = {"web": "198.18.0.10", "db": "198.18.0.11"}
SERVICES = {
    "web": Service("web", "echo", ((22, "tcp"), (2222, "tcp")), "hash-1", 0),
    "db": Service("db", "echo", ((22, "tcp"),), "hash-1", 1000, Bounds(memory=256 << 20)),
}


def content(service: Service) -> bytes:
    facts = Facts(service.decoy, "", ADDRESSES[service.decoy], "linux", "debian", "UTC", 0.0, 0.0)
    ports = tuple((number, proto, False) for number, proto in service.ports)
    return msgspec.json.encode(ServiceBundle(service.decoy, "echo", "echo", ports, b"{}", {}, b"", facts))


@pytest.fixture(scope="module")
def world(lab: Lab):
    with LinuxWorld("office", RUN, EVENTS, HOSTILE) as opened:
        opened.create(LAN)
        for number, (name, address) in enumerate(ADDRESSES.items(), 10):
            opened.create(Decoy(name))
            mac = f"00:50:56:00:00:{number}"
            opened.create(
                Link(name, "eth0", "default", Driver.BRIDGE, BRIDGE, mac, f"{address}/24", "198.18.0.1")
            )
            opened.create(SERVICES[name], content(SERVICES[name]))
        yield opened
        opened.remove_all()
    assert lab.processes() == []
    assert not list(Path("/sys/fs/cgroup").glob("**/office:*"))


def ask(name: str, *words: object, port: int = 22) -> str:
    """Run something inside the process that serves a decoy; what came of it."""
    with socket.create_connection((ADDRESSES[name], port), 10) as client, client.makefile("rwb") as stream:
        stream.write(json.dumps(words).encode() + b"\n")
        stream.flush()
        return stream.readline().decode().strip()


def process_of(name: str) -> int:
    """The process that serves a decoy, by its command line."""
    number = str(SERVICES[name].process)
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended
            words = entry.read_bytes().decode(errors="replace").split("\0")
            if {"--network", "office"} <= set(words) and words[words.index("--number") + 1] == number:
                return int(entry.parent.name)
    raise AssertionError(f"nobody serves {name}")


def number_of(call: str) -> int:
    number: int = seccomp.library().seccomp_syscall_resolve_name(call.encode())
    return number


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        (("read", "/etc/passwd"), {"ENOENT"}),
        (("read", "/proc/self/status"), {"ENOENT"}),
        (("read", "/proc/1/environ"), {"ENOENT"}),
        (("read", "/run/decnet/office/process-1000.log"), {"ENOENT"}),
        (("list", "/proc"), {"ENOENT"}),
        (("list", "/"), {"EPERM"}),
        (("climb", "etc/passwd"), {"ENOENT"}),
        (("climb", "run/decnet"), {"ENOENT"}),
        (("write", "/evil"), {"EROFS", "EACCES"}),
        (("write", "/tmp/../evil"), {"EROFS", "EACCES"}),
        (("remove", "events.jsonl"), {"EPERM"}),
        (("fill", 200 << 20), {"EFBIG"}),
        (("hoard", 100_000), {"EMFILE"}),
        (("allocate", 1 << 42), {"MemoryError"}),
        (("lazily",), {"ModuleNotFoundError"}),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_no_file_but_its_events(world, words, errors):
    assert ask("web", *words) in errors


@pytest.mark.parametrize(
    "words",
    [
        ("fork",),
        ("execute", "/bin/sh"),
        ("setuid", 0),
        ("kill", 1, 0),
        ("executable_memory",),
        ("socket", socket.AF_INET, socket.SOCK_STREAM),
        ("socket", socket.AF_INET6, socket.SOCK_DGRAM),
        ("socket", socket.AF_UNIX, socket.SOCK_STREAM),
        ("socket", socket.AF_NETLINK, socket.SOCK_RAW),
        ("socket", socket.AF_PACKET, socket.SOCK_RAW),
        ("socketpair",),
        ("connect", "198.18.0.1", 9),
        ("bind", "0.0.0.0", 4444),
    ],
    ids=lambda words: " ".join(map(str, words)),
)
def test_nothing_beyond_serving(world, words):
    assert ask("web", *words) == "EPERM"


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("clone", (17, 0, 0, 0, 0)),
        ("vfork", ()),
        ("execveat", (-100, "/bin/sh", 0, 0, 0)),
        ("ptrace", (16, 1, 0, 0)),
        ("process_vm_readv", (1, 0, 0, 0, 0, 0)),
        ("process_vm_writev", (1, 0, 0, 0, 0, 0)),
        ("pidfd_open", (1, 0)),
        ("kcmp", (1, 1, 0, 0, 0)),
        ("mount", ("none", "/", "tmpfs", 0, 0)),
        ("umount2", ("/", 2)),
        ("open_tree", (-100, "/", 1)),
        ("move_mount", (-100, "/", -100, "/", 0)),
        ("pivot_root", (".", ".")),
        ("chroot", ("/",)),
        ("chdir", ("/",)),
        ("unshare", (0x10000000,)),
        ("setns", (0, 0)),
        ("sethostname", ("evil", 4)),
        ("bpf", (0, 0, 0)),
        ("userfaultfd", (0,)),
        ("io_uring_setup", (1, 0)),
        ("perf_event_open", (0, 0, -1, -1, 0)),
        ("keyctl", (0, 0, 0, 0, 0)),
        ("add_key", ("user", "x", "y", 1, -1)),
        ("memfd_create", ("x", 0)),
        ("mprotect", (0, 4096, 4)),
        ("pkey_mprotect", (0, 4096, 4, 0)),
        ("prctl", (4, 1, 0, 0, 0)),
        ("prctl", (22, 0, 0, 0, 0)),
        ("seccomp", (1, 0, 0)),
        ("setrlimit", (7, 0)),
        ("capset", (0, 0)),
        ("setresuid", (0, 0, 0)),
        ("setgroups", (0, 0)),
        ("personality", (0x0040000,)),
        ("ioctl", (0, 0x5412, "x")),
        ("fcntl", (0, 8, 1)),
        ("mknodat", (-100, "/tmp/x", 0o20666, 0x0101)),
        ("symlinkat", ("/etc", -100, "/tmp/x")),
        ("linkat", (-100, "/tmp/x", -100, "/tmp/y", 0)),
        ("listen", (0, 1)),
        ("setpriority", (0, 1, 19)),
        ("sched_setscheduler", (0, 0, 0)),
        ("init_module", (0, 0, "")),
        ("kexec_load", (0, 0, 0, 0)),
        ("clock_settime", (0, 0)),
    ],
)
def test_no_system_call_but_those_of_serving(world, call, arguments):
    assert ask("web", "call", number_of(call), *arguments) == "EPERM"


def test_a_listening_socket_becomes_no_connection_out(world):
    assert ask("web", "fastopen", "198.18.0.1", 9) == "EPERM"
    assert ask("web", "thread") == "done True"


def test_a_neighbour_of_the_same_user_is_out_of_reach(world):
    other = process_of("db")
    assert ask("web", "kill", other, 9) == "EPERM"
    for call, arguments in (
        ("tgkill", (other, other, 9)),
        ("ptrace", (16, other, 0, 0)),
        ("process_vm_readv", (other, 0, 0, 0, 0, 0)),
        ("pidfd_open", (other, 0)),
        ("prlimit64", (other, 7, 0, 0)),
    ):
        assert ask("web", "call", number_of(call), *arguments) == "EPERM", call
    assert ask("db", "users").startswith("done (")
    assert process_of("db") == other


def test_what_serving_needs_still_works(world):
    assert ask("web", "thread") == "done True"
    assert ask("web", "hostname") == "done localhost"
    uid = names.uid("office")
    assert ask("web", "users") == f"done {(uid,) * 6}"


def test_the_kernel_says_so_too(world):
    for name in ADDRESSES:
        pid = process_of(name)
        status = Path(f"/proc/{pid}/status").read_text()
        uid = names.uid("office")
        for line in (
            f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}",
            f"Gid:\t{uid}\t{uid}\t{uid}\t{uid}",
            "Groups:\t ",
            *(f"Cap{one}:\t0000000000000000" for one in ("Inh", "Prm", "Eff", "Bnd", "Amb")),
            "NoNewPrivs:\t1",
            "Seccomp:\t2",
            "Umask:\t0077",
        ):
            assert line in status.splitlines()
        for kind in ("mnt", "net", "ipc", "uts", "cgroup"):
            own, here = (Path(f"/proc/{one}/ns/{kind}").stat().st_ino for one in (pid, "self"))
            assert own != here, kind
        mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
        assert [(words[4], words[5].split(",")[0]) for words in mounts] == [("/", "ro"), ("/tmp", "rw")]
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
        assert re.search(r"^Max locked memory +0 +0 ", limits, re.MULTILINE)


def bounded(world: LinuxWorld, asked: Bounds) -> None:
    world.update(Service("db", "echo", ((22, "tcp"),), "hash-1", 1000, asked), frozenset({"bounds"}))


def test_a_process_has_no_more_memory_than_its_bound(world):
    pid = process_of("db")
    assert ask("db", "allocate", 300 << 20) == "MemoryError"
    assert ask("db", "allocate", 20 << 20) == f"done {20 << 20}"
    try:
        bounded(world, Bounds(memory=512 << 20))
    except WorldError as error:
        assert "CAP_SYS_RESOURCE" in error.hint  # noqa: PT017 (some machines' root has it, others' has not)
        assert not has_capability(24)
    else:
        assert ask("db", "allocate", 300 << 20) == f"done {300 << 20}"
    assert process_of("db") == pid


def has_capability(bit: int) -> bool:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "CapEff" in line)
    return bool(int(line.split()[1], 16) >> bit & 1)


def test_a_process_has_a_cgroup_that_bounds_it(world):
    asked = Bounds(memory=256 << 20, cpu=0.5, pids=4)
    missing = bounds.missing(asked)
    if missing:
        pytest.skip(f"no cgroup controller {', '.join(missing)}")
    pid = process_of("db")
    bounded(world, asked)
    groups = [line for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines() if "/decnet/" in line]
    assert {line.rpartition("/")[2] for line in groups} == {"office:1000"}
    assert ask("db", "threads", 10) in {"RuntimeError", "EAGAIN"}
    assert ask("db", "thread") == "done True"
    bounded(world, Bounds(memory=256 << 20))
    assert ask("db", "threads", 10) == "done 10"
    assert process_of("db") == pid


def test_the_events_are_whole_after_all_of_it(world):
    lines = (EVENTS / "events.jsonl").read_text().splitlines()
    assert {json.loads(line)["decoy"] for line in lines} >= {"web", "db"}
    assert sorted(path.name for path in EVENTS.iterdir()) == ["big", "events.jsonl"]


def test_a_machine_that_does_not_let_it_shut_itself_in_is_told(lab: Lab):
    weak = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all", *HOSTILE)
    with LinuxWorld("weak", Path("/run/decnet/weak"), Path("/run/events/weak"), weak) as world:
        for resource in (LAN_OF_WEAK, Decoy("web")):
            world.create(resource)
        service = SERVICES["web"]
        with pytest.raises(WorldError, match="cannot have mounts of its own: Operation not permitted"):
            world.create(service, content(service))
        world.remove_all()
    assert not Path("/run/decnet/weak").exists()

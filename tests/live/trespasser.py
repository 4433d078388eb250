"""A custom service that has been broken into: a visitor names one of `ATTEMPTS`, it tries that and says what came of it.

The answer is a line of JSON: the name of an error, or ``done`` and what it got. It needs nothing but Python's own
library: it runs with the host's Python, and sees nothing of this repository.
"""

import ctypes
import errno
import fcntl
import json
import os
import platform
import resource
import signal
import socket
import sys
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = {"x86_64": 0, "aarch64": 1}
CALLS = {  # number on x86_64, on aarch64
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "clone": (56, 220), "clone3": (435, 435),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "pidfd_getfd": (438, 438),
    "keyctl": (250, 219), "add_key": (248, 217), "bpf": (321, 280), "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "init_module": (175, 105),
    "kexec_load": (246, 104), "reboot": (169, 142), "sethostname": (170, 161), "swapon": (167, 224),
    "open_by_handle_at": (304, 265), "fsopen": (430, 430), "settimeofday": (170 - 6, 170),
    "setuid": (105, 146), "syslog": (103, 116),
}  # fmt: skip
NAMESPACES = (0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000)


def call(name, *arguments):
    """A system call as it is, past whatever the C library makes of it."""
    ctypes.set_errno(0)
    words = [one.encode() if isinstance(one, str) else ctypes.c_long(one) for one in arguments]
    result = LIBC.syscall(ctypes.c_long(CALLS[name][NUMBERS[platform.machine()]]), *words)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if name.startswith("clone") and result == 0:
        os._exit(0)
    return result


def read(path):
    with Path(path).open("rb") as file:
        return len(file.read(64))


def write(path):
    with Path(path).open("ab") as file:
        return file.write(b"x")


def raw_socket(family, kind, protocol=0):
    socket.socket(family, kind, protocol).close()


def mark():
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, 36, 0x64636E74)  # SO_MARK: what containment lets out


def connect(address, port):
    with socket.create_connection((address, port), timeout=2):
        return "connected"


def bind(address, port):
    with socket.create_server((address, port)):
        return "bound"


def change_link():
    """Set eth0 down, by rtnetlink."""
    index = socket.if_nametoindex("eth0")
    body = bytes([0, 0, 0, 0]) + index.to_bytes(4, "little") + bytes(4) + (1).to_bytes(4, "little")
    head = (16 + len(body)).to_bytes(4, "little") + (16).to_bytes(2, "little") + (5).to_bytes(2, "little")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.send(head + bytes(8) + body)
        code = int.from_bytes(kernel.recv(4096)[16:20], "little", signed=True)
    if code:
        raise OSError(-code, os.strerror(-code))


def fork_on():
    """As many children as there can be."""
    children = []
    try:
        for _ in range(500):
            child = os.fork()
            if child == 0:
                signal.pause()
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return len(children)


def hoard():
    """More memory than it may have, in a child: whoever stops it, this goes on. How the child ended."""
    child = os.fork()
    if child == 0:
        try:
            kept = [bytearray(8 << 20) for _ in range(64)]
            os._exit(len(kept) > 1)
        except MemoryError:
            os._exit(42)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status in (42, -signal.SIGKILL):
        raise MemoryError
    return status


def fill(path):
    try:
        with Path(path).open("wb") as file:
            for _ in range(200):
                file.write(bytes(1 << 20))
    finally:
        Path(path).unlink()


def push_a_key():
    fcntl.ioctl(0, 0x5412, b"x")  # TIOCSTI


def raise_limit():
    resource.setrlimit(resource.RLIMIT_NPROC, (10_000, 10_000))


def kill_the_first():
    """The sandbox itself, which the kernel shields from its own namespace."""
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSTOP):
        os.kill(1, number)
    return os.kill(1, 0)


def become_root():
    os.setresuid(0, 0, 0)


def set_user_bit():
    """A program that is root's by its mode."""
    child = os.fork()
    if child == 0:
        os.execv("/usr/bin/su", ["su", "-c", "id -u"])
    if status := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise PermissionError(errno.EPERM, str(status))


def listing(path):
    return sorted(one.name for one in Path(path).iterdir())


def about():
    """What it can find out of where it is."""
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line
    )
    return {
        "uid": os.getresuid()[0], "groups": os.getgroups(), "host": os.uname().nodename,
        "capabilities": [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
        "no_new_privs": status["NoNewPrivs"], "seccomp": status["Seccomp"],
        "processes": sorted(int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()),
        "me": os.getpid(), "environment": dict(os.environ), "root": listing("/"),
        "etc": listing("/etc"), "devices": listing("/dev"),
        "descriptors": sorted(int(one) for one in listing("/proc/self/fd") if int(one) < 3),
        "cgroup": Path("/proc/self/cgroup").read_text(), "mounts": Path("/proc/self/mountinfo").read_text(),
        "interfaces": [name for _, name in socket.if_nameindex()],
    }  # fmt: skip


ATTEMPTS = {
    name: value
    for name, value in globals().items()
    if callable(value) and getattr(value, "__module__", "") == __name__
}


def answer(line):
    name, *arguments = json.loads(line)
    try:
        return ["done", ATTEMPTS[name](*arguments)]
    except OSError as error:
        return [errno.errorcode.get(error.errno, type(error).__name__)]
    except Exception as error:  # noqa: BLE001 (whatever comes of it is the answer)
        return [type(error).__name__]


if __name__ == "__main__":
    with socket.create_server(("0.0.0.0", int(sys.argv[1]))) as door:
        while True:
            visitor, _ = door.accept()
            with visitor, visitor.makefile("rwb") as talk:
                talk.write(json.dumps(answer(talk.readline())).encode() + b"\n")

"""A decoy process with its real control socket and all that shuts it in, whose visitors run code inside it.

A line is a JSON list: the name of one of `ATTACKS` and its arguments. The answer is the name of the error that came of
it, or ``done`` and what it got.
"""

import ctypes
import errno
import json
import mmap
import os
import socket
import stat
import threading

from decnet.decoy import __main__ as process
from decnet.decoy import fleet

LIBC = ctypes.CDLL(None, use_errno=True)


def call(number, *arguments):
    """A system call by its number; texts are passed as pointers."""
    ctypes.set_errno(0)
    words = [word.encode() if isinstance(word, str) else ctypes.c_long(word) for word in arguments]
    result = LIBC.syscall(ctypes.c_long(number), *words)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def read(path):
    number = os.open(path, os.O_RDONLY)
    try:
        return len(os.read(number, 100))
    finally:
        os.close(number)


def write(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def descriptors(fits):
    found = []
    for number in range(256):
        try:
            if fits(number):
                found.append(number)
        except OSError:
            continue
    return found


def folder():
    """The only descriptor of a folder: that of the events."""
    (found,) = descriptors(lambda number: stat.S_ISDIR(os.fstat(number).st_mode))
    return found


def climb(path):
    """Out of the events folder, upwards."""
    os.close(os.open("../" * 12 + path, os.O_RDONLY, dir_fd=folder()))


def fill(size):
    number = os.open("big", os.O_RDWR | os.O_CREAT, 0o600, dir_fd=folder())
    try:
        os.lseek(number, size, os.SEEK_SET)
        os.write(number, b"x")
    finally:
        os.close(number)


def hoard(most):
    held = []
    try:
        for _ in range(most):
            held.append(os.dup(0))  # noqa: PERF401 (what is there when one fails is closed)
    finally:
        for number in held:
            os.close(number)


def listening():
    def fits(number):
        with socket.socket(fileno=os.dup(number)) as one:
            return one.family == socket.AF_INET and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)

    return [socket.socket(fileno=os.dup(number)) for number in descriptors(fits)]


def fastopen(address, port):
    """A listening socket that is shut down is one like any other, and data can connect it."""
    one = listening()[-1]
    one.shutdown(socket.SHUT_RDWR)
    return one.sendto(b"out", socket.MSG_FASTOPEN, (address, port))


def connect(address, port):
    listening()[0].connect((address, port))


def bind(address, port):
    listening()[0].bind((address, port))


def executable_memory():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def thread():
    done = threading.Event()
    threading.Thread(target=done.set).start()
    return done.wait(5)


def threads(count):
    go = threading.Event()
    started = []
    try:
        for _ in range(count):
            one = threading.Thread(target=go.wait, args=(5,))
            one.start()
            started.append(one)
    finally:
        go.set()
        for one in started:
            one.join()
    return len(started)


def hostname():
    return os.uname().nodename


ATTACKS = {
    one.__name__: one
    for one in (
        call,
        read,
        write,
        climb,
        fill,
        hoard,
        fastopen,
        connect,
        bind,
        executable_memory,
        thread,
        threads,
    )
} | {
    "allocate": lambda size: len(bytearray(size)),
    "fork": os.fork,
    "execute": lambda path: os.execv(path, [path]),
    "list": os.listdir,
    "remove": lambda name: os.unlink(name, dir_fd=folder()),
    "socket": lambda family, kind: socket.socket(family, kind).close(),
    "socketpair": lambda: [one.close() for one in socket.socketpair()],
    "kill": os.kill,
    "setuid": os.setuid,
    "hostname": hostname,
    "users": lambda: os.getresuid() + os.getresgid(),
    "lazily": lambda: __import__("this_is_nowhere"),
}


def attack(line):
    name, *arguments = json.loads(line)
    try:
        return f"done {ATTACKS[name](*arguments)}"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    except Exception as error:  # noqa: BLE001 (whatever comes of an attack is the answer)
        return type(error).__name__


class Hostile:
    async def handle(self, session):
        reader, writer = await session.streams()
        while line := await reader.readline():
            writer.write(attack(line).encode() + b"\n")


process.preload = lambda: None
fleet.handler = lambda bundle, previous=None: Hostile()
process.main()

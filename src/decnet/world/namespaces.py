"""Network namespaces with a name below /run/netns, as ip-netns(8) keeps them, and threads that work inside them.

A thread enters a namespace for itself alone (setns(2)), and a socket or a file of /proc/sys/net that it opens belongs
to that namespace. It comes back when its work is done (16 us there and back; a thread of its own for it took 130 us).
The main thread sends another one: an interrupt could keep it from coming back.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from decnet.errors import WorldError
from decnet.world import names, syscalls, sysctls
from decnet.world.netlink import ONE_AT_A_TIME

FOLDER = Path("/run/netns")
_MOUNTS = 8
"""How often the folder may be mounted over itself: once by us, or by each tool that did not see the others' mount."""
_CLONE_NEWNET = 0x4000_0000
_MS_BIND, _MS_REC, _MS_SHARED = 0x1000, 0x4000, 0x10_0000
_MNT_DETACH = 2
_folder_lock = threading.Lock()
_quiet = (
    ("net.ipv6.conf.default.disable_ipv6", "1"),
    ("net.ipv6.conf.default.accept_ra", "0"),
    ("net.ipv6.conf.all.disable_ipv6", "1"),
)
"""IPv6 is off until the file asks for it: the kernel's own announcements would be a tell."""

T = TypeVar("T")


def _mount(source: str, target: str, flags: int) -> None:
    syscalls.named("mount", source.encode(), target.encode(), b"none", ctypes.c_ulong(flags), None)


def enter(fd: int) -> None:
    """Move this thread into a namespace."""
    syscalls.named("setns", fd, _CLONE_NEWNET)


def in_thread(work: Callable[[], T]) -> T:
    """Run ``work`` in a thread of its own that ends with it; raise here what it raises."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 (carried over to the caller's thread, whatever it is)
            errors.append(error)

    thread = threading.Thread(target=run, name="namespace")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


class Astray(BaseException):
    """A thread cannot come back from a namespace: whatever it did next would be done to the wrong machine."""


def inside(fd: int, work: Callable[[], T]) -> T:
    """Run ``work`` inside the namespace that ``fd`` is open on."""
    return _there_and_back(lambda: enter(fd), work)


def _there_and_back(go: Callable[[], None], work: Callable[[], T]) -> T:
    if threading.current_thread() is threading.main_thread():
        return in_thread(lambda: _there_and_back(go, work))
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        go()
        try:
            return work()
        finally:
            _return(home)
    finally:
        os.close(home)


def _return(home: int) -> None:
    try:
        enter(home)
    except OSError as error:
        raise Astray from error


def in_new(work: Callable[[], T]) -> T:
    """Run ``work`` inside a new namespace without a name, which goes when that is done."""
    return _there_and_back(_leave, work)


def path(network: str, decoy: str) -> Path:
    return FOLDER / names.namespace(network, decoy)


def decoys(network: str) -> list[str]:
    """Decoys of a network that have a namespace, by name. Needs no privilege."""
    return sorted(inodes(network))


def inodes(network: str) -> dict[str, int]:
    """Decoy → inode of its namespace, which no other has while it is there. 4 ms for 1,000. Needs no privilege."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        folder = FOLDER.stat().st_dev
        with os.scandir(FOLDER) as entries:
            for entry in entries:
                decoy = names.decoy_of(network, entry.name)
                if decoy:
                    with contextlib.suppress(FileNotFoundError):  # gone since it was listed
                        status = os.lstat(entry.path)
                        if status.st_dev != folder:  # else a name without a namespace
                            found[decoy] = status.st_ino
    return found


def every() -> Iterator[int]:
    """A descriptor of each namespace of any network, closed when the next is asked for."""
    with contextlib.suppress(FileNotFoundError):
        for entry in sorted(FOLDER.iterdir()):
            if not entry.name.startswith(names.PREFIX + names.SEPARATOR):
                continue
            with contextlib.suppress(FileNotFoundError):
                if entry.lstat().st_dev == FOLDER.stat().st_dev:  # a name without a namespace
                    continue
                fd = os.open(entry, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    yield fd
                finally:
                    os.close(fd)


def exists(network: str, decoy: str) -> bool:
    """Whether the name is mounted on a namespace, and not a file left over from an interrupted create."""
    try:
        return path(network, decoy).lstat().st_dev != FOLDER.stat().st_dev
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def opened(network: str, decoy: str) -> Iterator[int]:
    """An open descriptor of a decoy's namespace; raises `WorldError` when there is none."""
    if not exists(network, decoy):
        raise WorldError(
            f"decoy {decoy} has no namespace", hint="plan and apply again: something removed it meanwhile"
        )
    fd = os.open(path(network, decoy), os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def create(network: str, decoy: str, prepare: Callable[[], None]) -> None:
    """Make a decoy's namespace unless it is there, and run ``prepare`` inside it either way."""
    _prepare_folder()
    target = path(network, decoy)
    if exists(network, decoy):
        with opened(network, decoy) as fd:
            inside(fd, prepare)
        return
    _touch(target)

    def make() -> None:
        quieten()
        prepare()
        _mount(f"/proc/self/task/{threading.get_native_id()}/ns/net", str(target), _MS_BIND)

    _there_and_back(_leave, make)


def _leave() -> None:
    """Move this thread into a new namespace."""
    with ONE_AT_A_TIME:
        syscalls.named("unshare", _CLONE_NEWNET)


def quieten() -> None:
    """Keep the kernel from announcing what nobody asked for, in this thread's namespace."""
    for key, value in _quiet:
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            sysctls.write(key, value)


def adopt(network: str, decoy: str, pid: int, prepare: Callable[[], None]) -> None:
    """Give the namespace of a process a decoy's name, and run ``prepare`` inside it.

    Raises `OSError` when the process has gone.
    """
    _prepare_folder()
    target, source = path(network, decoy), f"/proc/{pid}/ns/net"
    fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not exists(network, decoy) or not os.path.samestat(target.stat(), os.fstat(fd)):
            remove(network, decoy)
            _touch(target)

            def name() -> None:
                prepare()
                _mount(source, str(target), _MS_BIND)

            inside(fd, name)
        else:
            inside(fd, prepare)
    finally:
        os.close(fd)


def is_of(network: str, decoy: str, pid: int) -> bool:
    """Whether a decoy's name is that of the namespace a process is in."""
    try:
        return os.path.samestat(path(network, decoy).stat(), Path(f"/proc/{pid}/ns/net").stat())
    except OSError:
        return False


def remove(network: str, decoy: str) -> None:
    """Take the name away; the kernel frees the namespace when nothing is left in it."""
    target = path(network, decoy)
    try:
        syscalls.named("umount2", str(target).encode(), _MNT_DETACH)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):  # not mounted, not there
            raise
    target.unlink(missing_ok=True)


def remove_all(network: str) -> None:
    """Take every name of a network away, also those that an interrupted create left without a namespace."""
    with contextlib.suppress(FileNotFoundError):
        for entry in FOLDER.iterdir():
            decoy = names.decoy_of(network, entry.name)
            if decoy is not None:
                remove(network, decoy)
    _tidy_folder()


def _touch(target: Path) -> None:
    try:
        os.close(os.open(target, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
    except FileExistsError:
        if not stat.S_ISREG(target.lstat().st_mode):
            raise WorldError(
                f"{target} is not a namespace",
                hint="it is in the way of a decoy's namespace and not ours: move it",
            ) from None


def _prepare_folder() -> None:
    """As ip-netns(8) does: a shared mount of its own, so that every mount namespace sees new names and loses old ones."""
    with _folder_lock:
        FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            _mount("", str(FOLDER), _MS_SHARED | _MS_REC)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            _mount(str(FOLDER), str(FOLDER), _MS_BIND | _MS_REC)
            _mount("", str(FOLDER), _MS_SHARED | _MS_REC)


def _tidy_folder() -> None:
    """Without a name left in it, the folder goes as it came; ip-netns(8) makes it anew when it needs it."""
    with _folder_lock, contextlib.suppress(OSError):
        if any(FOLDER.iterdir()):
            return
        with contextlib.suppress(OSError):
            for _ in range(_MOUNTS):
                syscalls.named("umount2", str(FOLDER).encode(), 0)
        FOLDER.rmdir()

"""What a sandboxed program sees: the host's programs and libraries, to be read only, and nothing of what it is used for.

Everything else is made for it: ``/etc`` with what programs look up and nothing that is the host's own, ``/dev`` with
the harmless devices, ``/proc`` with its own processes, and ``/tmp`` and ``/run`` in memory.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path

from decnet.decoy import mounts
from decnet.decoy.kernel import refused
from decnet.errors import MissingCapability
from decnet.sandbox.protocol import Setting

_ROOT = mounts.ROOT
_TREES = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = (
    *("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl/certs", "ssl/openssl.cnf", "pki"),
    *("localtime", "timezone", "nsswitch.conf", "mime.types", "protocols", "services", "perl", "python3"),
)
"""What programs and libraries need, and no host says anything of itself in."""
_DEVICES = ("null", "zero", "full", "random", "urandom")
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
_READ_ONLY = mounts.RDONLY | mounts.NOSUID | mounts.NODEV
_SCRATCH = "size=64m,nr_inodes=16k"


def enter(setting: Setting) -> None:
    """Leave the host behind. Needs CAP_SYS_ADMIN, a process namespace that it is the first in, and no second thread.

    Raises:
        MissingCapability: the kernel refuses, or a volume cannot be put where it is to be.
    """
    mounts.leave("mounts", "IPC", "host name", "cgroups")
    socket.sethostname(setting.hostname)
    mounts.memory("have a root of its own", _ROOT, "size=1m,nr_inodes=2k,mode=0755", mounts.NOSUID)
    for name in _TREES:
        _show(Path("/", name), _ROOT / name)
    _hide(setting.hidden)
    _write_etc(setting)
    _make_devices()
    for name, mode in (("tmp", "1777"), ("run", "0755")):
        (_ROOT / name).mkdir()
        options = f"{_SCRATCH},mode={mode},uid={setting.uid},gid={setting.uid}"
        mounts.memory(f"have /{name} in memory", _ROOT / name, options, mounts.NOSUID | mounts.NODEV)
    (_ROOT / "var").mkdir()
    for name in ("tmp", "run"):
        (_ROOT / "var" / name).symlink_to(f"/{name}")
    for host, inside in setting.volumes:
        _put(Path(host), inside)
    (_ROOT / "proc").mkdir()
    mounts.processes(_ROOT / "proc")
    mounts.move_in(mounts.NOSUID)


def _show(source: Path, where: Path) -> None:
    """What the host has there, to be read only; a link as a link."""
    if source.is_symlink():
        where.symlink_to(source.readlink())
    elif source.exists():
        _place(source, where)
        mounts.bind(f"see {source}", source, where, _READ_ONLY)


def _place(source: Path, where: Path) -> None:
    """What something is mounted on."""
    where.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        where.mkdir(exist_ok=True)
    elif not where.exists():
        where.touch()


def _hide(paths: Iterable[str]) -> None:
    """Have nothing where something of ours would be seen in the host's trees."""
    for path in paths:
        where = _ROOT / path.lstrip("/")
        if where.is_dir() and not where.is_symlink():
            mounts.memory(
                f"hide {path}", where, "size=4k,nr_inodes=2,mode=0555", mounts.HARMLESS | mounts.RDONLY
            )
        elif where.is_file() and not where.is_symlink():
            mounts.bind(f"hide {path}", Path("/dev/null"), where, _READ_ONLY)


def _write_etc(setting: Setting) -> None:
    etc = _ROOT / "etc"
    etc.mkdir()
    for name in _ETC:
        _show(Path("/etc", name), etc / name)
    uid, host = setting.uid, setting.hostname
    (etc / "passwd").write_text(f"root:x:0:0:root:/root:/bin/sh\ndaemon:x:{uid}:{uid}::/:/usr/sbin/nologin\n")
    (etc / "group").write_text(f"root:x:0:\ndaemon:x:{uid}:\n")
    (etc / "hostname").write_text(f"{host}\n")
    (etc / "hosts").write_text(f"127.0.0.1\tlocalhost\n127.0.1.1\t{host}\n::1\tlocalhost ip6-localhost\n")


def _make_devices() -> None:
    devices = _ROOT / "dev"
    devices.mkdir()
    for name in _DEVICES:
        (devices / name).touch()
        mounts.bind(f"have /dev/{name}", Path("/dev", name), devices / name, mounts.NOSUID | mounts.NOEXEC)
    for name, target in _LINKS.items():
        (devices / name).symlink_to(target)
    (devices / "shm").mkdir()
    mounts.memory("have shared memory", devices / "shm", "size=16m,nr_inodes=1k,mode=1777")


def _put(host: Path, inside: str) -> None:
    """A volume in its place. No link in the way may lead out of the new root: the host's own files are behind it."""
    where = _ROOT / inside.lstrip("/")
    purpose = f"have {host} at {inside}"
    if not Path(os.path.realpath(where)).is_relative_to(_ROOT):
        raise refused(purpose, OSError("a link is in the way"))
    try:
        _place(host, where)
        mounts.bind(purpose, host, where, _READ_ONLY)
    except OSError as error:
        raise refused(purpose, error) from None
    except MissingCapability as error:
        raise MissingCapability(error.message, hint="see volumes; it has to be there") from None

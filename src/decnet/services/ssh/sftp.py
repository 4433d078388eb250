"""OpenSSH's sftp-server, version 3 of the protocol (draft-ietf-secsh-filexfer-02), over the shell's file system."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum

from decnet.events import EventType
from decnet.services.shell.filesystem import Credentials, OpenFile, Stat
from decnet.services.shell.machine import Machine
from decnet.services.ssh.channel import Task

MESSAGE_LIMIT = 256 * 1024
"""SFTP_MAX_MSG_LENGTH of sftp-common.h."""
READ_LIMIT = MESSAGE_LIMIT - 1024
HANDLE_LIMIT = 200
NAMES_AT_ONCE = 100
EXTENSIONS = (
    ("posix-rename@openssh.com", "1"),
    ("statvfs@openssh.com", "2"),
    ("fstatvfs@openssh.com", "2"),
    ("hardlink@openssh.com", "1"),
    ("fsync@openssh.com", "1"),
    ("lsetstat@openssh.com", "1"),
    ("limits@openssh.com", "1"),
    ("expand-path@openssh.com", "1"),
    ("copy-data", "1"),
    ("home-directory", "1"),
    ("users-groups-by-id@openssh.com", "1"),
)
"""What sftp-server 9.2 announces, in its order."""


class Op(IntEnum):
    """Requests."""

    INIT = 1
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    EXTENDED = 200


VERSION, STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED_REPLY = 2, 101, 102, 103, 104, 105, 201


class Status(IntEnum):
    """Status codes and the texts that sftp-server has for them."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    OP_UNSUPPORTED = 8


TEXTS = {
    Status.OK: "Success",
    Status.EOF: "End of file",
    Status.NO_SUCH_FILE: "No such file",
    Status.PERMISSION_DENIED: "Permission denied",
    Status.FAILURE: "Failure",
    Status.BAD_MESSAGE: "Bad message",
    Status.OP_UNSUPPORTED: "Operation unsupported",
}
BY_ERRNO = {
    errno.ENOENT: Status.NO_SUCH_FILE,
    errno.ENOTDIR: Status.NO_SUCH_FILE,
    errno.EBADF: Status.NO_SUCH_FILE,
    errno.ELOOP: Status.NO_SUCH_FILE,
    errno.EPERM: Status.PERMISSION_DENIED,
    errno.EACCES: Status.PERMISSION_DENIED,
    errno.EFAULT: Status.PERMISSION_DENIED,
    errno.ENAMETOOLONG: Status.BAD_MESSAGE,
    errno.EINVAL: Status.BAD_MESSAGE,
    errno.ENOSYS: Status.OP_UNSUPPORTED,
}
"""errno_to_portable of sftp-server.c."""
ATTR_SIZE, ATTR_OWNER, ATTR_MODE, ATTR_TIMES = 1, 2, 4, 8
OPEN_READ, OPEN_WRITE, OPEN_APPEND, OPEN_CREAT, OPEN_TRUNC, OPEN_EXCL = 1, 2, 4, 8, 16, 32


class Malformed(ValueError):  # noqa: N818 (a state of the packet)
    """A packet that ends before its fields do."""


class Fields:
    """The fields of a packet, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """Raw bytes. Raises `Malformed`."""
        if self._at + count > len(self._data):
            raise Malformed
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self) -> int:
        """A uint32."""
        return int.from_bytes(self.take(4), "big")

    def long(self) -> int:
        """A uint64."""
        return int.from_bytes(self.take(8), "big")

    def string(self) -> bytes:
        """A length and that many bytes."""
        return self.take(self.number())

    def path(self) -> str:
        """A path as the file system takes it."""
        return self.string().decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Changes:
    """Attributes of a request; None is what it does not name."""

    size: int | None
    owner: tuple[int, int] | None
    mode: int | None
    modified: int | None


@dataclass(slots=True)
class Handle:
    """An open file or directory, and what went over it."""

    path: str
    file: OpenFile | None = None
    names: list[str] = field(default_factory=list)
    read: int = 0
    made: bool = False
    """It was opened to be written."""


async def serve(task: Task, machine: Machine, who: Credentials) -> None:
    """Answer requests until the client ends."""
    server = Sftp(task, machine, who)
    try:
        while True:
            try:
                size = int.from_bytes(await task.input.exactly(4), "big")
                if not 0 < size <= MESSAGE_LIMIT:
                    return
                message = await task.input.exactly(size)
            except EOFError:
                return
            answer = server.answer(message)
            await task.output.write(struct.pack(">I", len(answer)) + answer)
    finally:
        server.close_all()


class Sftp:
    """One client's sftp session."""

    def __init__(self, task: Task, machine: Machine, who: Credentials) -> None:
        self._emit = task.connection.session.emit
        self._machine = machine
        self._fs = machine.fs
        self._who = who
        self._home = machine.user(who.name).home
        self._handles: dict[bytes, Handle] = {}
        self._next = 0
        self._answers: dict[int, Callable[[Fields], bytes]] = {
            Op.OPEN: self._open,
            Op.CLOSE: self._close,
            Op.READ: self._read,
            Op.WRITE: self._write,
            Op.LSTAT: lambda fields: self._stat(fields, follow=False),
            Op.STAT: lambda fields: self._stat(fields, follow=True),
            Op.FSTAT: self._fstat,
            Op.SETSTAT: self._setstat,
            Op.FSETSTAT: self._fsetstat,
            Op.OPENDIR: self._opendir,
            Op.READDIR: self._readdir,
            Op.REMOVE: self._remove,
            Op.MKDIR: self._mkdir,
            Op.RMDIR: self._rmdir,
            Op.REALPATH: self._realpath,
            Op.RENAME: self._rename,
            Op.READLINK: self._readlink,
            Op.SYMLINK: self._symlink,
            Op.EXTENDED: self._extended,
        }
        self._extensions: dict[bytes, Callable[[Fields], bytes]] = {
            b"posix-rename@openssh.com": self._posix_rename,
            b"statvfs@openssh.com": self._statvfs,
            b"fstatvfs@openssh.com": self._statvfs,
            b"hardlink@openssh.com": self._hardlink,
            b"fsync@openssh.com": self._fsync,
            b"lsetstat@openssh.com": self._setstat,
            b"limits@openssh.com": self._limits,
            b"expand-path@openssh.com": self._expand,
            b"home-directory": self._homedir,
            b"users-groups-by-id@openssh.com": self._names_by_id,
        }

    def answer(self, message: bytes) -> bytes:
        """The answer to one request, without its length."""
        kind = message[0]
        if kind == Op.INIT:
            announced = b"".join(
                _string(name.encode()) + _string(value.encode()) for name, value in EXTENSIONS
            )
            return struct.pack(">BI", VERSION, 3) + announced
        fields = Fields(message[1:])
        ident = b"\0\0\0\0"
        try:
            ident = fields.take(4)
            answer = self._answers.get(kind)
            body = answer(fields) if answer else _status(Status.OP_UNSUPPORTED)
        except Malformed:
            body = _status(Status.BAD_MESSAGE)
        except OSError as error:
            body = _status(BY_ERRNO.get(error.errno or 0, Status.FAILURE))
        except ValueError:
            body = _status(Status.FAILURE)
        return body[:1] + ident + body[1:]

    def close_all(self) -> None:
        """The client has gone: what it left open counts as closed."""
        for handle in list(self._handles):
            self._finish(self._handles.pop(handle))

    # Files

    def _open(self, fields: Fields) -> bytes:
        path = self._absolute(fields.path())
        wanted = fields.number()
        changes = _changes(fields)
        flags = os.O_RDONLY
        if wanted & OPEN_WRITE:
            flags = os.O_RDWR if wanted & OPEN_READ else os.O_WRONLY
        for bit, flag in (
            (OPEN_APPEND, os.O_APPEND),
            (OPEN_CREAT, os.O_CREAT),
            (OPEN_TRUNC, os.O_TRUNC),
            (OPEN_EXCL, os.O_EXCL),
        ):
            flags |= flag if wanted & bit else 0
        mode = 0o666 if changes.mode is None else changes.mode & 0o777
        file = self._fs.open(self._who, path, flags, mode & ~0o022)
        return self._handle(Handle(path, file, made=bool(wanted & OPEN_WRITE)))

    def _handle(self, handle: Handle) -> bytes:
        if len(self._handles) >= HANDLE_LIMIT:
            return _status(Status.FAILURE)
        name = struct.pack(">I", self._next)
        self._next = (self._next + 1) % 2**32
        self._handles[name] = handle
        return bytes((HANDLE,)) + _string(name)

    def _known(self, fields: Fields) -> Handle:
        handle = self._handles.get(fields.string())
        if handle is None:
            raise ValueError("no such handle")
        return handle

    def _file(self, fields: Fields) -> tuple[Handle, OpenFile]:
        handle = self._known(fields)
        if handle.file is None:
            raise ValueError("a directory")
        return handle, handle.file

    def _close(self, fields: Fields) -> bytes:
        handle = self._handles.pop(fields.string(), None)
        if handle is None:
            return _status(Status.FAILURE)
        self._finish(handle)
        return _status(Status.OK)

    def _finish(self, handle: Handle) -> None:
        if handle.file is None:
            return
        if handle.made:
            report(self._emit, EventType.UPLOAD, handle.path, _content(handle.file), "sftp")
        elif handle.read:
            report(self._emit, EventType.DOWNLOAD, handle.path, _content(handle.file), "sftp")

    def _read(self, fields: Fields) -> bytes:
        handle, file = self._file(fields)
        at, size = fields.long(), fields.number()
        data = file.read(min(size, READ_LIMIT), at)
        handle.read += len(data)
        return bytes((DATA,)) + _string(data) if data else _status(Status.EOF)

    def _write(self, fields: Fields) -> bytes:
        _, file = self._file(fields)
        at, data = fields.long(), fields.string()
        file.write(data, at)
        return _status(Status.OK)

    # Attributes

    def _stat(self, fields: Fields, *, follow: bool) -> bytes:
        found = self._fs.stat(self._who, self._absolute(fields.path()), follow=follow)
        return bytes((ATTRS,)) + _attributes(found)

    def _fstat(self, fields: Fields) -> bytes:
        return bytes((ATTRS,)) + _attributes(self._file(fields)[1].stat())

    def _setstat(self, fields: Fields) -> bytes:
        return self._change(self._absolute(fields.path()), _changes(fields))

    def _fsetstat(self, fields: Fields) -> bytes:
        return self._change(self._known(fields).path, _changes(fields))

    def _change(self, path: str, changes: Changes) -> bytes:
        if changes.size is not None:
            self._fs.truncate(self._who, path, changes.size)
        if changes.mode is not None:
            self._fs.chmod(self._who, path, changes.mode & 0o7777)
        if changes.modified is not None:
            self._fs.utime(self._who, path, changes.modified)
        if changes.owner is not None:
            self._fs.chown(self._who, path, *changes.owner)
        return _status(Status.OK)

    # Directories

    def _opendir(self, fields: Fields) -> bytes:
        path = self._absolute(fields.path())
        return self._handle(Handle(path, names=[".", "..", *self._fs.listdir(self._who, path)]))

    def _readdir(self, fields: Fields) -> bytes:
        handle = self._known(fields)
        if handle.file is not None:
            return _status(Status.FAILURE)
        batch, handle.names = handle.names[:NAMES_AT_ONCE], handle.names[NAMES_AT_ONCE:]
        entries = []
        for name in batch:
            try:
                found = self._fs.stat(self._who, f"{handle.path}/{name}", follow=False)
            except OSError:
                continue
            entries.append(_string(_raw(name)) + _string(_raw(self._long(name, found))) + _attributes(found))
        if not entries:
            return _status(Status.EOF)
        return struct.pack(">BI", NAME, len(entries)) + b"".join(entries)

    def _long(self, name: str, found: Stat) -> str:
        """A line of ``ls -l`` (ls_file of sftp-common.c)."""
        users = {user.uid: user.name for user in self._machine.users().values()}
        groups = {group.gid: group.name for group in self._machine.groups().values()}
        when = datetime.fromtimestamp(found.mtime, UTC)
        recent = -86400 * 182 < found.mtime - self._machine.clock() <= 60
        day = f"{when:%b} {when.day:2d} {when:%H:%M}" if recent else f"{when:%b} {when.day:2d}  {when:%Y}"
        owner = users.get(found.uid, str(found.uid))
        group = groups.get(found.gid, str(found.gid))
        return f"{stat.filemode(found.mode)} {found.links:4d} {owner:<8s} {group:<8s} {found.size:8d} {day} {name}"

    def _mkdir(self, fields: Fields) -> bytes:
        path = self._absolute(fields.path())
        mode = _changes(fields).mode
        self._fs.mkdir(self._who, path, (0o777 if mode is None else mode & 0o777) & ~0o022)
        return _status(Status.OK)

    def _rmdir(self, fields: Fields) -> bytes:
        self._fs.rmdir(self._who, self._absolute(fields.path()))
        return _status(Status.OK)

    def _remove(self, fields: Fields) -> bytes:
        self._fs.unlink(self._who, self._absolute(fields.path()))
        return _status(Status.OK)

    # Names

    def _realpath(self, fields: Fields) -> bytes:
        path = self._absolute(fields.path() or ".")
        return _one_name(self._fs.real(self._who, path, strict=False))

    def _rename(self, fields: Fields) -> bytes:
        source, target = self._absolute(fields.path()), self._absolute(fields.path())
        if self._fs.exists(self._who, target, follow=False):
            return _status(Status.FAILURE)
        self._fs.rename(self._who, source, target)
        return _status(Status.OK)

    def _posix_rename(self, fields: Fields) -> bytes:
        self._fs.rename(self._who, self._absolute(fields.path()), self._absolute(fields.path()))
        return _status(Status.OK)

    def _readlink(self, fields: Fields) -> bytes:
        return _one_name(self._fs.readlink(self._who, self._absolute(fields.path())))

    def _symlink(self, fields: Fields) -> bytes:
        """OpenSSH has target and link the other way round than the draft."""
        target, path = fields.path(), self._absolute(fields.path())
        self._fs.symlink(self._who, target, path)
        return _status(Status.OK)

    def _hardlink(self, fields: Fields) -> bytes:
        self._fs.link(self._who, self._absolute(fields.path()), self._absolute(fields.path()))
        return _status(Status.OK)

    # Extensions (PROTOCOL of OpenSSH, section 4)

    def _extended(self, fields: Fields) -> bytes:
        answer = self._extensions.get(fields.string())
        return answer(fields) if answer else _status(Status.OP_UNSUPPORTED)

    def _statvfs(self, fields: Fields) -> bytes:
        del fields
        blocks, free = 9_799_832, 7_301_117
        numbers = (4096, 4096, blocks, free, free - 512_000, 2_501_856, 2_412_090, 2_412_090, 0x801, 0, 255)
        return bytes((EXTENDED_REPLY,)) + struct.pack(">11Q", *numbers)

    def _fsync(self, fields: Fields) -> bytes:
        self._known(fields)
        return _status(Status.OK)

    def _limits(self, fields: Fields) -> bytes:
        del fields
        return bytes((EXTENDED_REPLY,)) + struct.pack(">4Q", MESSAGE_LIMIT, READ_LIMIT, READ_LIMIT, 1019)

    def _expand(self, fields: Fields) -> bytes:
        path = fields.path()
        if path == "~" or path.startswith("~/"):
            path = self._home + path[1:]
        return _one_name(self._fs.real(self._who, self._absolute(path), strict=False))

    def _homedir(self, fields: Fields) -> bytes:
        user = self._machine.users().get(fields.path() or self._who.name)
        return _one_name(user.home) if user else _status(Status.NO_SUCH_FILE)

    def _names_by_id(self, fields: Fields) -> bytes:
        users = {user.uid: user.name for user in self._machine.users().values()}
        groups = {group.gid: group.name for group in self._machine.groups().values()}
        answers = b""
        for known in (users, groups):
            asked = fields.string()
            numbers = (int.from_bytes(asked[at : at + 4], "big") for at in range(0, len(asked), 4))
            answers += _string(b"".join(_string(known.get(number, "").encode()) for number in numbers))
        return bytes((EXTENDED_REPLY,)) + answers

    def _absolute(self, path: str) -> str:
        return path if path.startswith("/") else f"{self._home}/{path}"


def report(emit: Callable[..., None], kind: EventType, path: str, content: bytes, method: str) -> None:
    """Tell that a file came or went: its path, size and SHA-256."""
    emit(kind, path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest(), method=method)


def _content(file: OpenFile) -> bytes:
    return file.read(1 << 40, 0)


def _changes(fields: Fields) -> Changes:
    flags = fields.number()
    size = fields.long() if flags & ATTR_SIZE else None
    owner = (fields.number(), fields.number()) if flags & ATTR_OWNER else None
    mode = fields.number() if flags & ATTR_MODE else None
    modified = (fields.number(), fields.number())[1] if flags & ATTR_TIMES else None
    return Changes(size, owner, mode, modified)


def _attributes(found: Stat) -> bytes:
    flags = ATTR_SIZE | ATTR_OWNER | ATTR_MODE | ATTR_TIMES
    modified = int(found.mtime) & 0xFFFFFFFF
    return struct.pack(">IQIIIII", flags, found.size, found.uid, found.gid, found.mode, modified, modified)


def _status(code: Status) -> bytes:
    return struct.pack(">BI", STATUS, code) + _string(TEXTS[code].encode()) + _string(b"")


def _one_name(path: str) -> bytes:
    return struct.pack(">BI", NAME, 1) + _string(_raw(path)) * 2 + struct.pack(">I", 0)


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data

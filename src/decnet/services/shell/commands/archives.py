# ruff: noqa: C901, PLR0912 (a command has as many branches as options)
"""tar, gzip, zip: read and written in memory, within the bounds of the file system."""

from __future__ import annotations

import io
import re
import stat
import tarfile
import zipfile
import zlib

from decnet.services.shell.commands.search import walk
from decnet.services.shell.run import Run, program, why

MAX_UNPACKED = 8 << 20
MAX_MEMBERS = 2000


async def inflate(run: Run, data: bytes) -> bytes:
    """Gzip data unpacked, at most `MAX_UNPACKED` bytes. Raises `zlib.error`."""
    engine = zlib.decompressobj(31)
    out = bytearray()
    for start in range(0, len(data), 16_384):
        out += engine.decompress(data[start : start + 16_384], 1 << 20)
        await run.session.budget.spend(60)
        if len(out) > MAX_UNPACKED:
            break
    return bytes(out[:MAX_UNPACKED])


async def deflate(run: Run, data: bytes) -> bytes:
    """Data as a gzip stream."""
    engine = zlib.compressobj(6, zlib.DEFLATED, 31)
    out = bytearray()
    for start in range(0, len(data), 65_536):
        out += engine.compress(data[start : start + 65_536])
        await run.session.budget.spend(100)
    return bytes(out + engine.flush())


@program("gzip", "gunzip", "zcat", "bzip2", "xz")
async def gzip(run: Run) -> int:
    flags = "".join(arg[1:] for arg in run.args if re.fullmatch(r"-[a-z0-9]+", arg))
    names = [arg for arg in run.args if not arg.startswith("-")]
    unpack = "d" in flags or run.name in ("gunzip", "zcat")
    status = 0
    for name in names or ["-"]:
        try:
            data = await run.all(run.reader(name))
        except OSError as problem:
            status = await run.complain(f"{name}: {why(problem)}")
            continue
        try:
            made = await (inflate if unpack else deflate)(run, data)
        except zlib.error:
            status = await run.complain(f"{'stdin' if name == '-' else name}: not in gzip format")
            continue
        if name == "-" or "c" in flags or run.name == "zcat":
            await run.write(made)
            continue
        target = re.sub(r"\.t?gz$", "", name) if unpack else name + ".gz"
        run.fs.write(run.who, run.path(target), made)
        if "k" not in flags:
            run.fs.unlink(run.who, run.path(name))
    return status


@program("tar", "bsdtar")
async def tar(run: Run) -> int:
    if not run.args:
        await run.err(
            "tar: You must specify one of the '-Acdtrux', '--delete' or '--test-label' options\nTry 'tar --help' or 'tar --usage' for more information.\n"
        )
        return 2
    args = list(run.args)
    flags, names, archive, folder = "", [], "-", "."
    if not args[0].startswith("-"):
        args[0] = "-" + args[0]
    while args:
        arg = args.pop(0)
        if arg.startswith("--"):
            name, _, value = arg[2:].partition("=")
            archive = value if name == "file" else archive
            folder = value if name == "directory" else folder
            flags += {"extract": "x", "create": "c", "list": "t", "gzip": "z", "verbose": "v"}.get(name, "")
        elif arg.startswith("-") and len(arg) > 1:
            for place, letter in enumerate(arg[1:], 2):
                if letter in "fC":
                    value = arg[place:] or (args.pop(0) if args else "")
                    archive, folder = (value, folder) if letter == "f" else (archive, value)
                    break
                flags += letter
        else:
            names.append(arg)
    if "c" in flags:
        return await _pack(run, archive, folder, names, flags)
    return await _unpack(run, archive, folder, flags)


async def _pack(run: Run, archive: str, folder: str, names: list[str], flags: str) -> int:
    if not names:
        await run.err(
            "tar: Cowardly refusing to create an empty archive\nTry 'tar --help' or 'tar --usage' for more information.\n"
        )
        return 2
    status = 0
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for name in names:
            base = name if folder == "." else f"{folder}/{name}"
            if name.startswith("/"):
                await run.err("tar: Removing leading `/' from member names\n")
            try:
                async for path, info in walk(run, base):
                    shown = path.removeprefix(f"{folder}/") if folder != "." else path
                    member = tarfile.TarInfo(shown.lstrip("/"))
                    member.mode, member.mtime, member.uid, member.gid = (
                        info.mode & 0o7777,
                        int(info.mtime),
                        info.uid,
                        info.gid,
                    )
                    data = b""
                    if stat.S_ISDIR(info.mode):
                        member.type = tarfile.DIRTYPE
                    elif stat.S_ISREG(info.mode):
                        data = run.fs.read(run.who, run.path(path))
                        member.size = len(data)
                    else:
                        continue
                    if buffer.tell() + len(data) > MAX_UNPACKED:
                        return await run.complain("Cannot write: No space left on device", 2)
                    out.addfile(member, io.BytesIO(data))
                    if "v" in flags:
                        await (run.err if archive == "-" else run.out)(
                            shown + "/" * stat.S_ISDIR(info.mode) + "\n"
                        )
            except OSError as problem:
                await run.complain(f"{name}: Cannot stat: {why(problem)}")
                await run.complain("Exiting with failure status due to previous errors")
                status = 2
    made = buffer.getvalue()
    if "z" in flags or archive.endswith((".gz", ".tgz")):
        made = await deflate(run, made)
    if archive == "-":
        await run.write(made)
    else:
        run.fs.write(run.who, run.path(archive), made)
    return status


async def _unpack(run: Run, archive: str, folder: str, flags: str) -> int:
    try:
        data = await run.all(run.reader(archive))
    except OSError as problem:
        await run.complain(f"{archive}: Cannot open: {why(problem)}")
        return await run.complain("Error is not recoverable: exiting now", 2)
    try:
        if data.startswith(b"\x1f\x8b"):
            data = await inflate(run, data)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as source:
            for count, member in enumerate(source):
                await run.session.budget.spend(20)
                if count > MAX_MEMBERS:
                    break
                if "t" in flags or "v" in flags:
                    await run.out(member.name + "/" * member.isdir() + "\n")
                if "x" in flags:
                    _extract(run, source, member, folder)
    except (tarfile.TarError, zlib.error, ValueError, EOFError):
        await run.complain("This does not look like a tar archive")
        return await run.complain("Exiting with failure status due to previous errors", 2)
    return 0


def _extract(run: Run, source: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
    name = "/".join(part for part in member.name.split("/") if part not in ("", ".", ".."))
    if not name:
        return
    path = run.path(f"{folder}/{name}")
    run.machine.make_directories(path if member.isdir() else path.rpartition("/")[0])
    if member.isdir():
        return
    if member.issym():
        run.fs.symlink(run.who, member.linkname, path)
        return
    reader = source.extractfile(member) if member.isfile() else None
    if reader is not None:
        run.fs.write(run.who, path, reader.read(MAX_UNPACKED), mode=member.mode & 0o777)
        run.fs.utime(run.who, path, float(member.mtime))


@program("unzip", "zip")
async def unzip(run: Run) -> int:
    names = [arg for arg in run.args if not arg.startswith("-")]
    if not names:
        return await run.complain("missing archive name", 10)
    if run.name == "zip":
        return await _zip(run, names)
    flags = "".join(arg[1:] for arg in run.args if arg.startswith("-"))
    name = names[0] if run.fs.exists(run.who, run.path(names[0])) else names[0] + ".zip"
    try:
        data = await run.all(run.reader(name))
    except OSError:
        await run.err(f"unzip:  cannot find or open {names[0]}, {names[0]}.zip or {names[0]}.ZIP.\n")
        return 9
    await run.out(f"Archive:  {name}\n")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as source:
            for member in source.infolist()[:MAX_MEMBERS]:
                await run.session.budget.spend(50)
                if "l" in flags:
                    await run.out(f"{member.file_size:9}  {member.filename}\n")
                    continue
                if member.is_dir() or member.file_size > MAX_UNPACKED:
                    continue
                inner = "/".join(part for part in member.filename.split("/") if part not in ("", ".", ".."))
                path = run.path(inner)
                run.machine.make_directories(path.rpartition("/")[0])
                with source.open(member) as reader:
                    run.fs.write(run.who, path, reader.read(MAX_UNPACKED))
                await run.out(f"  inflating: {inner}\n")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError):
        await run.err(
            "  End-of-central-directory signature not found.  Either this file is not\n  a zipfile, or it constitutes one disk of a multi-part archive.\n"
        )
        return 9
    return 0


async def _zip(run: Run, names: list[str]) -> int:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name in names[1:]:
            async for path, info in walk(run, name):
                if stat.S_ISREG(info.mode) and buffer.tell() < MAX_UNPACKED:
                    out.writestr(path.lstrip("/"), run.fs.read(run.who, run.path(path)))
                    await run.out(f"  adding: {path}\n")
                    await run.session.budget.spend(100)
    target = names[0] if names[0].endswith(".zip") else names[0] + ".zip"
    run.fs.write(run.who, run.path(target), buffer.getvalue())
    return 0

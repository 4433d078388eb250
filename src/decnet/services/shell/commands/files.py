# ruff: noqa: C901, PLR0912 (a command has as many branches as options)
"""touch, mkdir, rm, cp, mv, ln, chmod, chown, mktemp, dd, truncate, readlink, realpath."""

from __future__ import annotations

import errno
import re
import stat
from posixpath import normpath

from decnet.services.shell.commands.output import parse_date
from decnet.services.shell.filesystem import Node
from decnet.services.shell.run import Run, UsageFault, program, why

MAX_TREE = 3000
"""Entries that one recursive command touches."""


def need(names: list[str], least: int = 1, what: str = "operand") -> None:
    """Raise `UsageFault` where operands are missing."""
    if not names:
        raise UsageFault(f"missing {what}", hint=True)
    if len(names) < least:
        raise UsageFault(f"missing destination file operand after '{names[0]}'", hint=True)


@program("touch")
async def touch(run: Run) -> int:
    found, names = run.options("acmd:r:t:h", ("date=", "reference=", "no-create"))
    need(names, what="file operand")
    moment = run.machine.clock()
    if "d" in found or "date" in found:
        moment = parse_date(run, found.get("d") or found["date"])
    elif "r" in found or "reference" in found:
        moment = run.stat(found.get("r") or found["reference"]).mtime
    elif match := re.fullmatch(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d\d))?", found.get("t", "")):
        moment = parse_date(run, "{}-{}-{} {}:{}:{}".format(*match.groups(default="00")))
    status = 0
    for name in names:
        path = run.path(name)
        try:
            if not run.fs.exists(run.who, path):
                if found.keys() & {"c", "no-create"}:
                    continue
                run.fs.write(run.who, path, b"", mode=0o666 & ~run.env.umask)
            run.fs.utime(run.who, path, moment)
        except OSError as problem:
            status = await run.complain(
                f"cannot touch '{name}': {why(problem)}" if not run.busybox else f"{name}: {why(problem)}"
            )
    return status


@program("mkdir")
async def mkdir(run: Run) -> int:
    found, names = run.options("pm:v", ("parents", "mode=", "verbose"))
    need(names)
    mode = (
        int(found.get("m", found.get("mode", "")) or f"{0o777 & ~run.env.umask:o}", 8)
        if re.fullmatch(r"[0-7]{0,4}", found.get("m", found.get("mode", "")))
        else 0o755
    )
    status = 0
    for name in names:
        try:
            if found.keys() & {"p", "parents"}:
                at = "/" if name.startswith("/") else ""
                for piece in name.strip("/").split("/"):
                    at += piece
                    if not run.fs.exists(run.who, run.path(at)):
                        run.fs.mkdir(run.who, run.path(at), mode)
                    at += "/"
                if not stat.S_ISDIR(run.stat(name).mode):
                    raise FileExistsError(errno.EEXIST, "File exists")
            else:
                run.fs.mkdir(run.who, run.path(name.rstrip("/") or "/"), mode)
            if found.keys() & {"v", "verbose"}:
                await run.out(f"mkdir: created directory '{name}'\n")
        except OSError as problem:
            shown = (
                f"cannot create directory ‘{name}’" if not run.busybox else f"can't create directory '{name}'"
            )
            status = await run.complain(f"{shown}: {why(problem)}")
    return status


@program("rmdir")
async def rmdir(run: Run) -> int:
    found, names = run.options("pv", ("parents", "ignore-fail-on-non-empty"))
    need(names)
    status = 0
    for name in names:
        try:
            run.fs.rmdir(run.who, run.path(name.rstrip("/")))
        except OSError as problem:
            status = await run.complain(
                f"failed to remove '{name}': {why(problem)}"
                if not run.busybox
                else f"'{name}': {why(problem)}"
            )
    return status * (not found or status)


@program("rm", "unlink", "shred")
async def rm(run: Run) -> int:
    found, names = run.options(
        "rRfivdIuzn:",
        ("recursive", "force", "no-preserve-root", "verbose", "one-file-system", "remove", "interactive"),
    )
    force = bool(found.keys() & {"f", "force"})
    if not names:
        if force:
            return 0
        raise UsageFault("missing operand", hint=True)
    recursive = bool(found.keys() & {"r", "R", "recursive"})
    verbose = bool(found.keys() & {"v", "verbose"})
    if run.name == "shred" and not found.keys() & {"u", "remove"}:
        return 0
    status = 0
    for name in names:
        path = run.path(name)
        if recursive and normpath(path) == "/" and "no-preserve-root" not in found:
            await run.complain("it is dangerous to operate recursively on '/'")
            status = await run.complain("use --no-preserve-root to override this failsafe")
            continue
        try:
            node = run.fs.lookup(run.who, path.rstrip("/") or "/", follow=False)
            if node.is_dir and not recursive:
                status = await run.complain(
                    f"cannot remove '{name}': Is a directory"
                    if not run.busybox
                    else f"'{name}' is a directory"
                )
                continue
            status |= await remove(run, name, node, verbose=verbose)
        except OSError as problem:
            if not (force and problem.errno in (errno.ENOENT, errno.ENOTDIR)):
                status = await run.complain(
                    f"cannot remove '{name}': {why(problem)}"
                    if not run.busybox
                    else f"can't remove '{name}': {why(problem)}"
                )
    return status


async def remove(run: Run, name: str, node: Node, *, verbose: bool = False) -> int:
    """Remove a file or a whole directory; gives the status."""
    await run.session.budget.spend(2)
    status = 0
    if node.is_dir:
        for child, below in list(node.names().items()):
            status |= await remove(run, f"{name.rstrip('/')}/{child}", below, verbose=verbose)
    try:
        drop = run.fs.rmdir if node.is_dir else run.fs.unlink
        drop(run.who, run.path(name))
        if verbose:
            await run.out(f"removed {'directory ' if node.is_dir else ''}'{name}'\n")
    except OSError as problem:
        if not status:
            await run.complain(f"cannot remove '{name}': {why(problem)}")
        status = 1
    return status


@program("cp")
async def cp(run: Run) -> int:
    found, names = run.options(
        "rRapfiudvnlsTt:LPHx",
        (
            "recursive",
            "archive",
            "force",
            "preserve",
            "verbose",
            "target-directory=",
            "no-clobber",
            "parents",
        ),
    )
    recursive = bool(found.keys() & {"r", "R", "a", "recursive", "archive"})
    keep = bool(found.keys() & {"p", "a", "archive", "preserve"})
    target = found.get("t", found.get("target-directory"))
    need(names, 1 if target else 2, "file operand")
    target = target if target is not None else names.pop()
    into = _is_dir(run, target)
    if len(names) > 1 and not into:
        raise UsageFault(f"target '{target}' is not a directory")
    status = 0
    for name in names:
        to = f"{target.rstrip('/')}/{name.rstrip('/').rpartition('/')[2]}" if into else target
        try:
            node = run.node(name, follow=not recursive)
            if node.is_dir and not recursive:
                status = await run.complain(
                    f"-r not specified; omitting directory '{name}'"
                    if not run.busybox
                    else f"omitting directory '{name}'"
                )
                continue
            if node.is_dir and (normpath(run.path(to)) + "/").startswith(normpath(run.path(name)) + "/"):
                status = await run.complain(f"cannot copy a directory, '{name}', into itself, '{to}'")
                continue
            if run.fs.exists(run.who, run.path(to)) and run.node(to) is run.node(name):
                status = await run.complain(f"'{name}' and '{to}' are the same file")
                continue
            if "n" in found and run.fs.exists(run.who, run.path(to)):
                continue
            await copy(run, name, to, keep=keep, verbose="v" in found, depth=0)
        except OSError as problem:
            if problem.filename == name or not run.fs.exists(run.who, run.path(name)):
                status = await run.complain(
                    f"cannot stat '{name}': {why(problem)}"
                    if not run.busybox
                    else f"can't stat '{name}': {why(problem)}"
                )
            else:
                read = not run.fs.access(run.who, run.path(name), 4)
                status = await run.complain(
                    f"cannot open '{name}' for reading: {why(problem)}"
                    if read
                    else f"cannot create regular file '{to}': {why(problem)}"
                )
    return status


def _is_dir(run: Run, name: str) -> bool:
    try:
        return stat.S_ISDIR(run.stat(name).mode)
    except OSError:
        return False


async def copy(run: Run, name: str, to: str, *, keep: bool, verbose: bool, depth: int) -> None:
    """Copy a file, link or directory."""
    await run.session.budget.spend(4)
    node = run.node(name, follow=not depth)
    target = run.path(to)
    if node.is_dir:
        if not run.fs.exists(run.who, target):
            run.fs.mkdir(run.who, target, node.mode & 0o7777)
        if depth < 60:
            for child in list(node.names()):
                await copy(
                    run,
                    f"{name.rstrip('/')}/{child}",
                    f"{to.rstrip('/')}/{child}",
                    keep=keep,
                    verbose=verbose,
                    depth=depth + 1,
                )
    elif node.is_link:
        run.fs.symlink(run.who, node.target, target)
    elif node.is_file:
        run.fs.write(
            run.who, target, run.fs.read(run.who, run.path(name)), mode=node.mode & 0o777 & ~run.env.umask
        )
    else:
        reader = run.reader(name)
        data = await run.all(reader, 1 << 20)
        run.fs.write(run.who, target, data, mode=0o644)
    if keep and not node.is_link:
        run.fs.utime(run.who, target, run.fs.modified(node))
        if run.who.uid == 0:
            run.fs.chown(run.who, target, node.uid, node.gid)
    if verbose:
        await run.out(f"'{name}' -> '{to}'\n")


@program("mv", "rename")
async def mv(run: Run) -> int:
    found, names = run.options("fivunTt:b", ("force", "verbose", "target-directory=", "no-clobber"))
    target = found.get("t", found.get("target-directory"))
    need(names, 1 if target else 2, "file operand")
    target = target if target is not None else names.pop()
    into = _is_dir(run, target)
    if len(names) > 1 and not into:
        raise UsageFault(f"target '{target}' is not a directory")
    status = 0
    for name in names:
        to = f"{target.rstrip('/')}/{name.rstrip('/').rpartition('/')[2]}" if into else target
        if not run.fs.exists(run.who, run.path(name), follow=False):
            status = await run.complain(
                f"cannot stat '{name}': No such file or directory"
                if not run.busybox
                else f"can't rename '{name}': No such file or directory"
            )
            continue
        if normpath(run.path(name)) == normpath(run.path(to)):
            status = await run.complain(f"'{name}' and '{to}' are the same file")
            continue
        try:
            run.fs.rename(run.who, run.path(name.rstrip("/")), run.path(to.rstrip("/")))
            if found.keys() & {"v", "verbose"}:
                await run.out(f"renamed '{name}' -> '{to}'\n")
        except OSError as problem:
            if problem.errno == errno.EINVAL:
                status = await run.complain(f"cannot move '{name}' to a subdirectory of itself, '{to}'")
            else:
                status = await run.complain(f"cannot move '{name}' to '{to}': {why(problem)}")
    return status


@program("ln", "link")
async def ln(run: Run) -> int:
    found, names = run.options("sfnvrTti:", ("symbolic", "force", "no-dereference", "verbose"))
    need(names, what="file operand")
    target = names.pop() if len(names) > 1 else "."
    status = 0
    for name in names:
        to = (
            f"{target.rstrip('/')}/{name.rpartition('/')[2]}"
            if _is_dir(run, target) and not found.keys() & {"n", "T"}
            else target
        )
        symbolic = bool(found.keys() & {"s", "symbolic"})
        try:
            if found.keys() & {"f", "force"} and run.fs.exists(run.who, run.path(to), follow=False):
                run.fs.unlink(run.who, run.path(to))
            if symbolic:
                run.fs.symlink(run.who, name, run.path(to))
            else:
                run.fs.link(run.who, run.path(name), run.path(to))
        except OSError as problem:
            if not symbolic and problem.errno == errno.ENOENT and not run.fs.exists(run.who, run.path(name)):
                status = await run.complain(f"failed to access '{name}': {why(problem)}")
            elif not symbolic and problem.errno == errno.EPERM:
                status = await run.complain(f"{name}: hard link not allowed for directory")
            else:
                status = await run.complain(
                    f"failed to create {'symbolic' if symbolic else 'hard'} link '{to}': {why(problem)}"
                )
    return status


def changed_mode(text: str, mode: int, *, directory: bool, umask: int) -> int:
    """The permission bits after a symbolic or octal change. Raises `UsageFault`."""
    if re.fullmatch(r"[0-7]{1,4}", text):
        return int(text, 8)
    for clause in text.split(","):
        match = re.fullmatch(r"([ugoa]*)((?:[-+=][rwxXstugo]*)+)", clause)
        if match is None:
            raise UsageFault(f"invalid mode: ‘{text}’", hint=True)
        who = match[1] or "a"
        for op, letters in re.findall(r"([-+=])([rwxXstugo]*)", match[2]):
            bits = 0
            for letter in letters:
                if letter in "rwx":
                    one = {"r": 4, "w": 2, "x": 1}[letter]
                elif letter == "X":
                    one = 1 if directory or mode & 0o111 else 0
                elif letter in "ugo":
                    one = mode >> {"u": 6, "g": 3, "o": 0}[letter] & 7
                else:
                    bits |= (
                        (0o4000 if "u" in who or "a" in who else 0)
                        | (0o2000 if "g" in who or "a" in who else 0)
                        if letter == "s"
                        else 0o1000
                    )
                    continue
                for target, shift in (("u", 6), ("g", 3), ("o", 0)):
                    if target in who or "a" in who:
                        bits |= one << shift
            if not match[1]:
                bits &= ~umask
            if op == "=":
                mask = sum(
                    7 << shift
                    for target, shift in (("u", 6), ("g", 3), ("o", 0))
                    if target in who or "a" in who
                )
                mode = mode & ~mask | bits
            else:
                mode = mode | bits if op == "+" else mode & ~bits
    return mode


@program("chmod")
async def chmod(run: Run) -> int:
    flags = [arg for arg in run.args if re.fullmatch(r"-[Rvcf]+|--recursive|--verbose|--quiet", arg)]
    rest = [arg for arg in run.args if arg not in flags and arg != "--"]
    need(rest)
    if len(rest) < 2:
        raise UsageFault(f"missing operand after '{rest[0]}'", hint=True)
    text, names = rest[0], rest[1:]
    status = 0
    for name in names:
        try:
            for path in _tree(run, name, recursive=any("R" in f or "rec" in f for f in flags)):
                await run.session.budget.spend()
                info = run.fs.stat(run.who, path)
                mode = changed_mode(
                    text, info.mode & 0o7777, directory=stat.S_ISDIR(info.mode), umask=run.env.umask
                )
                run.fs.chmod(run.who, path, mode)
        except OSError as problem:
            verb = "cannot access" if problem.errno == errno.ENOENT else "changing permissions of"
            status = await run.complain(
                f"{verb} '{name}': {why(problem)}" if not run.busybox else f"{name}: {why(problem)}"
            )
    return status


def _tree(run: Run, name: str, *, recursive: bool) -> list[str]:
    """A path and, where asked, all that is below it."""
    found = [run.path(name)]
    run.fs.lookup(run.who, found[0], follow=False)
    if not recursive:
        return found
    for path in found:
        if len(found) > MAX_TREE:
            break
        node = run.fs.lookup(run.who, path, follow=False)
        if node.is_dir:
            found += [
                f"{path.rstrip('/')}/{child}" for child, below in node.names().items() if not below.is_link
            ]
    return found


@program("chown", "chgrp")
async def chown(run: Run) -> int:
    found, names = run.options("Rvhcf", ("recursive", "verbose", "no-dereference", "reference=", "quiet"))
    need(names)
    if len(names) < 2:
        raise UsageFault(f"missing operand after '{names[0]}'", hint=True)
    owner, _, group = (
        names[0].replace(".", ":", 1).partition(":") if run.name == "chown" else ("", "", names[0])
    )
    users, groups = run.machine.users(), run.machine.groups()
    uid = users[owner].uid if owner in users else int(owner) if owner.isdigit() and len(owner) < 10 else -1
    gid = groups[group].gid if group in groups else int(group) if group.isdigit() and len(group) < 10 else -1
    if owner and uid < 0:
        raise UsageFault(f"invalid user: ‘{names[0]}’")
    if group and gid < 0:
        raise UsageFault(f"invalid group: ‘{names[0]}’")
    status = 0
    for name in names[1:]:
        try:
            for path in _tree(run, name, recursive=bool(found.keys() & {"R", "recursive"})):
                await run.session.budget.spend()
                run.fs.chown(run.who, path, uid, gid, follow="h" not in found)
        except OSError as problem:
            verb = "cannot access" if problem.errno == errno.ENOENT else "changing ownership of"
            status = await run.complain(f"{verb} '{name}': {why(problem)}")
    return status


@program("readlink")
async def readlink(run: Run) -> int:
    found, names = run.options("femnqsvz", ("canonicalize", "no-newline"))
    need(names)
    for name in names:
        try:
            if found.keys() & {"f", "e", "m", "canonicalize"}:
                text = run.fs.real(run.who, run.path(name), strict="e" in found)
            else:
                text = run.fs.readlink(run.who, run.path(name))
        except OSError:
            return 1
        await run.out(text + "\n" * ("n" not in found))
    return 0


@program("realpath")
async def realpath(run: Run) -> int:
    found, names = run.options("emsqz", ())
    need(names)
    status = 0
    for name in names:
        try:
            await run.out(run.fs.real(run.who, run.path(name), strict="e" in found) + "\n")
        except OSError as problem:
            status = await run.complain(f"{name}: {why(problem)}")
    return status


@program("mkfifo", "mknod", "sync", "chattr", "setfattr", "chcon", "restorecon")
async def quiet(run: Run) -> int:
    if run.name in ("mkfifo", "mknod"):
        for name in [arg for arg in run.args if not arg.startswith("-")][:1]:
            run.fs.mknod(run.who, run.path(name), stat.S_IFIFO | 0o644)
    return 0


@program("install")
async def install(run: Run) -> int:
    found, names = run.options("dm:o:g:DCpsvt:", ("mode=", "owner=", "directory"))
    if "d" in found:
        for name in names:
            run.machine.make_directories(run.path(name))
        return 0
    need(names, 2, "file operand")
    return await cp(Run(run.shell, ["cp", *names]))


@program("lsattr")
async def lsattr(run: Run) -> int:
    for name in [arg for arg in run.args if not arg.startswith("-")]:
        await run.out(f"--------------e------- {name}\n")
    return 0

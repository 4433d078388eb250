# ruff: noqa: PLR0911 (a command has as many branches as options)
"""ls, stat, file, du, df, tree."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable

from decnet.services.shell.commands.output import local_time
from decnet.services.shell.filesystem import Stat
from decnet.services.shell.run import Run, program, why

_LS_SHORT = "laAhtrSRd1FinGgoscCmpqQuUvxXZkLHNbBTDfw:I:"
_LS_LONG = (
    "all",
    "almost-all",
    "human-readable",
    "recursive",
    "directory",
    "reverse",
    "color",
    "full-time",
    "group-directories-first",
    "inode",
    "classify",
    "size",
    "numeric-uid-gid",
    "sort=",
    "time-style=",
    "time=",
    "si",
    "no-group",
    "hide=",
)
_NAMES = {
    "all": "a",
    "almost-all": "A",
    "human-readable": "h",
    "recursive": "R",
    "directory": "d",
    "reverse": "r",
    "inode": "i",
    "classify": "F",
    "size": "s",
    "numeric-uid-gid": "n",
    "no-group": "G",
}


def human(size: float) -> str:
    """A size as ``ls -h`` and ``du -h`` show it: powers of 1024, rounded up."""
    if size < 1024:
        return str(int(size))
    for unit in "KMGT":
        size /= 1024
        if size < 1024 or unit == "T":
            return f"{-(-size * 10 // 1) / 10:.1f}{unit}" if size < 9.95 else f"{-int(-size // 1)}{unit}"
    return str(size)


def color(info: Stat, name: str) -> str:
    """The SGR code of dircolors(1)'s defaults; empty for plain files."""
    mode = info.mode
    if stat.S_ISDIR(mode):
        return "30;42" if mode & 0o1002 == 0o1002 else "34;42" if mode & 0o2 else "01;34"
    if stat.S_ISLNK(mode):
        return "01;36"
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return "40;33;01"
    if mode & 0o4000:
        return "37;41"
    if mode & 0o111:
        return "01;32"
    return "01;31" if re.search(r"\.(tar|t?gz|zip|bz2|xz|deb|rpm|jar|7z|zst)$", name) else ""


class _Listing:
    def __init__(self, run: Run) -> None:
        self.run = run
        run.args = [arg for arg in run.args if not re.match(r"--colou?r=", arg)] + (
            ["--color"]
            if any(a in ("--color=auto", "--color=always", "--color=tty") for a in run.args)
            else []
        )
        found, self.names = run.options(_LS_SHORT, _LS_LONG)
        self.on = {_NAMES.get(name, name) for name in found}
        self.found = found
        self.long = bool(self.on & {"l", "n", "g", "o", "full-time"})
        self.colored = run.on_terminal and ("color" in self.on or run.busybox)
        users, groups = run.machine.users(), run.machine.groups()
        self.users = {u.uid: u.name for u in list(users.values())[::-1]}
        self.groups = {g.gid: g.name for g in groups.values()}
        self.now = run.machine.clock()

    def order(self, rows: list[tuple[str, Stat]]) -> list[tuple[str, Stat]]:
        if "U" in self.on or "f" in self.on:
            return rows
        plain = self.run.busybox or (
            self.run.env.get("LC_ALL") or self.run.env.get("LANG") or "C"
        ).startswith("C")
        rows.sort(
            key=lambda row: row[0] if plain else (re.sub(r"[^\w]", "", row[0]).lower(), row[0].swapcase())
        )
        by = {"time": "t", "size": "S", "extension": "X", "none": "U"}.get(self.found.get("sort", ""), "")
        if "t" in self.on or by == "t":
            rows.sort(key=lambda row: -row[1].mtime)
        elif "S" in self.on or by == "S":
            rows.sort(key=lambda row: -row[1].size)
        elif "X" in self.on:
            rows.sort(key=lambda row: row[0].rpartition(".")[2] if "." in row[0] else "")
        if "r" in self.on:
            rows.reverse()
        if "group-directories-first" in self.on:
            rows.sort(key=lambda row: not stat.S_ISDIR(row[1].mode))
        return rows

    def shown(self, name: str, info: Stat) -> str:
        text = name if name.isprintable() else "".join(c if c.isprintable() else "?" for c in name)
        if (
            self.run.on_terminal
            and re.search(r"[\s'\"$&|;()<>*?\[\]#~!`\\]", text)
            and not self.run.busybox
            and "N" not in self.on
        ):
            text = f"'{text}'" if "'" not in text else f'"{text}"'
        code = color(info, name) if self.colored else ""
        mark = ""
        if "F" in self.on or ("p" in self.on and stat.S_ISDIR(info.mode)):
            mark = (
                "/"
                if stat.S_ISDIR(info.mode)
                else "@"
                if stat.S_ISLNK(info.mode) and not self.long
                else "*"
                if info.mode & 0o111 and stat.S_ISREG(info.mode)
                else ""
            )
        return (f"\x1b[{code}m{text}\x1b[0m" if code else text) + mark

    def date(self, moment: float) -> str:
        when = local_time(self.run, moment)
        style = self.found.get("time-style", "")
        if "full-time" in self.on or style == "full-iso":
            return when.strftime("%Y-%m-%d %H:%M:%S.000000000 %z")
        if style == "long-iso":
            return when.strftime("%Y-%m-%d %H:%M")
        if style.startswith("+"):
            return when.strftime(style[1:][:100])
        recent = self.now - 15_778_476 < moment <= self.now + 60
        return when.strftime("%b %e %H:%M" if recent else "%b %e  %Y")

    def size(self, info: Stat) -> str:
        if stat.S_ISCHR(info.mode) or stat.S_ISBLK(info.mode):
            return f"{info.device[0]}, {info.device[1]:3}"
        return human(info.size) if "h" in self.on else str(info.size)

    def rows(self, items: list[tuple[str, Stat]], folder: str) -> list[str]:
        table = []
        for name, info in items:
            owner = str(info.uid) if "n" in self.on else self.users.get(info.uid, str(info.uid))
            group = str(info.gid) if "n" in self.on else self.groups.get(info.gid, str(info.gid))
            last = self.shown(name, info)
            if stat.S_ISLNK(info.mode):
                path = f"{folder.rstrip('/')}/{name}" if folder else name
                last += f" -> {self.run.fs.readlink(self.run.who, self.run.path(path))}"
            cells = [str(info.inode)] if "i" in self.on else []
            if "s" in self.on:
                cells.append(str(-(-info.size // 4096) * 4))
            cells += [stat.filemode(info.mode), str(info.links)]
            cells += [] if "g" in self.on else [owner]
            cells += [] if self.on & {"o", "G"} else [group]
            table.append(([*cells, self.size(info)], self.date(info.mtime), last))
        count = len(table[0][0]) if table else 0
        widths = [max(len(row[0][n]) for row in table) for n in range(count)]
        left = {"owner": True}
        out = []
        for cells, when, last in table:
            shown = []
            for n, cell in enumerate(cells):
                right = n == count - 1 or (cell.isdigit() and "n" not in self.on)
                shown.append(cell.rjust(widths[n]) if right else cell.ljust(widths[n]))
            out.append(f"{' '.join(shown)} {when} {last}" if left else "")
        return out

    async def show(self, items: list[tuple[str, Stat]], folder: str, *, total: bool) -> None:
        items = self.order(items)
        if self.long:
            if total:
                blocks = sum(-(-info.size // 4096) * 4 for _, info in items if not stat.S_ISLNK(info.mode))
                await self.run.out(f"total {human(blocks * 1024) if 'h' in self.on else blocks}\n")
            await self.run.lines(self.rows(items, folder))
            return
        head = [f"{info.inode} " if "i" in self.on else "" for _, info in items]
        cells = [extra + self.shown(name, info) for extra, (name, info) in zip(head, items, strict=True)]
        if "m" in self.on:
            await self.run.out(", ".join(cells) + "\n")
        elif self.run.on_terminal and "1" not in self.on:
            widths = [len(re.sub(r"\x1b\[[\d;]*m", "", cell)) for cell in cells]
            await self.run.lines(columns(cells, widths, self.run.session.size[0]))
        else:
            await self.run.lines(cells)

    def collect(self, name: str) -> list[tuple[str, Stat]]:
        run = self.run
        items = [
            (child, run.fs.describe(node))
            for child, node in run.fs.entries(run.who, run.path(name)).items()
            if child[0] != "." or self.on & {"a", "A", "f"}
        ]
        if "a" in self.on or "f" in self.on:
            items += [(".", run.stat(name)), ("..", run.stat(name.rstrip("/") + "/.."))]
        return items


def columns(cells: list[str], widths: list[int], width: int) -> list[str]:
    """Cells in as many columns as fit, top to bottom."""
    for rows in range(1, len(cells) + 1):
        starts = range(0, len(cells), rows)
        spans = [max(widths[start : start + rows]) + 2 for start in starts]
        if sum(spans) - 2 <= width or rows == len(cells):
            lines = []
            for row in range(rows):
                picked = [(cells[n], widths[n], spans[k]) for k, n in enumerate(range(row, len(cells), rows))]
                line = "".join(cell + " " * (span - size) for cell, size, span in picked[:-1])
                lines.append(line + picked[-1][0])
            return lines
    return []


@program("ls", "dir", "vdir")
async def ls(run: Run) -> int:
    work = _Listing(run)
    names = work.names or ["."]
    files: list[tuple[str, Stat]] = []
    folders: list[str] = []
    status = 0
    for name in names:
        try:
            info = run.fs.stat(
                run.who, run.path(name), follow=not (work.long or "d" in work.on) or name.endswith("/")
            )
        except OSError as problem:
            shown = f"'{name}'" if not run.busybox else name
            reason = why(problem)
            await run.complain(f"cannot access {shown}: {reason}" if not run.busybox else f"{name}: {reason}")
            status = 2 if not run.busybox else 1
            continue
        if stat.S_ISDIR(info.mode) and "d" not in work.on:
            folders.append(name)
        else:
            files.append((name, info))
    if files:
        await work.show(files, "", total=False)
    printed = bool(files)
    queue = [name for name, _ in work.order([(name, run.stat(name)) for name in folders])]
    titled = len(names) > 1 or "R" in work.on
    while queue:
        name = queue.pop(0)
        try:
            items = work.collect(name)
        except OSError as problem:
            reason = why(problem)
            status = await run.complain(
                f"cannot open directory '{name}': {reason}"
                if not run.busybox
                else f"can't open '{name}': {reason}",
                2,
            )
            continue
        await run.session.budget.spend(10 + 3 * len(items))
        if titled:
            await run.out(f"{chr(10) * printed}{name}:\n")
        printed = True
        await work.show(items, name, total=True)
        if "R" in work.on:
            join = name if name.endswith("/") else name + "/"
            queue = [
                join + child
                for child, info in work.order(items)
                if stat.S_ISDIR(info.mode) and child not in (".", "..")
            ] + queue
    return status


def values_of(values: dict[str, str]) -> Callable[[re.Match[str]], str]:
    """What a format letter stands for."""
    return lambda match: values[match[1]]


@program("stat")
async def show_stat(run: Run) -> int:
    found, names = run.options("c:fLt", ("format=", "printf=", "file-system", "dereference", "terse"))
    form = found.get("c", found.get("format"))
    status = 0
    users = {u.uid: n for n, u in run.machine.users().items()}
    groups = {g.gid: n for n, g in run.machine.groups().items()}
    if not names:
        return await run.complain("missing operand\nTry 'stat --help' for more information.")
    for name in names:
        try:
            info = run.stat(name, follow="L" in found)
        except OSError as problem:
            status = await run.complain(f"cannot statx '{name}': {why(problem)}")
            continue
        when = local_time(run, info.mtime).strftime("%Y-%m-%d %H:%M:%S.%f000 %z")
        kind = {
            "-": "regular file" if info.size else "regular empty file",
            "d": "directory",
            "l": "symbolic link",
            "c": "character special file",
            "b": "block special file",
            "p": "fifo",
            "s": "socket",
        }[stat.filemode(info.mode)[0]]
        values = {
            "n": name,
            "s": str(info.size),
            "a": f"{info.mode & 0o7777:o}",
            "A": stat.filemode(info.mode),
            "U": users.get(info.uid, "UNKNOWN"),
            "G": groups.get(info.gid, "UNKNOWN"),
            "u": str(info.uid),
            "g": str(info.gid),
            "F": kind,
            "Y": str(int(info.mtime)),
            "y": when,
            "X": str(int(info.mtime)),
            "Z": str(int(info.mtime)),
            "i": str(info.inode),
            "h": str(info.links),
            "b": str(-(-info.size // 512)),
            "B": "512",
            "f": f"{info.mode:x}",
            "N": f"'{name}'",
            "w": when,
            "W": str(int(info.mtime)),
            "%": "%",
        }
        if form is not None or "printf" in found:
            text = re.sub(
                r"%([nsaAUGugFYyXZihbBfNwW%])",
                values_of(values),
                form if form is not None else found["printf"].replace("\\n", "\n"),
            )
            await run.out(text + ("\n" if form is not None else ""))
            continue
        arrow = f" -> {run.fs.readlink(run.who, run.path(name))}" if stat.S_ISLNK(info.mode) else ""
        await run.lines(
            [
                f"  File: {name}{arrow}",
                f"  Size: {info.size:<15} Blocks: {-(-info.size // 4096) * 8:<10} IO Block: 4096   {kind}",
                f"Device: 254,1\tInode: {info.inode:<11} Links: {info.links}",
                f"Access: ({info.mode & 0o7777:04o}/{stat.filemode(info.mode)})  Uid: ({info.uid:5}/{values['U']:>8})   Gid: ({info.gid:5}/{values['G']:>8})",
                f"Access: {when}",
                f"Modify: {when}",
                f"Change: {when}",
                f" Birth: {when}",
            ]
        )
    return status


@program("file")
async def file(run: Run) -> int:
    found, names = run.options("bikLsz", ("brief", "mime-type", "mime"))
    width = max((len(name) for name in names), default=0) + 1
    for name in names:
        head = "" if found.keys() & {"b", "brief"} else f"{name + ':':<{width}} "
        await run.out(f"{head}{_kind(run, name)}\n")
    return 0


def _kind(run: Run, name: str) -> str:
    try:
        node = run.node(name, follow=False)
    except OSError as problem:
        return f"cannot open `{name}' ({why(problem)})"
    if node.is_link:
        return f"symbolic link to {node.target}"
    special = {
        "d": "directory",
        "c": f"character special ({node.device[0]}/{node.device[1]})",
        "b": f"block special ({node.device[0]}/{node.device[1]})",
        "p": "fifo (named pipe)",
        "s": "socket",
    }
    letter = stat.filemode(node.mode)[0]
    if letter in special:
        return ("setgid, " if node.mode & 0o2000 else "sticky, " if node.mode & 0o1000 else "") + special[
            letter
        ]
    if not run.fs.access(run.who, run.path(name), 4):
        return "regular file, no read permission"
    data = run.fs.content(node, name)[:65_536]
    magic = (
        (
            b"\x7fELF",
            "ELF 64-bit LSB pie executable, x86-64, version 1 (SYSV), dynamically linked, interpreter /lib64/ld-linux-x86-64.so.2, for GNU/Linux 3.2.0, stripped",
        ),
        (b"\x1f\x8b", "gzip compressed data, from Unix"),
        (b"PK\x03\x04", "Zip archive data, at least v2.0 to extract, compression method=deflate"),
        (b"\x89PNG", "PNG image data"),
        (b"%PDF", "PDF document, version 1.4"),
        (b"#!/bin/bash", "Bourne-Again shell script, ASCII text executable"),
        (b"#!/bin/sh", "POSIX shell script, ASCII text executable"),
        (b"#!/usr/bin/python", "Python script, ASCII text executable"),
        (b"#!/usr/bin/perl", "Perl script text executable"),
        (b"-----BEGIN OPENSSH", "OpenSSH private key"),
        (b"-----BEGIN RSA", "PEM RSA private key"),
    )
    for start, text in magic:
        if data.startswith(start):
            return text
    if not data:
        return "empty"
    if b"\0" in data:
        return "data"
    return "ASCII text" if data.isascii() else "Unicode text, UTF-8 text"


@program("du")
async def du(run: Run) -> int:
    found, names = run.options("shakcmd:bx", ("summarize", "human-readable", "all", "max-depth=", "total"))
    on = {
        {"summarize": "s", "human-readable": "h", "all": "a", "total": "c"}.get(name, name) for name in found
    }
    text = found.get("d", found.get("max-depth", "999"))
    deepest = 0 if "s" in on else int(text) if text.isdigit() and len(text) < 5 else 999
    grand = 0
    from decnet.services.shell.commands.search import walk  # noqa: PLC0415 (it knows the output of find only)

    for name in names or ["."]:
        sizes: dict[str, int] = {}
        base = name.rstrip("/").count("/")
        rows: list[tuple[str, int]] = []
        try:
            async for path, info in walk(run, name, depth_first=True):
                own = -(-info.size // 4096) * 4 if not stat.S_ISLNK(info.mode) else 0
                total = own + sizes.pop(path, 0)
                parent = path.rpartition("/")[0] or "/"
                sizes[parent] = sizes.get(parent, 0) + total
                depth = path.rstrip("/").count("/") - base if path != name else 0
                if depth <= deepest and (stat.S_ISDIR(info.mode) or "a" in on or path == name):
                    rows.append((path, total))
        except OSError as problem:
            await run.complain(f"cannot access '{name}': {why(problem)}")
            return 1
        grand += rows[-1][1] if rows else 0
        await run.lines(f"{_blocks(size, on)}\t{path}" for path, size in rows)
    if "c" in on:
        await run.out(f"{_blocks(grand, on)}\ttotal\n")
    return 0


def _blocks(size: int, on: set[str]) -> str:
    return human(size * 1024) if "h" in on else str(-(-size // 1024)) if "m" in on else str(size)


@program("df")
async def df(run: Run) -> int:
    flags = "".join(arg[1:] for arg in run.args if arg.startswith("-"))
    draw = run.machine.draw.child("disk")
    size = draw.pick((20_509_264, 41_152_812, 61_796_348))
    used = size * draw.integer(11, 46) // 100 + run.fs.used // 1024 + int(run.machine.uptime() // 97)
    memory = run.machine.system.memory
    rows = [
        ("udev", "devtmpfs", memory // 2 - 5120, 0, "/dev"),
        ("tmpfs", "tmpfs", memory // 10, 512 + int(run.machine.uptime() // 40_000), "/run"),
        ("/dev/vda1", "ext4", size, used, "/"),
        ("tmpfs", "tmpfs", memory // 2, 0, "/dev/shm"),  # noqa: S108 (of the pretended machine)
        ("tmpfs", "tmpfs", 5120, 0, "/run/lock"),
        ("/dev/vda15", "vfat", 126_678, 11_840, "/boot/efi"),
        ("tmpfs", "tmpfs", memory // 10, 0, "/run/user/0"),
    ]
    wide = "h" in flags
    kind = "T" in flags
    title = "Size  Used Avail Use% Mounted on" if wide else "1K-blocks    Used Available Use% Mounted on"
    await run.out(f"{'Filesystem':<14} {'Type     ' if kind else ''}{title}\n")
    for device, name, total, taken, where in rows:
        free = total - taken - (total // 20 if device.startswith("/dev/v") else 0)
        percent = f"{-(-taken * 100 // max(1, taken + free))}%"
        typed = f"{name:<9}" if kind else ""
        if wide:
            await run.out(
                f"{device:<14} {typed}{human(total * 1024):>4} {human(taken * 1024) if taken else '0':>5} {human(free * 1024):>5} {percent:>4} {where}\n"
            )
        else:
            await run.out(f"{device:<14} {typed}{total:>9} {taken:>7} {free:>9} {percent:>4} {where}\n")
    return 0

"""cat, head, tail, cut, tr, wc, tee, paste, nl, rev, tac, fold: bytes through, lines counted."""

from __future__ import annotations

import difflib
import re
from collections import deque

from decnet.services.shell.nodes import Node
from decnet.services.shell.patterns import CLASSES
from decnet.services.shell.run import Run, UsageFault, program
from decnet.services.shell.scanner import ansi_c, bytes_text, text_bytes
from decnet.services.shell.streams import Reader


async def open_each(run: Run, names: list[str]) -> list[tuple[str, Reader]]:
    """Readers of the named files; what cannot be opened is said and left out."""
    found: list[tuple[str, Reader]] = []
    for name in names or ["-"]:
        try:
            found.append((name, run.reader(name)))
        except OSError as problem:
            await run.unreadable(name, problem)
    return found


@program("cat")
async def cat(run: Run) -> int:
    found, names = run.options(
        "nbsETAvet", ("number", "show-all", "show-ends", "number-nonblank", "squeeze-blank")
    )
    readers = await open_each(run, names)
    status = int(len(readers) < len(names or ["-"]))
    if not found:
        for _, reader in readers:
            while data := await reader.read():
                await run.write(data)
        return status
    count, blank = 0, False
    show = {
        "E": found.keys() & {"E", "A", "e", "show-ends", "show-all"},
        "T": found.keys() & {"T", "A", "t", "show-all"},
    }
    skip = found.keys() & {"b", "number-nonblank"}
    for _, reader in readers:
        while line := await reader.until():
            text = bytes_text(line)
            body = text.rstrip("\n")
            if found.keys() & {"s", "squeeze-blank"} and not body and blank:
                continue
            blank = not body
            if show["T"]:
                body = body.replace("\t", "^I")
            if show["E"] and text.endswith("\n"):
                body += "$"
            if (found.keys() & {"n", "number"} or skip) and (body.rstrip("$") or not skip):
                count += 1
                body = f"{count:6}\t{body}"
            await run.out(body + text[len(text.rstrip("\n")) :])
    return status


def _count(text: str, what: str) -> tuple[str, int]:
    match = re.fullmatch(r"([+-]?)(\d{1,15})([kKMGb]?)B?", text)
    if match is None:
        raise UsageFault(f"invalid number of {what}: ‘{text}’")
    return match[1], int(match[2]) * {"": 1, "b": 512, "k": 1024, "K": 1024, "M": 1 << 20, "G": 1 << 30}[
        match[3]
    ]


def _old_style(run: Run) -> None:
    """``-5`` is ``-n 5``."""
    if run.args and re.fullmatch(r"-\d+", run.args[0]):
        run.args[0:1] = ["-n", run.args[0][1:]]


@program("head")
async def head(run: Run) -> int:
    _old_style(run)
    found, names = run.options("n:c:qv", ("lines=", "bytes=", "quiet", "verbose"))
    in_bytes = "c" in found or "bytes" in found
    text = found.get("c", found.get("bytes", found.get("n", found.get("lines", "10"))))
    sign, count = _count(text, "bytes" if in_bytes else "lines")
    readers = await open_each(run, names)
    for position, (name, reader) in enumerate(readers):
        if (len(names) > 1 or "v" in found) and "q" not in found:
            await run.out(f"{chr(10) * (position > 0)}==> {'standard input' if name == '-' else name} <==\n")
        if sign == "-":
            await _all_but(run, reader, count, in_bytes=in_bytes)
        elif in_bytes:
            left = count
            while left and (data := await reader.read(min(left, 32_768))):
                await run.write(data)
                left -= len(data)
        else:
            for _ in range(count):
                line = await reader.until()
                if not line:
                    break
                await run.write(line)
    return int(len(readers) < len(names or ["-"]))


async def _all_but(run: Run, reader: Reader, count: int, *, in_bytes: bool) -> None:
    data = await run.all(reader)
    if in_bytes:
        await run.write(data[: max(0, len(data) - count)])
    else:
        lines = data.splitlines(keepends=True)
        await run.write(b"".join(lines[: max(0, len(lines) - count)]))


@program("tail")
async def tail(run: Run) -> int:
    _old_style(run)
    if run.args and re.fullmatch(r"\+\d+", run.args[0]):
        run.args[0:1] = ["-n", run.args[0]]
    found, names = run.options("n:c:fFqvs:", ("lines=", "bytes=", "follow", "quiet", "retry"))
    in_bytes = "c" in found or "bytes" in found
    text = found.get("c", found.get("bytes", found.get("n", found.get("lines", "10"))))
    sign, count = _count(text, "bytes" if in_bytes else "lines")
    readers = await open_each(run, names)
    for position, (name, reader) in enumerate(readers):
        if (len(names) > 1 or "v" in found) and "q" not in found:
            await run.out(f"{chr(10) * (position > 0)}==> {'standard input' if name == '-' else name} <==\n")
        if in_bytes:
            data = await run.all(reader)
            await run.write(data[count - 1 :] if sign == "+" else data[max(0, len(data) - count) :])
            continue
        kept: deque[bytes] = deque(maxlen=min(count, 100_000) if sign != "+" else 100_000)
        number = 0
        while line := await reader.until():
            number += 1
            if number % 8 == 0:
                await run.session.budget.spend()
            if sign != "+" or number >= count:
                kept.append(line)
        await run.write(b"".join(kept))
    if found.keys() & {"f", "F", "follow"} and readers and names:
        await _follow(run, readers)
    return int(len(readers) < len(names or ["-"]))


async def _follow(run: Run, readers: list[tuple[str, Reader]]) -> None:
    import asyncio  # noqa: PLC0415 (only -f waits)

    sizes = {name: len(run.fs.read(run.who, run.path(name))) for name, _ in readers}
    while True:
        await asyncio.sleep(1)
        for name, _ in readers:
            data = run.fs.read(run.who, run.path(name))
            await run.write(data[sizes[name] :])
            sizes[name] = len(data)


@program("tee")
async def tee(run: Run) -> int:
    found, names = run.options("aip", ("append",))
    outputs = []
    status = 0
    for name in names:
        try:
            append = found.keys() & {"a", "append"}
            outputs.append(run.shell.open(name, ">>" if append else ">", run.shell.fds.table))
        except OSError as problem:
            await run.unreadable(name, problem)
            status = 1
    while data := await run.stdin.read():
        await run.write(data)
        for output in outputs:
            if not isinstance(output, Reader):
                await output.write(data)
    return status


@program("wc")
async def wc(run: Run) -> int:
    found, names = run.options("lwcmL", ("lines", "words", "bytes", "chars", "max-line-length"))
    want = {name[0] if name != "max-line-length" else "L" for name in found}
    if "bytes" in found:
        want = want - {"b"} | {"c"}
    if "chars" in found:
        want = want - {"c"} | {"m"}
    want = want or set("lwc")
    rows: list[tuple[list[int], str]] = []
    total = [0] * 5
    seen = 0
    async for name, data in run.inputs(names):
        seen += 1
        text = bytes_text(data)
        longest = max((len(line) for line in text.split("\n")), default=0)
        counts = [data.count(b"\n"), len(data.split()), len(text), len(data), longest]
        total = [a + b for a, b in zip(total[:4], counts[:4], strict=True)] + [max(total[4], longest)]
        rows.append((counts, name if names else ""))
    if len(names) > 1:
        rows.append((total, "total"))
    picked = [n for n, letter in enumerate("lwmcL") if letter in want]
    width = len(str(max(total))) if len(picked) > 1 or len(rows) > 1 else 1
    if not names or "-" in names:
        width = 7 if len(picked) > 1 else 1
    for counts, name in rows:
        await run.out(" ".join(f"{counts[n]:{width}}" for n in picked) + (f" {name}" if name else "") + "\n")
    return int(seen < len(names or ["-"]))


def _ranges(text: str) -> list[tuple[int, int]]:
    found = []
    for piece in text.split(",")[:1000]:
        match = re.fullmatch(r"(\d{0,9})(-?)(\d{0,9})", piece)
        if match is None or not (match[1] or match[3]):
            raise UsageFault(
                f"invalid field value ‘{piece}’" if piece else "fields are numbered from 1", hint=True
            )
        low = int(match[1] or 1)
        high = int(match[3] or 1 << 30) if match[2] else low
        if low == 0:
            raise UsageFault("fields are numbered from 1", hint=True)
        if high < low:
            raise UsageFault("invalid decreasing range", hint=True)
        found.append((low, high))
    return found


@program("cut")
async def cut(run: Run) -> int:
    found, names = run.options(
        "b:c:d:f:sn",
        (
            "delimiter=",
            "fields=",
            "characters=",
            "bytes=",
            "complement",
            "output-delimiter=",
            "only-delimited",
        ),
    )
    fields = found.get("f", found.get("fields"))
    characters = found.get("c", found.get("characters", found.get("b", found.get("bytes"))))
    if fields is None and characters is None:
        raise UsageFault("you must specify a list of bytes, characters, or fields", hint=True)
    delimiter = found.get("d", found.get("delimiter", "\t"))
    if len(delimiter) != 1 and fields is not None:
        raise UsageFault("the delimiter must be a single character", hint=True)
    ranges = _ranges(fields if fields is not None else characters or "")
    keep = "complement" not in found
    join = found.get("output-delimiter", delimiter if fields is not None else "")

    def picked(number: int) -> bool:
        return any(low <= number <= high for low, high in ranges) == keep

    lines: list[str] = []
    async for line in run.text_lines(names):
        if fields is None:
            lines.append("".join(char for n, char in enumerate(line, 1) if picked(n)))
        elif delimiter not in line:
            if not found.keys() & {"s", "only-delimited"}:
                lines.append(line)
        else:
            lines.append(join.join(part for n, part in enumerate(line.split(delimiter), 1) if picked(n)))
        if len(lines) >= 100:
            await run.lines(lines)
            lines.clear()
    await run.lines(lines)
    return 0


def _set(text: str) -> list[str]:
    """The characters of a set of tr(1)."""
    out: list[str] = []
    at = 0
    while at < len(text) and len(out) < 70_000:
        match = re.match(r"\[:(\w+):\]", text[at:])
        if match:
            test = CLASSES.get(match[1])
            if test is None:
                raise UsageFault(f"invalid character class '{match[1]}'")
            out += [chr(n) for n in range(256) if n < 128 and test(chr(n))]
            at += match.end()
            continue
        match = re.match(r"\[(.)\*(\d*)\]", text[at:])
        if match:
            out += [match[1]] * min(int(match[2] or 256), 4096)
            at += match.end()
            continue
        char, at = _char(text, at)
        if text[at : at + 1] == "-" and at + 1 < len(text):
            high, at = _char(text, at + 1)
            if high < char:
                raise UsageFault(
                    f"range-endpoints of '{char}-{high}' are in reverse collating sequence order"
                )
            out += [chr(n) for n in range(ord(char), min(ord(high), ord(char) + 70_000) + 1)]
        else:
            out.append(char)
    return out


def _char(text: str, at: int) -> tuple[str, int]:
    if text[at] == "\\" and at + 1 < len(text):
        match = re.match(r"\\([0-7]{1,3}|.)", text[at:], re.DOTALL)
        if match:
            return (
                chr(int(match[1], 8) & 255) if match[1][0] in "01234567" else ansi_c(match[0])[-1:]
            ), at + match.end()
    return text[at], at + 1


@program("tr")
async def tr(run: Run) -> int:
    found, sets = run.options("cCdst", ("complement", "delete", "squeeze-repeats", "truncate-set1"))
    delete = bool(found.keys() & {"d", "delete"})
    squeeze = bool(found.keys() & {"s", "squeeze-repeats"})
    if not sets:
        raise UsageFault("missing operand", hint=True)
    if len(sets) < 2 and not (delete or squeeze):
        await run.complain(f"missing operand after ‘{sets[0]}’\nTwo strings must be given when translating.")
        await run.err("Try 'tr --help' for more information.\n")
        return 1
    first = _set(sets[0])
    second = _set(sets[1]) if len(sets) > 1 else []
    complement = bool(found.keys() & {"c", "C", "complement"})
    members = set(first)
    table: dict[str, str] = {}
    if not delete and second:
        for place, char in enumerate(first):
            table[char] = second[min(place, len(second) - 1)]
    squeezed = set(second or first) if squeeze else set()
    last = ""
    while data := await run.stdin.read():
        await run.session.budget.spend(1 + len(data) // 128)
        out: list[str] = []
        for char in bytes_text(data):
            if (char in members) != complement:
                if delete:
                    continue
                made = (
                    (second[-1] if second else char) if complement and not delete else table.get(char, char)
                )
            else:
                made = char
            hit = made in squeezed if second or not complement else (char not in members)
            if squeeze and made == last and hit:
                continue
            last = made
            out.append(made)
        await run.out("".join(out))
    return 0


@program("rev")
async def rev(run: Run) -> int:
    await run.lines([line[::-1] async for line in run.text_lines(run.args)])
    return 0


@program("tac")
async def tac(run: Run) -> int:
    async for _, data in run.inputs(run.args):
        await run.write(b"".join(data.splitlines(keepends=True)[::-1]))
    return 0


@program("nl")
async def nl(run: Run) -> int:
    found, names = run.options("b:w:s:n:v:i:", ())
    count, width = 0, int(found.get("w", "6")[:3] or 6)
    async for line in run.text_lines(names):
        if line or found.get("b") == "a":
            count += 1
            await run.out(f"{count:{width}}{found.get('s', chr(9))}{line}\n")
        else:
            await run.out(" " * (width + 1) + "\n")
    return 0


@program("paste")
async def paste(run: Run) -> int:
    found, names = run.options("d:s", ("delimiters=", "serial"))
    marks = list(ansi_c(found.get("d", found.get("delimiters", "\t")))) or [""]
    columns: list[list[str]] = []
    for name in names or ["-"]:
        if name == "-" and names.count("-") > 1:
            lines = [line async for line in run.text_lines(["-"])]
            count = names.count("-")
            columns = [lines[n::count] for n in range(count)]
            break
        columns.append([line async for line in run.text_lines([name])])
    if found.keys() & {"s", "serial"}:
        rows = [list(column) for column in columns]
    else:
        longest = max((len(column) for column in columns), default=0)
        rows = [[column[n] if n < len(column) else "" for column in columns] for n in range(longest)]
    await run.lines(
        "".join(cell + (marks[n % len(marks)] if n < len(row) - 1 else "") for n, cell in enumerate(row))
        for row in rows
    )
    return 0


@program("fold")
async def fold(run: Run) -> int:
    found, names = run.options("w:sb", ("width=", "spaces"))
    width = max(1, int(re.sub(r"\D", "", found.get("w", found.get("width", "80")))[:6] or 80))
    async for line in run.text_lines(names):
        await run.lines([line[n : n + width] for n in range(0, len(line), width)] or [""])
    return 0


@program("column")
async def column(run: Run) -> int:
    found, names = run.options("ts:o:c:", ("table",))
    lines = [line async for line in run.text_lines(names)][:5000]
    if "t" not in found and "table" not in found:
        await run.lines(lines)
        return 0
    separator = found.get("s")
    rows = [
        re.split(f"[{re.escape(separator)}]+", line) if separator else line.split()
        for line in lines
        if line.strip()
    ]
    widths = [
        max(len(row[n]) for row in rows if n < len(row))
        for n in range(max((len(r) for r in rows), default=0))
    ]
    gap = found.get("o", "  ")
    await run.lines(
        gap.join(cell.ljust(widths[n]) if n < len(row) - 1 else cell for n, cell in enumerate(row))
        for row in rows
    )
    return 0


@program("diff", "cmp")
async def compare(run: Run) -> int:
    names = [arg for arg in run.args if not arg.startswith("-") or arg == "-"]
    if len(names) < 2:
        raise UsageFault(f"missing operand after '{(names or [run.name])[0]}'", 2, hint=True)
    left = [line async for line in run.text_lines(names[:1])][:1500]
    right = [line async for line in run.text_lines(names[1:2])][:1500]
    if left == right:
        return 0
    if run.name == "cmp" or "-q" in run.args:
        await run.out(
            f"Files {names[0]} and {names[1]} differ\n"
            if run.name == "diff"
            else f"{names[0]} {names[1]} differ: byte 1, line 1\n"
        )
        return 1
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=True)
    for tag, i, j, k, m in matcher.get_opcodes():
        await run.session.budget.spend(20)
        if tag == "equal":
            continue
        old = f"{i + 1},{j}" if j > i + 1 else str(i + 1 if j > i else i)
        new = f"{k + 1},{m}" if m > k + 1 else str(k + 1 if m > k else k)
        await run.out(f"{old}{tag[0] if tag != 'insert' else 'a'}{new}\n".replace("r", "c"))
        await run.lines(f"< {line}" for line in left[i:j])
        if tag == "replace":
            await run.out("---\n")
        await run.lines(f"> {line}" for line in right[k:m])
    return 1


@program("strings")
async def strings(run: Run) -> int:
    found, names = run.options("n:af", ("bytes=",))
    least = max(1, int(re.sub(r"\D", "", found.get("n", "4"))[:4] or 4))
    async for _, data in run.inputs(names):
        for start in range(0, len(data), 65_536):
            await run.session.budget.spend(50)
            pieces = re.findall(rb"[\t -~]{%d,10000}" % least, data[start : start + 65_536])
            await run.lines(piece.decode("ascii") for piece in pieces)
    return 0


def is_text(node: Node, data: bytes) -> bool:
    """Whether file(1) would call it text."""
    return node.is_file and b"\0" not in data[:4096]


@program("expand", "unexpand")
async def expand(run: Run) -> int:
    await run.lines(
        [line.expandtabs(8) if run.name == "expand" else line async for line in run.text_lines(run.args)]
    )
    return 0


@program("split")
async def split(run: Run) -> int:
    found, names = run.options("l:b:d", ("lines=",))
    size = max(1, int(re.sub(r"\D", "", found.get("l", "1000"))[:6] or 1000))
    prefix = names[1] if len(names) > 1 else "x"
    lines = [line async for line in run.text_lines(names[:1])]
    for place, start in enumerate(range(0, min(len(lines), size * 600), size)):
        suffix = f"{place:02}" if "d" in found else chr(97 + place // 26) + chr(97 + place % 26)
        body = "\n".join(lines[start : start + size]) + "\n"
        run.fs.write(run.who, run.path(prefix + suffix), text_bytes(body))
    return 0

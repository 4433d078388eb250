# ruff: noqa: C901, PLR0911, PLR0912 (a command has as many branches as options)
"""grep, find, xargs."""

from __future__ import annotations

import re
import stat
from collections.abc import AsyncIterator, Callable

from decnet.services.shell import patterns
from decnet.services.shell.commands.output import local_time
from decnet.services.shell.filesystem import Stat
from decnet.services.shell.regex import Regex, RegexFault, compile_regex, quote
from decnet.services.shell.run import Run, UsageFault, program, split_lines, why

MAX_VISITS = 20_000
_GREP_LONG = {
    "ignore-case": "i",
    "invert-match": "v",
    "recursive": "r",
    "line-number": "n",
    "count": "c",
    "files-with-matches": "l",
    "files-without-match": "L",
    "only-matching": "o",
    "quiet": "q",
    "silent": "q",
    "no-messages": "s",
    "extended-regexp": "E",
    "fixed-strings": "F",
    "perl-regexp": "P",
    "word-regexp": "w",
    "line-regexp": "x",
    "no-filename": "h",
    "with-filename": "H",
    "text": "a",
    "basic-regexp": "G",
    "null": "Z",
    "byte-offset": "b",
}
_GREP_VALUES = {
    "regexp": "e",
    "file": "f",
    "max-count": "m",
    "after-context": "A",
    "before-context": "B",
    "context": "C",
}


class _Grep:
    """One grep: its patterns and switches."""

    def __init__(self, run: Run) -> None:
        self.run = run
        long = [
            *_GREP_LONG,
            *(f"{name}=" for name in _GREP_VALUES),
            "color",
            "colour",
            "include=",
            "exclude=",
            "exclude-dir=",
        ]
        wanted: list[str] = []
        args: list[str] = []
        rest = list(run.args)
        while rest:
            arg = rest.pop(0)
            if arg == "--":
                args += ["--", *rest]
                break
            if arg.startswith(("--color", "--colour")):
                continue
            match = re.fullmatch(r"-([A-Za-z]*?)e(.*)", arg, re.DOTALL) if not arg.startswith("--") else None
            if match and not set(match[1]) & set("mABCf"):
                args += [f"-{match[1]}"] if match[1] else []
                wanted.append(match[2] or (rest.pop(0) if rest else ""))
            elif re.fullmatch(r"-\d+", arg):
                args += ["-C", arg[1:]]
            else:
                args.append(arg)
        run.args = args
        found, self.names = run.options("ivrRnclLoqsEFPwxhHaGZbe:f:m:A:B:C:yUI", long)
        if "regexp" in found:
            wanted.append(found["regexp"])
        self.on = {_GREP_LONG.get(name, name) for name in found}
        self.values = {_GREP_VALUES.get(name, name): value for name, value in found.items()}
        self.found = found
        if run.name == "egrep":
            self.on.add("E")
        if run.name == "fgrep":
            self.on.add("F")
        if not wanted and "f" not in self.values:
            if not self.names:
                raise UsageFault("usage", 2)
            wanted.append(self.names.pop(0))
        self.wanted = [line for text in wanted for line in text.split("\n")]
        self.recursive = bool(self.on & {"r", "R"})
        if self.recursive and not self.names:
            self.names = ["."]
        self.named = ("H" in self.on or len(self.names) > 1 or self.recursive) and "h" not in self.on
        self.regexes: list[Regex] = []

    def number(self, letter: str) -> int:
        text = self.values.get(letter, "")
        if text and not re.fullmatch(r"-?\d{1,9}", text):
            what = "invalid max count" if letter == "m" else f"{text}: invalid context length argument"
            raise UsageFault(what, 2)
        return int(text or -1)

    def compile(self) -> None:
        for text in self.wanted[:200]:
            source = quote(text) if "F" in self.on else text
            extended = bool(self.on & {"E", "F", "P"})
            if "P" in self.on:
                source = source.replace(r"\d", "[0-9]").replace(r"\K", "")
            if "x" in self.on:
                source = f"^({source})$" if extended else rf"^\({source}\)$"
            elif "w" in self.on:
                source = rf"\<({source})\>" if extended else rf"\<\({source}\)\>"
            try:
                self.regexes.append(compile_regex(source, extended=extended, fold=bool(self.on & {"i", "y"})))
            except RegexFault as fault:
                raise UsageFault(str(fault), 2) from None

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Where the patterns match, left to right, without overlap."""
        found: list[tuple[int, int]] = []
        at = 0
        while at <= len(line) and len(found) < 2000:
            hits = [hit for regex in self.regexes if (hit := regex.search(line, at))]
            if not hits:
                break
            best = min(hits, key=lambda hit: (hit.start, -hit.end))
            if best.end > best.start:
                found.append((best.start, best.end))
            at = max(best.end, best.start + 1)
        return found

    def matches(self, line: str) -> bool:
        return any(regex.search(line) is not None for regex in self.regexes) != ("v" in self.on)


@program("grep", "egrep", "fgrep", "zgrep")
async def grep(run: Run) -> int:
    try:
        work = _Grep(run)
    except UsageFault as fault:
        if str(fault) != "usage":
            fault.status = 2
            raise
        await run.err("Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.\n")
        return 2
    if "f" in work.values:
        work.wanted += [line async for line in run.text_lines([work.values["f"]])]
    work.compile()
    hits = errors = 0
    for name in work.names or ["-"]:
        async for path in _grep_files(run, work, name):
            try:
                hits += await _grep_one(run, work, path)
            except OSError as problem:
                errors += 1
                if "s" not in work.on:
                    reason = why(problem)
                    await run.complain(f"{path}: {reason}")
            if hits and "q" in work.on:
                return 0
    return 2 if errors else int(not hits)


async def _grep_files(run: Run, work: _Grep, name: str) -> AsyncIterator[str]:
    if not work.recursive:
        yield name
        return
    include, exclude = work.found.get("include"), work.found.get("exclude")
    async for path, info in walk(run, name):
        base = path.rpartition("/")[2]
        if (
            stat.S_ISREG(info.mode)
            and (not include or patterns.matches(include, base))
            and not (exclude and patterns.matches(exclude, base))
        ):
            yield path


async def _grep_one(run: Run, work: _Grep, name: str) -> int:
    if name != "-" and stat.S_ISDIR(run.node(name).mode):
        await run.complain(f"{name}: Is a directory")
        return 0
    data = await run.all(run.reader(name))
    binary = b"\0" in data[:32_768] and "a" not in work.on
    shown = "(standard input)" if name == "-" else name
    prefix = shown if work.named else ""
    most = work.number("m")
    after = max(work.number("A"), work.number("C"), 0)
    before = max(work.number("B"), work.number("C"), 0)
    lines = split_lines(data)
    hits, last, until = 0, -1, -1
    for number, line in enumerate(lines):
        if number % 32 == 0:
            await run.session.budget.spend(8)
        if work.matches(line):
            hits += 1
            if "q" in work.on or work.on & {"l", "L"} or binary:
                break
            if "c" not in work.on:
                start = max(last + 1, number - before)
                if (before or after) and last >= 0 and start > last + 1:
                    await run.out("--\n")
                for near in range(start, number):
                    await _grep_line(run, work, prefix, near, lines[near], "-")
                await _grep_line(run, work, prefix, number, line, ":")
                last, until = number, number + after
            if hits == most:
                break
        elif number <= until and "c" not in work.on:
            await _grep_line(run, work, prefix, number, line, "-")
            last = number
    if "c" in work.on:
        await run.out(f"{prefix}{':' if prefix else ''}{hits}\n")
    elif ("l" in work.on and hits) or ("L" in work.on and not hits):
        await run.out(shown + "\n")
    elif binary and hits and "q" not in work.on:
        await run.out(
            f"grep: {shown}: binary file matches\n" if not run.busybox else f"Binary file {shown} matches\n"
        )
    return hits


async def _grep_line(run: Run, work: _Grep, prefix: str, number: int, line: str, mark: str) -> None:
    head = f"{prefix}{mark}" if prefix else ""
    head += f"{number + 1}{mark}" if "n" in work.on else ""
    if "o" in work.on:
        if mark == ":" and "v" not in work.on:
            await run.lines(head + line[start:end] for start, end in work.spans(line))
        return
    if run.on_terminal and "v" not in work.on and mark == ":" and not run.busybox:
        out, at = [], 0
        for start, end in work.spans(line):
            out += [line[at:start], "\x1b[01;31m\x1b[K", line[start:end], "\x1b[m\x1b[K"]
            at = end
        line = "".join(out) + line[at:]
    await run.out(f"{head}{line}\n")


async def walk(
    run: Run, name: str, *, depth_first: bool = False, deepest: int = 100, visits: int = MAX_VISITS
) -> AsyncIterator[tuple[str, Stat]]:
    """Every path below a name, itself first, in the order of the directory. Raises `OSError` for the name itself."""
    fs, who = run.fs, run.who
    top = fs.lookup(who, run.path(name), follow=False)
    stack: list[tuple[str, int, bool]] = [(name, 0, False)]
    seen = 0
    yielded_top = fs.describe(top)
    while stack and seen < visits:
        path, depth, closing = stack.pop()
        seen += 1
        await run.session.budget.spend(4)
        try:
            node = fs.lookup(who, run.path(path), follow=False)
        except OSError:
            continue
        info = fs.describe(node) if depth else yielded_top
        if closing or not depth_first or not node.is_dir:
            yield path, info
        if closing or not node.is_dir or depth >= deepest:
            continue
        if depth_first:
            stack.append((path, depth, True))
        try:
            names = list(fs.entries(who, run.path(path)))
        except OSError:
            import errno  # noqa: PLC0415 (the error's text)
            import os  # noqa: PLC0415

            await run.complain(
                f"'{path}': {os.strerror(errno.EACCES)}"
                if run.name == "find"
                else f"{path}: {os.strerror(errno.EACCES)}"
            )
            continue
        join = path if path.endswith("/") else path + "/"
        stack += [(join + child, depth + 1, False) for child in reversed(names)]


Test = Callable[[str, Stat], bool]


class _Find:
    """The expression of find(1): tests and actions in or-ed groups of and-ed terms."""

    def __init__(self, run: Run, words: list[str]) -> None:
        self.run = run
        self.words = words
        self.at = 0
        self.deepest, self.least = 100, 0
        self.depth_first = False
        self.acts = False

    def next(self, option: str) -> str:
        if self.at >= len(self.words):
            raise UsageFault(f"missing argument to `{option}'")
        self.at += 1
        return self.words[self.at - 1]

    def number(self, option: str) -> tuple[str, int, str]:
        text = self.next(option)
        match = re.fullmatch(r"([+-]?)(\d{1,12})([bcwkMG]?)", text)
        if match is None:
            raise UsageFault(f"Invalid argument `{text}' to {option}")
        return match[1], int(match[2]), match[3]

    def parse(self) -> list[list[tuple[bool, str, object]]]:
        groups: list[list[tuple[bool, str, object]]] = [[]]
        negated = False
        while self.at < len(self.words):
            word = self.words[self.at]
            self.at += 1
            if word in ("!", "-not"):
                negated = not negated
                continue
            if word in ("-o", "-or"):
                groups.append([])
                continue
            if word in ("-a", "-and"):
                continue
            if word == "(":
                end = self._close()
                inner = _Find(self.run, self.words[self.at : end])
                groups[-1].append((negated, "group", inner.parse()))
                self.acts = self.acts or inner.acts
                self.at = end + 1
            else:
                term = self.term(word)
                if term is not None:
                    groups[-1].append((negated, *term))
            negated = False
        return groups

    def _close(self) -> int:
        level = 1
        for place in range(self.at, len(self.words)):
            level += {"(": 1, ")": -1}.get(self.words[place], 0)
            if not level:
                return place
        raise UsageFault("invalid expression; you have used a '(' without a matching ')'.")

    def term(self, word: str) -> tuple[str, object] | None:
        if word in ("-maxdepth", "-mindepth"):
            value = self.number(word)[1]
            if word == "-maxdepth":
                self.deepest = value
            else:
                self.least = value
            return None
        if word in ("-depth", "-d"):
            self.depth_first = True
            return None
        if word in ("-xdev", "-mount", "-follow", "-noleaf", "-daystart"):
            return None
        if word in ("-print", "-print0", "-ls", "-delete", "-prune", "-quit"):
            self.acts = self.acts or word != "-prune"
            self.depth_first = self.depth_first or word == "-delete"
            return word, None
        if word in ("-exec", "-execdir", "-ok"):
            self.acts = True
            command: list[str] = []
            while (piece := self.next(word)) != ";":
                if piece == "+" and command[-1:] == ["{}"]:
                    return "-exec+", command[:-1]
                command.append(piece)
            return "-exec", command
        if word in ("-printf", "-fprintf"):
            self.acts = True
            return "-printf", self.next(word)
        test = self.test(word)
        return "test", test

    def test(self, word: str) -> Test:
        run = self.run
        now = run.machine.clock()
        if word in ("-name", "-iname", "-path", "-ipath", "-wholename", "-lname"):
            pattern = self.next(word)
            fold, whole = word.startswith("-i"), "path" in word or "whole" in word
            return lambda p, _: patterns.matches(
                pattern, p if whole else p.rstrip("/").rpartition("/")[2] or p, fold=fold
            )
        if word == "-type":
            kinds = self.next(word)
            return lambda _, s: stat.filemode(s.mode)[0].replace("-", "f") in kinds
        if word == "-size":
            sign, count, unit = self.number(word)
            scale = {"": 512, "b": 512, "c": 1, "w": 2, "k": 1024, "M": 1 << 20, "G": 1 << 30}[unit]
            return lambda _, s: _compared(sign, -(-s.size // scale), count)
        if word in ("-mtime", "-mmin", "-atime", "-ctime", "-amin", "-cmin"):
            sign, count, _ = self.number(word)
            unit_length = 60 if word.endswith("min") else 86400
            return lambda _, s: _compared(sign, int((now - s.mtime) // unit_length), count)
        if word == "-perm":
            text = self.next(word)
            bits = re.sub(r"[^0-7]", "", text)
            mode = int(bits or "0", 8) if not text.startswith(("-u", "/u", "u")) else 0o4000
            if text.startswith("-"):
                return lambda _, s: s.mode & mode == mode
            if text.startswith("/"):
                return lambda _, s: bool(s.mode & mode)
            return lambda _, s: s.mode & 0o7777 == mode
        if word in ("-user", "-group", "-uid", "-gid"):
            name = self.next(word)
            users = (
                {n: u.uid for n, u in run.machine.users().items()}
                if "u" in word[1:2]
                else {n: g.gid for n, g in run.machine.groups().items()}
            )
            wanted = users.get(name, int(name) if name.isdigit() and len(name) < 9 else -2)
            if wanted == -2:
                raise UsageFault(f"‘{name}’ is not the name of a known user")
            return lambda _, s: (s.uid if word in ("-user", "-uid") else s.gid) == wanted
        if word == "-empty":
            return lambda p, s: (
                s.size == 0
                if stat.S_ISREG(s.mode)
                else not run.fs.listdir(run.who, run.path(p))
                if stat.S_ISDIR(s.mode)
                else False
            )
        if word in ("-newer", "-anewer", "-cnewer"):
            limit = run.stat(self.next(word)).mtime
            return lambda _, s: s.mtime > limit
        if word in ("-readable", "-writable", "-executable"):
            want = {"-readable": 4, "-writable": 2, "-executable": 1}[word]
            return lambda p, _: run.fs.access(run.who, run.path(p), want)
        if word in ("-regex", "-iregex"):
            regex = compile_regex(f"^({self.next(word)})$", extended=True, fold=word == "-iregex")
            return lambda p, _: regex.search(p) is not None
        if word in ("-nouser", "-nogroup", "-false"):
            return lambda _p, _s: False
        if word == "-true":
            return lambda _p, _s: True
        raise UsageFault(
            f"unknown predicate `{word}'"
            if word.startswith("-")
            else f"paths must precede expression: `{word}'"
        )


def _compared(sign: str, value: int, wanted: int) -> bool:
    return value > wanted if sign == "+" else value < wanted if sign == "-" else value == wanted


@program("find")
async def find(run: Run) -> int:
    args = [arg for arg in run.args if arg not in ("-H", "-L", "-P")]
    split = next((n for n, arg in enumerate(args) if arg[:1] in ("-", "(", "!")), len(args))
    roots = args[:split] or ["."]
    expression = _Find(run, args[split:])
    groups = expression.parse()
    batches: dict[int, list[str]] = {}
    status = 0
    for root in roots:
        try:
            async for path, info in walk(
                run, root, depth_first=expression.depth_first, deepest=expression.deepest
            ):
                depth = path[len(root) :].strip("/").count("/") + (path.strip("/") != root.strip("/"))
                if depth < expression.least:
                    continue
                if await _holds(run, groups, path, info, batches) and not expression.acts:
                    await run.out(path + "\n")
        except OSError as problem:
            status = await run.complain(
                f"‘{root}’: {why(problem)}" if not run.busybox else f"{root}: {why(problem)}"
            )
    for group in groups:
        for _, kind, command in group:
            if kind == "-exec+" and isinstance(command, list) and batches.get(id(command)):
                await run.shell.invoke([*command, *batches[id(command)]])
    return status


async def _holds(
    run: Run,
    groups: list[list[tuple[bool, str, object]]],
    path: str,
    info: Stat,
    batches: dict[int, list[str]],
) -> bool:
    for group in groups:
        for negated, kind, value in group:
            if kind == "test" and callable(value):
                result = bool(value(path, info))
            elif kind == "group" and isinstance(value, list):
                result = await _holds(run, value, path, info, batches)
            else:
                result = await _act(run, kind, value, path, info, batches)
            if result == negated:
                break
        else:
            return True
    return False


async def _act(
    run: Run, kind: str, value: object, path: str, info: Stat, batches: dict[int, list[str]]
) -> bool:
    if kind in ("-print", "-print0"):
        await run.out(path + ("\0" if kind[-1] == "0" else "\n"))
    elif kind == "-delete":
        remove = run.fs.rmdir if stat.S_ISDIR(info.mode) else run.fs.unlink
        remove(run.who, run.path(path))
    elif kind == "-exec" and isinstance(value, list):
        return await run.shell.invoke([word.replace("{}", path) for word in value]) == 0
    elif kind == "-exec+":
        batches.setdefault(id(value), []).append(path)
    elif kind == "-printf" and isinstance(value, str):
        await run.out(_printf(run, value, path, info))
    elif kind == "-ls":
        when = local_time(run, info.mtime).strftime("%b %e %H:%M")
        names = {u.uid: n for n, u in run.machine.users().items()}
        owner = names.get(info.uid, str(info.uid))
        await run.out(
            f"{info.inode:9} {max(4, info.size // 1024):6} {stat.filemode(info.mode)} {info.links:3} {owner:<8} {owner:<8} {info.size:8} {when} {path}\n"
        )
    return True


def _printf(run: Run, form: str, path: str, info: Stat) -> str:
    when = local_time(run, info.mtime)
    names = {u.uid: n for n, u in run.machine.users().items()}
    values = {
        "p": path,
        "f": path.rstrip("/").rpartition("/")[2] or path,
        "s": str(info.size),
        "m": f"{info.mode & 0o7777:o}",
        "M": stat.filemode(info.mode),
        "u": names.get(info.uid, str(info.uid)),
        "g": names.get(info.gid, str(info.gid)),
        "t": when.strftime("%a %b %e %H:%M:%S.0000000000 %Y"),
        "T@": f"{info.mtime:.10f}",
        "h": path.rpartition("/")[0] or ".",
        "y": stat.filemode(info.mode)[0].replace("-", "f"),
        "i": str(info.inode),
        "%": "%",
        "T+": when.strftime("%Y-%m-%d+%H:%M:%S.0000000000"),
    }
    text = re.sub(r"%(T@|T\+|[pfsmMugthyi%])", lambda m: values[m[1]], form)
    return text.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0")


@program("xargs")
async def xargs(run: Run) -> int:
    flags = {"I": "", "n": "", "d": "", "P": "", "L": ""}
    null = quiet = trace = False
    args = list(run.args)
    while args and args[0].startswith("-") and len(args[0]) > 1:
        flag = args.pop(0)
        if flag[1] in flags:
            flags[flag[1]] = flag[2:] or (args.pop(0) if args else "")
        elif flag.startswith("-i"):
            flags["I"] = "{}"
        else:
            null, quiet, trace = null or "0" in flag, quiet or "r" in flag, trace or flag == "-t"
    command = args or ["echo"]
    data = (await run.all(run.stdin)).decode("utf-8", "surrogateescape")
    if null:
        items = [item for item in data.split("\0") if item]
    elif flags["d"]:
        items = [item for item in data.rstrip("\n").split(flags["d"].replace("\\n", "\n")) if item]
    elif flags["I"] or flags["L"]:
        items = [line.strip() for line in data.splitlines() if line.strip()]
    else:
        items = [
            re.sub(r"""\\(.)|["']""", r"\1", word)
            for word in re.findall(r"""(?:[^\s"'\\]|\\.|"[^"]*"|'[^']*')+""", data)
        ]
    items = items[:20_000]
    if flags["I"]:
        batches = [[word.replace(flags["I"], item) for word in command] for item in items]
    else:
        size = (
            int(flags["n"] or flags["L"] or 5000) if (flags["n"] or flags["L"] or "5000").isdigit() else 5000
        )
        if not items and not quiet and not run.busybox:
            batches = [list(command)]
        else:
            batches = [[*command, *items[n : n + max(1, size)]] for n in range(0, len(items), max(1, size))]
    worst = 0
    for batch in batches:
        await run.session.budget.spend(4)
        if trace:
            await run.err(" ".join(batch) + "\n")
        status = await run.shell.program(batch) if run.shell.find(batch[0]) else 127
        if status == 127:
            return await run.complain(f"{batch[0]}: No such file or directory", 127)
        worst = 123 if status else worst
    return worst

# ruff: noqa: C901, PLR0911, PLR0912, PLR0915 (a command has as many branches as options)
"""sed: addresses, s y d p q a i c n N g G h H x = b t D P { }, -n -i -E -e -f."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from decnet.services.shell.regex import Found, Regex, RegexFault, compile_regex
from decnet.services.shell.run import Run, UsageFault, program, split_lines, why
from decnet.services.shell.scanner import bytes_text, text_bytes

MAX_SPACE = 256 * 1024
"""Characters of the pattern and hold spaces."""


@dataclass(slots=True)
class Address:
    """A line number, ``$`` (0), a regular expression, or ``first~step``."""

    line: int = -1
    regex: Regex | None = None
    step: int = 0


@dataclass(slots=True)
class Order:
    """One command of a script."""

    name: str
    first: Address | None = None
    last: Address | None = None
    count: int = -1
    """``addr,+N``."""
    negated: bool = False
    text: str = ""
    regex: Regex | None = None
    flags: str = ""
    number: int = 1
    until: int = 0
    """Where the block that opens here ends."""
    active: bool = False
    start: int = 0
    table: dict[str, str] = field(default_factory=dict)


class _Reader:
    """Reads a script."""

    def __init__(self, text: str, *, extended: bool) -> None:
        self.text = text
        self.at = 0
        self.extended = extended
        self.orders: list[Order] = []
        self.labels: dict[str, int] = {}
        self.last: Regex | None = None

    def fault(self, message: str) -> UsageFault:
        return UsageFault(f"-e expression #1, char {min(self.at, len(self.text))}: {message}")

    def read(self) -> list[Order]:
        blocks: list[int] = []
        while True:
            self._skip(" \t\n;")
            if self.at >= len(self.text):
                break
            order = self._addressed()
            self._skip(" \t")
            if self.at >= len(self.text):
                raise self.fault("missing command")
            order.name = self.text[self.at]
            self.at += 1
            if order.name == "}":
                if not blocks:
                    raise self.fault("unexpected `}'")
                self.orders[blocks.pop()].until = len(self.orders)
                continue
            if order.name == "#":
                self._line()
                continue
            self._arguments(order)
            if order.name == "{":
                blocks.append(len(self.orders))
            if order.name == ":":
                self.labels[order.text] = len(self.orders)
                continue
            self.orders.append(order)
            if len(self.orders) > 500:
                raise self.fault("too many commands")
        if blocks:
            raise UsageFault("-e expression #1, char 0: unmatched `{'")
        return self.orders

    def _skip(self, chars: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in chars:
            self.at += 1

    def _line(self) -> str:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        taken, self.at = self.text[self.at : end], end
        return taken

    def _addressed(self) -> Order:
        order = Order("")
        order.first = self._address()
        if order.first is not None and self.text[self.at : self.at + 1] == ",":
            self.at += 1
            self._skip(" ")
            match = re.compile(r"\+(\d{1,9})").match(self.text, self.at)
            if match:
                order.count = int(match[1])
                self.at = match.end()
            else:
                order.last = self._address()
                if order.last is None:
                    raise self.fault("unexpected `,'")
        self._skip(" \t")
        while self.text[self.at : self.at + 1] == "!":
            order.negated = True
            self.at += 1
            self._skip(" \t")
        return order

    def _address(self) -> Address | None:
        match = re.compile(r"(\d{1,9})(?:~(\d{1,9}))?|\$").match(self.text, self.at)
        if match:
            self.at = match.end()
            if match[0] == "$":
                return Address(line=0)
            return Address(line=int(match[1]), step=int(match[2] or 0))
        char = self.text[self.at : self.at + 1]
        if char == "/" or (char == "\\" and self.at + 1 < len(self.text)):
            self.at += 1 if char == "/" else 2
            source = self._until(self.text[self.at - 1], "unterminated address regex")
            fold = self.text[self.at : self.at + 1] == "I"
            self.at += fold
            return Address(regex=self._regex(source, fold=fold))
        return None

    def _until(self, end: str, message: str) -> str:
        out: list[str] = []
        bracket = False
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\" and self.at + 1 < len(self.text):
                following = self.text[self.at + 1]
                out.append(
                    following
                    if following == end
                    else "\n"
                    if following == "n" and end != "y"
                    else char + following
                )
                self.at += 2
                continue
            if char == "[" and message.endswith("regex"):
                bracket = True
            bracket = bracket and char != "]"
            if char == end and not bracket:
                self.at += 1
                return "".join(out)
            out.append(char)
            self.at += 1
        raise self.fault(message)

    def _regex(self, source: str, *, fold: bool = False) -> Regex | None:
        if not source:
            return self.last
        try:
            self.last = compile_regex(source, extended=self.extended, fold=fold)
        except RegexFault as fault:
            raise self.fault(str(fault)) from None
        return self.last

    def _arguments(self, order: Order) -> None:
        name = order.name
        if name == "s":
            self._substitution(order)
        elif name == "y":
            end = self.text[self.at : self.at + 1]
            self.at += 1
            source, target = (
                self._until(end, "unterminated `y' command"),
                self._until(end, "unterminated `y' command"),
            )
            if len(source) != len(target):
                raise self.fault("strings for `y' command are different lengths")
            order.table = dict(zip(source, target, strict=True))
        elif name in "aic":
            self._skip(" \t")
            if self.text.startswith("\\", self.at):
                self.at += 1
                self._skip(" \t")
                self.at += self.text[self.at : self.at + 1] == "\n"
            lines = [self._line()]
            while lines[-1].endswith("\\") and self.at < len(self.text):
                self.at += 1
                lines[-1] = lines[-1][:-1]
                lines.append(self._line())
            order.text = "\n".join(lines)
        elif name in "btT:":
            self._skip(" \t")
            match = re.compile(r"[^\s;}]*").match(self.text, self.at)
            order.text = match[0] if match else ""
            self.at += len(order.text)
        elif name in "rwRW":
            self._skip(" \t")
            order.text = self._line()
        elif name in "qQlL":
            match = re.compile(r"\s*(\d{0,3})").match(self.text, self.at)
            order.text = match[1] if match else ""
            self.at = match.end() if match else self.at
        elif name not in "dpDPnNgGhHx=z{F":
            raise self.fault(f"unknown command: `{name}'")
        if name not in "{aic":
            self._skip(" \t")
            if self.text[self.at : self.at + 1] not in ("", "\n", ";", "}", "#"):
                raise self.fault("extra characters after command")

    def _substitution(self, order: Order) -> None:
        end = self.text[self.at : self.at + 1]
        self.at += 1
        if not end or end in "\n\\":
            raise self.fault("unterminated `s' command")
        source = self._pattern(end)
        order.text = self._replacement(end)
        match = re.compile(r"[gpiIemM0-9]*").match(self.text, self.at)
        order.flags = match[0] if match else ""
        self.at += len(order.flags)
        if self.text[self.at : self.at + 1] == "w":
            self._line()
        elif self.text[self.at : self.at + 1] not in ("", "\n", ";", "}", " ", "\t", "#"):
            raise self.fault("unknown option to `s'")
        digits = re.sub(r"\D", "", order.flags)[:6]
        order.number = int(digits) if digits else 1
        order.regex = self._regex(source, fold="i" in order.flags.lower())
        used = [int(n) for n in re.findall(r"(?<!\\)(?:\\\\)*\\([1-9])", order.text)]
        if order.regex is not None and used and max(used) > order.regex.groups:
            raise self.fault(f"invalid reference \\{max(used)} on `s' command's RHS")

    def _pattern(self, end: str) -> str:
        try:
            return self._until(end, "unterminated `s' regex")
        except UsageFault:
            raise self.fault("unterminated `s' command") from None

    def _replacement(self, end: str) -> str:
        out: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\" and self.at + 1 < len(self.text):
                following = self.text[self.at + 1]
                out.append(following if following == end and end not in "&123456789" else char + following)
                self.at += 2
                continue
            self.at += 1
            if char == end:
                return "".join(out)
            out.append(char)
        raise self.fault("unterminated `s' command")


def replaced(template: str, found: Found) -> str:
    r"""The replacement of ``s``: ``&``, ``\1``, ``\n``, ``\U \L \u \l \E``."""
    out: list[str] = []
    case, once = "", ""

    def put(text: str) -> None:
        nonlocal once
        if case:
            text = text.upper() if case == "U" else text.lower()
        if once and text:
            text = (text[0].upper() if once == "u" else text[0].lower()) + text[1:]
            once = ""
        out.append(text)

    at = 0
    while at < len(template):
        char = template[at]
        at += 1
        if char == "&":
            put(found.groups[0] or "")
        elif char == "\\" and at < len(template):
            char = template[at]
            at += 1
            if char.isdigit():
                put(found.groups[int(char)] or "" if int(char) < len(found.groups) else "")
            elif char in "ULE":
                case = "" if char == "E" else char
            elif char in "ul":
                once = char
            else:
                put({"n": "\n", "t": "\t"}.get(char, char))
        else:
            put(char)
    return "".join(out)


class _Machine:
    """Runs a script over lines."""

    def __init__(self, run: Run, orders: list[Order], labels: dict[str, int], *, quiet: bool) -> None:
        self.run = run
        self.orders = orders
        self.labels = labels
        self.quiet = quiet
        self.out: list[str] = []
        self.hold = ""
        self.space = ""
        self.number = 0
        self.lines: list[str] = []
        self.after: list[str] = []
        self.status = -1
        self.substituted = False

    async def over(self, lines: list[str]) -> None:
        """Process the lines; what is printed is in ``out``."""
        self.lines, self.number = lines, 0
        restart = False
        while self.number < len(lines) or restart:
            if not restart:
                self.space = lines[self.number]
                self.number += 1
            restart = await self._cycle()
            if self.status >= 0:
                break

    async def _cycle(self) -> bool:
        at, steps, shown = 0, 0, not self.quiet
        restart = False
        while at < len(self.orders):
            steps += 1
            await self.run.session.budget.spend()
            order = self.orders[at]
            at += 1
            if not self._selected(order):
                if order.name == "{":
                    at = order.until
                continue
            name = order.name
            if name in "bt" or name == "T":
                if name == "b" or (name == "t") == self.substituted:
                    self.substituted = False
                    at = self.labels.get(order.text, len(self.orders)) if order.text else len(self.orders)
                if steps > 20_000:
                    break
                continue
            verdict = self._do(order)
            if len(self.space) > MAX_SPACE or len(self.hold) > MAX_SPACE:
                self.space = self.space[:MAX_SPACE]
                self.hold = self.hold[:MAX_SPACE]
            if verdict == "delete":
                shown = False
                break
            if verdict == "restart":
                shown, restart = False, True
                break
            if verdict == "end":
                break
        self.substituted = False
        if shown and self.status != 1000:
            self.out.append(self.space)
        self.out += self.after
        self.after.clear()
        return restart

    def _matches(self, address: Address) -> bool:
        if address.regex is not None:
            return address.regex.search(self.space) is not None
        if address.step:
            return self.number >= address.line and (self.number - address.line) % address.step == 0
        return self.number == (address.line or len(self.lines))

    def _selected(self, order: Order) -> bool:
        if order.first is None:
            return not order.negated
        if order.last is None and order.count < 0:
            return self._matches(order.first) != order.negated
        inside = order.active
        if order.active:
            if order.count >= 0:
                order.active = self.number < order.start + order.count
            elif order.last is not None and order.last.regex is None and order.last.line:
                order.active = self.number < order.last.line
                inside = self.number <= order.last.line
            elif order.last is not None:
                order.active = not self._matches(order.last)
        elif self._matches(order.first):
            inside = True
            order.start = self.number
            beyond = (
                order.last is not None and order.last.regex is None and 0 < order.last.line <= self.number
            )
            order.active = not beyond and order.count != 0
        return inside != order.negated

    def _do(self, order: Order) -> str:
        name = order.name
        if name == "s":
            self._substitute(order)
        elif name == "y":
            self.space = "".join(order.table.get(c, c) for c in self.space)
        elif name == "d":
            return "delete"
        elif name == "D":
            _, newline, rest = self.space.partition("\n")
            if not newline:
                return "delete"
            self.space = rest
            return "restart"
        elif name == "p":
            self.out.append(self.space)
        elif name == "P":
            self.out.append(self.space.partition("\n")[0])
        elif name == "=":
            self.out.append(str(self.number))
        elif name in "ai":
            (self.after if name == "a" else self.out).append(order.text)
        elif name == "c":
            if not order.active or order.negated:
                self.out.append(order.text)
            return "delete"
        elif name in "nN":
            return self._next(name)
        elif name in "qQ":
            self.status = int(order.text or 0) if name == "q" else 1000
            return "end"
        elif name == "z":
            self.space = ""
        elif name == "l":
            self.out.append(self.space.encode("unicode_escape").decode() + "$")
        else:
            self._hold(name)
        return ""

    def _next(self, name: str) -> str:
        if self.number >= len(self.lines):
            if name == "n" and not self.quiet:
                self.out.append(self.space)
                return "delete"
            return "end"
        if name == "n" and not self.quiet:
            self.out.append(self.space)
        line = self.lines[self.number]
        self.number += 1
        self.space = line if name == "n" else f"{self.space}\n{line}"
        return ""

    def _hold(self, name: str) -> None:
        if name == "h":
            self.hold = self.space
        elif name == "H":
            self.hold += "\n" + self.space
        elif name == "g":
            self.space = self.hold
        elif name == "G":
            self.space += "\n" + self.hold
        elif name == "x":
            self.hold, self.space = self.space, self.hold

    def _substitute(self, order: Order) -> None:
        if order.regex is None:
            return
        out: list[str] = []
        at, seen, done, size = 0, 0, False, 0
        while at <= len(self.space) and size < MAX_SPACE:
            found = order.regex.search(self.space, at)
            if found is None:
                break
            seen += 1
            out.append(self.space[at : found.start])
            if seen >= order.number and (not done or "g" in order.flags):
                out.append(replaced(order.text, found))
                done = True
            else:
                out.append(found.groups[0] or "")
            size += len(out[-1]) + len(out[-2])
            at = found.end
            if found.end == found.start:
                out.append(self.space[at : at + 1])
                at += 1
            if done and "g" not in order.flags:
                break
        if done:
            self.space = "".join(out) + self.space[at:]
            self.substituted = True
            if "p" in order.flags:
                self.out.append(self.space)


@program("sed")
async def sed(run: Run) -> int:
    scripts, names, rest = [], [], list(run.args)
    quiet = extended = in_place = separate = False
    while rest:
        arg = rest.pop(0)
        if arg in ("-e", "--expression") and rest:
            scripts.append(rest.pop(0))
        elif arg.startswith("--expression="):
            scripts.append(arg[13:])
        elif arg == "-f" and rest:
            scripts.append(bytes_text(run.fs.read(run.who, run.path(rest.pop(0)))))
        elif arg.startswith(("-i", "--in-place")):
            in_place = True
        elif arg in ("--quiet", "--silent", "--regexp-extended"):
            quiet, extended = quiet or arg != "--regexp-extended", extended or arg == "--regexp-extended"
        elif arg.startswith("-") and len(arg) > 1:
            for place, letter in enumerate(arg[1:], 2):
                if letter not in "nErsuzi":
                    if letter == "e":
                        scripts.append(arg[place:] or (rest.pop(0) if rest else ""))
                        break
                    raise UsageFault(f"invalid option -- '{letter}'")
                quiet, extended = quiet or letter == "n", extended or letter in "Er"
                in_place, separate = in_place or letter == "i", separate or letter == "s"
        else:
            names.append(arg)
    if not scripts:
        if not names:
            await run.err("Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n\n")
            return 1
        scripts.append(names.pop(0))
    text = "\n".join(scripts)
    if text.startswith("#n\n"):
        quiet = True
    reader = _Reader(text, extended=extended)
    orders = reader.read()
    for order in orders:
        if order.name in "btT" and order.text and order.text not in reader.labels:
            await run.err(
                f"sed: -e expression #1, char {len(text)}: can't find label for jump to `{order.text}'\n"
            )
            return 1
    machine = _Machine(run, orders, reader.labels, quiet=quiet)
    status = 0
    whole: list[str] = []
    last = b"\n"
    for name in names or ["-"]:
        try:
            data = await run.all(run.reader(name))
        except OSError as problem:
            await run.complain(f"can't read {name}: {why(problem)}")
            status = 2
            continue
        if not in_place and not separate:
            whole += split_lines(data)
            last = data[-1:] or last
            continue
        await machine.over(split_lines(data))
        made = "".join(line + "\n" for line in machine.out)
        machine.out.clear()
        if in_place:
            run.fs.write(run.who, run.path(name), text_bytes(made))
        else:
            await run.out(made)
    if not in_place and not separate:
        await machine.over(whole)
        if machine.out:
            cut = last != b"\n" and machine.number == len(whole)
            await run.lines(machine.out[:-1])
            await run.out(machine.out[-1] + ("" if cut else "\n"))
    return machine.status if 0 < machine.status < 1000 else status

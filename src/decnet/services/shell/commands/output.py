# ruff: noqa: C901, PLR0912 (a command has as many branches as options)
"""echo, printf, seq, yes, sleep, date, cal, basename, dirname, tput and the rest that only speak."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

from decnet.services.shell.run import BUILTINS, PROGRAMS, Run, UsageFault, builtin, program
from decnet.services.shell.scanner import ansi_c, byte, normal, text_bytes
from decnet.services.shell.timezones import zone

MAX_WIDTH = 100_000
datetime.strptime("2000", "%Y").replace(tzinfo=UTC)  # loads what strptime imports at its first use


@builtin("echo")
async def echo(run: Run) -> int:
    args = list(run.args)
    newline, escapes = True, False
    while args and re.fullmatch(r"-[neE]+", args[0]):
        flags = args.pop(0)
        newline = newline and "n" not in flags
        for letter in flags:
            escapes = True if letter == "e" else False if letter == "E" else escapes
    text = " ".join(args)
    if escapes:
        text, stopped = escaped(text)
        newline = newline and not stopped
    await run.out(text + "\n" * newline)
    return 0


def escaped(text: str) -> tuple[str, bool]:
    r"""Backslash escapes of ``echo -e`` and ``%b``; whether ``\c`` stopped it."""
    text = re.sub(r"\\0([0-7]{1,3})", lambda m: "\\" + m[1].lstrip("0").rjust(1, "0"), text)
    match = re.search(r"(?<!\\)(?:\\\\)*\\c", text)
    if match:
        return ansi_c(text[: match.end() - 2]), True
    return ansi_c(text), False


PROGRAMS["echo"] = echo


class _Formatter:
    """printf(1): the format is used again until the arguments are gone."""

    def __init__(self, run: Run, args: list[str]) -> None:
        self.run = run
        self.args = args
        self.at = 0
        self.status = 0
        self.stopped = False
        self.errors: list[str] = []

    def next(self) -> str | None:
        self.at += 1
        return self.args[self.at - 1] if self.at <= len(self.args) else None

    def number(self, text: str | None) -> int:
        if not text:
            return 0
        if text[0] in "'\"":
            return ord(text[1]) if len(text) > 1 else 0
        match = re.match(r"\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)", text[:64])
        if match is None or match.end() != len(text):
            self.errors.append(f"{text}: invalid number")
            self.status = 1
        if match is None:
            return 0
        digits = match[2]
        value = (
            int(digits, 16)
            if digits[:2] in ("0x", "0X")
            else int(digits, 8)
            if digits[0] == "0"
            else int(digits)
        )
        return -value if match[1] == "-" else value

    def real(self, text: str | None) -> float:
        if not text:
            return 0.0
        if text[0] in "'\"":
            return float(ord(text[1])) if len(text) > 1 else 0.0
        try:
            return float(text)
        except ValueError:
            self.errors.append(f"{text}: invalid number")
            self.status = 1
            match = re.match(r"[+-]?\d*\.?\d*", text)
            return float(match[0]) if match and re.search(r"\d", match[0]) else 0.0

    def conversion(self, match: re.Match[str]) -> str:
        flags, width, precision, letter = match[1], match[2], match[3], match[4]
        if letter == "%":
            return "%"
        if width == "*":
            wide = self.number(self.next())
            flags, width = flags + "-" * (wide < 0), str(abs(wide))
        if precision == ".*":
            precision = "." + str(max(0, self.number(self.next())))
        wide = min(int(width or 0), MAX_WIDTH)
        if letter in "sbqc":
            return self.string(letter, self.next(), precision, flags, wide)
        if letter in "diouxX":
            return _integer(self.number(self.next()), letter, flags, wide, precision)
        if letter in "eEfFgG":
            digits = min(int(precision[1:] or 0), 500) if precision else 6
            value = self.real(self.next())
            sign = "+" if "+" in flags else " " if " " in flags else ""
            return _pad(format(value, f"{sign}{'#' if '#' in flags else ''}.{digits}{letter}"), flags, wide)
        self.errors.append(f"`{letter}': invalid format character")
        self.status, self.stopped = 1, True
        return ""

    def string(self, letter: str, value: str | None, precision: str, flags: str, wide: int) -> str:
        text = value or ""
        if letter == "b":
            text, self.stopped = escaped(text)
        elif letter == "q":
            plain = re.fullmatch(r"[\w@%+=:,./-]+", text)
            text = text if plain else re.sub(r"([^\w@%+=:,./-])", r"\\\1", text) if text else "''"
        elif letter == "c":
            text = text[:1]
        if precision:
            text = text[: int(precision[1:] or 0)]
        return _pad(text, flags.replace("0", ""), wide)


_CONVERSION = re.compile(r"%([-+ #0']*)(\*|\d{1,9})?(\.\*|\.\d{0,9})?(?:hh|ll|[hlLjzt])?([%a-zA-Z])")


def _pad(text: str, flags: str, wide: int) -> str:
    if "-" in flags:
        return text.ljust(wide)
    if "0" in flags:
        sign = text[0] if text[:1] in ("+", "-", " ") else ""
        return sign + text[len(sign) :].rjust(wide - len(sign), "0")
    return text.rjust(wide)


def _integer(value: int, letter: str, flags: str, wide: int, precision: str) -> str:
    value = max(-(1 << 63), min(value, (1 << 64) - 1))
    if letter in "di":
        value = min(value, (1 << 63) - 1)
        sign = "-" if value < 0 else "+" if "+" in flags else " " if " " in flags else ""
        body = str(abs(value))
    else:
        value &= (1 << 64) - 1
        body = format(value, {"u": "d"}.get(letter, letter))
        sign = {"x": "0x", "X": "0X", "o": "0"}.get(letter, "") if "#" in flags and value else ""
    if precision:
        body = body.rjust(min(int(precision[1:] or 0), MAX_WIDTH), "0")
        flags = flags.replace("0", "")
    if "0" in flags and "-" not in flags:
        return sign + body.rjust(wide - len(sign), "0")
    return _pad(sign + body, flags, wide)


@builtin("printf")
async def printf(run: Run) -> int:
    args = list(run.args)
    variable = ""
    if args[:1] == ["-v"]:
        variable, args = (args[1] if len(args) > 1 else ""), args[2:]
    if args[:1] == ["--"]:
        args.pop(0)
    if not args:
        await run.err(f"{run.shell.voice()}printf: usage: printf [-v var] format [arguments]\n")
        return 2
    formatter = _Formatter(run, args[1:])
    out: list[str] = []
    template = args[0]
    size = 0
    while True:
        before = formatter.at
        piece = _formatted(template, formatter)
        out.append(piece)
        size += len(piece)
        await run.session.budget.spend(1 + len(piece) // 512)
        if (
            formatter.at == before
            or formatter.at >= len(formatter.args)
            or formatter.stopped
            or size > 1 << 20
        ):
            break
    for message in formatter.errors:
        await run.complain(message)
    if variable:
        run.shell.expander.assign(variable, normal("".join(out)))
    else:
        await run.out(normal("".join(out)))
    return formatter.status


def _formatted(template: str, formatter: _Formatter) -> str:
    out: list[str] = []
    at = 0
    while at < len(template) and not formatter.stopped:
        char = template[at]
        if char == "%":
            match = _CONVERSION.match(template, at)
            if match is None:
                formatter.errors.append(
                    f"`{template[at + 1 : at + 2] or '%'}': {'missing' if at + 1 >= len(template) else 'invalid'} format character"
                )
                formatter.status, formatter.stopped = 1, True
                break
            out.append(formatter.conversion(match))
            at = match.end()
            continue
        if char == "\\":
            match = re.match(
                r"\\(?:([0-7]{1,3})|c|x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|.)", template[at:]
            )
            if match:
                if match[0] == "\\c":
                    formatter.stopped = True
                    break
                out.append(
                    byte(int(match[1], 8) & 255)
                    if match[1]
                    else '"'
                    if match[0] == '\\"'
                    else ansi_c(match[0])
                )
                at += match.end()
                continue
        out.append(char)
        at += 1
    return "".join(out)


PROGRAMS["printf"] = printf
for _plain in ("true", "false", "test", "[", "pwd"):
    PROGRAMS[_plain] = BUILTINS[_plain]


@program("yes")
async def yes(run: Run) -> int:
    line = text_bytes(" ".join(run.args) or "y") + b"\n"
    block = line * max(1, 8192 // len(line))
    while True:
        await run.write(block)


@program("seq")
async def seq(run: Run) -> int:
    args = list(run.args)
    separator, wide, form = "\n", False, ""
    while args and re.match(r"-[a-z-]", args[0]):
        flag = args.pop(0)
        if flag in ("-s", "--separator"):
            separator = args.pop(0) if args else ""
        elif flag.startswith("-s"):
            separator = flag[2:]
        elif flag in ("-f", "--format"):
            form = args.pop(0) if args else ""
        elif flag in ("-w", "--equal-width"):
            wide = True
        elif flag != "--":
            raise UsageFault(f"invalid option -- '{flag[1:2]}'", hint=True)
    if not args:
        raise UsageFault("missing operand", hint=True)
    if len(args) > 3:
        raise UsageFault(f"extra operand ‘{args[3]}’", hint=True)
    for arg in args:
        if not re.fullmatch(r"[+-]?(\d{1,18}(\.\d{0,9})?|\.\d{1,9})", arg):
            raise UsageFault(f"invalid floating point argument: ‘{arg}’", hint=True)
    places = max(len(arg.partition(".")[2]) for arg in args[:2] or args)
    scale = 10**places
    values = [round(float(arg) * scale) if "." in arg else int(arg) * scale for arg in args]
    first, step, last = (
        (scale, scale, values[0])
        if len(values) == 1
        else (values[0], scale, values[1])
        if len(values) == 2
        else (values[0], values[1], values[2])
    )
    if step == 0:
        raise UsageFault(f"invalid Zero increment value: ‘{args[1]}’", hint=True)
    width = max(len(f"{v / scale:.{places}f}") for v in (first, last)) if wide else 0
    block: list[str] = []
    started = False
    for value in range(first, last + (1 if step > 0 else -1), step):
        text = f"{value / scale:.{places}f}" if places else str(value // scale)
        if form:
            text = _formatted(form, _Formatter(run, [text]))
        block.append(text.rjust(width, "0") if value >= 0 else "-" + text[1:].rjust(width - 1, "0"))
        if len(block) >= 400:
            await run.session.budget.spend(30)
            await run.out((separator if started else "") + separator.join(block))
            block, started = [], True
    if block:
        await run.out((separator if started else "") + separator.join(block))
    if block or started:
        await run.out("\n")
    return 0


@program("sleep")
async def sleep(run: Run) -> int:
    if not run.args:
        raise UsageFault("missing operand", hint=True)
    total = 0.0
    for arg in run.args:
        match = re.fullmatch(r"(\d+\.?\d*|\.\d+|inf|infinity)([smhd]?)", arg)
        if match is None:
            raise UsageFault(f"invalid time interval ‘{arg}’", hint=True)
        total += float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
    await asyncio.sleep(min(total, 86_400.0))
    return 0


@program("basename")
async def basename(run: Run) -> int:
    found, names = run.options("as:z", ("multiple", "suffix="))
    if not names:
        raise UsageFault("missing operand", hint=True)
    suffix = found.get("s", found.get("suffix", ""))
    many = bool(found)
    if not many and len(names) > 2:
        raise UsageFault(f"extra operand ‘{names[2]}’", hint=True)
    if not many and len(names) == 2:
        names, suffix = names[:1], names[1]
    for name in names:
        base = name.rstrip("/").rpartition("/")[2] or ("/" if name.startswith("/") else "")
        await run.out((base.removesuffix(suffix) or base if base != suffix else base) + "\n")
    return 0


@program("dirname")
async def dirname(run: Run) -> int:
    if not run.args:
        raise UsageFault("missing operand", hint=True)
    for name in run.args:
        head, slash, _ = name.rstrip("/").rpartition("/")
        await run.out((head.rstrip("/") or ("/" if slash or name.startswith("/") else ".")) + "\n")
    return 0


def local_time(run: Run, moment: float) -> datetime:
    """A Unix time in the machine's time zone, or that of TZ."""
    return datetime.fromtimestamp(moment, zone(run.env.get("TZ") or run.machine.facts.timezone or "UTC"))


_UNITS = {
    "second": 1,
    "sec": 1,
    "minute": 60,
    "min": 60,
    "hour": 3600,
    "day": 86400,
    "week": 604_800,
    "month": 2_629_800,
    "year": 31_557_600,
}


def parse_date(run: Run, text: str) -> float:
    """A time as ``date -d`` reads it. Raises `UsageFault`."""
    now = run.machine.clock()
    plain = text.strip().lower()
    if match := re.fullmatch(r"@(-?\d{1,12})(?:\.\d*)?", plain):
        return float(match[1])
    words = {"now": 0, "": 0, "today": 0, "yesterday": -86400, "tomorrow": 86400}
    if plain in words:
        return now + words[plain]
    if match := re.fullmatch(r"([+-]?\s*\d{1,6})\s*([a-z]+?)s?(\s+ago)?", plain):
        unit = _UNITS.get(match[2])
        if unit:
            return now + int(match[1].replace(" ", "")) * unit * (-1 if match[3] else 1)
    for form in (
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%d",
        "%Y-%m-%dT%H:%M:%S",
        "%Y%m%d",
        "%m/%d/%Y",
        "%d %b %Y",
        "%b %d %Y",
    ):
        try:
            parsed = datetime.strptime(text.strip(), form).replace(tzinfo=local_time(run, now).tzinfo)
        except ValueError:
            continue
        return parsed.timestamp()
    raise UsageFault(f"invalid date ‘{text}’")


def formatted_time(moment: datetime, form: str) -> str:
    """strftime(3) with GNU's ``%N``, ``%s``, ``%:z`` and ``-`` flags, independent of the platform."""
    fraction = f"{moment.microsecond:06d}000"
    text = (
        form.replace("%N", fraction).replace("%3N", fraction[:3]).replace("%s", str(int(moment.timestamp())))
    )
    text = (
        text.replace("%F", "%Y-%m-%d")
        .replace("%T", "%H:%M:%S")
        .replace("%R", "%H:%M")
        .replace("%D", "%m/%d/%y")
    )
    text = text.replace("%q", str((moment.month + 2) // 3))
    text = text.replace("%r", "%I:%M:%S %p").replace("%h", "%b").replace("%c", "%a %b %e %H:%M:%S %Y")
    text = text.replace("%:z", moment.strftime("%z")[:3] + ":" + moment.strftime("%z")[3:])
    return moment.strftime(text)


@program("date")
async def date(run: Run) -> int:
    found, operands = run.options(
        "d:uRI:r:s:f:",
        ("date=", "utc", "universal", "rfc-email", "iso-8601", "reference=", "set=", "rfc-3339="),
    )
    text = found.get("d", found.get("date"))
    if "s" in found or "set" in found:
        return await run.complain("cannot set date: Operation not permitted")
    if "r" in found or "reference" in found:
        moment = run.stat(found.get("r") or found["reference"]).mtime
    else:
        moment = run.machine.clock() if text is None else parse_date(run, text)
    when = local_time(run, moment)
    if found.keys() & {"u", "utc", "universal"}:
        when = when.astimezone(UTC)
    form = "%a %b %e %H:%M:%S %Z %Y"
    if not run.busybox and (run.env.get("LANG") or "").startswith("en_US") and not run.env.get("LC_ALL"):
        form = "%a %b %e %I:%M:%S %p %Z %Y"
    if found.keys() & {"R", "rfc-email"}:
        form = "%a, %d %b %Y %H:%M:%S %z"
    elif "iso-8601" in found or "I" in found:
        form = "%Y-%m-%d"
    for operand in operands:
        if not operand.startswith("+"):
            raise UsageFault(f"invalid date ‘{operand}’")
        form = operand[1:][:2000]
    await run.out(formatted_time(when, form) + "\n")
    return 0


@program("cal", "ncal")
async def cal(run: Run) -> int:
    today = local_time(run, run.machine.clock())
    first = today.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    title = today.strftime("%B %Y").center(20).rstrip()
    days = ["  "] * ((first.weekday() + 1) % 7) + [f"{d + 1:2}" for d in range((following - first).days)]
    await run.lines(
        [title, "Su Mo Tu We Th Fr Sa", *(" ".join(days[n : n + 7]) for n in range(0, len(days), 7))]
    )
    return 0


@program("clear", "reset")
async def clear(run: Run) -> int:
    if not run.session.tty:
        await run.err("TERM environment variable not set.\n")
        return 1
    await run.out("\x1b[H\x1b[2J\x1b[3J")
    return 0


@program("tput")
async def tput(run: Run) -> int:
    columns, rows = run.session.size
    answers = {
        "cols": f"{columns}\n",
        "lines": f"{rows}\n",
        "colors": "256\n",
        "sgr0": "\x1b(B\x1b[m",
        "bold": "\x1b[1m",
        "clear": "\x1b[H\x1b[2J",
        "civis": "\x1b[?25l",
        "cnorm": "\x1b[?25h",
    }
    if run.args[:1] == ["setaf"] and run.args[1:2]:
        await run.out(f"\x1b[3{run.args[1][:3]}m")
        return 0
    if not run.args or run.args[0] not in answers:
        return await run.complain(f"unknown terminfo capability '{(run.args or [''])[0]}'", 4)
    await run.out(answers[run.args[0]])
    return 0


@program("stty")
async def stty(run: Run) -> int:
    if not run.session.tty:
        return await run.complain("'standard input': Inappropriate ioctl for device")
    columns, rows = run.session.size
    if run.args[:1] == ["size"]:
        await run.out(f"{rows} {columns}\n")
    elif run.args and run.args[0] in ("-echo", "echo"):
        run.session.echo(run.args[0] == "echo")
    elif not run.args or run.args[0] == "-a":
        await run.out(
            f"speed 38400 baud; rows {rows}; columns {columns}; line = 0;\n"
            if run.args
            else "speed 38400 baud; line = 0;\n-brkint -imaxbel iutf8\n"
        )
    return 0


@program("tty")
async def tty(run: Run) -> int:
    await run.out(f"/dev/{run.session.tty_name}\n" if run.session.tty_name else "not a tty\n")
    return int(not run.session.tty_name)

# ruff: noqa: C901, PLR0912 (a command has as many branches as options)
"""Builtins about variables and options: export, declare, local, set, shift, read, getopts, let."""

from __future__ import annotations

import re
from dataclasses import replace

from decnet.services.shell.commands.builtins import number
from decnet.services.shell.environment import Variable
from decnet.services.shell.run import Run, UsageFault, builtin
from decnet.services.shell.scanner import bytes_text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONG_OPTIONS = {
    "errexit": "e",
    "nounset": "u",
    "xtrace": "x",
    "noglob": "f",
    "noclobber": "C",
    "allexport": "a",
    "verbose": "v",
    "noexec": "n",
}


def quoted(text: str) -> str:
    """A value as ``declare -p`` shows it."""
    return '"' + re.sub(r'(["\\$`])', r"\\\1", text) + '"'


def shell_quoted(text: str) -> str:
    """A value as ``set`` shows it."""
    if re.fullmatch(r"[\w@%+=:,./-]+", text) or not text:
        return text
    if not text.isprintable():
        return (
            "$'"
            + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
            + "'"
        )
    return "'" + text.replace("'", "'\\''") + "'"


def _shown(name: str, variable: Variable) -> str:
    flags = "".join(
        letter
        for letter, on in (
            ("a", variable.items is not None and not variable.associative),
            ("A", variable.associative),
            ("i", variable.integer),
            ("r", variable.readonly),
            ("x", variable.exported),
        )
        if on
    )
    if variable.items is not None:
        body = " ".join(f"[{key}]={quoted(value)}" for key, value in variable.items.items())
        return f"declare -{flags} {name}=({body}{' ' if variable.associative and body else ''})"
    text = "" if variable.unset else f"={quoted(variable.value)}"
    return f"declare -{flags or '-'} {name}{text}"


@builtin("export", "readonly", "declare", "typeset", "local")
async def declare(run: Run) -> int:
    env = run.env
    if run.name == "local" and not env.scopes:
        raise UsageFault("can only be used in a function")
    on: set[str] = {"x"} if run.name == "export" else {"r"} if run.name == "readonly" else set()
    off: set[str] = set()
    names: list[str] = []
    for arg in run.args:
        if arg[:1] in "-+" and len(arg) > 1 and not names and arg != "--":
            (on if arg[0] == "-" else off).update(arg[1:])
        elif arg != "--":
            names.append(arg)
    arrays = {array.name: (array, values) for array, values in run.session.pending_arrays}
    run.session.pending_arrays.clear()
    if not names or "p" in on:
        return await _list(run, names, on)
    if run.name == "export" and "n" in on:
        off.add("x")
        on.discard("x")
    status = 0
    for arg in names:
        name, equals, value = arg.partition("=")
        append = name.endswith("+")
        name = name.rstrip("+")
        if not _NAME.fullmatch(name):
            status = await run.complain(f"`{arg}': not a valid identifier")
            continue
        if env.scopes and run.name in ("local", "declare", "typeset") and "g" not in on:
            env.hide(name)
        old = env.variables.get(name, Variable(unset=True))
        if old.readonly and equals:
            await run.err(f"{run.shell.voice()}{name}: readonly variable\n")
            status = 1
            continue
        _attributes(run, name, old, on, off)
        if name in arrays:
            run.shell.store_array(*arrays[name])
        elif equals:
            run.shell.expander.assign(name, value, append=append)
        if "r" in on:
            env.variables[name] = replace(env.variables[name], readonly=True)
    return status


def _attributes(run: Run, name: str, old: Variable, on: set[str], off: set[str]) -> None:
    new = replace(
        old,
        exported=("x" in on or old.exported) and "x" not in off,
        integer=("i" in on or old.integer) and "i" not in off,
        associative="A" in on or old.associative,
        case="l" if "l" in on else "u" if "u" in on else old.case,
    )
    if on & {"a", "A"} and new.items is None:
        new = replace(new, items={} if old.unset or not old.value else {"0": old.value}, unset=False)
    if name not in run.env.variables and len(run.env.variables) > 4000:
        return
    run.env.variables[name] = new


async def _list(run: Run, names: list[str], on: set[str]) -> int:
    env = run.env
    if "f" in on or "F" in on:
        await run.lines(f"declare -f {name}" for name in sorted(env.functions))
        return 0
    status = 0
    for name in names or sorted(env.variables):
        variable = env.variables.get(name)
        if variable is None:
            status = await run.complain(f"{name}: not found")
        elif run.busybox and run.name == "export":
            if variable.exported:
                await run.out(f"export {name}='{variable.value}'\n")
        elif names or (("x" not in on or variable.exported) and ("r" not in on or variable.readonly)):
            await run.out(_shown(name, variable) + "\n")
    return status


@builtin("unset")
async def unset(run: Run) -> int:
    status = 0
    functions = "-f" in run.args
    for arg in run.args:
        if arg in ("-f", "-v", "-n"):
            continue
        match = re.fullmatch(r"(\w+)\[(.*)\]", arg)
        variable = run.env.variables.get(match[1] if match else arg)
        if variable is not None and variable.readonly:
            status = await run.complain(f"{arg}: cannot unset: readonly variable")
        elif match and variable is not None and variable.items is not None:
            key = match[2] if variable.associative else str(run.shell.expander.evaluate(match[2]))
            items = {k: v for k, v in variable.items.items() if k != key}
            run.env.variables[match[1]] = replace(variable, items=items)
        elif functions or (variable is None and arg in run.env.functions):
            run.env.functions.pop(arg, None)
        else:
            run.env.unset(arg)
    return status


@builtin("set")
async def set_options(run: Run) -> int:
    env = run.env
    if not run.args:
        await run.lines(
            f"{name}={shell_quoted(v.value)}"
            for name, v in sorted(env.variables.items())
            if v.items is None and not v.unset
        )
        return 0
    args = list(run.args)
    while args and args[0][:1] in ("-", "+") and len(args[0]) > 1:
        arg = args.pop(0)
        if arg == "--":
            env.positional = args
            return 0
        change = env.options.add if arg[0] == "-" else env.options.discard
        for letter in arg[1:]:
            if letter == "o":
                name = args.pop(0) if args else ""
                if not name:
                    await run.lines(
                        f"{o:<15}\t{'on' if c in env.options else 'off'}"
                        for o, c in sorted(_LONG_OPTIONS.items())
                    )
                elif name in _LONG_OPTIONS or name in (
                    "pipefail",
                    "posix",
                    "vi",
                    "emacs",
                    "history",
                    "monitor",
                ):
                    change(_LONG_OPTIONS.get(name, name))
                else:
                    raise UsageFault(f"{name}: invalid option name", 2)
            elif letter in "aBbCefhHkmnPptuvxET":
                change(letter)
            else:
                await run.err(
                    f"{run.shell.voice()}set: {arg}: invalid option\nset: usage: set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]\n"
                )
                return 2
    if args:
        env.positional = args[1:] if args[0] == "-" else args
    return 0


@builtin("shopt")
async def shopt(run: Run) -> int:
    return 0 * len(run.args)


@builtin("shift")
async def shift(run: Run) -> int:
    count = number(run, run.args[0]) if run.args else 1
    if count > len(run.env.positional) or count < 0:
        return 1
    del run.env.positional[:count]
    return 0


@builtin("read")
async def read(run: Run) -> int:
    raw, names, array, prompt, count, end = False, [], "", "", 0, b"\n"
    args = list(run.args)
    while args:
        arg = args.pop(0)
        if not arg.startswith("-") or len(arg) == 1:
            names.append(arg)
            continue
        for place, letter in enumerate(arg[1:], 2):
            if letter in "pntdaNui":
                value = arg[place:] or (args.pop(0) if args else "")
                if letter == "p":
                    prompt = value
                elif letter in "nN":
                    count = number(run, value)
                elif letter == "a":
                    array = value
                elif letter == "d":
                    end = value.encode("utf-8", "surrogateescape")[:1] or b"\0"
                break
            raw = raw or letter == "r"
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageFault(f"`{name}': not a valid identifier")
    if prompt and run.session.tty:
        await run.err(prompt)
    data = await run.stdin.read(count) if count > 0 else await run.stdin.until(end)
    complete = data.endswith(end) or (count > 0 and len(data) == count)
    text = bytes_text(data.removesuffix(end).replace(b"\0", b""))
    while not raw and text.endswith("\\") and complete and not count:
        more = await run.stdin.until(end)
        complete = more.endswith(end)
        text = text[:-1] + bytes_text(more.removesuffix(end))
    await run.session.budget.spend(2)
    _deliver(run, text, names, array, raw=raw)
    return 0 if complete else 1


def _deliver(run: Run, text: str, names: list[str], array: str, *, raw: bool) -> None:
    ifs = run.shell.expander.ifs()
    if not raw:
        text = re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
    if array:
        run.env.set_items(array, {str(n): word for n, word in enumerate(_fields(text, ifs, 0))})
        return
    if not names:
        run.env.set("REPLY", text)
        return
    words = _fields(text, ifs, len(names))
    for name, word in zip(names, words + [""] * len(names), strict=False):
        run.shell.expander.assign(name, word)


def _fields(text: str, ifs: str, count: int) -> list[str]:
    """A line cut at the separators into at most ``count`` fields (0: no bound); the last takes the rest."""
    white = "".join(c for c in ifs if c in " \t\n")
    text = text.strip(white) if white else text
    if not text:
        return []
    if not ifs or count == 1:
        return [text]
    hard = "".join(c for c in ifs if c not in " \t\n")
    blank = f"[{re.escape(white)}]" if white else "(?!)"
    pattern = f"{blank}*[{re.escape(hard)}]{blank}*|{blank}+" if hard else f"{blank}+"
    pieces = re.split(pattern, text, maxsplit=max(0, count - 1))
    if (
        hard
        and len(pieces) == count
        and count
        and len(re.split(pattern, pieces[-1])) == 2
        and pieces[-1][-1] in hard
    ):
        pieces[-1] = pieces[-1][:-1]
    if hard and not count and pieces[-1] == "":
        pieces.pop()
    return pieces


@builtin("mapfile", "readarray")
async def mapfile(run: Run) -> int:
    names = [arg for arg in run.args if not arg.startswith("-")]
    lines = bytes_text(await run.all(run.stdin, 1 << 20)).splitlines(keepends=True)
    if any(arg.startswith("-t") for arg in run.args):
        lines = [line.rstrip("\n") for line in lines]
    run.env.set_items(names[0] if names else "MAPFILE", {str(n): line for n, line in enumerate(lines[:4000])})
    return 0


@builtin("let")
async def let(run: Run) -> int:
    value = 0
    for arg in run.args:
        value = run.shell.expander.evaluate(arg)
    return int(not value)


@builtin("getopts")
async def getopts(run: Run) -> int:
    if len(run.args) < 2:
        raise UsageFault("usage: getopts optstring name [arg ...]", 2)
    spec, name, words = run.args[0], run.args[1], run.args[2:] or run.env.positional
    env = run.env
    index = int(env.get("OPTIND") or "1") if (env.get("OPTIND") or "1").isdigit() else 1
    if index == 1 and env.getopts < 0:
        env.getopts = 0
    word = words[index - 1] if index <= len(words) else ""
    if len(word) < 2 or word[0] != "-" or word == "--":
        env.set("OPTIND", str(index + (word == "--")))
        env.set(name, "?")
        env.getopts = 0
        return 1
    place = env.getopts + 1
    letter, rest = word[place], word[place + 1 :]
    env.unset("OPTARG")
    known = letter in spec and letter != ":"
    takes = known and spec[spec.index(letter) + 1 : spec.index(letter) + 2] == ":"
    env.getopts = 0 if takes or not rest else place
    index += 1 if takes or not rest else 0
    shown = letter
    if not known:
        shown = "?"
        if spec[:1] == ":":
            env.set("OPTARG", letter)
        else:
            await run.err(f"{run.env.name}: illegal option -- {letter}\n")
    elif takes and rest:
        env.set("OPTARG", rest)
    elif takes and index <= len(words):
        env.set("OPTARG", words[index - 1])
        index += 1
    elif takes:
        shown = ":" if spec[:1] == ":" else "?"
        if spec[:1] == ":":
            env.set("OPTARG", letter)
        else:
            await run.err(f"{run.env.name}: option requires an argument -- {letter}\n")
    env.set("OPTIND", str(index))
    env.set(name, shown)
    return 0


@builtin("umask")
async def umask(run: Run) -> int:
    operands = [arg for arg in run.args if not arg.startswith("-")]
    if not operands:
        await run.out(f"{run.env.umask:04o}\n")
        return 0
    if not re.fullmatch(r"[0-7]{1,4}", operands[0]):
        raise UsageFault(f"{operands[0]}: octal number out of range")
    run.env.umask = int(operands[0], 8) & 0o777
    return 0

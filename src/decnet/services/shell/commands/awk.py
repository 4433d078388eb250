# ruff: noqa: C901 (a command has as many branches as options)
"""awk as a command: its options, its input, its redirected output."""

from __future__ import annotations

import re

from decnet.services.shell.awk import Awk, AwkFault, parse
from decnet.services.shell.awk.parser import unescape
from decnet.services.shell.awk.values import from_input
from decnet.services.shell.run import Run, program
from decnet.services.shell.scanner import bytes_text, text_bytes
from decnet.services.shell.streams import Reader


@program("awk", "mawk", "gawk", "nawk", "original-awk")
async def awk(run: Run) -> int:
    source, separator, given = None, "", []
    rest = list(run.args)
    while rest and rest[0].startswith("-") and len(rest[0]) > 1:
        arg = rest.pop(0)
        if arg == "--":
            break
        if arg in ("--version", "-V", "-W"):
            await run.out("mawk 1.3.4 20200120\n")
            return 0
        letter = arg[1]
        if letter in "Fvf":
            value = arg[2:] or (rest.pop(0) if rest else "")
            if letter == "F":
                separator = value
            elif letter == "v":
                given.append(value)
            else:
                source = (source or "") + bytes_text(run.fs.read(run.who, run.path(value))) + "\n"
        else:
            await run.complain(f"not an option: {arg}", 2)
            return 2
    if source is None:
        if not rest:
            await run.err("Usage: mawk [Options] 'program' [file ...]\n")
            return 2
        source = rest.pop(0)
    return await _run(run, source, separator, given, rest)


async def _run(run: Run, source: str, separator: str, given: list[str], names: list[str]) -> int:
    block: list[str] = []
    pipes: dict[str, list[str]] = {}

    async def write(target: str, text: str) -> None:
        if not target:
            block.append(text)
            if len(block) > 200 or len(text) > 8192:
                await run.out("".join(block))
                block.clear()
        elif target in (">/dev/stderr", ">/dev/fd/2"):
            await run.err(text)
        elif target.startswith("|"):
            pipes.setdefault(target[1:], []).append(text)
        else:
            op = ">>" if target.startswith(">>") or target in opened else ">"
            output = run.shell.open(target.lstrip(">"), op, run.shell.fds.table)
            opened.add(target)
            if not isinstance(output, Reader):
                await output.write(text_bytes(text))

    async def ask(command: str) -> str:
        from decnet.services.shell.parser import Parser  # noqa: PLC0415 (seldom)

        return await run.shell.capture(Parser("", depth=1).nested(command))

    opened: set[str] = set()
    try:
        machine = Awk(parse(source), run.session.budget.spend, write, ask)
        if separator:
            machine.values["FS"] = "\t" if separator == "t" else unescape(separator)
        for pair in [*given, *(name for name in names if re.match(r"[A-Za-z_]\w*=", name))]:
            name, _, value = pair.partition("=")
            machine.values[name] = from_input(unescape(value))
        machine.arrays["ENVIRON"] = {name: from_input(value) for name, value in run.env.exports().items()}
        files = [name for name in names if not re.match(r"[A-Za-z_]\w*=", name)]
        machine.values["FILENAME"] = files[0] if files else ""
        needs_input = bool(machine.program.rules or machine.program.end)
        lines = [line async for line in run.text_lines(files)] if needs_input else []
        status = await machine.run(lines)
    except AwkFault as fault:
        await run.out("".join(block))
        return await run.complain(str(fault), 2)
    await run.out("".join(block))
    for command, texts in pipes.items():
        await _pipe(run, command, "".join(texts))
    return status


async def _pipe(run: Run, command: str, text: str) -> None:
    from decnet.services.shell.interpreter import Fds  # noqa: PLC0415 (it imports this room)
    from decnet.services.shell.streams import BytesInput  # noqa: PLC0415

    table = dict(run.shell.fds.table)
    table[0] = Reader(BytesInput(text_bytes(text)))
    child = run.shell.child(Fds(table))
    await child.guarded(child.script(command))

# ruff: noqa: C901 (a command has as many branches as options)
"""mktemp, truncate, dd: files made by size."""

from __future__ import annotations

import os
import re

from decnet.services.shell.run import Run, UsageFault, program, why


@program("mktemp")
async def mktemp(run: Run) -> int:
    found, names = run.options("dqtup:", ("directory", "tmpdir", "suffix="))
    template = names[0] if names else "tmp.XXXXXXXXXX"
    folder = found.get("p", "/tmp" if not names or "t" in found else "")  # noqa: S108 (of the pretended machine)
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    if "XXX" not in template:
        raise UsageFault(f"too few X's in template ‘{template}’")
    name = re.sub(r"X{3,64}", lambda m: "".join(run.machine.draw.pick(letters) for _ in m[0]), template)
    path = f"{folder}/{name}" if folder else name
    if found.keys() & {"d", "directory"}:
        run.fs.mkdir(run.who, run.path(path), 0o700)
    else:
        run.fs.write(run.who, run.path(path), b"", mode=0o600)
    await run.out(path + "\n")
    return 0


@program("truncate", "fallocate")
async def truncate(run: Run) -> int:
    found, names = run.options("s:cl:r:", ("size=", "length=", "no-create"))
    match = re.fullmatch(
        r"([+-]?)(\d{1,12})([KMGT]?)B?",
        found.get("s", found.get("size", found.get("l", found.get("length", "0")))),
    )
    if match is None:
        raise UsageFault("Invalid number")
    size = int(match[2]) * {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}[match[3]]
    for name in names:
        file = run.fs.open(run.who, run.path(name), os.O_WRONLY | os.O_CREAT, 0o666 & ~run.env.umask)
        now = file.stat().size
        try:
            file.truncate(now + size if match[1] == "+" else max(0, now - size) if match[1] else size)
        except OSError as problem:
            return await run.complain(f"failed to truncate '{name}' at {size} bytes: {why(problem)}")
    return 0


@program("dd")
async def dd(run: Run) -> int:
    given = dict(arg.partition("=")[::2] for arg in run.args if "=" in arg)
    for arg in run.args:
        if "=" not in arg:
            raise UsageFault(f"unrecognized operand ‘{arg}’", hint=True)
    size = _bytes(given.get("bs", given.get("ibs", "512")))
    count = _bytes(given["count"]) if "count" in given else -1
    try:
        reader = run.reader(given["if"]) if "if" in given else run.stdin
        file = (
            run.fs.open(
                run.who,
                run.path(given["of"]),
                os.O_WRONLY | os.O_CREAT | (0 if "notrunc" in given.get("conv", "") else os.O_TRUNC),
                0o666 & ~run.env.umask,
            )
            if "of" in given
            else None
        )
    except OSError as problem:
        return await run.complain(
            f"failed to open '{problem.filename or given.get('of', '')}': {why(problem)}"
        )
    skip = _bytes(given.get("skip", "0")) * size
    while skip > 0 and (data := await reader.read(min(skip, 32_768))):
        skip -= len(data)
    if file is not None:
        file.position = _bytes(given.get("seek", "0")) * size
    started = run.machine.clock()
    done, wanted = 0, size * count if count >= 0 else -1
    status = 0
    while wanted < 0 or done < wanted:
        data = await reader.read(32_768 if wanted < 0 else min(32_768, wanted - done))
        if not data:
            break
        await run.session.budget.spend(1 + len(data) // 512)
        try:
            if file is None:
                await run.write(data)
            elif file.node.is_file:
                file.write(data)
        except OSError as problem:
            status = await run.complain(
                f"error writing '{given.get('of', 'standard output')}': {why(problem)}"
            )
            break
        done += len(data)
    if given.get("status") != "none":
        full, part = divmod(done, max(1, size))
        seconds = max(0.000_05, run.machine.clock() - started)
        extra = (
            f" ({done / 1e6:.1f} MB, {done / (1 << 20):.1f} MiB)"
            if done >= 1_000_000
            else f" ({done / 1e3:.1f} kB, {done / 1024:.1f} KiB)"
            if done >= 1000
            else ""
        )
        await run.err(
            f"{full}+{int(bool(part))} records in\n{full}+{int(bool(part))} records out\n{done} bytes{extra} copied, {seconds:.6g} s, {done / seconds / 1e6:.1f} MB/s\n"
        )
    return status


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d{1,12})([cwbkKMGT]?)B?", text)
    if match is None:
        raise UsageFault(f"invalid number: ‘{text}’")
    return (
        int(match[1])
        * {"": 1, "c": 1, "w": 2, "b": 512, "k": 1024, "K": 1024, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}[
            match[2]
        ]
    )

# ruff: noqa: PLR0911 (a command has as many branches as options)
"""Builtins that steer the shell: cd, exit, eval, source, exec, jobs, history, type."""

from __future__ import annotations

import asyncio
import re
from posixpath import normpath

from decnet.services.shell.conditions import ConditionFault, Plain
from decnet.services.shell.interpreter import Leave
from decnet.services.shell.run import BUILTINS, PROGRAMS, Run, UsageFault, builtin, why
from decnet.services.shell.scanner import bytes_text
from decnet.services.shell.scanner import text_bytes as encode

KEYWORDS = frozenset(
    [
        "if",
        "then",
        "else",
        "elif",
        "fi",
        "case",
        "esac",
        "for",
        "select",
        "while",
        "until",
        "do",
        "done",
        "in",
        "function",
        "time",
        "{",
        "}",
        "!",
        "[[",
        "]]",
    ]
)


def number(run: Run, text: str, what: str = "numeric argument required") -> int:
    """An operand that must be a number. Raises `UsageFault`."""
    if not re.fullmatch(r"[+-]?\d{1,18}", text):
        raise UsageFault(f"{text}: {what}" if not run.busybox else f"Illegal number: {text}", 2)
    return int(text)


@builtin(":", "true")
async def true(run: Run) -> int:
    return 0 * len(run.args)


@builtin("false")
async def false(run: Run) -> int:
    return 1 + 0 * len(run.args)


@builtin("cd", "chdir")
async def cd(run: Run) -> int:
    env = run.env
    args = [arg for arg in run.args if arg not in ("-P", "-L", "--")]
    if len(args) > 1:
        raise UsageFault("too many arguments")
    target = args[0] if args else env.get("HOME") or "/"
    if target == "-":
        target = env.get("OLDPWD") or ""
        if not target:
            raise UsageFault("OLDPWD not set")
        await run.out(target + "\n")
    if not target:
        return 0
    try:
        path = normpath(run.path(target))
        path = "/" + path.lstrip("/")
        node = run.fs.lookup(run.who, path)
        if not node.is_dir:
            raise NotADirectoryError(20, "Not a directory")
        if not run.fs.access(run.who, path, 1):
            raise PermissionError(13, "Permission denied")
    except OSError as problem:
        if run.busybox:
            return await run.complain(f"can't cd to {target}: {why(problem)}", 2)
        return await run.complain(f"{target}: {why(problem)}")
    env.set("OLDPWD", env.cwd)
    env.cwd = path
    env.set("PWD", path)
    return 0


@builtin("pwd")
async def pwd(run: Run) -> int:
    path = run.fs.real(run.who, run.env.cwd, strict=False) if "-P" in run.args else run.env.cwd
    await run.out(path + "\n")
    return 0


@builtin("pushd", "popd", "dirs")
async def pushd(run: Run) -> int:
    stack = run.env.directories
    if run.name == "pushd":
        old = run.env.cwd
        status = await cd(Run(run.shell, ["cd", *(run.args or stack[-1:])], builtin=True))
        if status:
            return status
        stack.append(old)
        del stack[:-50]
    elif run.name == "popd":
        if not stack:
            raise UsageFault("directory stack empty")
        await cd(Run(run.shell, ["cd", stack.pop()], builtin=True))
    home = run.env.get("HOME") or "/nonexistent"
    shown = [re.sub(f"^{re.escape(home)}(?=/|$)", "~", path) for path in (run.env.cwd, *reversed(stack))]
    await run.out(" ".join(shown) + "\n")
    return 0


@builtin("exit", "logout")
async def leave(run: Run) -> int:
    if run.session.interactive and not run.env.subshell and not run.shell.script_name:
        await run.err(
            "logout\n"
            if run.env.name.startswith("-") and not run.busybox
            else "exit\n"
            if not run.busybox
            else ""
        )
    if not run.args:
        raise Leave("exit", run.env.status)
    try:
        status = number(run, run.args[0])
    except UsageFault as fault:
        await run.complain(str(fault))
        raise Leave("exit", 2) from None
    raise Leave("exit", status & 255)


@builtin("return")
async def give_back(run: Run) -> int:
    if not run.env.scopes and not run.shell.script_name:
        raise UsageFault("can only `return' from a function or sourced script")
    raise Leave("return", number(run, run.args[0]) & 255 if run.args else run.env.status)


@builtin("break", "continue")
async def loop_control(run: Run) -> int:
    raise Leave(run.name, max(1, number(run, run.args[0])) if run.args else 1)


@builtin("eval")
async def evaluate(run: Run) -> int:
    run.env.calls += 1
    if run.env.calls > 30:
        run.env.calls = 0
        raise UsageFault("maximum eval nesting level exceeded (30)")
    try:
        run.env.status = 0
        return await run.shell.script(" ".join(run.args)) if run.args else 0
    finally:
        run.env.calls = max(0, run.env.calls - 1)


@builtin(".", "source")
async def source(run: Run) -> int:
    if not run.args:
        raise UsageFault("filename argument required", 2)
    name = run.args[0]
    path = run.path(name) if "/" in name else run.shell.find(name) or run.path(name)
    try:
        text = bytes_text(run.fs.read(run.who, path)[: 1 << 20])
    except OSError as problem:
        reason = why(problem)
        await run.err(
            f"{run.shell.voice()}{name}: {reason}\n"
            if not run.busybox
            else f"{run.shell.voice()}.: can't open '{name}': {reason}\n"
        )
        return 1 if not run.busybox else 2
    if run.env.calls > 20:
        return 1
    run.env.calls += 1
    saved = run.env.positional, run.shell.script_name
    if run.args[1:]:
        run.env.positional = run.args[1:]
    run.shell.script_name = name
    run.env.status = 0
    try:
        return await run.shell.script(text)
    except Leave as gone:
        if gone.kind != "return":
            raise
        return gone.value
    finally:
        run.env.calls = max(0, run.env.calls - 1)
        run.shell.script_name = saved[1]
        if run.args[1:]:
            run.env.positional = saved[0]


@builtin("exec")
async def execute(run: Run) -> int:
    if not run.args:
        run.session.kept = run.shell.fds
        return 0
    args = run.args[2:] if run.args[0] == "-a" else run.args
    status = await run.shell.program(args)
    if status == 127 and run.session.interactive:
        return status
    raise Leave("exit", status)


@builtin("command", "builtin")
async def command(run: Run) -> int:
    args = list(run.args)
    if args and args[0] in ("-v", "-V"):
        status = 1
        for name in args[1:]:
            shown = where(run, name)
            if shown:
                status = 0
                await run.out((shown if args[0] == "-v" else described(run, name)) + "\n")
        return status
    while args and args[0] in ("-p", "--"):
        args.pop(0)
    if not args:
        return 0
    known = BUILTINS.get(args[0])
    if known:
        return await known(Run(run.shell, args, builtin=True))
    if run.name == "builtin":
        raise UsageFault(f"{args[0]}: not a shell builtin")
    return await run.shell.program(args)


def where(run: Run, name: str) -> str:
    """What ``command -v`` says of a name; empty when it is unknown."""
    if name in run.env.aliases and run.session.interactive:
        return f"alias {name}='{run.env.aliases[name]}'"
    if name in KEYWORDS or name in run.env.functions or name in BUILTINS:
        return name
    return run.shell.find(name)


def described(run: Run, name: str) -> str:
    """What ``type`` says of a name; empty when it is unknown."""
    if name in run.env.aliases and run.session.interactive:
        return f"{name} is aliased to `{run.env.aliases[name]}'"
    if name in KEYWORDS:
        return f"{name} is a shell keyword"
    if name in run.env.functions:
        return f"{name} is a function"
    if name in BUILTINS:
        return f"{name} is a shell builtin"
    path = run.shell.find(name)
    return f"{name} is {path}" if path else ""


@builtin("type")
async def kind(run: Run) -> int:
    status = 0
    short = "-t" in run.args
    for name in (arg for arg in run.args if not arg.startswith("-")):
        shown = described(run, name)
        if not shown:
            status = 1
            if not short:
                await (run.out(f"{name}: not found\n") if run.busybox else run.complain(f"{name}: not found"))
            continue
        words = {"aliased": "alias", "keyword": "keyword", "function": "function", "builtin": "builtin"}
        if short:
            shown = next(
                (word for key, word in words.items() if shown.endswith(key) or f"is {key}" in shown), "file"
            )
        await run.out(shown + "\n")
    return status


@builtin("test", "[")
async def test(run: Run) -> int:
    args = list(run.args)
    if run.name == "[":
        if not args or args[-1] != "]":
            raise UsageFault("missing `]'", 2)
        args.pop()
    try:
        return int(not Plain(run.shell, args).value())
    except ConditionFault as fault:
        return await run.complain(str(fault), 2)


@builtin("alias")
async def alias(run: Run) -> int:
    status = 0
    aliases = run.env.aliases
    if not run.args:
        await run.lines(f"alias {name}='{text}'" for name, text in sorted(aliases.items()))
    for arg in run.args:
        name, equals, text = arg.partition("=")
        if equals and len(aliases) < 500:
            aliases[name] = text[:4096]
        elif name in aliases:
            await run.out(f"alias {name}='{aliases[name]}'\n")
        else:
            status = await run.complain(f"{arg}: not found")
    return status


@builtin("unalias")
async def unalias(run: Run) -> int:
    if "-a" in run.args:
        run.env.aliases.clear()
        return 0
    missing = [name for name in run.args if run.env.aliases.pop(name, None) is None]
    for name in missing:
        await run.complain(f"{name}: not found")
    return int(bool(missing))


@builtin("trap")
async def trap(run: Run) -> int:
    args = [arg for arg in run.args if arg != "--"]
    if not args or args[0] == "-p":
        await run.lines(f"trap -- '{action}' {name}" for name, action in run.env.traps.items())
        return 0
    action, names = (args[0], args[1:]) if len(args) > 1 else ("-", args)
    for name in names[:70]:
        signal = "EXIT" if name == "0" else name.upper()
        if action == "-":
            run.env.traps.pop(signal, None)
        else:
            run.env.traps[signal] = action[:4096]
    return 0


@builtin("jobs")
async def jobs(run: Run) -> int:
    last = max(run.session.jobs, default=0)
    for job in run.session.jobs.values():
        mark = "+" if job.number == last else "-" if job.number == last - 1 else " "
        state = "Done" if job.task.done() else "Running"
        pid = f"{job.pid} " if "-l" in run.args else ""
        tail = "" if job.task.done() else " &"
        await run.out(
            f"{job.pid}\n"
            if "-p" in run.args
            else f"[{job.number}]{mark}  {pid}{state:<24}{job.source}{tail}\n"
        )
    return 0


@builtin("wait")
async def wait(run: Run) -> int:
    wanted = {arg.lstrip("%") for arg in run.args if not arg.startswith("-")}
    status = 0
    for job in list(run.session.jobs.values()):
        if wanted and not wanted & {str(job.pid), str(job.number)}:
            continue
        await asyncio.wait([job.task])
        run.session.jobs.pop(job.number, None)
        status = 143 if job.task.cancelled() or job.task.exception() else job.task.result()
        wanted -= {str(job.pid), str(job.number)}
    for left in wanted:
        return await run.complain(f"pid {left} is not a child of this shell", 127)
    return status if run.args else 0


@builtin("fg", "bg", "disown")
async def foreground(run: Run) -> int:
    jobs_now = run.session.jobs
    if not jobs_now:
        raise UsageFault("current: no such job")
    text = (run.args or [str(max(jobs_now))])[0].lstrip("%")
    job = jobs_now.get(int(text)) if text.isdigit() and len(text) < 6 else None
    if job is None:
        raise UsageFault(f"{text}: no such job")
    if run.name == "fg":
        await run.out(job.source + "\n")
        await asyncio.wait([job.task])
    if run.name == "bg":
        raise UsageFault(f"job {job.number} already in background", 0)
    jobs_now.pop(job.number, None)
    return 0


@builtin("history")
async def history(run: Run) -> int:
    lines = run.session.history
    if run.args and run.args[0] == "-c":
        lines.clear()
        return 0
    if run.args and run.args[0] in ("-w", "-a"):
        run.fs.write(
            run.who, f"{run.env.get('HOME')}/.bash_history", encode("\n".join(lines) + "\n"), mode=0o600
        )
        return 0
    if run.args and run.args[0].startswith("-"):
        return 0
    count = number(run, run.args[0]) if run.args else len(lines)
    first = max(0, len(lines) - count)
    await run.lines(f"{n + 1:5}  {line}" for n, line in enumerate(lines) if n >= first)
    return 0


@builtin("help")
async def help_text(run: Run) -> int:
    await run.out(
        "GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)\nThese shell commands are defined internally.  Type `help' to see this list.\n\n"
    )
    names = sorted(BUILTINS)
    await run.lines(f" {a:<38}{b}" for a, b in zip(names[::2], [*names[1::2], ""], strict=False))
    return 0


@builtin("times")
async def times(run: Run) -> int:
    await run.out("0m0.012s 0m0.006s\n0m0.031s 0m0.019s\n")
    return 0


@builtin("hash")
async def hash_table(run: Run) -> int:
    if not run.args:
        await run.out("hash: hash table empty\n")
    return 0


@builtin("bind", "complete", "compopt", "enable", "caller", "suspend")
async def accepted(run: Run) -> int:
    return 0 * len(run.args)


@builtin("ulimit")
async def ulimit(run: Run) -> int:
    values = {
        "n": "1024",
        "u": "15427",
        "c": "0",
        "s": "8192",
        "f": "unlimited",
        "v": "unlimited",
        "l": "501184",
    }
    flags = "".join(arg[1:] for arg in run.args if arg.startswith("-")).strip("SH")
    operands = [arg for arg in run.args if not arg.startswith("-")]
    if operands:
        return 0
    if flags == "a":
        await run.lines(line.format(**values) for line in LIMITS)
    else:
        await run.out(values.get(flags or "f", "unlimited") + "\n")
    return 0


LIMITS = (
    "real-time non-blocking time  (microseconds, -R) unlimited",
    "core file size              (blocks, -c) {c}",
    "data seg size               (kbytes, -d) unlimited",
    "scheduling priority                 (-e) 0",
    "file size                   (blocks, -f) {f}",
    "pending signals                     (-i) {u}",
    "max locked memory           (kbytes, -l) {l}",
    "max memory size             (kbytes, -m) unlimited",
    "open files                          (-n) {n}",
    "pipe size                (512 bytes, -p) 8",
    "POSIX message queues         (bytes, -q) 819200",
    "real-time priority                  (-r) 0",
    "stack size                  (kbytes, -s) {s}",
    "cpu time                   (seconds, -t) unlimited",
    "max user processes                  (-u) {u}",
    "virtual memory              (kbytes, -v) {v}",
    "file locks                          (-x) unlimited",
)


async def shell_program(run: Run) -> int:
    """``sh``, ``bash`` and their kin as programs: -c, a script, standard input, or a shell on top of this one."""
    args = list(run.args)
    login = False
    options: set[str] = set()
    while args and args[0][:1] in "-+" and len(args[0]) > 1:
        flag = args.pop(0)
        if flag == "--version":
            await run.out("GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)\n")
            return 0
        if flag.startswith("--"):
            login = login or flag == "--login"
            continue
        login = login or "l" in flag
        options |= set(flag[1:]) & set("exuf")
        if "c" in flag:
            if not args:
                await run.err(f"{run.name}: -c: option requires an argument\n")
                return 2
            return await _inner(run, args[0], args[1:], options)
        if "s" in flag:
            break
    if args:
        name = args[0]
        path = run.path(name)
        try:
            data = run.fs.read(run.who, path)
        except OSError as problem:
            reason = why(problem)
            await run.err(
                f"{run.name}: {name}: {reason}\n"
                if not run.busybox
                else f"{run.name}: can't open '{name}': {reason}\n"
            )
            return 127 if problem.errno == 2 else 126
        run.session.note_execution(path)
        return await run.shell.run_file(bytes_text(data[: 1 << 20]), name, args[1:])
    if run.session.interactive and run.shell.fds.table.get(0) is run.session.keyboard:
        pid = run.machine.processes.spawn(
            run.who.name, run.session.tty_name or "?", run.name, parent=run.env.pid
        ).pid
        made = run.session.environment(run.who.name, run.env.exports(), login=login, cwd=run.env.cwd, pid=pid)
        made.name = f"-{run.name}" if login else run.name
        run.session.push(made)
        return 0
    text = bytes_text(await run.all(run.stdin, 1 << 20))
    return await _inner(run, text, [], options)


async def _inner(run: Run, text: str, arguments: list[str], options: set[str]) -> int:
    child = run.shell.child()
    child.script_name = arguments[0] if arguments else run.name
    child.command_string = True
    child.env.name = child.script_name
    child.env.positional = arguments[1:]
    child.env.options = options
    child.env.functions = {}
    child.env.variables = {
        k: v for k, v in child.env.variables.items() if v.exported or k in ("IFS", "OPTIND")
    }
    status = await child.guarded(child.script(text))
    return await child.trapped(status)


for _name in ("sh", "bash", "dash", "ash", "rbash"):
    PROGRAMS[_name] = shell_program

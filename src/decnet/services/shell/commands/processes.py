# ruff: noqa: PLR0911 (a command has as many branches as options)
"""ps, top, kill, pgrep, pkill, lsof, pstree, vmstat."""

from __future__ import annotations

import re

from decnet.services.shell.commands.output import local_time
from decnet.services.shell.commands.system import headline
from decnet.services.shell.proc import memory
from decnet.services.shell.processes import Process
from decnet.services.shell.run import BUILTINS, PROGRAMS, Run, UsageFault, builtin, program


def table(run: Run) -> list[Process]:
    """All processes, with the one that asks."""
    line = " ".join([run.name, *run.args])
    terminal = run.session.tty_name or "?"
    mine = Process(
        run.machine.processes.next_pid(),
        run.env.pid,
        run.who.name,
        terminal,
        line,
        run.machine.clock(),
        8100,
        4200,
        "R+" if run.session.tty else "R",
    )
    return [*run.machine.processes.all(), mine]


def cpu_time(process: Process, now: float) -> str:
    """CPU time as ``ps aux`` shows it: it grows with the age of the process."""
    seconds = int(process.cpu + (now - process.started) * process.cpu / 400_000)
    return f"{seconds // 60}:{seconds % 60:02}"


def start(run: Run, process: Process) -> str:
    """When it began: a time today, a day before."""
    when = local_time(run, process.started)
    return when.strftime("%H:%M") if run.machine.clock() - process.started < 86400 else when.strftime("%b%d")


@program("ps")
async def ps(run: Run) -> int:
    flags = "".join(
        arg.lstrip("-") for arg in run.args if re.fullmatch(r"-?[A-Za-z]+", arg) and arg not in ("pid", "cmd")
    )
    processes = table(run)
    now = run.machine.clock()
    total = run.machine.system.memory
    if run.busybox:
        await run.lines(
            [
                "PID   USER     TIME  COMMAND",
                *(f"{p.pid:5} {p.user[:8]:<8} {cpu_time(p, now):>5} {p.command}" for p in processes),
            ]
        )
        return 0
    if "o" in flags or any(arg.startswith(("-o", "--format")) for arg in run.args):
        return await _custom(run, processes)
    bsd = (bool(run.args) and not run.args[0].startswith("-")) or "aux" in flags
    if bsd and "u" in flags:
        rows = ["USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND"]
        picked = processes if "x" in flags else [p for p in processes if p.tty != "?"]
        rows += [
            f"{p.user[:8] if len(p.user) < 9 else p.user[:7] + '+':<8} {p.pid:7} {min(99.0, p.cpu / max(1, now - p.started) * 100):4.1f} {p.rss / total * 100:4.1f} {p.vsz:6} {p.rss:5} {p.tty:<8} {p.state:<4} {start(run, p):<7} {cpu_time(p, now):>4} {p.command}"
            for p in picked
        ]
        await run.lines(_fit(run, rows))
    elif "f" in flags and set(flags) & set("eAax"):
        rows = ["UID          PID    PPID  C STIME TTY          TIME CMD"]
        rows += [
            f"{p.user[:8] if len(p.user) < 9 else p.user[:7] + '+':<8} {p.pid:7} {p.parent:7}  0 {start(run, p):<5} {p.tty:<8} 00:{cpu_time(p, now):0>5} {p.command}"
            for p in processes
        ]
        await run.lines(_fit(run, rows))
    else:
        every = bool(set(flags) & set("eAx"))
        tty = run.session.tty_name
        rows = ["    PID TTY          TIME CMD"]
        rows += [
            f"{p.pid:7} {p.tty:<8} 00:{cpu_time(p, now):0>5} {p.name}"
            for p in processes
            if every or (tty and p.tty == tty) or p.pid == run.env.pid or p is processes[-1]
        ]
        await run.lines(rows)
    return 0


def _fit(run: Run, rows: list[str]) -> list[str]:
    return [row[: run.session.size[0]] for row in rows] if run.on_terminal else rows


async def _custom(run: Run, processes: list[Process]) -> int:
    text = " ".join(run.args)
    match = re.search(r"(?:-o|--format[= ])\s*([\w,%=]+)", text)
    names = [name.split("=")[0] for name in (match[1] if match else "pid,cmd").split(",")]
    wanted = re.search(r"-p\s*(\d+)", text)
    now = run.machine.clock()
    titles = {
        "pid": "    PID",
        "ppid": "   PPID",
        "user": "USER    ",
        "cmd": "CMD",
        "args": "COMMAND",
        "comm": "COMMAND        ",
        "%cpu": "%CPU",
        "pcpu": "%CPU",
        "%mem": "%MEM",
        "pmem": "%MEM",
        "rss": "  RSS",
        "stat": "STAT",
        "tty": "TT      ",
        "time": "    TIME",
        "etime": "    ELAPSED",
    }
    if "=" not in (match[1] if match else ""):
        await run.out(" ".join(titles.get(name, name.upper()) for name in names) + "\n")
    for p in processes:
        if wanted and p.pid != int(wanted[1][:9]):
            continue
        values = {
            "pid": f"{p.pid:7}",
            "ppid": f"{p.parent:7}",
            "user": f"{p.user:<8}",
            "cmd": p.command,
            "args": p.command,
            "comm": f"{p.name:<15}",
            "%cpu": " 0.0",
            "pcpu": " 0.0",
            "%mem": f"{p.rss / run.machine.system.memory * 100:4.1f}",
            "rss": f"{p.rss:5}",
            "stat": f"{p.state:<4}",
            "tty": f"{p.tty:<8}",
            "time": f"00:{cpu_time(p, now):0>5}",
            "etime": f"{int(now - p.started):11}",
        }
        await run.out(" ".join(values.get(name, "-") for name in names).rstrip() + "\n")
    return 0


@program("top", "htop")
async def top(run: Run) -> int:
    total, used, left, cache = memory(run.machine)
    processes = sorted(table(run), key=lambda p: -p.cpu)
    now = run.machine.clock()
    rows = [
        f"top -{headline(run)}",
        f"Tasks: {len(processes):3} total,   1 running, {len(processes) - 1:3} sleeping,   0 stopped,   0 zombie",
        f"%Cpu(s):  {run.machine.load()[0] * 9:3.1f} us,  0.4 sy,  0.0 ni, {98.6 - run.machine.load()[0] * 9:4.1f} id,  0.6 wa,  0.0 hi,  0.0 si,  0.4 st",
        f"MiB Mem : {total / 1024:8.1f} total, {left / 1024:8.1f} free, {used / 1024:8.1f} used, {cache / 1024:8.1f} buff/cache",
        f"MiB Swap:      0.0 total,      0.0 free,      0.0 used. {(total - used) / 1024:8.1f} avail Mem",
        "",
        "    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND",
    ]
    rows += [
        f"{p.pid:7} {p.user[:8]:<8}  20   0 {p.vsz:7} {p.rss:6} {p.rss * 7 // 10:6} {p.state[0]}   0.0 {p.rss / total * 100:5.1f} {cpu_time(p, now) + '.00':>9} {p.name}"
        for p in processes
    ]
    await run.lines(rows[: run.session.size[1]] if run.on_terminal else rows)
    return 0


@builtin("kill")
async def kill(run: Run) -> int:
    args = list(run.args)
    if args[:1] == ["-l"]:
        await run.out(
            "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU\n"
        )
        return 0
    while args and args[0].startswith("-") and len(args[0]) > 1:
        flag = args.pop(0)
        if flag in ("-s", "-n") and args:
            args.pop(0)
    if not args:
        await run.err(
            f"{run.shell.voice()}kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n"
        )
        return 2
    status = 0
    probe = bool({"-0"} & set(run.args))
    for arg in args:
        status |= await _kill(run, arg, probe=probe)
    return status


async def _kill(run: Run, arg: str, *, probe: bool) -> int:
    jobs = run.session.jobs
    if arg.startswith("%"):
        job = jobs.get(int(arg[1:])) if arg[1:].isdigit() and len(arg) < 6 else None
        if job is None:
            return await run.complain(f"{arg}: no such job")
        job.task.cancel()
        return 0
    if not re.fullmatch(r"-?\d{1,9}", arg):
        return await run.complain(f"{arg}: arguments must be process or job IDs")
    pid = int(arg)
    process = run.machine.processes.table.get(pid)
    if pid == run.env.pid or (process is None and pid == 0):
        return 0
    if process is None:
        return await run.complain(f"({arg}) - No such process")
    if run.who.uid and process.user != run.who.name:
        return await run.complain(f"({arg}) - Operation not permitted")
    for job in jobs.values():
        if job.pid == pid and not probe:
            job.task.cancel()
    if (
        not probe
        and pid > 300
        and not process.command.startswith("sshd:")
        and pid not in {login.pid for login in run.machine.logins}
    ):
        run.machine.processes.end(pid)
    return 0


PROGRAMS["kill"] = BUILTINS["kill"]


@program("pgrep", "pkill", "killall", "pidof")
async def pgrep(run: Run) -> int:
    names = [arg for arg in run.args if not arg.startswith("-")]
    if not names:
        raise UsageFault("no matching criteria specified", 2, hint=True)
    exact = run.name in ("killall", "pidof") or "-x" in run.args
    full = any("f" in arg for arg in run.args if arg.startswith("-"))
    found = [
        p
        for p in run.machine.processes.all()
        if any((p.name == name if exact else name in (p.command if full else p.name)) for name in names)
    ]
    if run.name in ("pkill", "killall"):
        for p in found:
            await _kill(Run(run.shell, ["kill"], builtin=False), str(p.pid), probe=False)
        if not found and run.name == "killall":
            await run.err(f"{names[0]}: no process found\n")
    elif run.name == "pidof":
        await run.out(" ".join(str(p.pid) for p in reversed(found)) + "\n" * bool(found))
    else:
        listed = any("l" in arg or "a" in arg for arg in run.args if arg.startswith("-"))
        await run.lines(
            f"{p.pid} {p.command if any('a' in a for a in run.args[:1]) else p.name}"
            if listed
            else str(p.pid)
            for p in found
        )
    return int(not found)


@program("lsof", "fuser")
async def lsof(run: Run) -> int:
    if run.name == "fuser":
        return 1
    rows = ["COMMAND     PID USER   FD   TYPE             DEVICE SIZE/OFF   NODE NAME"]
    for p in run.machine.processes.all():
        if p.command[0] != "[" and (run.who.uid == 0 or p.user == run.who.name):
            rows.append(
                f"{p.name[:9]:<9} {p.pid:5} {p.user[:8]:<8} cwd    DIR              254,1     4096      2 /"
            )
            rows += [
                f"{p.name[:9]:<9} {p.pid:5} {p.user[:8]:<8}   3u  IPv4              {14_000 + port}      0t0    TCP *:{port} (LISTEN)"
                for port, name in run.machine.system.listeners
                if name == p.name
            ]
    if any(arg.startswith("-i") for arg in run.args):
        rows = [rows[0], *(row for row in rows if "TCP" in row)]
    await run.lines(rows)
    return 0


@program("pstree")
async def pstree(run: Run) -> int:
    names = sorted({p.name for p in run.machine.processes.all() if p.parent == 1})
    await run.lines(
        [f"systemd-+-{names[0]}", *(f"        |-{name}" for name in names[1:-1]), f"        `-{names[-1]}"]
    )
    return 0


@program("vmstat", "iostat")
async def vmstat(run: Run) -> int:
    _, _, left, cache = memory(run.machine)
    await run.lines(
        [
            "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----",
            " r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st",
            f" 1  0      0 {left:6} {cache // 8:6} {cache * 7 // 8:6}    0    0     4     9   41   76  1  0 98  0  0",
        ]
    )
    return 0

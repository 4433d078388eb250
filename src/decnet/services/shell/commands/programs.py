"""Interpreters, editors, which, whereis and other programs that are recorded and do little."""

from __future__ import annotations

import asyncio
import re

from decnet.services.shell.capture import CaptureKind
from decnet.services.shell.run import Run, UsageFault, program
from decnet.services.shell.scanner import bytes_text, text_bytes


@program("which")
async def which(run: Run) -> int:
    status = int(not run.args)
    for name in (arg for arg in run.args if not arg.startswith("-")):
        path = run.shell.find(name)
        if path:
            await run.out(path + "\n")
        else:
            status = 1
            if run.machine.family.name in ("rhel", "arch"):
                await run.err(f"which: no {name} in ({run.env.get('PATH')})\n")
    return status


@program("whereis")
async def whereis(run: Run) -> int:
    for name in (arg for arg in run.args if not arg.startswith("-")):
        places = [
            f"{folder}/{name}"
            for folder in ("/usr/bin", "/usr/sbin", "/etc", "/usr/lib", "/usr/share", "/usr/local/bin")
        ]
        found = [place for place in places if run.fs.exists(run.who, place)]
        await run.out(f"{name}:{''.join(' ' + place for place in found)}\n")
    return 0


_PRINT = re.compile(r"""\s*print\s*\(\s*(?:(["'])((?:(?!\1).)*)\1|([-+*/%()\d\s.]+))\s*\)\s*""")
VERSIONS = {
    "python3": "Python 3.11.2",
    "python": "Python 3.11.2",
    "perl": "This is perl 5, version 36, subversion 0 (v5.36.0) built for x86_64-linux-gnu-thread-multi",
}


@program("python3", "python", "python3.11", "perl", "ruby", "php", "node", "lua")
async def interpreter(run: Run) -> int:
    args = list(run.args)
    if args[:1] in (["--version"], ["-V"], ["-v"]):
        await run.out(VERSIONS.get(run.name, "Python 3.11.2") + "\n")
        return 0
    source = None
    for flag, value in zip(args, [*args[1:], ""], strict=False):
        if flag in ("-c", "-e", "-E", "-r"):
            source = value
            break
    if source is None and args and not args[0].startswith("-"):
        try:
            source = bytes_text(run.fs.read(run.who, run.path(args[0]))[:65_536])
        except OSError:
            if run.name.startswith("python"):
                await run.err(
                    f"{run.name}: can't open file '{run.path(args[0])}': [Errno 2] No such file or directory\n"
                )
                return 2
            await run.err(f'Can\'t open {run.name} script "{args[0]}": No such file or directory\n')
            return 2
    if source is None:
        if run.session.interactive and run.shell.fds.table.get(0) is run.session.keyboard:
            return await _prompt(run)
        source = bytes_text(await run.all(run.stdin, 65_536))
    run.session.note(CaptureKind.SCRIPT, run.name, source)
    return await _pretend(run, source)


async def _pretend(run: Run, source: str) -> int:
    """The output of literal print calls; an import fails where a module is plausibly missing; all else is silent."""
    module = re.search(
        r"^\s*(?:import|from)\s+(requests|paramiko|pty_|numpy|pwn|scapy|yaml)\b", source, re.MULTILINE
    )
    if run.name.startswith("python") and module:
        await run.err(
            f"Traceback (most recent call last):\n  File \"<string>\", line 1, in <module>\nModuleNotFoundError: No module named '{module[1]}'\n"
        )
        return 1
    if run.name.startswith("python") and re.search(r"pty\.spawn\(", source):
        return await run.shell.invoke(["bash"])
    await asyncio.sleep(0.02)
    for statement in re.split(r"[;\n]", source)[:200]:
        match = (
            _PRINT.fullmatch(statement)
            if run.name.startswith("python")
            else re.fullmatch(r"""\s*print\s+(["'])((?:(?!\1).)*)\1\s*""", statement)
        )
        if match and match[2] is not None:
            text = match[2].replace("\\n", "\n")
            await run.out(text + ("\n" if run.name.startswith("python") else ""))
        elif match:
            try:
                await run.out(f"{run.shell.expander.evaluate(match[3])}\n")
            except Exception:  # noqa: BLE001 (a border: whatever the expression is, nothing is printed)
                return 1
    return 0


async def _prompt(run: Run) -> int:
    """Python's own prompt, as far as print goes."""
    await run.out(
        'Python 3.11.2 (main, Mar 13 2023, 12:18:29) [GCC 12.2.0] on linux\nType "help", "copyright", "credits" or "license" for more information.\n'
        if run.name.startswith("python")
        else ""
    )
    while True:
        await run.out(">>> " if run.name.startswith("python") else "")
        line = bytes_text(await run.stdin.until(limit=4096))
        if not line or line.strip() in ("exit()", "quit()", "exit"):
            return 0
        run.session.note(CaptureKind.SCRIPT, run.name, line)
        await _pretend(run, line)


@program("vi", "vim", "nano", "ed", "emacs", "pico", "joe", "editor", "view")
async def editor(run: Run) -> int:
    if not run.session.tty:
        if run.name == "nano":
            await run.err("Standard output is not a terminal\n")
            return 1
        await run.err(
            "Vim: Warning: Output is not to a terminal\nVim: Warning: Input is not from a terminal\n"
        )
        return 1
    await run.err(f"Error opening terminal: {run.env.get('TERM') or 'unknown'}.\n")
    return 1


@program("less", "more", "pager", "man")
async def pager(run: Run) -> int:
    names = [arg for arg in run.args if not arg.startswith("-")]
    if run.name == "man":
        await run.err(f"No manual entry for {names[0]}\n" if names else "What manual page do you want?\n")
        return 16 if names else 1
    if not names and run.shell.fds.table.get(0) is run.session.keyboard:
        raise UsageFault('Missing filename ("less --help" for help)')
    async for _, data in run.inputs(names):
        await run.write(data)
    return 0


@program("bc", "expr")
async def calculator(run: Run) -> int:
    if run.name == "expr":
        return await _expr(run)
    async for line in run.text_lines([arg for arg in run.args if not arg.startswith("-")]):
        if re.fullmatch(r"[-+*/%^() \d]+", line):
            await run.out(f"{run.shell.expander.evaluate(line.replace('^', '**'))}\n")
    return 0


async def _expr(run: Run) -> int:
    args = run.args
    if not args:
        raise UsageFault("missing operand", 2, hint=True)
    if len(args) == 2 and args[0] == "length":
        value = str(len(args[1]))
    elif len(args) == 3 and args[1] in ("=", "!="):
        value = str(int((args[0] == args[2]) == (args[1] == "=")))
    elif len(args) == 3 and args[1] == ":":
        from decnet.services.shell.regex import compile_regex  # noqa: PLC0415 (only here)

        found = compile_regex("^" + args[2], extended=False).search(args[0])
        value = (found.groups[1] or "") if found and len(found.groups) > 1 else str(found.end if found else 0)
    elif len(args) == 4 and args[0] == "substr" and args[2].isdigit() and args[3].isdigit():
        start = int(args[2][:9])
        value = args[1][start - 1 : start - 1 + int(args[3][:9])]
    else:
        if any(not re.fullmatch(r"-?\d{1,18}|[-+*/%<>=!&|()]{1,2}", arg) for arg in args):
            if len(args) == 1:
                await run.out(args[0] + "\n")
                return int(args[0] in ("", "0"))
            await run.complain("non-integer argument")
            return 2
        value = str(run.shell.expander.evaluate(" ".join("==" if arg == "=" else arg for arg in args)))
    await run.out(value + "\n")
    return int(value in ("", "0"))


@program("mail", "sendmail", "mailx")
async def mail(run: Run) -> int:
    if run.name == "mail" and not run.args:
        await run.out("No mail for " + run.who.name + "\n")
        return 1
    run.session.note(CaptureKind.SCRIPT, run.name, " ".join(run.args))
    await run.all(run.stdin, 1 << 20)
    return 0


@program("docker", "kubectl", "podman")
async def containers(run: Run) -> int:
    await run.err(
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"
    )
    return 1


@program("gcc", "cc", "make", "g++", "ld", "as")
async def compiler(run: Run) -> int:
    names = [arg for arg in run.args if not arg.startswith("-")]
    if run.name == "make":
        await run.err("make: *** No targets specified and no makefile found.  Stop.\n")
        return 2
    if not names:
        await run.err(f"{run.name}: fatal error: no input files\ncompilation terminated.\n")
        return 1
    await run.err(
        f"{run.name}: fatal error: cannot execute ‘cc1’: execvp: No such file or directory\ncompilation terminated.\n"
    )
    return 1


@program("screen", "tmux", "at", "script")
async def multiplexer(run: Run) -> int:
    if run.name == "screen" and any(arg.startswith("-ls") for arg in run.args):
        await run.out(f"No Sockets found in /run/screen/S-{run.who.name}.\n")
        return 1
    if not run.session.tty:
        await run.err(
            "Must be connected to a terminal.\n"
            if run.name == "screen"
            else "open terminal failed: not a terminal\n"
        )
    return 1


@program("ssh-keygen")
async def keygen(run: Run) -> int:
    name = next(
        (value for flag, value in zip(run.args, run.args[1:], strict=False) if flag == "-f"),
        f"{run.env.get('HOME')}/.ssh/id_rsa",
    )
    if "-l" in run.args:
        await run.err(f"{name} is not a public key file.\n")
        return 255
    key = run.machine.draw.bytes(68).hex()
    run.machine.make_directories(run.path(name).rpartition("/")[0])
    run.fs.write(
        run.who,
        run.path(name),
        text_bytes(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{key}\n-----END OPENSSH PRIVATE KEY-----\n"),
        mode=0o600,
    )
    run.fs.write(
        run.who, run.path(name) + ".pub", text_bytes(f"ssh-rsa {key} {run.who.name}@{run.machine.hostname}\n")
    )
    await run.out(
        f"Generating public/private rsa key pair.\nYour identification has been saved in {name}\nYour public key has been saved in {name}.pub\n"
    )
    return 0

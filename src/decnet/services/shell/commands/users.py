# ruff: noqa: C901, PLR0911 (a command has as many branches as options)
"""id, whoami, groups, w, who, last, su, sudo, passwd, useradd, getent."""

from __future__ import annotations

import asyncio
import re

from decnet.services.shell.capture import CaptureKind
from decnet.services.shell.commands.output import local_time
from decnet.services.shell.commands.system import headline
from decnet.services.shell.machine import ROOT
from decnet.services.shell.run import Run, UsageFault, program
from decnet.services.shell.scanner import bytes_text


@program("whoami", "logname")
async def whoami(run: Run) -> int:
    await run.out(run.who.name + "\n")
    return 0


@program("id", "groups")
async def identity(run: Run) -> int:
    names = [arg for arg in run.args if not arg.startswith("-")]
    flags = "".join(arg[1:] for arg in run.args if arg.startswith("-"))
    users = run.machine.users()
    if names and names[0] not in users:
        return await run.complain(
            f"‘{names[0]}’: no such user" if not run.busybox else f"unknown user {names[0]}"
        )
    who = run.machine.credentials(names[0]) if names else run.who
    by_id = {g.gid: n for n, g in run.machine.groups().items()}
    ids = [who.gid, *sorted(who.groups - {who.gid})]
    shown = [by_id.get(gid, str(gid)) for gid in ids]
    if run.name == "groups":
        await run.out((f"{names[0]} : " if names else "") + " ".join(shown) + "\n")
    elif "u" in flags:
        await run.out((who.name if "n" in flags else str(who.uid)) + "\n")
    elif "g" in flags:
        await run.out((shown[0] if "n" in flags else str(who.gid)) + "\n")
    elif "G" in flags:
        await run.out(" ".join(shown if "n" in flags else map(str, ids)) + "\n")
    else:
        groups = ",".join(f"{gid}({name})" for gid, name in zip(ids, shown, strict=True))
        context = (
            " context=unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023"
            if run.machine.family.name == "rhel" and not names
            else ""
        )
        await run.out(f"uid={who.uid}({who.name}) gid={who.gid}({shown[0]}) groups={groups}{context}\n")
    return 0


@program("w", "who", "users")
async def logged_in(run: Run) -> int:
    logins = run.machine.logins
    if run.name == "users":
        await run.out(" ".join(login.user for login in logins) + "\n")
        return 0
    if run.name == "who":
        await run.lines(
            f"{login.user:<8} {login.tty:<12} {local_time(run, login.since).strftime('%Y-%m-%d %H:%M')} ({login.source or 'localhost'})"
            for login in logins
        )
        return 0
    rows = [headline(run), "USER     TTY      FROM             LOGIN@   IDLE   JCPU   PCPU WHAT"]
    for login in logins:
        when = local_time(run, login.since).strftime("%H:%M")
        rows.append(
            f"{login.user[:8]:<8} {login.tty:<8} {login.source or '-':<16} {when}    {'0.00s' if login is run.session.login else '4.00s'}  0.02s  0.00s {'w' if login is run.session.login else '-bash'}"
        )
    await run.lines(rows)
    return 0


@program("last", "lastlog", "lastb")
async def last(run: Run) -> int:
    machine = run.machine
    if run.name == "lastb":
        return 0
    rows = []
    for login in reversed(machine.logins):
        when = local_time(run, login.since).strftime("%a %b %e %H:%M")
        rows.append(f"{login.user[:8]:<8} {login.tty:<12} {login.source or '-':<16} {when}   still logged in")
    booted = local_time(run, machine.facts.booted).strftime("%a %b %e %H:%M")
    rows.append(f"reboot   system boot  {machine.system.kernel[:16]:<16} {booted}   still running")
    first = local_time(run, machine.facts.installed).strftime("%a %b %e %H:%M:%S %Y")
    await run.lines([*rows, "", f"wtmp begins {first}"])
    return 0


async def ask(run: Run, prompt: str) -> str:
    """A password, read without echo; it is recorded."""
    await run.err(prompt)
    run.session.echo(False)
    try:
        line = await run.stdin.until(limit=4096)
    finally:
        run.session.echo(True)
    await run.err("\n")
    text = bytes_text(line).rstrip("\r\n")
    run.session.note(CaptureKind.SECRET, run.name, text)
    return text


async def become(run: Run, user: str, command: list[str], *, login: bool, text: str | None = None) -> int:
    """Run a command (or ``text`` in a shell) as a user; without one, a shell on top of this one."""
    keep = (
        {}
        if login
        else {
            k: v
            for k, v in run.env.exports().items()
            if k not in ("HOME", "USER", "LOGNAME", "SHELL", "MAIL", "PWD", "OLDPWD", "PATH", "SHLVL")
        }
    )
    pid = run.machine.processes.spawn(
        user, run.session.tty_name or "?", "-bash" if login else "bash", parent=run.env.pid
    ).pid
    made = run.session.environment(
        user, {**keep, "SHLVL": "1"}, login=login, cwd="" if login else run.env.cwd, pid=pid
    )
    if (
        not command
        and text is None
        and run.session.interactive
        and run.shell.fds.table.get(0) is run.session.keyboard
    ):
        run.session.push(made)
        return 0
    child = run.shell.child()
    made.calls = child.env.calls
    made.name = "bash" if not run.busybox else "sh"
    child.env = made
    child.expander = type(child.expander)(child)
    try:
        if command:
            return await child.guarded(child.program(command))
        script = text if text is not None else bytes_text(await run.all(run.stdin, 1 << 20))
        child.script_name = made.name
        return await child.guarded(child.script(script))
    finally:
        run.machine.processes.end(pid)


@program("su")
async def su(run: Run) -> int:
    args = list(run.args)
    login = any(arg in ("-", "-l", "--login") for arg in args)
    text = None
    names = []
    while args:
        arg = args.pop(0)
        if arg in ("-c", "--command") and args:
            text = args.pop(0)
        elif arg == "-s" and args:
            args.pop(0)
        elif not arg.startswith("-"):
            names.append(arg)
    user = names[0] if names else "root"
    if user not in run.machine.users():
        return await run.complain(
            f"user {user} does not exist or the user entry does not contain all the required fields"
            if not run.busybox
            else f"unknown user {user}"
        )
    if run.who.uid:
        given = await ask(run, "Password: ")
        if run.machine.passwords.get(user) != given:
            await asyncio.sleep(1.8)
            return await run.complain("Authentication failure" if not run.busybox else "incorrect password")
    return await become(run, user, [], login=login, text=text)


@program("sudo", "doas")
async def sudo(run: Run) -> int:
    args = list(run.args)
    user, login, shell = "root", False, False
    while args and args[0].startswith("-"):
        flag = args.pop(0)
        if flag in ("-u", "--user") and args:
            user = args.pop(0)
        elif flag in ("-i", "--login"):
            login = True
        elif flag == "-s":
            shell = True
        elif flag in ("-l", "-ll", "--list"):
            return await _sudo_list(run)
        elif flag in ("-v", "-k", "-K"):
            return 0
        elif flag == "-V":
            await run.out("Sudo version 1.9.13p3\n")
            return 0
    while args and re.match(r"\w+=", args[0]):
        args.pop(0)
    if not args and not (login or shell):
        await run.err(
            "usage: sudo -h | -K | -k | -V\nusage: sudo -v [-ABkNnS] [-g group] [-h host] [-p prompt] [-u user]\nusage: sudo -l [-ABkNnS] [-g group] [-h host] [-p prompt] [-U user] [-u user] [command [arg ...]]\nusage: sudo [-ABbEHkNnPS] [-r role] [-t type] [-C num] [-D directory] [-g group] [-h host] [-p prompt] [-R directory] [-T timeout] [-u user] [VAR=value] [-i | -s] [command [arg ...]]\n"
        )
        return 1
    if user not in run.machine.users():
        return await run.complain(f"unknown user {user}\nsudo: error initializing audit plugin sudoers_audit")
    if run.who.uid and not await _allowed(run):
        return 1
    if args and not run.shell.find(args[0]) and args[0] not in ("su", "bash", "sh"):
        return await run.complain(f"{args[0]}: command not found")
    return await become(run, user, args, login=login)


async def _sudo_list(run: Run) -> int:
    if run.who.uid and not await _allowed(run):
        return 1
    await run.out(
        f"Matching Defaults entries for {run.who.name} on {run.machine.hostname}:\n    env_reset, mail_badpass,\n    secure_path=/usr/local/sbin\\:/usr/local/bin\\:/usr/sbin\\:/usr/bin\\:/sbin\\:/bin, use_pty\n\nUser {run.who.name} may run the following commands on {run.machine.hostname}:\n    (ALL : ALL) ALL\n"
    )
    return 0


async def _allowed(run: Run) -> bool:
    """Ask for the user's own password; then whether sudoers has the user in it."""
    name = run.who.name
    if not run.session.tty and "-S" not in run.args:
        await run.complain(
            "a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\nsudo: a password is required"
        )
        return False
    for attempt in range(3):
        given = await ask(run, f"[sudo] password for {name}: ")
        if run.machine.passwords.get(name) == given:
            break
        await asyncio.sleep(1.8)
        if attempt < 2:
            await run.err("Sorry, try again.\n")
    else:
        await run.complain("3 incorrect password attempts")
        return False
    groups = run.machine.groups()
    if any(name in groups[group].members for group in ("sudo", "wheel", "admin") if group in groups):
        return True
    await run.err(f"{name} is not in the sudoers file.\n")
    return False


@program("passwd", "chpasswd")
async def passwd(run: Run) -> int:
    if run.name == "chpasswd":
        async for line in run.text_lines([]):
            user, colon, secret = line.partition(":")
            run.session.note(CaptureKind.SECRET, run.name, line)
            if colon and user in run.machine.users() and run.who.uid == 0:
                run.machine.passwords[user] = secret[:256]
        return 0
    names = [arg for arg in run.args if not arg.startswith("-")]
    user = names[0] if names else run.who.name
    if user not in run.machine.users():
        return await run.complain(f"user '{user}' does not exist")
    if run.who.uid and user != run.who.name:
        return await run.complain(f"You may not view or modify password information for {user}.")
    if run.who.uid:
        await run.out(f"Changing password for {user}.\n")
        if await ask(run, "Current password: ") != run.machine.passwords.get(user):
            await asyncio.sleep(1.5)
            await run.err("passwd: Authentication token manipulation error\npasswd: password unchanged\n")
            return 10
    first = await ask(run, "New password: ")
    if not first:
        await run.err(
            "No password has been supplied.\npasswd: Authentication token manipulation error\npasswd: password unchanged\n"
        )
        return 10
    if await ask(run, "Retype new password: ") != first:
        await run.err(
            "Sorry, passwords do not match.\npasswd: Authentication token manipulation error\npasswd: password unchanged\n"
        )
        return 10
    run.machine.passwords[user] = first[:256]
    await run.err("passwd: password updated successfully\n")
    return 0


@program(
    "useradd", "adduser", "userdel", "deluser", "usermod", "groupadd", "addgroup", "groupdel", "chsh", "chage"
)
async def manage(run: Run) -> int:
    names = [arg for arg in run.args if not arg.startswith("-")]
    if run.who.uid:
        return await run.complain(
            "Permission denied.\n" + f"{run.name}: cannot lock /etc/passwd; try again later."
            if run.name != "adduser"
            else "Only root may add a user or group to the system."
        )
    if not names:
        raise UsageFault("usage", 2)
    name = names[-1]
    users = run.machine.users()
    if run.name in ("useradd", "adduser"):
        if name in users:
            return await run.complain(f"user '{name}' already exists", 9)
        if not re.fullmatch(r"[a-z_][a-z0-9_.-]{0,31}\$?", name):
            return await run.complain(f"invalid user name '{name}': use --badname to ignore", 3)
        if len(users) < 200:
            run.machine.ensure_user(name)
            run.machine.own_homes()
    elif run.name in ("groupadd", "addgroup") and name not in run.machine.groups():
        run.machine.append("/etc/group", f"{name}:x:{1000 + len(run.machine.groups())}:")
    elif run.name in ("userdel", "deluser"):
        if name not in users:
            return await run.complain(f"user '{name}' does not exist", 6)
        kept = [user.line() for user in users.values() if user.name != name]
        run.fs.write(ROOT, "/etc/passwd", ("\n".join(kept) + "\n").encode("utf-8", "replace"))
    return 0


@program("getent")
async def getent(run: Run) -> int:
    if not run.args:
        raise UsageFault("wrong number of arguments", 1, hint=True)
    database, keys = run.args[0], run.args[1:]
    if database not in ("passwd", "group", "hosts", "shadow", "services", "protocols"):
        await run.err(
            f"Unknown database: {database}\nTry `getent --help' or `getent --usage' for more information.\n"
        )
        return 1
    lines = bytes_text(run.fs.read(run.who, f"/etc/{database}")).splitlines()
    split = r":" if database in ("passwd", "group", "shadow") else r"\s+"
    found = [
        line for line in lines if line.strip() and (not keys or set(keys) & set(re.split(split, line)[:3]))
    ]
    await run.lines(found)
    return 0 if found else 2

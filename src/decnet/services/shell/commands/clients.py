# ruff: noqa: C901, PLR0912 (a command has as many branches as options)
"""The clients that reach nothing: curl, wget, ssh, nc, git and their kin, dig."""

from __future__ import annotations

import asyncio
import re

from decnet.services.shell.commands.network import is_near, resolve
from decnet.services.shell.run import Run, program

PATIENCE = 30.0
"""Seconds a client of ours waits at most before it gives up: less than the real two minutes of TCP's SYN retries."""


async def attempt(run: Run, host: str, port: str, *, wait: float) -> str:
    """Try to reach a host, as far as anybody can tell; gives why it failed."""
    address = resolve(run, host)
    if not address:
        await asyncio.sleep(min(wait, 5.0))
        return "resolve"
    if is_near(run, address):
        await asyncio.sleep(0.002)
        return "refused"
    await asyncio.sleep(min(wait, PATIENCE))
    return "timeout" if port else "unreachable"


def host_of(url: str) -> tuple[str, str]:
    """Host and port of a URL."""
    match = re.match(r"(?:(\w+)://)?(?:[^@/]*@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d+))?", url)
    if match is None:
        return url, "80"
    return match[2], match[3] or {"https": "443", "ftp": "21"}.get(match[1] or "", "80")


@program("curl")
async def curl(run: Run) -> int:
    urls, wait, quiet = [], PATIENCE, False
    args = list(run.args)
    while args:
        arg = args.pop(0)
        if arg in ("-V", "--version"):
            await run.out(
                "curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.14 zlib/1.2.13\nProtocols: dict file ftp ftps gopher http https imap imaps\n"
            )
            return 0
        if arg in ("-m", "--max-time", "--connect-timeout") and args:
            value = args.pop(0)
            wait = min(wait, float(value)) if re.fullmatch(r"\d{1,5}\.?\d*", value) else wait
        elif (
            arg
            in (
                "-o",
                "-H",
                "-d",
                "-X",
                "-u",
                "-A",
                "-e",
                "-x",
                "--data",
                "--header",
                "--output",
                "--request",
                "--user",
                "--url",
                "-F",
                "-T",
                "-b",
                "-c",
                "-w",
                "--retry",
            )
            and args
        ):
            value = args.pop(0)
            urls += [value] if arg == "--url" else []
        elif arg.startswith("-"):
            timed = re.fullmatch(r"-[a-zA-Z]*m(\d{0,5}\.?\d*)", arg) if not arg.startswith("--") else None
            value = timed[1] or (args.pop(0) if args else "") if timed else ""
            wait = min(wait, float(value)) if re.fullmatch(r"\d{1,5}\.?\d*", value) else wait
            quiet = quiet or (not arg.startswith("--") and "s" in arg and "S" not in arg) or arg == "--silent"
        else:
            urls.append(arg)
    if not urls:
        await run.err("curl: try 'curl --help' or 'curl --manual' for more information\n")
        return 2
    status = 0
    for url in urls[:20]:
        run.session.note_download("curl", url)
        host, port = host_of(url)
        why = await attempt(run, host, port, wait=wait)
        messages = {
            "resolve": (6, f"Could not resolve host: {host}"),
            "refused": (7, f"Failed to connect to {host} port {port} after 0 ms: Couldn't connect to server"),
            "timeout": (
                28,
                f"Failed to connect to {host} port {port} after {int(wait * 1000) + 1} ms: Couldn't connect to server",
            ),
        }
        status, message = messages[why]
        if not quiet:
            await run.err(f"curl: ({status}) {message}\n")
    return status


@program("wget")
async def wget(run: Run) -> int:
    args = list(run.args)
    urls, wait, tries, quiet = [], PATIENCE, 20, False
    while args:
        arg = args.pop(0)
        if arg in ("-O", "-o", "-P", "-U", "-e", "--header", "--user-agent") and args:
            args.pop(0)
        elif arg in ("-T", "-t") and args:
            value = args.pop(0)
            if value.isdigit() and len(value) < 6:
                wait, tries = (min(wait, float(value)), tries) if arg == "-T" else (wait, int(value))
        elif arg.startswith("-"):
            quiet = quiet or (not arg.startswith("--") and "q" in arg) or arg == "--quiet"
        else:
            urls.append(arg)
    if not urls:
        await run.err(
            "wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.\n"
            if not run.busybox
            else "BusyBox v1.36.1 multi-call binary.\n\nUsage: wget [-cqS] [-O FILE] URL...\n"
        )
        return 1
    for url in urls[:20]:
        run.session.note_download("wget", url)
        host, port = host_of(url)
        full = url if "://" in url else f"http://{url}"
        when = run.machine.clock()
        from decnet.services.shell.commands.output import local_time  # noqa: PLC0415 (only here)

        stamp = local_time(run, when).strftime("%Y-%m-%d %H:%M:%S")
        address = resolve(run, host)
        if not quiet and not run.busybox:
            await run.err(
                f"--{stamp}--  {full}{'' if '/' in full.partition('://')[2] else '/'}\n"
                + (f"Resolving {host} ({host})... " if address != host else "")
            )
        why = (
            await attempt(run, host, port, wait=0 if address and address != host else 0.0)
            if not address
            else ""
        )
        if why == "resolve":
            if not quiet:
                await run.err(
                    f"failed: Temporary failure in name resolution.\nwget: unable to resolve host address ‘{host}’\n"
                    if not run.busybox
                    else f"wget: bad address '{host}'\n"
                )
            continue
        if not quiet and not run.busybox:
            await run.err(f"Connecting to {host}:{port}... ")
        why = await attempt(run, host, port, wait=wait)
        if not quiet:
            reason = "Connection refused." if why == "refused" else "Connection timed out."
            await run.err(
                f"failed: {reason}\n" + ("Giving up.\n\n" if tries == 1 else "")
                if not run.busybox
                else f"wget: can't connect to remote host ({address}): {reason[:-1]}\n"
            )
    return 4 if not run.busybox else 1


@program(
    "ssh",
    "scp",
    "sftp",
    "rsync",
    "telnet",
    "nc",
    "netcat",
    "ncat",
    "ftp",
    "tftp",
    "git",
    "nmap",
    "socat",
    "ssh-copy-id",
    "mysql",
    "psql",
    "redis-cli",
    "traceroute",
    "lynx",
    "smbclient",
)
async def client(run: Run) -> int:
    args = list(run.args)
    if run.name == "git" and args[:1] in (["--version"], ["version"]):
        await run.out("git version 2.39.2\n")
        return 0
    if run.name == "git" and args[:1] not in (["clone"], ["fetch"], ["pull"]):
        await run.err("fatal: not a git repository (or any of the parent directories): .git\n")
        return 128
    if run.name == "ssh" and args[:1] == ["-V"]:
        await run.err("OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.14 4 Jun 2024\n")
        return 0
    words = []
    while args:
        arg = args.pop(0)
        if re.fullmatch(r"-[pPilLoFwbcDeJmRSWh]", arg) and args:
            args.pop(0)
        elif not arg.startswith("-") and arg not in ("clone", "fetch", "pull"):
            words.append(arg)
    target = next(
        (word for word in words if "@" in word or ":" in word or run.name not in ("scp", "rsync")), ""
    )
    if not target:
        await run.err(f"usage: {run.name} [options] destination\n")
        return 255 if run.name == "ssh" else 1
    run.session.note_download(run.name, " ".join(words))
    host = (
        re.sub(r"^\w+://", "", target).rpartition("@")[2].split("/")[0].split(":")[0]
        if run.name != "telnet"
        else target
    )
    port = next(
        (word for word in words[1:2] if word.isdigit()),
        {
            "ssh": "22",
            "scp": "22",
            "sftp": "22",
            "rsync": "22",
            "telnet": "23",
            "ftp": "21",
            "git": "443",
        }.get(run.name, "80"),
    )
    listening = "-l" in "".join(arg[:3] for arg in run.args[:2]) and run.name in ("nc", "ncat", "netcat")
    why = "timeout" if listening else await attempt(run, host, port, wait=PATIENCE)
    reason = {"resolve": "Temporary failure in name resolution", "refused": "Connection refused"}.get(
        why, "Connection timed out"
    )
    if listening:
        while await run.stdin.read():
            pass
        return 0
    messages = {
        "ssh": f"ssh: Could not resolve hostname {host}: {reason}\n"
        if why == "resolve"
        else f"ssh: connect to host {host} port {port}: {reason}\n",
        "git": f"Cloning into '{target.rstrip('/').rpartition('/')[2].removesuffix('.git')}'...\nfatal: unable to access '{target}/': "
        + (
            f"Could not resolve host: {host}\n"
            if why == "resolve"
            else f"Failed to connect to {host} port 443 after 30001 ms: Couldn't connect to server\n"
        ),
        "telnet": (
            f"telnet: could not resolve {host}/{port}: {reason}\n"
            if why == "resolve"
            else f"Trying {resolve(run, host)}...\ntelnet: Unable to connect to remote host: {reason}\n"
        ),
        "nc": f'nc: getaddrinfo for host "{host}" port {port}: {reason}\n'
        if why == "resolve"
        else ""
        if "-v" not in "".join(run.args)
        else f"nc: connect to {host} port {port} (tcp) failed: {reason}\n",
    }
    extra = (
        "scp: Connection closed\n"
        if run.name == "scp"
        else "Connection closed\n"
        if run.name == "sftp"
        else ""
    )
    name = (
        "ssh"
        if run.name in ("scp", "sftp", "rsync", "ssh-copy-id")
        else "nc"
        if run.name in ("netcat", "ncat")
        else run.name
    )
    await run.err(messages.get(name, f"{run.name}: {host}: {reason}\n") + extra)
    return 255 if name == "ssh" else 128 if name == "git" else 1


@program("dig", "nslookup", "host")
async def lookup(run: Run) -> int:
    names = [arg for arg in run.args if not arg.startswith(("-", "+", "@"))]
    run.session.note_download(run.name, " ".join(names))
    await asyncio.sleep(5)
    server = run.machine.system.gateway
    await run.out(f";; communications error to {server}#53: timed out\n;; no servers could be reached\n")
    return 9 if run.name == "dig" else 1

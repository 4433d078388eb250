# ruff: noqa: C901 (a command has as many branches as options)
"""apt, dpkg, yum, dnf, rpm, apk, pacman: what is installed, and mirrors that cannot be reached."""

from __future__ import annotations

import asyncio
import re
from functools import cache

from decnet.services.shell.family import text
from decnet.services.shell.run import Run, program


@cache
def installed(family: str) -> dict[str, str]:
    """Packages of a family's base installation: name → version."""
    rows = (line.split() for line in text(f"{family}.packages").splitlines() if line and line[0] != "#")
    return {row[0]: row[1] for row in rows}


async def _operands(run: Run) -> tuple[str, list[str]]:
    words = [arg for arg in run.args if not arg.startswith("-")]
    return (words[0] if words else ""), words[1:]


async def _root(run: Run) -> bool:
    if run.who.uid:
        await run.err(
            "E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)\nE: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?\n"
        )
        return False
    return True


@program("apt", "apt-get", "aptitude", "apt-cache")
async def apt(run: Run) -> int:
    verb, names = await _operands(run)
    known = installed(run.machine.family.name)
    if verb == "list":
        await run.out("Listing... Done\n")
        await run.lines(
            f"{name}/stable,now {version} amd64 [installed]"
            for name, version in known.items()
            if not names or name in names
        )
    elif verb in ("search", "policy", "show"):
        for name in names:
            if name not in known:
                await run.err(
                    f"N: Unable to locate package {name}\n" if verb != "show" else "E: No packages found\n"
                )
                continue
            await run.out(f"{name}:\n  Installed: {known[name]}\n  Candidate: {known[name]}\n")
    elif verb in ("update", "upgrade", "dist-upgrade", "full-upgrade"):
        if not await _root(run):
            return 100
        if verb == "update":
            return await _update(run)
        await run.out(
            "Reading package lists... Done\nBuilding dependency tree... Done\nReading state information... Done\nCalculating upgrade... Done\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n"
        )
    elif verb in ("install", "remove", "purge", "reinstall"):
        return await _install(run, names) if await _root(run) else 100
    elif verb in ("autoremove", "clean", "autoclean"):
        return 0
    else:
        await run.out("apt 2.6.1 (amd64)\n" if not verb else "")
        if verb:
            await run.err(f"E: Invalid operation {verb}\n")
            return 100
    return 0


async def _update(run: Run) -> int:
    for line, host in (
        ("Err:1 http://apt-mirror/debian bookworm InRelease", "apt-mirror"),
        ("Err:2 http://apt-mirror/debian-security bookworm-security InRelease", "apt-mirror"),
    ):
        await asyncio.sleep(2.5)
        await run.out(f"{line}\n  Temporary failure resolving '{host}'\n")
    await run.out(
        "Reading package lists... Done\nBuilding dependency tree... Done\nReading state information... Done\nAll packages are up to date.\n"
    )
    await run.err(
        "W: Failed to fetch http://apt-mirror/debian/dists/bookworm/InRelease  Temporary failure resolving 'apt-mirror'\nW: Some index files failed to download. They have been ignored, or old ones used instead.\n"
    )
    return 0


async def _install(run: Run, names: list[str]) -> int:
    known = installed(run.machine.family.name)
    for name in names:
        run.session.note_download(run.name, name)
    await run.out(
        "Reading package lists... Done\nBuilding dependency tree... Done\nReading state information... Done\n"
    )
    missing = [name for name in names if name not in known]
    for name in names:
        if name in known:
            await run.out(f"{name} is already the newest version ({known[name]}).\n")
    if missing:
        await asyncio.sleep(0.6)
        await run.err("".join(f"E: Unable to locate package {name}\n" for name in missing))
        return 100
    await run.out("0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n")
    return 0


@program("dpkg", "dpkg-query")
async def dpkg(run: Run) -> int:
    known = installed(run.machine.family.name)
    names = [arg for arg in run.args if not arg.startswith("-")]
    flags = [arg for arg in run.args if arg.startswith("-")]
    if flags[:1] in (["-l"], ["--list"]):
        picked = {name: version for name, version in known.items() if not names or name in names}
        if not picked:
            await run.err(f"dpkg-query: no packages found matching {names[0]}\n")
            return 1
        await run.lines(
            [
                "Desired=Unknown/Install/Remove/Purge/Hold",
                "| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend",
                "|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)",
                "||/ Name                 Version               Architecture Description",
                "+++-====================-=====================-============-==========================",
                *(f"ii  {name:<20} {version:<21} amd64        {name}" for name, version in picked.items()),
            ]
        )
        return 0
    if flags[:1] in (["-s"], ["--status"]):
        for name in names:
            if name not in known:
                await run.err(
                    f"dpkg-query: package '{name}' is not installed and no information is available\n"
                )
                return 1
            await run.out(
                f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {known[name]}\n"
            )
        return 0
    if flags[:1] == ["--print-architecture"]:
        await run.out("amd64\n")
        return 0
    await run.err(
        "dpkg: error: need an action option\n\nType dpkg --help for help about installing and deinstalling packages [*];\n"
    )
    return 2


@program("rpm", "yum", "dnf", "microdnf", "zypper")
async def rpm(run: Run) -> int:
    known = installed(run.machine.family.name)
    if run.name == "rpm":
        names = [arg for arg in run.args if not arg.startswith("-")]
        flags = "".join(arg[1:] for arg in run.args if arg.startswith("-"))
        if "a" in flags:
            await run.lines(f"{name}-{version}.x86_64" for name, version in known.items())
            return 0
        for name in names:
            await run.out(
                f"{name}-{known[name]}.x86_64\n" if name in known else f"package {name} is not installed\n"
            )
        return int(any(name not in known for name in names))
    verb, names = await _operands(run)
    if verb in ("install", "update", "upgrade", "makecache", "search"):
        if run.who.uid and verb != "search":
            await run.err(
                "Error: This command has to be run with superuser privileges (under the root user on most systems).\n"
            )
            return 1
        for name in names:
            run.session.note_download(run.name, name)
        await asyncio.sleep(6)
        await run.err(
            "Error: Failed to download metadata for repo 'baseos': Cannot prepare internal mirrorlist: Curl error (6): Couldn't resolve host name for https://dnf-mirror/mirrorlist?arch=x86_64&repo=BaseOS-9 [Could not resolve host: dnf-mirror]\n"
        )
        return 1
    await run.lines(
        [
            "Installed Packages",
            *(f"{name + '.x86_64':<40} {version:<24} @anaconda" for name, version in known.items()),
        ]
    )
    return 0


@program("apk")
async def apk(run: Run) -> int:
    verb, names = await _operands(run)
    known = installed("alpine")
    if verb in ("add", "update", "upgrade", "fetch"):
        for name in names:
            run.session.note_download("apk", name)
        await asyncio.sleep(3)
        await run.out("fetch https://alpine-mirror/alpine/v3.20/main/x86_64/APKINDEX.tar.gz\n")
        await run.err(
            "WARNING: updating and opening https://alpine-mirror/alpine/v3.20/main: temporary error (try again later)\n"
        )
        if verb == "add":
            await run.err(
                "ERROR: unable to select packages:\n"
                + "".join(f"  {name} (no such package):\n    required by: world[{name}]\n" for name in names)
            )
        return 1
    if verb in ("info", "list"):
        await run.lines(name for name in known)
        return 0
    await run.out("apk-tools 2.14.4, compiled for x86_64.\n")
    return 0


@program("pacman")
async def pacman(run: Run) -> int:
    flags = "".join(arg[1:] for arg in run.args if arg.startswith("-"))
    if flags.startswith("Q"):
        await run.lines(f"{name} {version}" for name, version in installed("arch").items())
        return 0
    if run.who.uid:
        await run.err("error: you cannot perform this operation unless you are root.\n")
        return 1
    await run.out(":: Synchronizing package databases...\n")
    await asyncio.sleep(4)
    await run.err(
        "error: failed retrieving file 'core.db' from arch-mirror : Could not resolve host: arch-mirror\nerror: failed to synchronize all databases (download library error)\n"
    )
    return 1


@program("lsb_release")
async def lsb_release(run: Run) -> int:
    release = run.fs.read(run.who, "/etc/os-release").decode("utf-8", "replace")
    values = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', release, re.MULTILINE))
    rows = (
        ("Distributor ID", values.get("ID", "linux").capitalize()),
        ("Description", values.get("PRETTY_NAME", "")),
        ("Release", values.get("VERSION_ID", "")),
        ("Codename", values.get("VERSION_CODENAME", "")),
    )
    await run.err("No LSB modules are available.\n")
    await run.lines(f"{name}:\t{value}" for name, value in rows)
    return 0

# ruff: noqa: PLR0911 (a command has as many branches as options)
"""uname, hostname, uptime, free, mount, lscpu, lsblk, dmesg, systemctl, service, crontab, reboot: the machine about itself."""

from __future__ import annotations

import re

from decnet.services.shell.commands.listing import human
from decnet.services.shell.commands.output import formatted_time, local_time
from decnet.services.shell.interpreter import Leave
from decnet.services.shell.proc import MOUNTS, auth_log, memory, system_log
from decnet.services.shell.run import Run, UsageFault, program, split_lines


@program("uname", "arch")
async def uname(run: Run) -> int:
    system = run.machine.system
    if run.name == "arch":
        await run.out(system.arch + "\n")
        return 0
    found, operands = run.options(
        "asnrvmpio",
        ("all", "kernel-name", "nodename", "kernel-release", "kernel-version", "machine", "operating-system"),
    )
    if operands:
        raise UsageFault(f"extra operand '{operands[0]}'", hint=True)
    long = {
        "all": "a",
        "kernel-name": "s",
        "nodename": "n",
        "kernel-release": "r",
        "kernel-version": "v",
        "machine": "m",
        "operating-system": "o",
    }
    on = {long.get(name, name) for name in found} or {"s"}
    if "a" in on:
        on = set("snrvmo") | (set("pi") if run.machine.family.name == "rhel" else set())
    name = "Linux" if run.busybox else "GNU/Linux"
    values = {
        "s": "Linux",
        "n": run.machine.hostname,
        "r": system.kernel,
        "v": system.build,
        "m": system.arch,
        "p": system.arch if run.machine.family.name == "rhel" else "unknown",
        "i": system.arch if run.machine.family.name == "rhel" else "unknown",
        "o": name,
    }
    await run.out(" ".join(value for letter, value in values.items() if letter in on) + "\n")
    return 0


@program("hostname")
async def hostname(run: Run) -> int:
    found, operands = run.options("fsdiIAF:y", ("fqdn", "short", "domain", "ip-address", "all-ip-addresses"))
    facts = run.machine.facts
    if operands:
        if run.who.uid:
            return await run.complain("you must be root to change the host name")
        run.machine.hostname = operands[0][:64]
        return 0
    name = run.machine.hostname
    if found.keys() & {"i", "I", "ip-address", "all-ip-addresses"}:
        name = facts.ip + (" " if "I" in found else "")
    elif found.keys() & {"f", "fqdn"}:
        name = f"{name}.{facts.domain}" if facts.domain and "." not in name else name
    elif found.keys() & {"d", "domain"}:
        name = facts.domain
    elif found.keys() & {"s", "short"}:
        name = name.split(".")[0]
    await run.out(name + "\n")
    return 0


@program("hostnamectl")
async def hostnamectl(run: Run) -> int:
    machine = run.machine
    release = run.fs.read(run.who, "/etc/os-release").decode("utf-8", "replace")
    match = re.search(r'PRETTY_NAME="?([^"\n]*)', release)
    rows = (
        ("Static hostname", machine.hostname),
        ("Icon name", "computer-vm"),
        ("Chassis", "vm 🖴"),
        ("Machine ID", machine.draw.child("machine-id").hex(16)),
        ("Boot ID", machine.draw.child("boot-id").hex(16)),
        ("Virtualization", "kvm"),
        ("Operating System", match[1] if match else "Linux"),
        ("Kernel", f"Linux {machine.system.kernel}"),
        ("Architecture", "x86-64"),
        ("Hardware Vendor", "QEMU"),
        ("Hardware Model", "Standard PC _i440FX + PIIX, 1996_"),
    )
    await run.lines(f"{name:>16}: {value}" for name, value in rows)
    return 0


def duration(seconds: float) -> str:
    """How long a machine is up, as ``uptime`` says it."""
    days, rest = divmod(int(seconds), 86400)
    hours, minutes = divmod(rest // 60, 60)
    head = f"{days} day{'s' * (days != 1)}, " if days else ""
    return head + (f"{hours:2}:{minutes:02}" if hours else f"{minutes} min")


def headline(run: Run) -> str:
    """The first line of ``uptime`` and ``w``."""
    now = local_time(run, run.machine.clock()).strftime("%H:%M:%S")
    users = len(run.machine.logins)
    loads = ", ".join(f"{load:.2f}" for load in run.machine.load())
    who = f"{users:2} user{'s' * (users != 1)}"
    return f" {now} up {duration(run.machine.uptime())}, {who},  load average: {loads}"


@program("uptime")
async def uptime(run: Run) -> int:
    if run.args[:1] in (["-p"], ["--pretty"]):
        days, rest = divmod(int(run.machine.uptime()), 86400)
        parts = ((days // 7, "week"), (days % 7, "day"), (rest // 3600, "hour"), (rest // 60 % 60, "minute"))
        await run.out("up " + ", ".join(f"{n} {unit}{'s' * (n != 1)}" for n, unit in parts if n) + "\n")
    elif run.args[:1] in (["-s"], ["--since"]):
        await run.out(local_time(run, run.machine.facts.booted).strftime("%Y-%m-%d %H:%M:%S") + "\n")
    else:
        await run.out(headline(run) + "\n")
    return 0


@program("free")
async def free(run: Run) -> int:
    found, _ = run.options("bkmghtws:c:l", ("human", "mega", "giga", "kibi", "mebi", "gibi", "si"))
    total, used, left, cache = memory(run.machine)

    def shown(value: int) -> str:
        if found.keys() & {"h", "human"}:
            return human(value * 1024) + ("i" if value >= 1 else "B")
        scale = (
            1024
            if found.keys() & {"m", "mebi", "mega"}
            else 1 << 20
            if found.keys() & {"g", "gibi", "giga"}
            else 1
        )
        return str(value * 1024 if "b" in found else value // scale)

    await run.lines(
        [
            "               total        used        free      shared  buff/cache   available",
            "Mem:    " + "".join(f"{shown(v):>12}" for v in (total, used, left, 1204, cache, total - used)),
            "Swap:   " + "".join(f"{('0B' if 'h' in found else '0'):>12}" for _ in range(3)),
        ]
    )
    return 0


@program("mount")
async def mount(run: Run) -> int:
    if [arg for arg in run.args if not arg.startswith("-")]:
        return await run.complain(
            "only root can do that." if run.who.uid else f"{run.args[-1]}: special device does not exist.", 32
        )
    rows = (line.split() for line in MOUNTS.splitlines())
    await run.lines(f"{row[0]} on {row[1]} type {row[2]} ({row[3]})" for row in rows)
    return 0


@program("umount", "swapon", "swapoff", "modprobe", "insmod", "sysctl", "losetup", "fdisk", "mkfs", "mkswap")
async def privileged(run: Run) -> int:
    if run.name == "sysctl":
        names = [arg for arg in run.args if not arg.startswith("-")]
        await run.lines(name.replace("=", " = ") for name in names)
        return 0
    if run.who.uid:
        return await run.complain(
            "must be superuser to use this command." if run.name == "umount" else "Operation not permitted",
            32,
        )
    if run.name == "umount" and run.args:
        return await run.complain(f"{run.args[-1]}: not mounted.", 32)
    return 0


@program("lscpu", "nproc")
async def lscpu(run: Run) -> int:
    cpus = run.machine.system.cpus
    if run.name == "nproc":
        await run.out(f"{cpus}\n")
        return 0
    rows = (
        ("Architecture", "x86_64"),
        ("  CPU op-mode(s)", "32-bit, 64-bit"),
        ("  Address sizes", "46 bits physical, 48 bits virtual"),
        ("  Byte Order", "Little Endian"),
        ("CPU(s)", str(cpus)),
        ("  On-line CPU(s) list", f"0-{cpus - 1}" if cpus > 1 else "0"),
        ("Vendor ID", "GenuineIntel"),
        ("  Model name", "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz"),
        ("    CPU family", "6"),
        ("    Model", "85"),
        ("    Thread(s) per core", "1"),
        ("    Core(s) per socket", str(cpus)),
        ("    Socket(s)", "1"),
        ("    Stepping", "7"),
        ("Virtualization features", ""),
        ("  Hypervisor vendor", "KVM"),
        ("  Virtualization type", "full"),
    )
    await run.lines(f"{name + ':':<32}{value}".rstrip() for name, value in rows)
    return 0


@program("lsblk", "blkid", "lspci", "lsusb", "lsmod")
async def devices(run: Run) -> int:
    tables = {
        "lsblk": [
            "NAME    MAJ:MIN RM  SIZE RO TYPE MOUNTPOINTS",
            "vda     254:0    0   40G  0 disk ",
            "├─vda1  254:1    0 39.9G  0 part /",
            "└─vda15 254:15   0  124M  0 part /boot/efi",
        ],
        "lspci": [
            "00:00.0 Host bridge: Intel Corporation 440FX - 82441FX PMC [Natoma] (rev 02)",
            "00:01.0 ISA bridge: Intel Corporation 82371SB PIIX3 ISA [Natoma/Triton II]",
            "00:02.0 VGA compatible controller: Device 1234:1111 (rev 02)",
            "00:03.0 Ethernet controller: Red Hat, Inc. Virtio network device",
            "00:04.0 SCSI storage controller: Red Hat, Inc. Virtio block device",
        ],
        "lsusb": ["Bus 001 Device 001: ID 1d6b:0001 Linux Foundation 1.1 root hub"],
        "lsmod": [
            "Module                  Size  Used by",
            "virtio_net             73728  0",
            "net_failover           20480  1 virtio_net",
            "virtio_blk             32768  2",
            "ext4                  983040  1",
            "crc32c_intel           24576  2",
        ],
        "blkid": [
            '/dev/vda1: UUID="'
            + run.machine.draw.child("root-uuid").hex(4)
            + '" BLOCK_SIZE="4096" TYPE="ext4" PARTUUID="01"'
        ],
    }
    await run.lines(tables[run.name])
    return 0


@program("dmesg")
async def dmesg(run: Run) -> int:
    system = run.machine.system
    if run.who.uid:
        return await run.complain("read kernel buffer failed: Operation not permitted")
    rows = (
        (0.0, f"Linux version {system.kernel} {system.build}"),
        (0.0, f"Command line: BOOT_IMAGE=/boot/vmlinuz-{system.kernel} root=/dev/vda1 ro quiet"),
        (0.0, "BIOS-provided physical RAM map:"),
        (0.0, "Hypervisor detected: KVM"),
        (0.012_01, f"Memory: {system.memory - 90_000}K/{system.memory + 20_000}K available"),
        (0.184, "smpboot: CPU0: Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz"),
        (1.0422, "virtio_blk virtio1: [vda] 83886080 512-byte logical blocks (42.9 GB/40.0 GiB)"),
        (1.0731, " vda: vda1 vda15"),
        (2.3117, "EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none."),
        (2.9021, "systemd[1]: Detected virtualization kvm."),
        (3.4188, "EXT4-fs (vda1): re-mounted. Quota mode: none."),
        (5.2201, "virtio_net virtio0 eth0: renamed from enp0s3"),
    )
    await run.lines(f"[{at:12.6f}] {line}" for at, line in rows)
    return 0


UNITS = (
    "cron",
    "dbus",
    "ssh",
    "sshd",
    "rsyslog",
    "systemd-journald",
    "systemd-logind",
    "systemd-timesyncd",
    "systemd-udevd",
    "networking",
    "nginx",
    "apache2",
    "mysql",
    "redis-server",
    "docker",
)


@program("systemctl")
async def systemctl(run: Run) -> int:
    machine = run.machine
    names = [arg for arg in run.args if not arg.startswith("-")]
    verb = names[0] if names else "list-units"
    running = {process.name for process in machine.processes.all()} | {"ssh", "dbus", "networking"}
    if verb in ("list-units", "list-unit-files"):
        rows = [unit for unit in UNITS if unit in running or unit.startswith("systemd-")]
        await run.lines(
            [
                "  UNIT                       LOAD   ACTIVE SUB     DESCRIPTION",
                *(f"  {unit + '.service':<26} loaded active running {unit}" for unit in rows),
                "",
                f"{len(rows)} loaded units listed.",
            ]
        )
        return 0
    if verb in ("daemon-reload", "reset-failed", "daemon-reexec"):
        return 0 if run.who.uid == 0 else 1
    if verb in ("reboot", "poweroff", "halt"):
        return await shutdown(run)
    for unit in names[1:]:
        short = unit.removesuffix(".service")
        alive = short in running and short not in machine.stopped
        known = short in UNITS[:10] or run.fs.exists(run.who, f"/etc/systemd/system/{short}.service")
        if verb == "status":
            await _status(run, short, known=known, alive=alive)
            return 0 if alive else 4 if not known else 3
        if verb in ("is-active", "is-enabled"):
            await run.out(
                ("active" if alive else "inactive") + "\n"
                if verb == "is-active"
                else ("enabled" if known else "disabled") + "\n"
            )
            return 0 if alive or (known and verb == "is-enabled") else 3
        if run.who.uid:
            await run.err(
                f"Failed to {verb} {short}.service: Access denied\nSee system logs and 'systemctl status {short}.service' for details.\n"
            )
            return 1
        if not known:
            await run.err(
                f"Failed to {verb} {short}.service: Unit {short}.service not found.\n"
                if verb != "enable"
                else f"Failed to enable unit: Unit file {short}.service does not exist.\n"
            )
            return 5
        (machine.stopped.add if verb == "stop" else machine.stopped.discard)(short)
    return 0


async def _status(run: Run, unit: str, *, known: bool, alive: bool) -> None:
    if not known:
        await run.err(f"Unit {unit}.service could not be found.\n")
        return
    booted = run.machine.facts.booted + 4
    when = formatted_time(local_time(run, booted), "%a %Y-%m-%d %H:%M:%S %Z")
    state = "active (running)" if alive else "inactive (dead)"
    await run.lines(
        [
            f"{'●' if alive else '○'} {unit}.service - {unit}",
            f"     Loaded: loaded (/lib/systemd/system/{unit}.service; enabled; preset: enabled)",
            f"     Active: {state} since {when}; {duration(run.machine.uptime()).strip()} ago",
        ]
    )


@program("service")
async def service(run: Run) -> int:
    if len(run.args) < 2:
        await run.err(
            "Usage: service < option > | --status-all | [ service_name [ command | --full-restart ] ]\n"
        )
        return 1
    return await systemctl(Run(run.shell, ["systemctl", run.args[1], run.args[0]]))


@program("journalctl")
async def journalctl(run: Run) -> int:
    lines = sorted((auth_log(run.machine) + system_log(run.machine)).splitlines())
    count = next(
        (
            int(arg)
            for flag, arg in zip(run.args, run.args[1:], strict=False)
            if flag == "-n" and arg.isdigit() and len(arg) < 7
        ),
        200,
    )
    await run.lines(line for line in lines[-count:] if line)
    return 0


@program("crontab")
async def crontab(run: Run) -> int:
    user = run.who.name
    table = run.machine.crontabs
    if "-l" in run.args:
        if user not in table:
            await run.err(
                f"no crontab for {user}\n"
                if not run.busybox
                else f"crontab: can't open '{user}': No such file or directory\n"
            )
            return 1
        await run.write(table[user])
    elif "-r" in run.args:
        table.pop(user, None)
    elif "-e" in run.args:
        await run.err(f"no crontab for {user} - using an empty one\n")
    else:
        names = [arg for arg in run.args if not arg.startswith("-")]
        data = await run.all(run.reader(names[0]) if names else run.stdin, 65_536)
        if len(table) < 64:
            table[user] = data
        for line in split_lines(data)[:50]:
            for url in re.findall(r"https?://[^\s'\"|;]+", line):
                run.session.note_download("crontab", url)
    return 0


@program("reboot", "shutdown", "halt", "poweroff", "init", "telinit")
async def shutdown(run: Run) -> int:
    if run.who.uid:
        await run.err("Call to Reboot failed: Interactive authentication required.\n")
        return 1
    if run.name == "shutdown" and run.args[:1] == ["-c"]:
        return 0
    if run.name in ("init", "telinit") and run.args[:1] not in (["0"], ["6"]):
        return 0
    if run.session.tty:
        await run.err(
            f"\nBroadcast message from root@{run.machine.hostname} on {run.session.tty_name}:\n\nThe system will reboot now!\n\n"
        )
    del run.session.stack[1:]
    raise Leave("exit", 255)


@program("env", "printenv")
async def env(run: Run) -> int:
    variables = run.env.exports()
    args = list(run.args)
    if run.name == "printenv":
        missing = [name for name in args if name not in variables]
        await run.lines(
            [variables[name] for name in args if name in variables]
            if args
            else [f"{k}={v}" for k, v in variables.items()]
        )
        return int(bool(missing))
    child = run.shell.child()
    while args and (args[0].startswith("-") or "=" in args[0]):
        arg = args.pop(0)
        if arg in ("-i", "-", "--ignore-environment"):
            path = child.env.get("PATH") or ""
            child.env.variables = {k: v for k, v in child.env.variables.items() if not v.exported}
            child.env.set("PATH", path, exported=False)
        elif arg == "-u" and args:
            child.env.unset(args.pop(0))
        elif "=" in arg:
            name, _, value = arg.partition("=")
            child.env.set(name, value, exported=True)
    if args:
        if not child.find(args[0]):
            return await run.complain(f"‘{args[0]}’: No such file or directory", 127)
        return await child.guarded(child.program(args))
    await run.lines(f"{k}={v}" for k, v in child.env.exports().items())
    return 0


@program(
    "nohup",
    "nice",
    "timeout",
    "setsid",
    "stdbuf",
    "ionice",
    "time",
    "watch",
    "strace",
    "chroot",
    "unbuffer",
    "busybox",
    "command",
)
async def wrapper(run: Run) -> int:
    args = list(run.args)
    while args and args[0].startswith("-"):
        flag = args.pop(0)
        if flag in ("-n", "-s", "-k", "-c", "-o", "-e", "-i", "-u") and args:
            args.pop(0)
    if run.name in ("timeout", "chroot") and args:
        args.pop(0)
    if not args:
        if run.name == "busybox":
            await run.out(
                "BusyBox v1.36.1 (2023-11-07 18:53:09 UTC) multi-call binary.\nUsage: busybox [function [arguments]...]\n"
            )
            return 0
        return await run.complain("missing operand", 125)
    if run.name == "busybox":
        from decnet.services.shell.run import PROGRAMS  # noqa: PLC0415 (the register at this moment)

        applet = PROGRAMS.get(args[0])
        if applet is None:
            await run.err(f"{args[0]}: applet not found\n")
            return 127
        return await applet(Run(run.shell, args))
    if run.name == "nohup" and run.session.tty:
        await run.err("nohup: ignoring input and appending output to 'nohup.out'\n")
    if not run.shell.find(args[0]):
        return await run.complain(f"failed to run command ‘{args[0]}’: No such file or directory", 127)
    return await run.shell.program(args)

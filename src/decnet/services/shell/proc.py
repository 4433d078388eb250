"""/proc and the logs: files that are made when they are read, and move with time."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime

from decnet.draw import Draw
from decnet.services.shell.family import text
from decnet.services.shell.machine import ROOT, Machine
from decnet.services.shell.nodes import Node, directory, regular, symlink
from decnet.services.shell.processes import Process

_STATES = {"S": "S (sleeping)", "R": "R (running)", "I": "I (idle)"}


def mount(machine: Machine) -> None:
    """Put /proc, the logs and what /etc says of the machine in place."""
    root = machine.fs.root
    children = root.children if isinstance(root.children, dict) else {}
    children["proc"] = Node(stat.S_IFDIR | 0o555, mtime=0, children=_Remembered(machine))
    etc = {
        "/etc/hostname": f"{machine.facts.hostname}\n",
        "/etc/hosts": f"127.0.0.1\tlocalhost\n127.0.1.1\t{machine.facts.hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n",
        "/etc/resolv.conf": f"search {machine.facts.domain}\nnameserver {machine.system.gateway}\n"
        if machine.facts.domain
        else f"nameserver {machine.system.gateway}\n",
        "/etc/machine-id": machine.draw.child("machine-id").hex(16) + "\n",
        "/etc/timezone": f"{machine.facts.timezone or 'Etc/UTC'}\n",
        "/etc/fstab": _fstab(machine),
    }
    for path, content in etc.items():
        machine.place(path, content.encode())
    for name, make in (
        ("auth.log" if machine.family.name != "rhel" else "secure", auth_log),
        ("syslog" if machine.family.name != "rhel" else "messages", system_log),
    ):
        if machine.fs.exists(ROOT, "/var/log"):
            _log(machine, name, make)


class _Remembered:
    """/proc's entries, made anew when processes have come or gone: a walk asks for them thousands of times."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._key: tuple[int, ...] = ()
        self._entries: dict[str, Node] = {}

    def __call__(self) -> dict[str, Node]:
        key = tuple(self._machine.processes.table)
        if key != self._key:
            self._key, self._entries = key, _proc(self._machine)
        return self._entries


def _log(machine: Machine, name: str, make: Callable[[Machine], str]) -> None:
    machine.place(f"/var/log/{name}", b"")
    node = machine.fs.lookup(ROOT, f"/var/log/{name}")
    node.data = lambda: make(machine).encode()
    node.mode, node.gid, node.mtime = stat.S_IFREG | 0o640, 4, 0
    node.size = len(make(machine))


def _fstab(machine: Machine) -> str:
    uuid = machine.draw.child("root-uuid").hex(16)
    shown = f"{uuid[:8]}-{uuid[8:12]}-{uuid[12:16]}-{uuid[16:20]}-{uuid[20:]}"
    return f"# /etc/fstab: static file system information.\nUUID={shown} /               ext4    errors=remount-ro 0       1\n"


def _file(make: Callable[[], str], mode: int = 0o444) -> Node:
    return regular(lambda: make().encode(), mode, mtime=0)


def _proc(machine: Machine) -> dict[str, Node]:
    """The entries of /proc now."""
    system = machine.system
    facts = {
        "version": lambda: (
            f"Linux version {system.kernel} (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) {system.build}\n"
            if machine.family.name == "debian"
            else f"Linux version {system.kernel} (gcc (GCC) 13.2.1) {system.build}\n"
        ),
        "cpuinfo": lambda: "\n".join(_cpu(machine, n) for n in range(system.cpus)) + "\n",
        "meminfo": lambda: meminfo(machine),
        "uptime": lambda: f"{machine.uptime():.2f} {machine.uptime() * system.cpus * 0.97:.2f}\n",
        "loadavg": lambda: "{:.2f} {:.2f} {:.2f} 1/{} {}\n".format(
            *machine.load(), len(machine.processes.table) + 40, machine.processes.next_pid()
        ),
        "cmdline": lambda: f"BOOT_IMAGE=/boot/vmlinuz-{system.kernel} root=/dev/vda1 ro quiet\n",
        "mounts": lambda: MOUNTS,
        "filesystems": lambda: (
            "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup2\nnodev\tdevtmpfs\nnodev\tdevpts\n\text4\n\tvfat\nnodev\toverlay\n"
        ),
        "stat": lambda: _stat(machine),
        "swaps": lambda: "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
        "partitions": lambda: (
            "major minor  #blocks  name\n\n 254        0   41943040 vda\n 254        1   41811951 vda1\n"
        ),
        "modules": lambda: (
            "virtio_net 73728 0 - Live 0x0000000000000000\next4 983040 1 - Live 0x0000000000000000\n"
        ),
    }
    found = {name: _file(make) for name, make in facts.items()}
    found["net"] = Node(stat.S_IFDIR | 0o555, mtime=0, children=lambda: _net(machine))
    found["sys"] = Node(stat.S_IFDIR | 0o555, mtime=0, children=lambda: _sys(machine))
    current = max((login.pid for login in machine.logins), default=1)
    found["self"] = symlink(str(current), mtime=0)
    for process in machine.processes.all():
        found[str(process.pid)] = _process(machine, process)
    return found


def _process(machine: Machine, process: Process) -> Node:
    uid = machine.user(process.user).uid
    line = process.command.replace(" ", "\0") + "\0" if process.command[0] != "[" else ""
    status = f"Name:\t{process.name}\nUmask:\t0022\nState:\t{_STATES.get(process.state[0], 'S (sleeping)')}\nTgid:\t{process.pid}\nPid:\t{process.pid}\nPPid:\t{process.parent}\nTracerPid:\t0\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{uid}\t{uid}\t{uid}\t{uid}\nVmSize:\t{process.vsz:8} kB\nVmRSS:\t{process.rss:8} kB\nThreads:\t1\n"
    ticks = int((process.started - machine.facts.booted) * 100)
    numbers = f"{process.pid} ({process.name}) S {process.parent} {process.pid} {process.pid} 0 -1 4194560 1204 0 8 0 3 2 0 0 20 0 1 0 {ticks} {process.vsz * 1024} {process.rss // 4} 18446744073709551615\n"

    def entries() -> dict[str, Node]:
        made = {
            "cmdline": _file(lambda: line),
            "comm": _file(lambda: process.name + "\n"),
            "status": _file(lambda: status),
            "stat": _file(lambda: numbers),
            "mounts": _file(lambda: MOUNTS),
            "environ": regular(b"", 0o400, mtime=0),
            "cgroup": _file(lambda: "0::/user.slice\n" if process.pid > 1 else "0::/init.scope\n"),
            "limits": _file(
                lambda: (
                    "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 1048576              files     \n"
                )
            ),
            "exe": symlink(
                "/usr/bin/" + process.name if process.pid > 1 else "/usr/lib/systemd/systemd", mtime=0
            ),
            "cwd": symlink("/", mtime=0),
            "root": symlink("/", mtime=0),
            "fd": Node(
                stat.S_IFDIR | 0o500,
                mtime=0,
                children={
                    n: symlink(f"/dev/{process.tty}" if process.tty != "?" else "/dev/null", mtime=0)
                    for n in "012"
                },
            ),
        }
        for node in made.values():
            node.uid = node.gid = uid
        return made

    return Node(stat.S_IFDIR | 0o555, uid, uid, process.started, children=entries)


def _cpu(machine: Machine, number: int) -> str:
    hertz = 2100 + machine.draw.child("cpu").integer(0, 900) + machine.draw.child("hz").integer(0, 999) / 1000
    return text("cpuinfo.txt").format(
        number=number, hertz=f"{hertz:.3f}", bogo=f"{hertz * 2:.2f}", cpus=machine.system.cpus
    )


def memory(machine: Machine) -> tuple[int, int, int, int]:
    """KiB of memory: total, used, free, in buffers and cache; it moves slowly."""
    total = machine.system.memory
    wave = Draw(machine.facts.hostname.encode(), "memory", str(int(machine.clock() // 7))).integer(0, 6000)
    base = machine.draw.child("used").integer(12, 31)
    used = total * base // 100 + wave + 2900 * len(machine.logins)
    cache = min(total * 45 // 100, 180_000 + int(machine.uptime() // 30))
    return total, used, total - used - cache, cache


def meminfo(machine: Machine) -> str:
    """/proc/meminfo."""
    total, used, free, cache = memory(machine)
    rows = (
        ("MemTotal", total),
        ("MemFree", free),
        ("MemAvailable", total - used),
        ("Buffers", cache // 8),
        ("Cached", cache * 7 // 8),
        ("SwapCached", 0),
        ("Active", used * 3 // 4),
        ("Inactive", cache // 2),
        ("Unevictable", 0),
        ("Mlocked", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 124),
        ("Writeback", 0),
        ("AnonPages", used // 2),
        ("Mapped", used // 5),
        ("Shmem", 1204),
        ("Slab", total // 30),
        ("KernelStack", 2416),
        ("PageTables", 3084),
        ("CommitLimit", total // 2),
        ("Committed_AS", used * 2),
        ("VmallocTotal", 34_359_738_367),
        ("HugePages_Total", 0),
        ("DirectMap4k", 104_296),
        ("DirectMap2M", total - 104_296),
    )
    return "".join(
        f"{name + ':':<16}{value:>8} kB\n" if not name.startswith("Huge") else f"{name + ':':<16}{value:>8}\n"
        for name, value in rows
    )


def _stat(machine: Machine) -> str:
    ticks = int(machine.uptime() * 100)
    cpus = machine.system.cpus
    head = f"cpu  {ticks * cpus // 61} {ticks // 900} {ticks * cpus // 83} {ticks * cpus * 96 // 100} {ticks // 700} 0 {ticks // 2000} 0 0 0\n"
    each = "".join(
        f"cpu{n} {ticks // 61} {ticks // 1800} {ticks // 83} {ticks * 96 // 100} {ticks // 1400} 0 {ticks // 4000} 0 0 0\n"
        for n in range(cpus)
    )
    return f"{head}{each}ctxt {ticks * 7}\nbtime {int(machine.facts.booted)}\nprocesses {machine.processes.next_pid()}\nprocs_running 1\nprocs_blocked 0\n"


def _net(machine: Machine) -> dict[str, Node]:
    return {
        "dev": _file(lambda: _devices(machine)),
        "arp": _file(
            lambda: (
                "IP address       HW type     Flags       HW address            Mask     Device\n"
                + "".join(
                    f"{ip:<16} 0x1         0x2         {mac}     *        eth0\n"
                    for ip, mac, _ in neighbours(machine)
                )
            )
        ),
        "route": _file(
            lambda: (
                f"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\neth0\t00000000\t{_hex_ip(machine.system.gateway)}\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
            )
        ),
        "tcp": _file(
            lambda: (
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
                + "".join(
                    f"{n:4}: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 {15000 + port} 1 0000000000000000 100 0 0 10 0\n"
                    for n, (port, _) in enumerate(machine.system.listeners)
                )
            )
        ),
        "udp": _file(
            lambda: (
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
            )
        ),
    }


def _hex_ip(ip: str) -> str:
    pieces = ip.split(".")
    return "".join(f"{int(piece):02X}" for piece in reversed(pieces)) if len(pieces) == 4 else "00000000"


def traffic(machine: Machine) -> tuple[int, int, int, int]:
    """Bytes and packets received and sent since boot."""
    pace = machine.draw.child("traffic").integer(90, 2400)
    received = int(machine.uptime() * pace) + 812_345
    return received, received // 640, received // 3, received // 900


def _devices(machine: Machine) -> str:
    received, packets, sent, out = traffic(machine)
    head = "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
    loop = int(machine.uptime() // 9) + 4120
    return f"{head}    lo: {loop:7} {loop // 80:7}    0    0    0     0          0         0 {loop:8} {loop // 80:7}    0    0    0     0       0          0\n  eth0: {received:7} {packets:7}    0    0    0     0          0         0 {sent:8} {out:7}    0    0    0     0       0          0\n"


def neighbours(machine: Machine) -> list[tuple[str, str, str]]:
    """The ARP cache: address, MAC, state; hosts of /etc/hosts come and go with the minutes."""
    seen = [machine.system.gateway]
    try:
        lines = machine.fs.read(ROOT, "/etc/hosts").decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    seen += [line.split()[0] for line in lines if line[:1].isdigit() and not line.startswith("127.")]
    period = int(machine.clock() // 300)
    found = []
    for place, ip in enumerate(dict.fromkeys(seen)):
        if ip == machine.facts.ip:
            continue
        if place and Draw(ip.encode(), machine.facts.hostname, str(period)).chance(0.5):
            continue
        mac = Draw(ip.encode(), "neighbour").hex(3)
        state = "REACHABLE" if Draw(ip.encode(), str(int(machine.clock() // 40))).chance(0.4) else "STALE"
        found.append((ip, f"52:54:00:{mac[:2]}:{mac[2:4]}:{mac[4:]}", state))
    return found[:12]


def _sys(machine: Machine) -> dict[str, Node]:
    kernel = directory(0o555, mtime=0)
    uuid = Draw(machine.facts.hostname.encode(), "boot", str(machine.facts.booted)).hex(16)
    boot = f"{uuid[:8]}-{uuid[8:12]}-{uuid[12:16]}-{uuid[16:20]}-{uuid[20:]}\n"
    kernel.children = {
        "hostname": _file(lambda: machine.hostname + "\n"),
        "osrelease": _file(lambda: machine.system.kernel + "\n"),
        "version": _file(lambda: machine.system.build + "\n"),
        "ostype": _file(lambda: "Linux\n"),
        "pid_max": _file(lambda: "4194304\n"),
        "random": Node(
            stat.S_IFDIR | 0o555,
            mtime=0,
            children={"boot_id": _file(lambda: boot), "entropy_avail": _file(lambda: "256\n")},
        ),
    }
    ipv4 = Node(stat.S_IFDIR | 0o555, mtime=0, children={"ip_forward": _file(lambda: "0\n")})
    return {"kernel": kernel, "net": Node(stat.S_IFDIR | 0o555, mtime=0, children={"ipv4": ipv4})}


MOUNTS = "sysfs /sys sysfs rw,nosuid,nodev,noexec,relatime 0 0\nproc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\nudev /dev devtmpfs rw,nosuid,relatime,size=1990232k,nr_inodes=497558,mode=755,inode64 0 0\ndevpts /dev/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=000 0 0\ntmpfs /run tmpfs rw,nosuid,nodev,noexec,relatime,size=402040k,mode=755,inode64 0 0\n/dev/vda1 / ext4 rw,relatime,errors=remount-ro 0 0\nsecurityfs /sys/kernel/security securityfs rw,nosuid,nodev,noexec,relatime 0 0\ntmpfs /dev/shm tmpfs rw,nosuid,nodev,inode64 0 0\ntmpfs /run/lock tmpfs rw,nosuid,nodev,noexec,relatime,size=5120k,inode64 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot 0 0\n/dev/vda15 /boot/efi vfat rw,relatime,fmask=0022,dmask=0022,codepage=437,iocharset=ascii,shortname=mixed,utf8,errors=remount-ro 0 0\ntmpfs /run/user/0 tmpfs rw,nosuid,nodev,relatime,size=402036k,nr_inodes=100509,mode=700,inode64 0 0\n"


def _stamp(moment: float, host: str) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00 ") + host


def auth_log(machine: Machine) -> str:
    """The last day of /var/log/auth.log: cron's sessions every hour, and who is logged in now."""
    now = machine.clock()
    host = machine.facts.hostname
    lines = []
    first = max(machine.facts.booted, now - 86_400)
    hour = int(first // 3600) + 1
    while hour * 3600 + 1020 < now:
        at = hour * 3600 + 1021
        pid = 900 + hour % 7919 * 3
        lines.append(
            f"{_stamp(at, host)} CRON[{pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"
        )
        lines.append(
            f"{_stamp(at + 0.02, host)} CRON[{pid}]: pam_unix(cron:session): session closed for user root"
        )
        hour += 1
    for login in machine.logins:
        lines.append(
            f"{_stamp(login.since, host)} sshd[{login.pid - 2}]: Accepted password for {login.user} from {login.source or '127.0.0.1'} port 52144 ssh2"
        )
        lines.append(
            f"{_stamp(login.since + 0.01, host)} sshd[{login.pid - 2}]: pam_unix(sshd:session): session opened for user {login.user}(uid={machine.user(login.user).uid}) by (uid=0)"
        )
    return "\n".join(lines) + "\n"


def system_log(machine: Machine) -> str:
    """The last day of /var/log/syslog."""
    now = machine.clock()
    host = machine.facts.hostname
    lines = []
    hour = int(max(machine.facts.booted, now - 86_400) // 3600) + 1
    while hour * 3600 + 1021 < now:
        at = hour * 3600
        lines.append(
            f"{_stamp(at + 1021.4, host)} CRON[{900 + hour % 7919 * 3 + 1}]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)"
        )
        if hour % 6 == 0:
            lines.append(
                f"{_stamp(at + 1822.1, host)} systemd[1]: Starting apt-daily.service - Daily apt download activities..."
            )
            lines.append(
                f"{_stamp(at + 1823.7, host)} systemd[1]: apt-daily.service: Deactivated successfully."
            )
        hour += 1
    return "\n".join(lines) + "\n"

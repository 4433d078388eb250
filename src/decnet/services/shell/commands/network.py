# ruff: noqa: C901 (a command has as many branches as options)
"""What a machine tells of its network: ip, ifconfig, netstat, ss, arp, route, ping; and what only root may ask."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_interface

from decnet.services.shell.proc import neighbours, traffic
from decnet.services.shell.run import Run, program
from decnet.services.shell.scanner import bytes_text

_FOREVER = "       valid_lft forever preferred_lft forever"
_LO6 = (
    "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN qlen 1000",
    "    inet6 ::1/128 scope host noprefixroute ",
    _FOREVER,
)
_SCOPES = {"global": "0x0", "link": "0x20"}


def network(run: Run) -> tuple[str, str, str]:
    """Our network in CIDR form, its broadcast address, its mask."""
    where = ip_interface(f"{run.machine.facts.ip}/{run.machine.system.prefix}").network
    return str(where), str(where.broadcast_address), str(where.netmask)


def own_six(run: Run) -> list[tuple[str, int, str]]:
    """Our IPv6 addresses with prefix length and scope, as the kernel lists them; none without IPv6."""
    facts = run.machine.facts
    if not facts.ip6:
        return []
    return [(facts.ip6, facts.prefix6, "global"), (facts.local6, 64, "link")]


def routes6(run: Run) -> list[str]:
    """What ``ip -6 route`` prints."""
    facts, gateway = run.machine.facts, run.machine.facts.gateway6
    if not facts.ip6:
        return []
    net = ip_interface(f"{facts.ip6}/{facts.prefix6}").network
    rows = [f"{net} dev eth0 proto kernel metric 256 pref medium"]
    rows.append("fe80::/64 dev eth0 proto kernel metric 256 pref medium")
    return rows + ([f"default via {gateway} dev eth0 metric 1024 onlink pref medium"] if gateway else [])


@program("ip")
async def ip(run: Run) -> int:
    machine = run.machine
    cidr, broadcast, _ = network(run)
    words = [arg for arg in run.args if not arg.startswith("-")]
    what = words[0] if words else ""
    brief = any(arg.startswith("-br") for arg in run.args)
    mac, address = machine.system.mac, machine.facts.ip
    only6 = "-6" in run.args
    if what and "address".startswith(what):
        own6 = own_six(run)
        if brief:
            all6 = "".join(f"{one}/{prefix} " for one, prefix, _ in own6)
            rows = [
                "lo               UNKNOWN        127.0.0.1/8 ::1/128 ",
                f"eth0             UP             {address}/{machine.system.prefix} {all6}",
            ]
        elif only6:
            rows = (
                [*_LO6, "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP qlen 1000"]
                if own6
                else []
            )
            for one, prefix, scope in own6:
                rows += [f"    inet6 {one}/{prefix} scope {scope} ", _FOREVER]
        else:
            rows = [
                "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000",
                "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00",
                "    inet 127.0.0.1/8 scope host lo",
                _FOREVER,
                *(_LO6[1:] if own6 else ()),
                "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000",
                f"    link/ether {mac} brd ff:ff:ff:ff:ff:ff",
                f"    inet {address}/{machine.system.prefix} brd {broadcast} scope global eth0",
                _FOREVER,
            ]
            for one, prefix, scope in own6:
                rows += [f"    inet6 {one}/{prefix} scope {scope} ", _FOREVER]
    elif what and "link".startswith(what):
        rows = [
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000",
            "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00",
            "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP mode DEFAULT group default qlen 1000",
            f"    link/ether {mac} brd ff:ff:ff:ff:ff:ff",
        ]
    elif what and "route".startswith(what) and only6:
        rows = routes6(run)
    elif what and "route".startswith(what):
        rows = [
            f"default via {machine.system.gateway} dev eth0 ",
            f"{cidr} dev eth0 proto kernel scope link src {address} ",
        ]
    elif what and "neighbour".startswith(what):
        rows = [f"{host} dev eth0 lladdr {hardware} {state}" for host, hardware, state in neighbours(machine)]
    elif what and "rule".startswith(what):
        rows = [
            "0:\tfrom all lookup local",
            "32766:\tfrom all lookup main",
            "32767:\tfrom all lookup default",
        ]
    else:
        await run.err(
            f'Object "{what}" is unknown, try "ip help".\n'
            if what
            else "Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n"
        )
        return 1 if what else 255
    await run.lines(rows)
    return 0


@program("ifconfig")
async def ifconfig(run: Run) -> int:
    received, packets, sent, out = traffic(run.machine)
    _, broadcast, mask = network(run)
    rows = [
        "eth0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500",
        f"        inet {run.machine.facts.ip}  netmask {mask}  broadcast {broadcast}",
        *(
            f"        inet6 {one}  prefixlen {prefix}  scopeid {_SCOPES[scope]}<{scope}>"
            for one, prefix, scope in own_six(run)
        ),
        f"        ether {run.machine.system.mac}  txqueuelen 1000  (Ethernet)",
        f"        RX packets {packets}  bytes {received} ({received / 1048576:.1f} MiB)",
        "        RX errors 0  dropped 0  overruns 0  frame 0",
        f"        TX packets {out}  bytes {sent} ({sent / 1048576:.1f} MiB)",
        "        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0",
        "",
    ]
    loop = [
        "lo: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536",
        "        inet 127.0.0.1  netmask 255.0.0.0",
        "        loop  txqueuelen 1000  (Local Loopback)",
        "        RX packets 412  bytes 38211 (37.3 KiB)",
        "        RX errors 0  dropped 0  overruns 0  frame 0",
        "        TX packets 412  bytes 38211 (37.3 KiB)",
        "        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0",
        "",
    ]
    names = [arg for arg in run.args if not arg.startswith("-")]
    if names and names[0] not in ("eth0", "lo"):
        await run.err(f"{names[0]}: error fetching interface information: Device not found\n")
        return 1
    await run.lines(([] if names[:1] == ["lo"] else rows) + ([] if names[:1] == ["eth0"] else loop))
    return 0


@program("netstat", "ss")
async def sockets(run: Run) -> int:
    flags = "".join(arg[1:] for arg in run.args if arg.startswith("-"))
    machine = run.machine
    pids = {name: machine.processes.first(name) for _, name in machine.system.listeners}
    show = "p" in flags and run.who.uid == 0
    peers = [(f"{machine.facts.ip}:22", f"{login.source}:52144") for login in machine.logins if login.source]
    if "r" in flags and run.name == "netstat":
        return await route(run)
    if run.name == "ss":
        rows = [
            "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process"
            if "t" not in flags
            else "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process"
        ]
        lead = "" if "t" in flags else "tcp   "
        if "l" in flags or "a" in flags:
            rows += [
                f"{lead}LISTEN 0      128          0.0.0.0:{port:<10} 0.0.0.0:*"
                + (f'    users:(("{name}",pid={pids[name]},fd=3))' if show else "")
                for port, name in machine.system.listeners
            ]
        if "l" not in flags:
            rows += [f"{lead}ESTAB  0      0      {here:<20} {there}" for here, there in peers]
    else:
        rows = [
            "Active Internet connections "
            + (
                "(only servers)"
                if "l" in flags
                else "(servers and established)"
                if "a" in flags
                else "(w/o servers)"
            ),
            "Proto Recv-Q Send-Q Local Address           Foreign Address         State      "
            + (" PID/Program name    " if "p" in flags else ""),
        ]
        if "l" in flags or "a" in flags:
            rows += [
                f"tcp        0      0 {'0.0.0.0:' + str(port):<23} {'0.0.0.0:*':<23} LISTEN     "
                + (f" {pids[name]}/{name}" if show else "")
                for port, name in machine.system.listeners
            ]
        if "l" not in flags:
            rows += [f"tcp        0     36 {here:<23} {there:<23} ESTABLISHED" for here, there in peers]
    await run.lines(rows)
    return 0


@program("route")
async def route(run: Run) -> int:
    cidr, _, mask = network(run)
    await run.lines(
        [
            "Kernel IP routing table",
            "Destination     Gateway         Genmask         Flags Metric Ref    Use Iface",
            f"0.0.0.0         {run.machine.system.gateway:<15} 0.0.0.0         UG    0      0        0 eth0",
            f"{cidr.partition('/')[0]:<15} 0.0.0.0         {mask:<15} U     0      0        0 eth0",
        ]
    )
    return 0


@program("arp")
async def arp(run: Run) -> int:
    if "-a" in run.args:
        await run.lines(f"? ({host}) at {mac} [ether] on eth0" for host, mac, _ in neighbours(run.machine))
        return 0
    await run.lines(
        [
            "Address                  HWtype  HWaddress           Flags Mask            Iface",
            *(
                f"{host:<24} ether   {mac}   C                     eth0"
                for host, mac, _ in neighbours(run.machine)
            ),
        ]
    )
    return 0


def resolve(run: Run, host: str) -> str:
    """The address of a name that /etc/hosts knows, or of a literal; empty where DNS would have to be asked."""
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        pass
    if host in ("localhost", run.machine.hostname):
        return "127.0.0.1"
    for line in bytes_text(run.fs.read(run.who, "/etc/hosts")).splitlines():
        words = line.split("#")[0].split()
        if host in words[1:]:
            return words[0]
    return ""


def is_near(run: Run, address: str) -> bool:
    """Whether an address is this machine's own."""
    facts = run.machine.facts
    return address.startswith("127.") or address in (facts.ip, "::1", facts.ip6 or facts.ip)


@program("ping", "ping6")
async def ping(run: Run) -> int:
    args = list(run.args)
    count, host = 0, ""
    while args:
        arg = args.pop(0)
        if arg in ("-c", "-W", "-w", "-i", "-s", "-I", "-t") and args:
            value = args.pop(0)
            count = int(value) if arg == "-c" and value.isdigit() and len(value) < 6 else count
        elif arg.startswith("-c") and arg[2:].isdigit():
            count = int(arg[2:7])
        elif not arg.startswith("-"):
            host = arg
    if not host:
        return await run.complain("usage error: Destination address required")
    address = resolve(run, host)
    if not address:
        await asyncio.sleep(2)
        return await run.complain(f"{host}: Temporary failure in name resolution", 2)
    run.session.note_download("ping", host)
    near = is_near(run, address)
    six = ":" in address
    await run.out(
        f"PING {host}({address}) 56 data bytes\n"
        if six
        else f"PING {host} ({address}) 56(84) bytes of data.\n"
    )
    sent = 0
    while sent < (count or 1000):
        sent += 1
        if near:
            await run.out(f"64 bytes from {address}: icmp_seq={sent} ttl=64 time=0.0{31 + sent % 9} ms\n")
        await asyncio.sleep(1)
    loss = 0 if near else 100
    await run.out(
        f"\n--- {host} ping statistics ---\n{sent} packets transmitted, {sent if near else 0} received, {loss}% packet loss, time {sent * 1000 - 977}ms\n"
        + ("rtt min/avg/max/mdev = 0.031/0.036/0.039/0.003 ms\n" if near else "\n")
    )
    return int(not near)


@program("iptables", "ip6tables", "nft", "ufw", "firewall-cmd", "tcpdump", "ethtool")
async def firewall(run: Run) -> int:
    if run.who.uid:
        if run.name.endswith("tables"):
            await run.err(
                f"{run.name} v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n"
            )
            return 4
        return await run.complain("Operation not permitted (you must be root)")
    flags = "".join(arg for arg in run.args if arg.startswith("-"))
    if run.name.endswith("tables") and "L" in flags:
        rows = []
        for chain in ("INPUT", "FORWARD", "OUTPUT"):
            rows += [
                f"Chain {chain} (policy ACCEPT)",
                "target     prot opt source               destination         ",
                "",
            ]
        await run.lines(rows[:-1])
    elif run.name.endswith("tables") and "S" in flags:
        await run.lines(["-P INPUT ACCEPT", "-P FORWARD ACCEPT", "-P OUTPUT ACCEPT"])
    elif run.name == "ufw":
        await run.out("Status: inactive\n")
    return 0

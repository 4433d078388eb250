"""The world's figures (engine.md, decoys.md), each beside its floor: raw pyroute2 calls in the same run.

pytest -m bench tests/bench/test_world_bench.py -n0 -s
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from decnet.world import Decoy, Driver, Lan, Link, Stack, check, firewall, names, namespaces
from decnet.world.linux import LinuxWorld
from tests.live.lab import Lab, run

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

COUNT = int(os.environ.get("DECNET_BENCH_DECOYS", "1000"))
BRIDGE = names.lan_interface("bench", "default")
_libc = ctypes.CDLL(None, use_errno=True)


def links(driver: Driver, count: int = COUNT) -> list[Link]:
    lan, parent = ("default", BRIDGE) if driver is Driver.BRIDGE else ("lan", "wan0")
    return [
        Link(
            f"d{n}",
            "eth0",
            lan,
            driver,
            parent,
            "" if driver is Driver.IPVLAN else f"00:50:56:00:{n >> 8:02x}:{n & 255:02x}",
            f"198.18.{n // 250}.{n % 250 + 2}/16",
            "198.18.255.1",
        )
        for n in range(count)
    ]


def lan(driver: Driver) -> Lan:
    if driver is Driver.BRIDGE:
        return Lan("default", driver, subnet="198.18.0.0/16", address="198.18.255.1/16")
    return Lan("lan", driver, interface="wan0", subnet="198.18.0.0/16")


def raw(driver: Driver, count: int) -> float:
    """Milliseconds a decoy of plain pyroute2: namespace, link in one message, address, up and route in a thread."""
    run("ip", "link", "add", "floor0", "type", "bridge")
    run("ip", "link", "set", "floor0", "up")
    found = []

    def unshare() -> None:
        _libc.unshare(0x4000_0000)
        found.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))

    def configure(link: Link) -> None:
        _libc.setns(found[-1], 0x4000_0000)
        with IPRoute() as inner:
            index = inner.link_lookup(ifname="eth0")[0]
            inner.link("set", index=1, state="up")
            inner.link("set", index=index, state="up")
            ip, _, prefix = link.address.partition("/")
            inner.addr("add", index=index, address=ip, prefixlen=int(prefix))
            inner.route("add", dst="default", gateway=link.gateway)

    def in_thread(work, *arguments) -> None:
        thread = threading.Thread(target=work, args=arguments)
        thread.start()
        thread.join()

    with IPRoute() as host:
        bridge, parent = (host.link_lookup(ifname=name)[0] for name in ("floor0", "wan0"))
        start = time.perf_counter()
        for n, link in enumerate(links(driver, count)):
            in_thread(unshare)
            inner = {"ifname": "eth0", "address": link.mac, "net_ns_fd": found[-1], "mtu": 1500, "group": 7}
            if driver is Driver.BRIDGE:
                host.link(
                    "add",
                    ifname=f"f{n}",
                    kind="veth",
                    master=bridge,
                    group=7,
                    mtu=1500,
                    state="up",
                    peer=inner,
                )
            elif driver is Driver.MACVLAN:
                host.link("add", kind="macvlan", link=parent, macvlan_mode="bridge", state="up", **inner)
            else:
                del inner["address"]
                host.link("add", kind="ipvlan", link=parent, ipvlan_mode=0, state="up", **inner)
            in_thread(configure, link)
        spent = time.perf_counter() - start
        host.link("del", group=7) if driver is Driver.BRIDGE else None
    for fd in found:
        os.close(fd)
    run("ip", "link", "delete", "floor0")
    time.sleep(3)  # the kernel frees namespaces on one of the two cores
    return spent / count * 1000


@pytest.fixture(scope="module")
def wire(lab: Lab):
    lab.machine("peer", "198.18.255.200/16", cable="wan0")


@pytest.mark.parametrize("driver", list(Driver))
def test_a_thousand_decoys(lab: Lab, wire, driver: Driver):
    if check.missing_kinds([lan(driver)]):
        pytest.skip(f"kernel has no {driver}")
    count = min(COUNT, 1000)
    floor = raw(driver, min(count, 300))
    wanted = links(driver, count)
    sysctls = (
        ("net.ipv4.ip_default_ttl", "128"),
        ("net.ipv4.tcp_timestamps", "0"),
        ("net.ipv4.tcp_sack", "1"),
    )
    stacks = [Stack(link.decoy, sysctls) for link in wanted]
    expected = [lan(driver), *(Decoy(link.decoy) for link in wanted), *wanted, *stacks]
    figures: dict[str, float] = {"floor, raw pyroute2, a decoy": floor}
    with LinuxWorld("bench", Path("/run/decnet/bench"), Path("/run/events")) as world:
        world.create(lan(driver))
        world._acts  # noqa: B018 (loads pyroute2)
        start = time.perf_counter()
        for link in wanted:
            world.create(Decoy(link.decoy))
            world.create(link)
        figures["namespace, link, address, route, a decoy"] = (time.perf_counter() - start) / count * 1000
        start = time.perf_counter()
        for stack in stacks:
            world.create(stack)
        figures["three sysctls, a decoy"] = (time.perf_counter() - start) / count * 1000
        start = time.perf_counter()
        found = world.observe(expected)
        figures[f"observe {count} decoys"] = (time.perf_counter() - start) * 1000
        assert set(found.resources.values()) == set(expected)
        start = time.perf_counter()
        world.remove_all()
        figures[f"remove_all {count} decoys"] = (time.perf_counter() - start) * 1000
    print(f"\n{driver}")
    for name, value in figures.items():
        print(f"  {name:45} {value:9.2f} ms")


def slab() -> int:
    """KB of memory that the kernel holds for its objects."""
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("Slab:"))
    return int(line.split()[1])


@pytest.mark.parametrize("egress", [None, (), ("tcp 198.51.100.0/24 443", "udp 198.51.100.53/32 53")])
def test_containment(lab: Lab, egress: tuple[str, ...] | None):
    """What the rules of a namespace cost; None is a namespace without any."""
    count = 500
    kept: list[int] = []
    spent = {"put": 0.0, "look": 0.0}

    def timed(name: str, work) -> None:
        start = time.perf_counter()
        work()
        spent[name] += time.perf_counter() - start

    def make() -> None:
        if egress is not None:
            timed("put", lambda: firewall.put(egress))
        kept.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))

    def look() -> None:
        for fd in kept:
            namespaces.enter(fd)
            timed("look", firewall.look)

    before = slab()
    for _ in range(count):
        namespaces.in_new(make)
    held = (slab() - before) / count
    namespaces.in_thread(look)
    for fd in kept:
        os.close(fd)
    figures = ", ".join(f"{name} {value / count * 1000:.2f} ms" for name, value in spent.items())
    print(f"\n  egress {egress}: {figures}, {held:.0f} KB a namespace")
    time.sleep(3)  # the kernel frees namespaces on one of the two cores

"""One file under both runtimes: a scanner and a visitor are told the same, and the same is told of them."""

import re
import xml.etree.ElementTree as ET
from itertools import zip_longest

import pytest

from decnet.world import names, scan
from tests.live.faces import inside

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

NETWORK = """
[general]
name = boxes
net = 198.51.100.0/24
net6 = 2001:db8:1::/64
runtime = {runtime}
seed = boxes

[_linux]
distro = debian

[web : _linux]
ip = 198.51.100.20
services = http, redis, ssh

[db : _linux]
ip = 198.51.100.21
os = windows
services = redis, telnet
"""
_OWN = ("id", "ts", "session", "src_port")


def scanned(attacker, address):
    """Open ports with what stands behind them, by nmap."""
    told = attacker.run(
        "nmap", "-sV", "-p-", "-T4", "--min-rate", "5000", "-n", "-Pn", "-oX", "-", address, timeout=300
    )
    rows = []
    for port in ET.fromstring(told).iter("port"):
        service = dict(port.find("service").attrib)
        if "servicefp" in service:  # what nmap does not know, with the time of the scan in it
            service["servicefp"] = re.sub(r"%D=[^%]*%Time=\w+", "", service["servicefp"])
        rows.append((port.get("protocol"), port.get("portid"), port.find("state").attrib["state"], service))
    return rows


def visit(attacker):
    """Nothing is asked whose length may change with time (INFO has digits), or that the client does as it likes.

    sshpass leaves at the second prompt, now and then with an empty line.
    """
    attacker.run("redis-cli", "-h", "198.51.100.20", "set", "a", "1")
    attacker.run("redis-cli", "-h", "198.51.100.20", "get", "a")
    attacker.run("redis-cli", "-h", "198.51.100.21", "config", "get", "dir")
    attacker.run("curl", "-sS", "-o", "/dev/null", "http://198.51.100.20/robots.txt")
    attacker.run(
        "curl", "-sS", "-o", "/dev/null", "-d", "user=root&password=toor", "http://198.51.100.20/login"
    )
    ssh = ("ssh", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
    once = ("-o", "NumberOfPasswordPrompts=1")
    attacker.run("sshpass", "-p", "wrong", *ssh, *once, "root@198.51.100.20", "true", check=False)


def told(decnet):
    """Events of visitors, in order per decoy, without what no two sessions share."""
    found = {}
    for event in decnet.events("boxes"):
        if event["type"] in ("decoy.state", "apply"):
            continue
        data = {key: value for key, value in event["data"].items() if key not in ("duration", "took")}
        bare = {key: value for key, value in event.items() if key not in _OWN} | {"data": data}
        found.setdefault((event["decoy"], event["service"]), []).append(bare)
    return found


def test_nobody_can_tell_the_runtimes_apart(decnet, lab, tmp_path):
    seen = {}
    passport = tmp_path / "passport"
    for runtime in ("netns", "docker"):
        file = tmp_path / "network.ini"
        file.write_text(NETWORK.format(runtime=runtime))
        if passport.exists():
            decnet("identity", "import", passport)
        decnet("apply", "--yes", file, timeout=200)
        if not passport.exists():
            decnet("identity", "export", "boxes", "-o", passport)
        attacker = lab.machine(
            "attacker", "198.51.100.200/24", bridge=names.lan_interface("boxes", "default")
        )
        visit(attacker)
        events = told(decnet)
        pings = [
            re.search(r"ttl=(\d+)", attacker.run("ping", "-c1", "-W2", address))[1]
            for address in ("198.51.100.20", "198.51.100.21")
        ]
        ports = {address: scanned(attacker, address) for address in ("198.51.100.20", "198.51.100.21")}
        systems = inside(attacker, lambda: scan.operating_systems("198.51.100.21", (23, 6379)))
        assert any("Microsoft Windows 10" in one for one in systems)
        macs = attacker.run("ip", "neigh", "show")
        shown = [
            (d["name"], d["hostname"], d["mac"], d["ip"]) for d in decnet.json("status", "boxes")["decoys"]
        ]
        seen[runtime] = [events, pings, ports, sorted(re.findall(r"(198\S+) .* lladdr (\S+)", macs)), shown]
        lab.unplug(attacker)
        decnet("destroy", "--yes", "boxes")
    one, other = (of.pop(0) for of in seen.values())
    for who in one | other:
        pairs = zip_longest(one.get(who, ()), other.get(who, ()))
        assert [(a, b) for a, b in pairs if a != b] == [], who
    assert one
    assert seen["netns"] == seen["docker"]
    pings, ports, macs, _ = seen["docker"]
    assert pings == ["64", "128"]
    assert [row[1] for row in ports["198.51.100.20"]] == ["22", "80", "6379"]
    assert len(macs) == 2

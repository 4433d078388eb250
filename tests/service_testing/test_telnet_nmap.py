"""What nmap's version detection takes each device for; the real daemon beside it where Debian has one."""

import shutil

import pytest

from tests.debian import unpacked
from tests.service_testing.conftest import Serve, run
from tests.service_testing.telnet_client import daemon

pytestmark = [pytest.mark.live, pytest.mark.skipif(not shutil.which("nmap"), reason="needs nmap")]
PRODUCTS = {
    "ubuntu22": ({}, {"distro": "ubuntu22"}, b"Linux telnetd"),
    "rocky9": ({}, {"distro": "rocky9"}, b"Linux telnetd"),
    "alpine": ({}, {"distro": "alpine"}, b"BusyBox telnetd"),
    "cisco": ({"device": "cisco"}, {"distro": None, "os": "cisco"}, b"Cisco IOS telnetd"),
    "printer": ({"device": "printer"}, {"distro": None, "os": "embedded"}, b"HP JetDirect printer telnetd"),
}


async def seen(port: int, intensity: int = 7) -> bytes:
    found = await run(
        *("nmap", "-sV", "--version-intensity", str(intensity), "-Pn", "-p", str(port), "127.0.0.1"),
        timeout=170,
    )
    return next(line for line in found.stdout.splitlines() if b"/tcp" in line)


@pytest.mark.parametrize("kind", PRODUCTS)
async def test_nmap_names_the_product(serve: Serve, kind: str) -> None:
    persona, host, product = PRODUCTS[kind]
    running = await serve("telnet", persona, **host)
    assert product in await seen(running.port)


async def test_nmap_has_no_name_for_debians_nor_for_ours(serve: Serve) -> None:
    running = await serve("telnet")
    async with daemon(str(unpacked("inetutils-telnetd") / "usr/sbin/telnetd")) as port:
        real = await seen(port, 0)
    ours = await seen(running.port, 0)
    assert (
        ours.split()[1:] == real.split()[1:] == [b"open", b"telnet"] or ours.split()[1:] == real.split()[1:]
    )

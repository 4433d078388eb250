"""What nmap's version detection takes each device for; the real daemon beside it where Debian has one."""

import re
import shutil
from collections.abc import Callable

import pytest

from tests.debian import unpacked
from tests.service_testing.conftest import Serve, run
from tests.service_testing.telnet_client import daemon

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not shutil.which("nmap"), reason="needs nmap"),
]
PRODUCTS = {
    "ubuntu22": ({}, {"distro": "ubuntu22"}, b"Linux telnetd"),
    "rocky9": ({}, {"distro": "rocky9"}, b"Linux telnetd"),
    "alpine": ({}, {"distro": "alpine"}, b"BusyBox telnetd"),
    "cisco": (
        {"device": "cisco"},
        {"distro": None, "os": "cisco"},
        b"Cisco (IOS|router) telnetd",
    ),  # by how its packets came
    "printer": ({"device": "printer"}, {"distro": None, "os": "embedded"}, b"HP JetDirect printer telnetd"),
}


async def seen(port: int, intensity: int = 7) -> bytes:
    found = await run(
        *("nmap", "-sV", "--version-intensity", str(intensity), "-Pn", "-p", str(port), "127.0.0.1"),
        timeout=170,
    )
    return next(line for line in found.stdout.splitlines() if b"/tcp" in line)


async def is_ever(port: int, told: Callable[[bytes], bool], intensity: int = 7) -> bool:
    """Whether one of three scans says so: what nmap makes of a real telnetd changes too, with how its packets come."""
    for _ in range(3):
        if told(await seen(port, intensity)):
            return True
    return False


@pytest.mark.parametrize("kind", PRODUCTS)
async def test_nmap_names_the_product(serve: Serve, kind: str) -> None:
    persona, host, product = PRODUCTS[kind]
    running = await serve("telnet", persona, **host)
    assert await is_ever(running.port, lambda line: re.search(product, line) is not None)


async def test_nmap_has_no_name_for_debians_nor_for_ours(serve: Serve) -> None:
    def unnamed(line: bytes) -> bool:
        return line.split()[1:] == [b"open", b"telnet"]

    running = await serve("telnet")
    async with daemon(str(unpacked("inetutils-telnetd") / "usr/sbin/telnetd")) as port:
        assert await is_ever(port, unnamed, 0)
    assert await is_ever(running.port, unnamed, 0)

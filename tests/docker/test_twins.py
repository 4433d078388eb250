"""Two decoys of one image share no key, machine-id or file date that a visitor could see."""

import re

import pytest

from tests.docker.conftest import NETWORK
from tests.docker.test_networks import container
from tests.live.lab import run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

DECOYS = {"web": "198.51.100.20", "db": "198.51.100.21", "app": "198.51.100.22"}
MADE = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
OF_THE_ENGINE = {*MADE, "/.dockerenv"}
"""Files that an engine makes for each container, at its own time."""
TWINS = NETWORK[: NETWORK.index("[web")].replace(
    "distro = debian", "distro = debian\nservices = ssh, https, redis, smtp"
) + "".join(f"[{name} : _linux]\nip = {address}\n\n" for name, address in DECOYS.items())


def seen(address):
    """What of a decoy could be known again, by kind."""
    tls = run("curl", "-skv", "-o", "/dev/null", f"https://{address}/", check=False)
    head = run("curl", "-skI", f"https://{address}/", check=False)
    certificate = run(
        "sh",
        "-c",
        f"openssl s_client -connect {address}:443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -serial -startdate -pubkey",
    )
    keys = run("sh", "-c", f"ssh-keyscan {address} 2>/dev/null")
    info = run("redis-cli", "-h", address, "info", "server")
    return {
        "host keys": set(re.findall(r"(?:ssh|ecdsa)-\S+ (\S+)", keys)),
        "certificate": set(re.findall(r"(?:Fingerprint|serial|notBefore)=(\S.*)", certificate)),
        "public key": {"".join(certificate.partition("BEGIN PUBLIC KEY-----")[2].split())},
        "etag": set(re.findall(r"(?i)^etag: (\S+)", head, re.MULTILINE)),
        "modified": set(re.findall(r"(?i)^last-modified: (.+)", head, re.MULTILINE)),
        "run id": set(re.findall(r"run_id:(\w+)", info)),
        "cookies": set(re.findall(r"(?i)set-cookie: [^=]+=([^;]+)", tls)),
    }  # fmt: skip


def inside(engine, name, command):
    """What a command in a decoy's container prints: what a shell in it would see."""
    return container(engine, name).exec_run(["sh", "-c", command]).output.decode(errors="replace")


def test_nothing_that_a_visitor_sees_is_shared(engine, decnet, file):
    file.write_text(TWINS)
    decnet("apply", "--yes", file)
    found = {name: seen(address) for name, address in DECOYS.items()}
    assert all(len(one["host keys"]) >= 2 and len(one["certificate"]) == 3 for one in found.values()), found
    for kind in found["web"]:
        for name, other in (("web", "db"), ("web", "app"), ("db", "app")):
            shared = found[name][kind] & found[other][kind] - {"", "N/A"}
            assert not shared, f"{name} and {other} share {kind}: {shared}"
    decnet("destroy", "--yes", "boxes")


def test_nothing_in_their_file_systems_is_shared_but_the_image(engine, decnet, file):
    file.write_text(TWINS)
    decnet("apply", "--yes", file)
    ids = [
        inside(engine, name, "cat /etc/machine-id /var/lib/dbus/machine-id 2>/dev/null") for name in DECOYS
    ]
    assert not any(re.search(r"[0-9a-f]{32}", one) for one in ids), (
        "an id of the image is one of all its decoys"
    )
    dates = set()
    for name in DECOYS:
        assert inside(engine, name, "ls /etc/ssh/ssh_host_* /root/.ssh/* 2>/dev/null") == ""
        made = engine.images.get(container(engine, name).attrs["Image"]).attrs["Created"]
        newer = inside(engine, name, f"find / -xdev -newermt '{made[:19]}' -type f 2>/dev/null").split()
        assert set(newer) <= OF_THE_ENGINE
        dates.add(inside(engine, name, "stat -c %.9Y " + " ".join(sorted(MADE))))
    assert len(dates) == len(DECOYS)
    decnet("destroy", "--yes", "boxes")

"""What is shipped in profiles/: everything loads, names what exists, and says what the real thing says."""

import os
import re
import shutil
import subprocess
from datetime import date
from pathlib import Path

import jinja2
import pytest

from decnet.catalog import load
from decnet.catalog.load import INSTALLED

CATALOG = load()
DISTROS = tuple(CATALOG.distros)
ARCHETYPES = tuple(CATALOG.archetypes)
OSES = tuple(CATALOG.oses)
VENDORS = tuple(CATALOG.vendors)
TELL = re.compile(r"decnet|decky|honeypot|decoy", re.IGNORECASE)


def test_the_names_of_the_earlier_format_are_there():
    assert {
        "debian", "ubuntu22", "ubuntu20", "rocky9", "centos7", "alpine", "fedora", "kali", "arch",
    } <= set(DISTROS)  # fmt: skip
    assert {"linux", "windows", "bsd", "embedded", "cisco"} <= set(OSES)
    assert {
        "windows10", "windows11", "windows7", "windows-server-2012r2", "windows-server-2016", "windows-server-2019",
        "windows-server-2022", "linux-4", "linux-5", "linux-6", "freebsd", "openbsd", "macos", "cisco-ios", "cisco-asa",
        "hp-laserjet", "vxworks", "ip-camera", "synology",
    } <= set(OSES)  # fmt: skip
    assert {
        "linux-server", "web-server", "database-server", "devops-host", "monitoring-node", "deaddeck",
        "windows-server", "windows-workstation", "iot-device", "printer",
    } <= set(ARCHETYPES)  # fmt: skip
    assert len(VENDORS) >= 20


@pytest.mark.parametrize(
    "path", sorted(INSTALLED.rglob("*.ini")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_no_profile_gives_the_project_away(path):
    said = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    assert not TELL.search(said)


# ---------------------------------------------------------------------------------------------------------- distros


@pytest.mark.parametrize("name", DISTROS)
def test_a_distro_is_complete(name):
    distro = CATALOG.distros[name]
    assert distro.name == name
    assert distro.os in CATALOG.oses
    assert distro.kernel_build.startswith("#")
    assert distro.image
    assert distro.versions["openssh"].startswith("OpenSSH_")
    assert date.fromisoformat(distro.released) < date(2026, 1, 1)


@pytest.mark.parametrize("name", DISTROS)
def test_os_release_agrees_with_the_profile(name, tmp_path):
    distro = CATALOG.distros[name]
    file = tmp_path / "os-release"
    file.write_text("".join(f"{key}={value}\n" for key, value in distro.os_release.items()))
    shell = subprocess.run(
        ["sh", "-eu", "-c", '. "$1"; printf "%s\n%s\n%s\n" "$ID" "${VERSION_ID:-}" "$PRETTY_NAME"', "sh", file],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    ident, version, pretty = shell.stdout.splitlines()
    slug, wanted = re.fullmatch(r"([a-z]+)(\d*)", name).groups()
    assert ident == slug
    assert version.startswith(wanted)
    assert pretty == distro.title


@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("debian", r"6\.1\.0-\d+-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6\.1\.\d+-\d+ \(\d{4}-\d\d-\d\d\)"),
        ("debian11", r"5\.10\.0-\d+-amd64 #1 SMP Debian 5\.10\.\d+-\d+ \(\d{4}-\d\d-\d\d\)"),
        (
            "ubuntu24",
            r"6\.8\.0-\d+-generic #\d+-Ubuntu SMP PREEMPT_DYNAMIC \w{3} \w{3} [ \d]\d [\d:]{8} UTC \d{4}",
        ),
        ("ubuntu22", r"5\.15\.0-\d+-generic #\d+-Ubuntu SMP \w{3} \w{3} \d+ [\d:]{8} UTC \d{4}"),
        ("ubuntu20", r"5\.4\.0-\d+-generic #\d+-Ubuntu SMP \w{3} \w{3} \d+ [\d:]{8} UTC \d{4}"),
        (
            "rocky9",
            r"5\.14\.0-[\d.]+\.el9_\d\.x86_64 #1 SMP PREEMPT_DYNAMIC \w{3} \w{3} \d+ [\d:]{8} UTC \d{4}",
        ),
        ("centos7", r"3\.10\.0-1160[\d.]*\.el7\.x86_64 #1 SMP \w{3} \w{3} \d+ [\d:]{8} UTC \d{4}"),
        ("alpine", r"6\.12\.\d+-0-lts #1-Alpine SMP PREEMPT_DYNAMIC \d{4}-\d\d-\d\d [\d:]{8}"),
        (
            "fedora",
            r"6\.\d+\.\d+-\d+\.fc41\.x86_64 #1 SMP PREEMPT_DYNAMIC \w{3} \w{3} [ \d]\d [\d:]{8} UTC \d{4}",
        ),
        ("kali", r"6\.12\.13-amd64 #1 SMP PREEMPT_DYNAMIC Kali 6\.12\.13-1kali1 \(2025-02-11\)"),
        ("arch", r"6\.12\.10-arch1-1 #1 SMP PREEMPT_DYNAMIC Sat, 18 Jan 2025 02:26:57 \+0000"),
    ],
)
def test_a_kernel_says_what_that_distro_builds(name, kernel):
    distro = CATALOG.distros[name]
    assert re.fullmatch(kernel, f"{distro.kernel} {distro.kernel_build}")


@pytest.mark.parametrize(
    ("package", "form"),
    [
        ("openssh", r"OpenSSH_\d+\.\d+(p\d (Debian|Ubuntu)-\S+)?"),
        ("apache", r"Apache/2\.4\.\d+ \((Debian|Ubuntu|Unix|CentOS|Rocky Linux|Fedora Linux)\)"),
        ("nginx", r"nginx(/1\.\d+\.\d+( \(Ubuntu\))?)?"),
        ("redis", r"\d+\.\d+\.\d+"),
        ("mariadb", r"\d+\.\d+\.\d+-MariaDB(-\S+)?"),
        ("postgresql", r"\d+\.\d+(\.\d+)?( \((Debian|Ubuntu) \S+\))?"),
        ("bash", r"[45]\.\d+\.\d+\(\d\)-release"),
    ],
)
def test_versions_have_the_form_of_the_banner(package, form):
    stated = {
        name: distro.versions[package]
        for name, distro in CATALOG.distros.items()
        if package in distro.versions
    }
    assert len(stated) >= 6
    assert [pair for pair in stated.items() if not re.fullmatch(form, pair[1])] == []


APT = {
    "openssh": ("openssh-server", 3),
    "nginx": ("nginx", 3),
    "lighttpd": ("lighttpd", 3),
    "redis": ("redis-server", 3),
    "mariadb": ("mariadb-server", 2),
    "postgresql": ("postgresql-15", 1),
    "samba": ("samba", 2),
    "postfix": ("postfix", 2),
    "exim": ("exim4-base", 2),
    "dovecot": ("dovecot-core", 3),
    "vsftpd": ("vsftpd", 3),
    "bind": ("bind9", 2),
    "apache": ("apache2", 2),
    "php": ("php8.2-cli", 2),
    "python": ("python3.11", 3),
    "openssl": ("openssl", 2),
    "bash": ("bash", 2),
    "coreutils": ("coreutils", 2),
    "busybox": ("busybox", 3),
}
"""Debian's package, and how many numbers of the version stay the same for the life of the release."""


@pytest.mark.parametrize("package", APT)
def test_debian_ships_that_version(package):
    if shutil.which("apt-cache") is None or 'VERSION_ID="12"' not in Path("/etc/os-release").read_text():
        pytest.skip("not a Debian 12")
    name, numbers = APT[package]
    policy = subprocess.run(
        ["apt-cache", "policy", name], capture_output=True, text=True, check=True, env=os.environ | {"LC_ALL": "C"}
    ).stdout  # fmt: skip
    candidate = re.search(r"Candidate: (?:\d+:)?([0-9][0-9.]*)", policy)
    if candidate is None:
        pytest.skip(f"the package index does not have {name}")
    stated = re.search(r"[0-9]+(\.[0-9]+)+", CATALOG.distros["debian"].versions[package])
    ours, theirs = (tuple(map(int, text.strip(".").split("."))) for text in (stated[0], candidate[1]))
    assert ours[:numbers] == theirs[:numbers]
    assert ours <= theirs


# --------------------------------------------------------------------------------------------------------------- os


@pytest.mark.parametrize("name", OSES)
def test_an_os_sets_sysctls_that_a_namespace_has(name):
    missing = [
        sysctl for sysctl in CATALOG.oses[name].sysctls if not Path("/proc/sys", *sysctl.split(".")).exists()
    ]  # fmt: skip
    assert missing == []


@pytest.mark.live
@pytest.mark.parametrize("name", OSES)
def test_a_fresh_namespace_takes_every_sysctl(name):
    sysctls = CATALOG.oses[name].sysctls
    script = "ip link add eth0 type veth peer name outside\n" + "".join(
        f"printf '%s' '{value}' > /proc/sys/{key.replace('.', '/')}; cat /proc/sys/{key.replace('.', '/')}\n"
        for key, value in sysctls.items()
    )
    done = subprocess.run(
        ["unshare", "-n", "sh", "-eu", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert [line.split() for line in done.stdout.splitlines()] == [
        value.split() for value in sysctls.values()
    ]


@pytest.mark.parametrize("name", OSES)
def test_an_os_says_what_a_scan_has_to_print(name):
    assert CATALOG.oses[name].nmap_label


@pytest.mark.parametrize("path", sorted((INSTALLED / "os").glob("*.ini")), ids=lambda path: path.stem)
def test_an_os_profile_begins_with_where_its_facts_are_from(path):
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize("name", OSES)
def test_no_os_lets_a_machine_route(name):
    assert CATALOG.oses[name].sysctls["net.ipv4.ip_forward"] == "0"


@pytest.mark.parametrize(
    ("name", "ttl"), [("linux", 64), ("windows", 128), ("bsd", 64), ("embedded", 255), ("cisco", 255)]
)
def test_an_os_has_its_ttl(name, ttl):
    assert CATALOG.oses[name].sysctls["net.ipv4.ip_default_ttl"] == str(ttl)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("windows_server", "windows-server-2019"),
        ("windows-server", "windows-server-2019"),
        ("Win10", "windows10"),
        ("asa", "cisco-asa"),
        ("linux5", "linux-5"),
    ],
)
def test_an_os_is_found_by_its_further_names(alias, name):
    assert CATALOG.os_aliases[alias] == name


def test_no_alias_stands_for_two_systems():
    aliases = [alias for os in CATALOG.oses.values() for alias in os.aliases]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & set(OSES)


# ---------------------------------------------------------------------------------------------------------- vendors


@pytest.mark.parametrize("name", VENDORS)
def test_a_vendor_has_unicast_prefixes(name):
    vendor = CATALOG.vendors[name]
    assert vendor.prefixes
    for prefix in vendor.prefixes:
        assert re.fullmatch(r"[0-9A-F]{2}(:[0-9A-F]{2}){2}", prefix)
        first = int(prefix[:2], 16)
        assert not first & 1, "multicast"
        assert not first & 2 or name == "kvm", "locally administered"


def test_no_prefix_belongs_to_two_vendors():
    prefixes = [prefix for vendor in CATALOG.vendors.values() for prefix in vendor.prefixes]
    assert len(prefixes) == len(set(prefixes))


@pytest.mark.parametrize(
    ("prefix", "vendor"),
    [
        ("00:50:56", "vmware"), ("00:15:5D", "microsoft"), ("00:16:3E", "xensource"), ("52:54:00", "kvm"),
        ("08:00:27", "virtualbox"), ("B8:27:EB", "raspberrypi"), ("00:11:32", "synology"), ("00:E0:4C", "realtek"),
        ("00:0E:8C", "siemens"), ("44:19:B6", "hikvision"), ("00:14:22", "dell"), ("00:25:90", "supermicro"),
    ],
)  # fmt: skip
def test_a_well_known_prefix_is_with_its_vendor(prefix, vendor):
    assert prefix in CATALOG.vendors[vendor].prefixes


# ------------------------------------------------------------------------------------------------------- archetypes


@pytest.mark.parametrize("name", ARCHETYPES)
def test_an_archetype_names_what_exists(name):
    archetype = CATALOG.archetypes[name]
    assert set(archetype.services) <= {"ssh", "http", "https", "redis", "smtp", "telnet"}
    assert set(archetype.personas) <= set(archetype.services)
    assert archetype.os in CATALOG.oses
    assert set(archetype.distros) <= set(DISTROS)
    assert set(archetype.vendors) <= set(VENDORS)
    assert not archetype.distros or CATALOG.oses[archetype.os].family == "linux"


@pytest.mark.parametrize("name", ARCHETYPES)
def test_host_names_of_an_archetype_are_valid_and_various(name):
    patterns = CATALOG.archetypes[name].hostnames
    assert len(patterns) >= 4
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    rendered = [
        environment.from_string(pattern).render(n=n, n2=f"{n:02}", n3=f"{n:03}")
        for n in (1, 250)
        for pattern in patterns
    ]
    assert len(set(rendered)) == len(rendered)
    for hostname in rendered:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,13}[A-Za-z0-9]", hostname), hostname


APPS = {
    "apache", "nginx", "iis", "wordpress", "phpmyadmin", "tomcat", "jenkins", "gitlab", "grafana", "owa", "router",
    "printer", "camera", "nas",
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHETYPES)
def test_an_archetype_shows_a_web_application_that_exists(name):
    for persona in CATALOG.archetypes[name].personas.values():
        assert persona.get("fake_app", "nginx") in APPS

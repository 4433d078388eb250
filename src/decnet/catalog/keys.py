"""The keys of profiles: of a file in profiles/, and of ``[distro-NAME]``, ``[os-NAME]``, ``[archetype-NAME]``.

A profile file has one section named for its kind and further ones for what has names of its own: ``[os-release]``
and ``[versions]`` of a distro, ``[sysctls]`` and those of `decnet.stack.keys` of an os, one per service of an archetype. In a network file, where a
profile is a single section, the same keys are written with a dot: ``versions.openssh``, ``http.fake_app``, and a
sysctl as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from decnet.ini.schema import key

FAMILIES = ("debian", "rhel", "alpine", "arch", "suse")
OS_FAMILIES = ("linux", "windows", "bsd", "embedded", "cisco")
MACHINES = ("x86_64", "aarch64", "armv7l", "armv6l", "i686")

_REFERENCE = re.compile(
    r"((?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*)"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
"""As in the grammar of distribution/reference: host, path, tag, digest."""
_PREFIX = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){2}")


class Prefix(str):
    """The first three bytes of a MAC address: ``00:50:56``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Prefix:
        """A prefix in any case, with colons or hyphens. Raises `ValueError` for what no network card can have."""
        if not _PREFIX.fullmatch(text):
            raise ValueError(f"expected three bytes such as 00:50:56, not {text!r}")
        octets = text.upper().replace("-", ":")
        if int(octets[:2], 16) & 1:
            raise ValueError(f"{text!r} is a multicast address")
        return cls(octets)


class Day(str):
    """A day, ISO 8601."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Day:
        """A day such as ``2023-06-10``. Raises `ValueError` for anything else."""
        try:
            return cls(date.fromisoformat(text).isoformat())
        except ValueError:
            raise ValueError(f"expected a day such as 2023-06-10, not {text!r}") from None


class Reference(str):
    """The name of a container image: ``debian:12``."""

    __slots__ = ()
    label = "image"

    @classmethod
    def parse(cls, text: str) -> Reference:
        """A name as the docker command takes it. Raises `ValueError` for what is none."""
        if not _REFERENCE.fullmatch(text):
            raise ValueError(f"expected the name of an image such as debian:12, not {text!r}")
        return cls(text)


@dataclass(frozen=True, slots=True)
class DistroKeys:
    """A release of a Linux distribution."""

    title: str = key("", "Its name for people.", example="Debian GNU/Linux 12 (bookworm)")
    base: str = key("", "Another distro, whose keys this one takes where it lacks them.", example="debian")
    family: str = key("", "Which distributions it is like.", choices=FAMILIES)
    os: str = key("linux", "TCP/IP personality of a host that runs it.")
    kernel: str = key("", "What `uname -r` says.", example="6.1.0-28-amd64")
    kernel_build: str = key(
        "", "What `uname -v` says; in quotes, for it starts with #.", example='"#1 SMP …"'
    )
    machine: str = key("x86_64", "What `uname -m` says.", choices=MACHINES)
    shell: str = key("/bin/bash", "Login shell of a user.")
    package_manager: str = key("", "The command that installs packages.", example="apt")
    released: Day = key(Day(), "Day of its release, ISO 8601.", example="2023-06-10")
    hostname: str = key("srv{{ n2 }}", "Host names in its style; Jinja as in archetypes.")
    image: Reference = key(Reference(), "Container image that its own is made from.", example="debian:12")


@dataclass(frozen=True, slots=True)
class OsKeys:
    """A TCP/IP personality."""

    title: str = key("", "Its name for people.", example="Microsoft Windows")
    base: str = key("", "Another os, whose keys this one takes where it lacks them.", example="windows")
    family: str = key("", "What kind of system it is.", choices=OS_FAMILIES)
    aliases: tuple[str, ...] = key((), "Further names for it.", example="windows10, windows11")
    vendors: tuple[str, ...] = key((), "Vendors whose MAC prefixes such a machine has.", example="dell, hp")
    nmap_label: str = key("", "What `nmap -O` has to print of it.", example="Microsoft Windows 10 1703")
    p0f_label: str = key("", "What p0f has to print of it.", example="Windows NT kernel")


@dataclass(frozen=True, slots=True)
class VendorKeys:
    """A maker of network cards."""

    title: str = key("", "Its name as registered.", example="Dell Inc.")
    prefixes: tuple[Prefix, ...] = key(
        (), "The first three bytes of its MAC addresses.", example="00:14:22, F8:BC:12"
    )


@dataclass(frozen=True, slots=True)
class ArchetypeKeys:
    """A preset."""

    title: str = key("", "What it is, for people.", example="Web server")
    base: str = key(
        "", "Another archetype, whose keys this one takes where it lacks them.", example="linux-server"
    )
    services: tuple[str, ...] = key((), "Services such a machine runs.", example="ssh, http")
    os: str = key("linux", "TCP/IP personality.")
    distros: tuple[str, ...] = key((), "Distros to draw from; none for a machine that is no Linux server.")
    vendors: tuple[str, ...] = key(
        (), "Vendors of its network card to draw from; those of the os when empty."
    )
    hostnames: tuple[str, ...] = key(
        (),
        "Jinja patterns of host names to draw from: `n` is the number in the group, `n2` and `n3` the same padded.",
        example="web{{ n2 }}, www{{ n }}",
    )

"""What profiles say: values, loaded from INI files, with no code in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from decnet.stack import Personality, sysctls


@dataclass(frozen=True, slots=True)
class Distro:
    """A release of a Linux distribution: what it calls itself and what it ships.

    ``versions`` maps a package (``openssh``, ``apache``, ``nginx``, ``redis`` …) to the version string as that
    release ships it, in the form its banner shows. ``os_release`` is /etc/os-release, key by key, in order, each value
    to the letter, with the quotes that this release puts around it.
    """

    name: str
    title: str
    family: str
    """``debian``, ``rhel``, ``alpine``, ``arch``, ``suse``."""
    os: str
    kernel: str
    """``uname -r``."""
    kernel_build: str
    """``uname -v``."""
    machine: str
    """``uname -m``."""
    shell: str
    """Login shell of a user."""
    package_manager: str
    released: str
    """Day of release, ISO 8601."""
    hostname: str
    """Jinja pattern of host names in this distro's style."""
    image: str
    os_release: Mapping[str, str]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Os:
    """A TCP/IP personality: what its packets look like, and which sysctls go with it."""

    name: str
    title: str
    family: str
    """``linux``, ``windows``, ``bsd``, ``embedded``, ``cisco``."""
    settings: Mapping[str, str]
    """Sysctls that the profile names itself: ``net.ipv4.tcp_synack_retries`` → ``"2"``."""
    vendors: tuple[str, ...]
    """Vendors whose MAC prefixes such a machine has."""
    aliases: tuple[str, ...] = ()
    """Further names for it in a file: ``win10``, ``windows_server``."""
    nmap_label: str = ""
    p0f_label: str = ""
    personality: Personality = field(default_factory=Personality, repr=False)

    @property
    def sysctls(self) -> Mapping[str, str]:
        """Those that follow from the personality, and those named."""
        return {**sysctls(self.personality), **self.settings}


@dataclass(frozen=True, slots=True)
class Vendor:
    """A maker of network cards and its MAC prefixes (``"00:50:56"``)."""

    name: str
    title: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Archetype:
    """A preset: what such a machine runs, on what, and what it is called."""

    name: str
    title: str
    services: tuple[str, ...]
    os: str
    distros: tuple[str, ...]
    vendors: tuple[str, ...]
    hostnames: tuple[str, ...]
    """Jinja patterns; ``{{ n }}`` is the number in the group, ``{{ n2 }}`` and ``{{ n3 }}`` the same padded."""
    personas: Mapping[str, Mapping[str, str]]
    """Service → INI key → value: defaults of ``[decoy.service]`` on such a machine."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every profile that can be named in a file, by slug. ``os_aliases`` maps further names to slugs."""

    distros: Mapping[str, Distro]
    oses: Mapping[str, Os]
    vendors: Mapping[str, Vendor]
    archetypes: Mapping[str, Archetype]
    os_aliases: Mapping[str, str]

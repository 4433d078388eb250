"""``ssh``: OpenSSH with a machine behind it; passwords, keys, a shell, files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from decnet.ini.schema import key
from decnet.ini.values import Duration, Size
from decnet.services.accounts import Credential, weak_accounts
from decnet.services.host import Host
from decnet.services.service import Port, Service
from decnet.services.shell.household import DEFAULT_KERNEL, household

DEFAULT_VERSION = "OpenSSH_9.2p1 Debian-2+deb12u3"
IDENT_LIMIT = 245
"""Characters of a version string: a whole identification line has 255 at most (RFC 4253 section 4.2)."""


class AuthMethod(StrEnum):
    """How a client may prove who it is (RFC 4252, RFC 4256, RFC 4462), in the order OpenSSH names them."""

    PUBLICKEY = "publickey"
    GSSAPI_KEYEX = "gssapi-keyex"
    GSSAPI = "gssapi-with-mic"
    PASSWORD = "password"  # noqa: S105 (the name of a method)
    KEYBOARD = "keyboard-interactive"


_BY_FAMILY = {
    "rhel": (AuthMethod.PUBLICKEY, AuthMethod.GSSAPI_KEYEX, AuthMethod.GSSAPI, AuthMethod.PASSWORD),
    "alpine": (AuthMethod.PUBLICKEY, AuthMethod.PASSWORD, AuthMethod.KEYBOARD),
}
_USUAL = (AuthMethod.PUBLICKEY, AuthMethod.PASSWORD)
"""Debian, Ubuntu, Arch, SUSE ship ``KbdInteractiveAuthentication no``."""


class Interaction(StrEnum):
    """Who serves: ours, where nothing is run, or the distro's own in a container, where everything is."""

    MEDIUM = "medium"
    HIGH = "high"


class Ident(str):
    """The software part of an identification line (RFC 4253 section 4.2); a leading ``SSH-2.0-`` is dropped."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Ident:
        """The version string. Raises `ValueError` where it could not stand on the wire."""
        software = re.sub(r"^SSH-(2\.0|1\.99)-", "", text)
        if not re.fullmatch(r"[ -~]*", software):
            raise ValueError("an SSH version string is printable ASCII on one line")
        if len(software) > IDENT_LIMIT:
            raise ValueError(
                f"an SSH version string has at most {IDENT_LIMIT} characters, not {len(software)}"
            )
        return cls(software)


@dataclass(frozen=True, slots=True)
class Persona:
    """The keys of ``[decoy.ssh]``."""

    ssh_version: Ident = key(
        Ident(""), "version string after SSH-2.0-; default: as the distro ships it", example=DEFAULT_VERSION
    )
    kernel_version: str = key("", "what uname -r says; default: the distro's kernel", example=DEFAULT_KERNEL)
    users: tuple[Credential, ...] = key(
        (), "accounts that are let in, as name:password; default: a weak set of its own", secret=True
    )
    banner: str = key("", "text shown before login (sshd_config Banner); default: none")
    auth: tuple[AuthMethod, ...] = key((), "methods on offer; default: as the distro's sshd_config has them")
    interaction: Interaction = key(
        Interaction.MEDIUM, "a server of decnet's own, or the distro's real one in a container (high)"
    )
    reset: Duration = key(
        Duration(24 * 3600),
        "with high: how long until its file system is made anew; 0 is never",
        example="12h",
    )
    memory: Size = key(Size(512 << 20), "with high: most memory of its container", minimum=64 << 20)
    disk: Size = key(
        Size(1 << 30), "with high: what visitors may write before it is made anew", minimum=16 << 20
    )
    cpu: int = key(
        100, "with high: most processor time, in percent of one processor", minimum=1, maximum=100_000
    )
    pids: int = key(128, "with high: most processes and threads", minimum=16, maximum=100_000)


def fill(persona: Persona, host: Host) -> Persona:
    """The persona with what depends on the machine."""
    family = host.distro.family if host.distro else ""
    return replace(
        persona,
        ssh_version=Ident.parse(persona.ssh_version or host.version("openssh", DEFAULT_VERSION)),
        kernel_version=persona.kernel_version or (host.distro.kernel if host.distro else DEFAULT_KERNEL),
        users=persona.users or weak_accounts(host),
        auth=persona.auth or _BY_FAMILY.get(family, _USUAL),
    )


def folders(persona: Persona) -> tuple[str, ...]:  # noqa: ARG001
    """One set of files for every persona; the templates tell distros apart."""
    return ("ssh",)


def context(persona: Persona, host: Host) -> Mapping[str, Any]:
    """Names for the templates: see `household`."""
    return household(persona.users, persona.kernel_version, host)


SERVICES = (
    Service(
        name="ssh",
        summary="OpenSSH server: login, shell, sftp, scp",
        ports=(Port(22),),
        persona=Persona,
        server="decnet.services.ssh.server",
        folders=folders,
        fill=fill,
        context=context,
    ),
)

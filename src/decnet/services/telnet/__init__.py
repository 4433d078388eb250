"""``telnet``: a login on port 23; behind it the shell of ssh, a Cisco router's prompt, or a printer's menu."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from decnet.draw import Draw
from decnet.ini.schema import key
from decnet.services.accounts import Credential, weak_accounts
from decnet.services.host import Host
from decnet.services.service import Port, Service
from decnet.services.shell.household import DEFAULT_KERNEL, household

DEVICES = ("linux", "cisco", "busybox", "printer")
SHELLS = ("linux", "busybox")
"""Devices with a machine of files behind the login."""
NETKIT = ("debian11", "ubuntu20", "ubuntu22")
"""Releases of Debian's family whose telnetd is netkit's; later ones have that of inetutils."""
UTIL_LINUX = ("kali",)
"""Releases of Debian's family whose login(1) is that of util-linux."""


@dataclass(frozen=True, slots=True)
class Persona:
    """The keys of ``[decoy.telnet]``."""

    device: str = key(
        "",
        "what answers: a Linux with its shell, a Cisco router, a busybox system, a printer; "
        "default: cisco, busybox or linux, by the os and the distro",
        choices=DEVICES,
    )
    users: tuple[Credential, ...] = key(
        (),
        "accounts that are let in, as name:password; default: the host's weak set, the same as of ssh; "
        "a printer asks for none by default",
        secret=True,
    )
    enable: str = key(
        "",
        "the password of the privileged mode of cisco; default: a weak one of its own",
        secret=True,
    )
    issue: str = key(
        "",
        "text before the login, with the % escapes of issue.net(5); default: as the distro's telnet daemon "
        "or the device has it",
        example="Authorised access only",
    )


def fill(persona: Persona, host: Host) -> Persona:
    """The persona with what depends on the machine."""
    device = persona.device or _device(host)
    asks = device != "printer"
    users = persona.users or (_accounts(device, host) if asks else ())
    return replace(
        persona,
        device=device,
        users=users,
        enable=persona.enable or (_enable(users, host) if device == "cisco" else ""),
    )


def _device(host: Host) -> str:
    if host.os.family == "cisco":
        return "cisco"
    ash = host.distro is not None and host.distro.family == "alpine"
    return "busybox" if ash or host.os.family == "embedded" else "linux"


def _accounts(device: str, host: Host) -> tuple[Credential, ...]:
    """The host's weak set; a router's first account is not called root."""
    known = weak_accounts(host)
    if device != "cisco":
        return known
    return tuple(Credential("admin" if one.name == "root" else one.name, one.password) for one in known)


def _enable(users: tuple[Credential, ...], host: Host) -> str:
    draw = host.choices.child("telnet", "enable")
    return draw.pick(
        (users[0].password, "cisco", "enable", f"cisco{draw.integer(1, 999)}", users[-1].password)
    )


def folders(persona: Persona) -> tuple[str, ...]:
    """A shell has the files of the machine; the others what they show."""
    return ("ssh", "telnet/linux") if persona.device in SHELLS else (f"telnet/{persona.device}",)


def context(persona: Persona, host: Host) -> Mapping[str, Any]:
    """Names for the templates: those of `household` and the programs that meet a visitor, or a device's own."""
    match persona.device:
        case "cisco":
            return _router(host)
        case "printer":
            return _printer(host)
    ash = persona.device == "busybox"
    kernel = host.distro.kernel if host.distro else DEFAULT_KERNEL
    return {
        **household(persona.users, kernel, host, ash=ash),
        "telnetd": "busybox" if ash else _telnetd(host),
        "login": "busybox" if ash else _login(host),
        "distro_name": _distro_name(host),
    }


def _telnetd(host: Host) -> str:
    if host.distro is None or host.distro.family in ("debian", "arch"):
        return "netkit" if host.distro and host.distro.name in NETKIT else "inetutils"
    return "netkit"


def _login(host: Host) -> str:
    if host.distro is None or (host.distro.family == "debian" and host.distro.name not in UTIL_LINUX):
        return "shadow"
    return "util-linux"


def _distro_name(host: Host) -> str:
    """How /etc/issue.net names the distro: ``Debian GNU/Linux 11``, ``Ubuntu 22.04.5 LTS``."""
    if host.distro is None:
        return "Debian GNU/Linux 12"
    known = {name: value.strip('"') for name, value in host.distro.os_release.items()}
    if known.get("ID") == "debian":
        return f"{known.get('NAME', '')} {known.get('VERSION_ID', '')}"
    return known.get("PRETTY_NAME", host.distro.title)


def _router(host: Host) -> Mapping[str, Any]:
    """What a router says of itself: model, serial numbers, addresses in its own spelling, what it has seen."""
    draw, identity = host.choices.child("telnet", "router"), host.identity.child("telnet", "router")
    return {
        "lot": draw.integer(0, 999),
        "year": host.installed.year,
        "installed": f"{host.installed:%H:%M:%S} UTC {host.installed:%a %b} {host.installed.day} {host.installed.year}",
        "stamp": f"{host.installed:%b} {host.installed.day} {host.installed.year} {host.installed:%H:%M:%S} +00:00",
        "booted": f"{host.booted:%H:%M:%S} UTC {host.booted:%a %b} {host.booted.day} {host.booted.year}",
        "serial": _cisco_serial(identity),
        "module_serial": _cisco_serial(identity),
        "mac": dotted(host.mac),
        "neighbour_macs": [dotted(_mac(identity)) for _ in host.neighbours],
        "gateway_mac": dotted(_mac(identity)),
        "secret_hash": f"$1${_crypt64(identity, 4)}${_crypt64(identity, 22)}",
        "user_hashes": [f"$1${_crypt64(identity, 4)}${_crypt64(identity, 22)}" for _ in range(8)],
        "community": draw.pick(("public", "private", "netmon", "cacti", f"ro-{draw.hex(3)}")),
        "mask": _mask(host.prefix),
        "network": _network(host.ip, host.prefix),
        "wildcard": ".".join(str(255 - int(part)) for part in _mask(host.prefix).split(".")),
        "counters": [draw.integer(10_000, 9_000_000) for _ in range(6)],
    }


def dotted(mac: str) -> str:
    """``00:50:56:11:22:33`` as IOS writes it: ``0050.5611.2233``."""
    digits = mac.replace(":", "").lower()
    return ".".join(digits[at : at + 4] for at in (0, 4, 8))


def _cisco_serial(draw: Draw) -> str:
    letters = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    factory, week = draw.pick(("FTX", "FCZ", "FGL", "JAD")), draw.integer(1, 52)
    return f"{factory}{draw.integer(15, 23)}{week:02}" + "".join(draw.pick(letters) for _ in range(4))


def _mac(draw: Draw) -> str:
    maker = draw.pick(("00:50:56", "3c:52:82", "18:66:da", "a0:36:9f"))
    return maker + "".join(f":{draw.hex(1)}" for _ in range(3))


def _crypt64(draw: Draw, count: int) -> str:
    letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(letters[byte & 63] for byte in draw.bytes(count))


def _mask(prefix: int) -> str:
    bits = 0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF
    return ".".join(str(bits >> shift & 255) for shift in (24, 16, 8, 0))


def _network(ip: str, prefix: int) -> str:
    pairs = zip(ip.split("."), _mask(prefix).split("."), strict=True)
    return ".".join(str(int(part) & int(mask)) for part, mask in pairs)


def _printer(host: Host) -> Mapping[str, Any]:
    draw, identity = host.choices.child("telnet", "printer"), host.identity.child("telnet", "printer")
    return {
        "lot": draw.integer(0, 999),
        "mask": _mask(host.prefix),
        "serial": "".join(draw.pick(("VNB", "PHB", "CNB"))) + identity.hex(4)[:7].upper(),
        "mac": host.mac.replace(":", "").upper(),
    }


SERVICES = (
    Service(
        name="telnet",
        summary="Telnet: login and the shell of ssh, or the prompt of a router or a printer",
        ports=(Port(23),),
        persona=Persona,
        server="decnet.services.telnet.server",
        folders=folders,
        fill=fill,
        context=context,
    ),
)

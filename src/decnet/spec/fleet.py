"""Presets to decoys: names, addresses and host names given out, what two decoys cannot share checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from decnet.catalog import Distro
from decnet.draw import Draw
from decnet.errors import Span
from decnet.ini import did_you_mean
from decnet.spec import high
from decnet.spec.addresses import Pool, Range, draw_mac, is_multicast, parse_mac
from decnet.spec.egress import egress
from decnet.spec.fleet6 import Addresses6, Place
from decnet.spec.identity import Identity
from decnet.spec.keys import General
from decnet.spec.lans import DEFAULT_LAN
from decnet.spec.limits import granted
from decnet.spec.machine import Held, Machine
from decnet.spec.members import Member, Pattern, check_hostname, hostnames, members
from decnet.spec.model import Custom, Decoy, Isolation, Lan, LanDriver, Runtime, Service
from decnet.spec.presets import Preset, Sources, custom_service, service, service_names
from decnet.spec.reading import Findings, Read
from decnet.spec.renames import Renames, renames

_NAME_LIMIT = 63
_UPTIME = (2 * 3600, 200 * 86400)
"""Seconds a host has been up when nothing is said: two hours to two hundred days."""
_WINDOWS_HOSTNAMES = ("WIN-{{ n3 }}", "SRV-{{ n2 }}", "PC-{{ n3 }}")
_OTHER_HOSTNAMES = ("host-{{ n2 }}", "node{{ n2 }}", "dev-{{ n3 }}")


@dataclass(frozen=True, slots=True)
class Setting:
    """What every decoy of the network is made with."""

    general: Read[General]
    lans: Mapping[str, Lan]
    ranges: Mapping[str, Sequence[Range]]
    """LAN → the addresses that decoys without one are given; the whole subnet where there are none."""
    machine: Machine
    held: Held
    identity: Identity
    expand: Pattern


@dataclass(slots=True)
class _Taken:
    """What decoys have already, and where it was said."""

    names: dict[str, Span] = field(default_factory=dict)
    addresses: dict[IPv4Address, Span] = field(default_factory=dict)
    macs: dict[str, Span] = field(default_factory=dict)
    hostnames: dict[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Seat:
    """A member that is known to exist: what it is made from, and its address if the file says it."""

    member: Member
    preset: Preset
    lan: Lan
    ip: IPv4Address | None


class Fleet:
    """Builds the decoys of a network. Everything that is wrong goes to ``findings``."""

    def __init__(self, setting: Setting, sources: Sources, findings: Findings) -> None:
        self._setting = setting
        self._sources = sources
        self._findings = findings
        self._taken = _Taken()
        self._six = Addresses6(setting.lans, setting.machine, findings)
        self._services: dict[tuple[str, str], Service] = {}
        self._customs: dict[tuple[str, str], Custom] = {}
        self._fleet_wide = {key: at for key, at in setting.general.spans.items() if key == "egress"}
        self._default_egress = egress(setting.general, findings) or ()
        self._egresses: dict[str, tuple[str, ...]] = {}
        self._renames = Renames({}, {})

    def decoys(self, presets: list[Preset]) -> tuple[Decoy, ...]:
        """Every decoy, in file order. Declared addresses go first, then held ones, then the pool's."""
        by_preset = [(preset, self._seats(preset)) for preset in presets]
        groups = [(preset, [seat.member for seat in own]) for preset, own in by_preset]
        self._renames = renames(groups, self._setting.held, self._findings)
        seats = [seat for _, own in by_preset for seat in own]
        pools = {name: self._pool(lan) for name, lan in self._setting.lans.items()}
        held = self._setting.held.addresses
        kept = {
            s.member.name: pools[s.lan.name].keep(h)
            for s in seats
            if not s.ip
            and (h := held.get(s.member.name) or held.get(self._renames.old.get(s.member.name, "")))
        }
        self._six.settle(((s.member.name, s.lan) for s in seats), self._held6(seats))
        found: list[Decoy] = []
        without: set[str] = set()
        for seat in seats:
            ip = seat.ip or kept.get(seat.member.name) or pools[seat.lan.name].take()
            if ip is None:
                if seat.preset.section.key not in without:
                    without.add(seat.preset.section.key)
                    self._findings.error(
                        "pool-exhausted",
                        f"no address is left for {seat.member.name} on {seat.lan.subnet}",
                        seat.preset.section.span,
                        "widen the pool or the subnet, or lower the amount",
                    )
                continue
            found.append(self._decoy(seat, ip))
        return tuple(found)

    def _held6(self, seats: list[_Seat]) -> dict[str, IPv6Address]:
        held, old = self._setting.held.addresses6, self._renames.old
        names = (seat.member.name for seat in seats)
        return {name: six for name in names if (six := held.get(name) or held.get(old.get(name, "")))}

    def _pool(self, lan: Lan) -> Pool:
        reserved = {*self._taken.addresses, *(own.ip for own in self._setting.machine.interfaces.values())}
        reserved |= {address for address in (lan.gateway, lan.host) if address}
        return Pool(lan.subnet, self._setting.ranges.get(lan.name, ()), reserved)

    def _seats(self, preset: Preset) -> list[_Seat]:
        keys, findings = preset.read, self._findings
        lan = self._lan(preset)
        found = members(preset.section, keys, findings)
        if lan is None:
            for member in found:
                self._serving(member.name, preset)
            return []
        self._six.claim(preset, lan, found)
        ip = keys.keys.ip
        single = ip is not None and ip.first == ip.last
        if single and len(found) > 1:
            findings.error(
                "amount-with-single-ip",
                f"{len(found)} decoys cannot share {ip.first if ip else ''}",
                keys.at("ip"),
                "write a range a-b, or leave the address to the pool",
            )
            ip = None
        if ip is not None and int(ip.last) - int(ip.first) + 1 < len(found):
            findings.error(
                "pool-exhausted",
                f"the range has fewer addresses than the {len(found)} decoys of the group",
                keys.at("ip"),
            )
            ip = None
        seats: list[_Seat] = []
        for position, member in enumerate(found):
            address = ip.first + position if ip is not None else None
            if not self._is_free_name(member, preset):
                continue
            if address is not None:
                self._check_address(address, lan, preset)
            seats.append(_Seat(member, preset, lan, address))
        return seats

    def _lan(self, preset: Preset) -> Lan | None:
        name = preset.read.keys.lan.lower() or DEFAULT_LAN
        lan = self._setting.lans.get(name)
        if lan is None and preset.read.keys.lan:
            hint = did_you_mean(name, self._setting.lans, f"declare [lan-{name}]")
            self._findings.error("unknown-lan", f'unknown LAN "{name}"', preset.read.at("lan"), hint)
        return lan

    def _is_free_name(self, member: Member, preset: Preset) -> bool:
        span = preset.section.span
        if len(member.name) > _NAME_LIMIT:
            self._findings.error("bad-name", f'"{member.name}" has more than {_NAME_LIMIT} characters', span)
            return False
        other = self._taken.names.setdefault(member.name.lower(), span)
        if other is not span:
            self._findings.error(
                "duplicate-decoy", f'two sections make a decoy "{member.name}"', span, related=(other,)
            )
        return other is span

    def _check_address(self, address: IPv4Address, lan: Lan, preset: Preset) -> None:
        """Says why a declared address cannot be had. Its decoy is made all the same: the rest of it is checked."""
        span = preset.read.at("ip")
        problem: tuple[str, str] | None = None
        owner = self._setting.machine.owner(address) if address != lan.gateway else ""
        if address not in lan.subnet:
            problem = "address-outside-lan", f"{address} is outside {lan.subnet}"
        elif address == lan.subnet.network_address:
            problem = "address-is-network", f"{address} is the network address of {lan.subnet}"
        elif address == lan.subnet.broadcast_address:
            problem = "address-is-broadcast", f"{address} is the broadcast address of {lan.subnet}"
        elif address == lan.gateway:
            problem = "address-is-gateway", f"{address} is the gateway of the LAN"
        elif address == lan.host or owner:
            problem = "address-is-host", f"{address} is this host's own address"
        if problem:
            code, message = problem
            self._findings.error(code, message, span)
            return
        other = self._taken.addresses.setdefault(address, span)
        if other is not span:
            self._findings.error("address-used-twice", f"{address} is used twice", span, related=(other,))

    def _decoy(self, seat: _Seat, ip: IPv4Address) -> Decoy:
        preset, name, setting = seat.preset, seat.member.name, self._setting
        keys = preset.read.keys
        word = self._word(name)
        choices = setting.identity.choices(setting.general.keys.seed, word)
        distro = choices.child("distro").pick(preset.distros) if preset.distros else None
        services, customs = self._serving(name, preset)
        uptime = (
            int(keys.uptime)
            if keys.uptime is not None
            else setting.identity.of(word, "uptime").integer(*_UPTIME)
        )
        mac = self._mac(seat)
        windows = preset.os.family == "windows"
        isolation = keys.isolation or setting.general.keys.isolation
        runtime = keys.runtime or setting.general.keys.runtime
        alone = isolation is Isolation.DECOY or runtime is Runtime.DOCKER
        limits, bounds = granted(preset.read, alone=alone, findings=self._findings)
        place = Place(seat.lan, ip, mac, windows, setting.identity.of(word, "ip6"))
        return Decoy(
            name=name,
            group=seat.member.group,
            number=seat.member.number,
            lan=seat.lan.name,
            ip=ip,
            mac=mac,
            hostname=self._hostname(seat, distro, choices.child("hostname")),
            os=preset.os,
            distro=distro,
            archetype=preset.archetype.name if preset.archetype else "",
            services=services,
            runtime=runtime,
            uptime=uptime,
            protect=keys.protect,
            egress=self._egress(preset),
            span=preset.section.span,
            spans={**self._fleet_wide, **preset.read.spans},
            identity=word if word != name else "",
            ip6=self._six.address(name, place, preset.section.span),
            isolation=isolation,
            limits=limits,
            bounds=bounds,
            customs=customs,
        )

    def _egress(self, preset: Preset) -> tuple[str, ...]:
        """What the decoys of a section may open: as it says itself, else as ``[general]`` does."""
        section = preset.section.key
        if section not in self._egresses:
            own = egress(preset.read, self._findings)
            self._egresses[section] = self._default_egress if own is None else own
        return self._egresses[section]

    def _word(self, member: str) -> str:
        return self._renames.words.get(member, member)

    def _serving(self, member: str, preset: Preset) -> tuple[tuple[Service, ...], tuple[Custom, ...]]:
        draw = self._setting.identity.choices(self._setting.general.keys.seed, self._word(member)).child(
            "services"
        )
        names = service_names(preset, self._sources, draw, self._findings)
        known = self._sources.services
        services = tuple(self._service(one, preset, member) for one in names if one in known)
        customs = tuple(self._custom(one, preset, member) for one in names if one not in known)
        self._check_ports((*services, *customs))
        served, contained = high.split(services, preset.os, self._findings)
        return served, (*customs, *contained)

    def _service(self, name: str, preset: Preset, member: str) -> Service:
        key = self._base(name, preset, member), name
        if key not in self._services:
            self._services[key] = service(name, preset, member, self._sources, self._findings)
        return self._services[key]

    def _custom(self, name: str, preset: Preset, member: str) -> Custom:
        key = self._base(name, preset, member), name
        if key not in self._customs:
            self._customs[key] = custom_service(name, preset, member, self._sources, self._findings)
        return self._customs[key]

    def _base(self, name: str, preset: Preset, member: str) -> str:
        """The section that a service is made by: the member's own persona, or what all of the group have."""
        own = f"{member}.{name}".lower()
        return own if own in self._sources.outline.personas else preset.section.key

    def _check_ports(self, services: tuple[Service | Custom, ...]) -> None:
        seen: dict[tuple[int, str], Service | Custom] = {}
        for one in services:
            for port in one.ports:
                other = seen.setdefault((port.number, port.proto), one)
                if other is not one:
                    self._findings.error(
                        "port-used-twice",
                        f"{one.name} and {other.name} both listen on {port.number}/{port.proto}",
                        one.spans.get("ports", one.spans.get("port", one.span)),
                        "give one of them other ports in its section",
                        (other.span,),
                    )
            if len({(p.number, p.proto) for p in one.ports}) < len(one.ports):
                self._findings.error("port-used-twice", f"{one.name} has a port twice", one.span)

    def _mac(self, seat: _Seat) -> str:
        given, keys = seat.preset.read.keys.mac, seat.preset.read
        draw = self._setting.identity.of(self._word(seat.member.name), "mac")
        if seat.lan.driver is LanDriver.IPVLAN and (shared := self._shared_mac(seat)):
            return shared
        explicit = parse_mac(given) if given else None
        if explicit is not None:
            self._check_mac(explicit, seat)
            return explicit
        vendors = self._sources.catalog.vendors
        name = given.lower()
        if given and name not in vendors:
            code = "bad-mac" if ":" in given else "unknown-vendor"
            hint = did_you_mean(
                name, vendors, "write an address like 00:50:56:12:34:56, or a vendor like dell"
            )
            self._findings.error(
                code, f'"{given}" is neither a MAC address nor a known vendor', keys.at("mac"), hint
            )
        possible: tuple[str, ...] = (name,)
        if name not in vendors:
            archetype = seat.preset.archetype
            possible = archetype.vendors if archetype and archetype.vendors else seat.preset.os.vendors
            name = self._vendor(possible, seat)
        prefixes = [prefix for vendor in possible for prefix in vendors[vendor].prefixes]
        mac = self._held_mac(seat.member.name, prefixes)
        mac = mac or draw_mac(vendors[name].prefixes, draw, self._taken.macs)
        self._taken.macs[mac] = seat.preset.section.span
        return mac

    def _shared_mac(self, seat: _Seat) -> str:
        """The parent's MAC address, where it is known: every decoy of an ipvlan LAN has it."""
        keys, machine = seat.preset.read, self._setting.machine
        if keys.keys.mac:
            message = f"decoys of an ipvlan LAN all have the MAC address of {seat.lan.parent}"
            self._findings.warn("no-effect", message, keys.at("mac"), "leave the mac out, or use macvlan")
        return machine.macs.get(seat.lan.parent) or machine.macs.get(seat.lan.interface, "")

    def _held_mac(self, member: str, prefixes: Sequence[str]) -> str:
        """The MAC address it has already, while it is one that it could draw and nobody else's."""
        held = self._setting.held.macs
        mac = held.get(member) or held.get(self._renames.old.get(member, ""), "")
        fits = any(mac.startswith(prefix.lower()) for prefix in prefixes)
        return mac if fits and mac not in self._taken.macs else ""

    def _vendor(self, names: tuple[str, ...], seat: _Seat) -> str:
        return self._setting.identity.choices(
            self._setting.general.keys.seed, self._word(seat.member.name), "vendor"
        ).pick(names)

    def _check_mac(self, mac: str, seat: _Seat) -> None:
        span = seat.preset.read.at("mac")
        if is_multicast(mac):
            self._findings.error(
                "mac-multicast", f"{mac} is a multicast address", span, "the second digit must be even"
            )
        elif not int(mac.replace(":", ""), 16):
            self._findings.error("mac-zero", "a host cannot have the MAC address of all zeros", span)
        elif mac in self._taken.macs:
            self._findings.error(
                "mac-used-twice", f"{mac} is used twice", span, related=(self._taken.macs[mac],)
            )
        self._taken.macs.setdefault(mac, span)

    def _hostname(self, seat: _Seat, distro: Distro | None, draw: Draw) -> str:
        preset = seat.preset
        declared = "" if "hostname" in preset.read.keys.randomize else preset.read.keys.hostname
        patterns = (declared,) if declared else self._patterns(preset, distro)
        span, taken = preset.read.at("hostname"), self._taken.hostnames
        hostname = ""
        try:
            for hostname in hostnames(patterns, bool(declared), seat.member, draw, self._setting.expand):
                if hostname.lower() not in taken:
                    break
        except ValueError as error:
            self._findings.error("bad-pattern", f"hostname: {error}", span, "known: n, n2, n3, name, group")
            return seat.member.name
        if check_hostname(hostname, span, self._findings):
            other = taken.get(hostname.lower())
            if other is not None:
                self._findings.error(
                    "hostname-used-twice",
                    f'two decoys are called "{hostname}"',
                    span,
                    "use {{ n }} in a group" if other is span else "rename one",
                    () if other is span else (other,),
                )
            taken.setdefault(hostname.lower(), span)
        return hostname

    def _patterns(self, preset: Preset, distro: Distro | None) -> tuple[str, ...]:
        if preset.archetype is not None and preset.archetype.hostnames:
            return preset.archetype.hostnames
        if distro is not None:
            return (distro.hostname,)
        return _WINDOWS_HOSTNAMES if preset.os.family == "windows" else _OTHER_HOSTNAMES

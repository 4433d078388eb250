"""A network's bundles: for each service of each decoy, all that its server needs, as bytes with a hash."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from decnet.decoy.protocol import ServiceBundle
from decnet.errors import InvalidInput, Problem
from decnet.render.templates import Templates
from decnet.services import Facts, Host, Neighbour, personas
from decnet.services.neighbours import PLACEHOLDERS, SLOTS
from decnet.spec import Decoy, Identity, Lan, LanDriver, Network, Service
from decnet.spec.addresses6 import link_local

_INVENTED = ("dc01", "fs01", "mail01", "backup01", "print01", "intranet", "vpn01", "wiki01", "git01", "nas01")
"""Hosts that a company has beside its decoys: they fill up the neighbourhood of a small fleet."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One rendered service. ``content`` is a `ServiceBundle` as JSON; ``hash`` names it (BLAKE2b, 20 bytes, hex)."""

    decoy: str
    service: str
    content: bytes
    hash: str


def bundles(network: Network, identity: Identity, templates: Templates) -> Mapping[tuple[str, str], Bundle]:
    """Every bundle, by decoy and service. Raises `InvalidInput` with every template that fails, once each."""
    rendered: dict[tuple[str, str], Bundle] = {}
    problems: dict[tuple[str, int, str], Problem] = {}
    around = _neighbourhoods(network, identity)
    for (decoy, host), neighbours in zip(hosts(network, identity), around, strict=True):
        for service in decoy.known:
            try:
                rendered[decoy.name, service.name] = _bundle(decoy, service, host, templates, neighbours)
            except InvalidInput as error:
                for problem in error.problems:
                    problems.setdefault((problem.span.file, problem.span.line, problem.message), problem)
    if problems:
        raise InvalidInput(tuple(problems.values()))
    return rendered


def hosts(network: Network, identity: Identity) -> Iterator[tuple[Decoy, Host]]:
    """Each decoy with the machine it claims to be."""
    lans = {lan.name: lan for lan in network.lans}
    for decoy in network.decoys:
        lan = lans[decoy.lan]
        drawn = identity.of(decoy.word)
        booted = identity.created - timedelta(seconds=decoy.uptime)
        yield (
            decoy,
            Host(
                hostname=decoy.hostname,
                domain=network.domain,
                ip=str(decoy.ip),
                prefix=lan.subnet.prefixlen,
                gateway=str(lan.gateway or ""),
                mac=decoy.mac,
                os=decoy.os,
                distro=decoy.distro,
                timezone=network.timezone,
                installed=booted - timedelta(minutes=drawn.child("installed").integer(20 * 1440, 500 * 1440)),
                booted=booted,
                services=tuple(service.name for service in decoy.known),
                neighbours=PLACEHOLDERS,
                choices=identity.choices(network.seed, decoy.word),
                identity=drawn,
                ip6=str(decoy.ip6 or ""),
                prefix6=lan.subnet6.prefixlen if lan.subnet6 else 64,
                gateway6=str(lan.gateway6 or ""),
                local6=str(link_local(decoy.ip6, _own_mac(decoy, lan))) if decoy.ip6 else "",
            ),
        )


def _own_mac(decoy: Decoy, lan: Lan) -> str:
    """The MAC address that is the decoy's alone; on an ipvlan none is."""
    return "" if lan.driver is LanDriver.IPVLAN else decoy.mac


def _neighbourhoods(network: Network, identity: Identity) -> Iterator[tuple[Neighbour, ...]]:
    """For each decoy those nearest to it in the file (so that the cost stays linear), then invented ones."""
    fleet = [Neighbour(decoy.hostname, str(decoy.ip)) for decoy in network.decoys]
    subnets = {lan.name: lan.subnet for lan in network.lans}
    for position, decoy in enumerate(network.decoys):
        start = max(0, min(position - SLOTS // 2, len(fleet) - SLOTS - 1))
        near = [one for at, one in enumerate(fleet[start : start + SLOTS + 1], start) if at != position][
            :SLOTS
        ]
        if len(near) < SLOTS:
            draw, subnet = identity.choices(network.seed, "neighbours"), subnets[decoy.lan]
            names = draw.sample(_INVENTED, SLOTS - len(near))
            last = min(subnet.num_addresses - 2, 250)
            near += [Neighbour(name, str(subnet[draw.integer(1, last)])) for name in names]
        yield tuple(near)


def _bundle(
    decoy: Decoy, service: Service, host: Host, templates: Templates, neighbours: tuple[Neighbour, ...]
) -> Bundle:
    kind = service.type
    persona = kind.fill(service.persona, host)
    context = {"host": host, "persona": persona, "service": kind, **kind.context(persona, host)}
    files = templates.render(kind.folders(persona), context, service.span)
    bundle = ServiceBundle(
        decoy=decoy.name,
        service=service.name,
        type=kind.name,
        ports=tuple((port.number, port.proto, port.tls) for port in service.ports),
        persona=personas.encode(persona),
        files=files,
        seed=host.identity.child("service", service.name).bytes(32),
        facts=Facts(
            hostname=host.hostname,
            domain=host.domain,
            ip=host.ip,
            os_family=host.os.family,
            distro=host.distro.name if host.distro else "",
            timezone=host.timezone,
            installed=host.installed.timestamp(),
            booted=host.booted.timestamp(),
            ip6=host.ip6,
            prefix6=host.prefix6,
            gateway6=host.gateway6,
            local6=host.local6,
        ),
        limits=decoy.limits,
    )
    content = _encode(dataclasses.replace(bundle, neighbours=neighbours))
    return Bundle(
        decoy.name, service.name, content, hashlib.blake2b(_encode(bundle), digest_size=20).hexdigest()
    )


def _encode(bundle: ServiceBundle) -> bytes:
    return msgspec.json.encode(bundle, order="deterministic")

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
from decnet.spec import Decoy, Identity, Network, Service

NEIGHBOURS = 8
"""Hosts of the fleet that a decoy knows by name: those nearest to it in the file, so that cost stays linear."""
FLEET = "fleet/"
"""Files below this folder say what a host knows of its neighbours. They are left out of the hash: a decoy that comes,
goes or moves must not change the others, whose notes on it go stale until their own next change, as real ones do."""


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
    for decoy, host in hosts(network, identity):
        for service in decoy.services:
            try:
                rendered[decoy.name, service.name] = _bundle(decoy, service, host, templates)
            except InvalidInput as error:
                for problem in error.problems:
                    problems.setdefault((problem.span.file, problem.span.line, problem.message), problem)
    if problems:
        raise InvalidInput(tuple(problems.values()))
    return rendered


def hosts(network: Network, identity: Identity) -> Iterator[tuple[Decoy, Host]]:
    """Each decoy with the machine it claims to be."""
    gateways = {lan.name: (lan.gateway, lan.subnet.prefixlen) for lan in network.lans}
    fleet = [Neighbour(decoy.hostname, str(decoy.ip)) for decoy in network.decoys]
    for position, decoy in enumerate(network.decoys):
        gateway, prefix = gateways[decoy.lan]
        drawn = identity.of(decoy.name)
        booted = identity.created - timedelta(seconds=decoy.uptime)
        start = max(0, min(position - NEIGHBOURS // 2, len(fleet) - NEIGHBOURS - 1))
        near = fleet[start : start + NEIGHBOURS + 1]
        yield (
            decoy,
            Host(
                hostname=decoy.hostname,
                domain=network.domain,
                ip=str(decoy.ip),
                prefix=prefix,
                gateway=str(gateway or ""),
                mac=decoy.mac,
                os=decoy.os,
                distro=decoy.distro,
                timezone=network.timezone,
                installed=booted - timedelta(minutes=drawn.child("installed").integer(20 * 1440, 500 * 1440)),
                booted=booted,
                services=tuple(service.name for service in decoy.services),
                neighbours=tuple(one for one in near if one.ip != str(decoy.ip)),
                choices=identity.choices(network.seed, decoy.name),
                identity=drawn,
            ),
        )


def _bundle(decoy: Decoy, service: Service, host: Host, templates: Templates) -> Bundle:
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
        ),
    )
    own = {path: data for path, data in files.items() if not path.startswith(FLEET)}
    content = _encode(bundle)
    hashed = content if len(own) == len(files) else _encode(dataclasses.replace(bundle, files=own))
    return Bundle(decoy.name, service.name, content, hashlib.blake2b(hashed, digest_size=20).hexdigest())


def _encode(bundle: ServiceBundle) -> bytes:
    return msgspec.json.encode(bundle, order="deterministic")

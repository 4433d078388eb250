"""File to network to plan: the steps that commands have in common."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from decnet import catalog, ini, spec
from decnet.errors import MissingCapability, UsageError
from decnet.render import Bundle, Templates, bundles, expand, images
from decnet.services.registry import services
from decnet.spec import build as building

if TYPE_CHECKING:
    from decnet.engine import Desired
    from decnet.state import Snapshot
    from decnet.world.linux import LinuxWorld
    from decnet.world.supervision import Place

RUN_DIR = "/run/decnet"


@dataclass(frozen=True, slots=True)
class Built:
    """A file's network, its identity, its bundles, and what images are made from."""

    network: spec.Network
    identity: spec.Identity
    bundles: Mapping[tuple[str, str], Bundle]
    templates: Templates
    profiles: catalog.Catalog


def overlays(file: str, room: str) -> list[Path]:
    """``./profiles`` or ``./templates`` beside the INI file, where it is."""
    beside = Path(file).resolve().parent / room
    return [beside] if beside.is_dir() else []


def network(
    document: ini.Document,
    saved: Snapshot | None = None,
    identity: spec.Identity | None = None,
    profiles: catalog.Catalog | None = None,
) -> tuple[spec.Network, spec.Identity]:
    """The network of a document on this machine; where none is saved, with ``identity`` or else a throwaway one."""
    identity = (saved.identity if saved else None) or identity or spec.Identity.fresh()
    built = building.build(
        document,
        profiles or load_profiles(document.file),
        services(),
        identity,
        expand,
        _machine(saved),
        saved.held() if saved else spec.Held(),
    )
    return built, identity


def build(
    document: ini.Document, saved: Snapshot | None = None, identity: spec.Identity | None = None
) -> Built:
    """The network of a document with everything rendered. Raises `InvalidInput`."""
    profiles = load_profiles(document.file)
    declared, identity = network(document, saved, identity, profiles)
    templates = Templates(overlays(document.file, "templates"))
    return Built(declared, identity, bundles(declared, identity, templates), templates, profiles)


def load_profiles(file: str) -> catalog.Catalog:
    """The profiles that hold for a file."""
    return catalog.load(overlays(file, "profiles"))


def declare(built: Built, saved: Snapshot, *, partly: bool = False) -> Desired:
    """What a file declares, with what there is of Docker where that is of account. Raises `WorldError`.

    ``partly``: only a part of it may be done.
    """
    from decnet import engine
    from decnet.world.docker.presence import may_be_there

    network = built.network
    settled = engine.chosen_runtime(network.runtime, saved, engine.Docker())
    contained = any(engine.runtime_of(decoy, settled) is spec.Runtime.DOCKER for decoy in network.decoys)
    contained = contained or any(decoy.has_images for decoy in network.decoys)
    undecided = network.runtime is spec.Runtime.AUTO and not saved.about.runtime
    docker = engine.Docker()
    if contained or (undecided and may_be_there()):
        from decnet.world.docker import part

        tags, servers = _tags(built), _servers(built)
        own = (one.program.image for decoy in network.decoys for one in decoy.customs)
        found = part.images({*tags.values(), *servers.values(), *filter(None, own)})
        if found is None:
            _refuse_high(network)
        docker = engine.Docker(found is not None, tags, found or {}, servers)
    return engine.declare(network, built.bundles, saved, docker, partly=partly)


def _tags(built: Built) -> dict[str, str]:
    """Decoy → tag of the image that its container has, of all that may have one."""
    plain = built.profiles.distros[images.PLAIN]
    recipes = {
        name: images.recipe(distro, built.templates).tag
        for name, distro in images.wanted(built.network, plain).items()
    }
    return {
        decoy.name: recipes[images.carrier(decoy, plain).name]
        for decoy in built.network.decoys
        if images.may_be_carried(decoy)
    }


def _servers(built: Built) -> dict[str, str]:
    """Decoy → tag of the image that its service of high interaction runs in."""
    plain = built.profiles.distros[images.PLAIN]
    recipes = {
        name: images.recipe(distro, built.templates, server=True).tag
        for name, distro in images.guests(built.network, plain).items()
    }
    return {
        decoy.name: recipes[images.carrier(decoy, plain).name]
        for decoy in built.network.decoys
        if any(one.service for one in decoy.customs)
    }


def _refuse_high(network: spec.Network) -> None:
    """Raise `MissingCapability` with the place of the first service that only an engine could run."""
    high = ((decoy, one) for decoy in network.decoys for one in decoy.customs if one.service)
    for decoy, one in high:
        span = one.spans.get("interaction", one.span)
        raise MissingCapability(
            f"{span}: {one.name} of {decoy.name} is of high interaction: it needs a Docker Engine, and none answers",
            hint=f"start one (see: docker version), or write in [{decoy.name}.{one.name}]: interaction = medium",
        )


def world(name: str, state_dir: Path) -> LinuxWorld:
    """The part of this machine that a network of this name has."""
    from decnet.world.linux import LinuxWorld

    return LinuxWorld(name, _run_dir() / name, events_dir(state_dir, name))


def place(name: str, state_dir: Path) -> Place:
    """Where a network's supervisor finds things."""
    from decnet.world.supervision import Place

    return Place(name, state_dir, _run_dir() / name, events_dir(state_dir, name))


def remove_run_dir() -> None:
    """Remove the folder of all networks' control sockets when the last network has gone."""
    with contextlib.suppress(OSError):
        _run_dir().rmdir()


def _run_dir() -> Path:
    return Path(os.environ.get("DECNET_RUN_DIR") or RUN_DIR)


def events_dir(state_dir: Path, name: str) -> Path:
    """Where a network's events are kept."""
    return state_dir / "events" / name


def name_of(target: str, env: str = "") -> str:
    """The network that a FILE or a NAME on the command line means."""
    path = Path(target)
    if path.suffix == ".ini" or path.is_file():
        return building.network_name(ini.load(path, env))
    return target


def the_network(target: str | None, state_dir: Path) -> str:
    """The network a command is about: as said, or the only one there is.

    Raises:
        UsageError: there is none, or more than one and none was said.
    """
    if target is not None:
        return name_of(target)
    from decnet import state

    known = [about.network for about in state.networks(state_dir)]
    if len(known) == 1:
        return known[0]
    if not known:
        raise UsageError(f"no network has been applied here (state in {state_dir})", hint="decnet apply FILE")
    raise UsageError("say which network", hint=f"one of: {', '.join(sorted(known))}")


def is_known(name: str, state_dir: Path) -> bool:
    """Whether a network of this name was applied here."""
    from decnet import state

    return any(about.network == name for about in state.networks(state_dir))


def _machine(saved: Snapshot | None) -> spec.Machine:
    """What the host looks like, our own interfaces left out: a network must not stand in its own way."""
    from decnet.spec.resources import Lan
    from decnet.world.host import look
    from decnet.world.names import MOST_BRIDGES, bridge

    host = look()
    lans = (
        [one.resource for one in saved.resources.values() if isinstance(one.resource, Lan)] if saved else []
    )
    network = saved.about.network if saved else ""
    ours = {bridge(network, one.name, number) for one in lans for number in range(MOST_BRIDGES)}
    others = [interface for interface in host.interfaces if interface.name not in ours]
    addresses = {interface.name: interface.addresses[0] for interface in others if interface.addresses}
    own = {IPv4Network(one.subnet) for one in lans} - {address.network for address in addresses.values()}
    subnets = tuple(subnet for subnet in host.subnets if subnet not in own)
    return spec.Machine(
        host.default_interface,
        host.gateway,
        addresses,
        subnets,
        host.default_interface6,
        host.gateway6,
        {interface.name: interface.addresses6 for interface in others if interface.addresses6},
        {interface.name: interface.mtu for interface in host.interfaces},
        {interface.name: interface.mac for interface in host.interfaces},
    )

"""Redis: an in-memory database that somebody forgot to close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from decnet.ini.schema import key
from decnet.services import Host, Port, Service

DEFAULT_VERSION = "7.0.15"


@dataclass(frozen=True, slots=True)
class Persona:
    """The keys of ``[decoy.redis]``."""

    redis_version: str = key("", "version the server claims; default: the distro's", example="7.0.15")
    password: str = key("", "requirepass: clients must AUTH with it; default: none asked", secret=True)
    databases: int = key(16, "number of databases", minimum=1, maximum=1024)
    maxmemory: int = key(0, "maxmemory of the configuration, in bytes; 0: none", minimum=0)
    keys: int = key(0, "about how many keys to fill in; default: drawn, 30 to 90", minimum=0, maximum=400)
    hardened: bool = key(
        default=False,
        help="refuse CONFIG SET dir and MODULE, as redis 7 does unless told otherwise; "
        "default: open, so that the usual attacks go on and are captured",
    )


def fill(persona: Persona, host: Host) -> Persona:
    """The distro's version where none is given, and a drawn number of keys."""
    draw = host.choices.child("redis", "persona")
    return replace(
        persona,
        redis_version=persona.redis_version or host.version("redis", DEFAULT_VERSION),
        keys=persona.keys or draw.integer(30, 90),
    )


def context(persona: Persona, host: Host) -> Mapping[str, Any]:
    """Names for the template ``server``.

    ``family`` of the distro, ``system`` as INFO names it, ``choices`` (32 hex digits: what the server draws its content
    from), and ``locked``, yes or no.
    """
    distro = host.distro
    return {
        "family": distro.family if distro else "",
        "system": f"Linux {distro.kernel} {distro.machine}" if distro else "Linux 5.15.0-91-generic x86_64",
        "choices": host.choices.child("redis", "content").hex(16),
        "locked": "no" if persona.hardened else "yes",
    }


def version_numbers(text: str) -> tuple[int, ...]:
    """``"7.0.15"`` as (7, 0, 15); a part that is no number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in text.split(".")[:3])


SERVICES = (
    Service(
        name="redis",
        summary="Redis: RESP2 and RESP3, bait keys, the usual attack sequences captured",
        ports=(Port(6379),),
        persona=Persona,
        server="decnet.services.redis.server",
        folders=lambda _persona: ("redis/host",),
        fill=fill,
        context=context,
    ),
)

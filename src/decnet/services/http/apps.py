"""Which applications there are, in which releases, and what a host's company and people are called."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import decnet
from decnet.services.host import Host

NAMES = (
    "apache",
    "nginx",
    "iis",
    "wordpress",
    "phpmyadmin",
    "tomcat",
    "jenkins",
    "gitlab",
    "grafana",
    "owa",
    "router",
    "printer",
    "camera",
    "nas",
)
_GENERIC = frozenset(
    {"corp", "local", "lan", "internal", "intra", "home", "office", "ad", "com", "net", "org", "co"}
)


@dataclass(frozen=True, slots=True)
class Release:
    """One release of an app: its version, its Server field, and further facts by name (build, model …).

    ``package`` names the distro's package whose version the Server field shows instead, where there is one.
    """

    version: str
    server: str = ""
    package: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.facts[name]


@cache
def _known() -> Mapping[str, Any]:
    path = Path(decnet.__file__).parent / "templates" / "http" / "apps.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def _releases(app: str) -> tuple[Release, ...]:
    known = _known()[app]
    shared = {"server": known.get("server", ""), "package": known.get("package", "")}
    made = []
    for entry in known["releases"]:
        facts = {**known.get("facts", {}), **entry}
        made.append(
            Release(facts.pop("version"), entry.get("server", shared["server"]), shared["package"], facts)
        )
    return tuple(made)


def release(app: str, host: Host) -> Release:
    """The release that this host runs."""
    return host.choices.child("http", "release", app).pick(_releases(app))


def leader(app: str) -> str:
    """The name of the app's administrator, or an empty text where it has none of its own."""
    return str(_known()[app].get("leader", ""))


def alone(app: str) -> bool:
    """Whether the administrator is the app's only user."""
    return bool(_known()[app].get("alone", False))


def company(host: Host) -> str:
    """The company's name: the domain's own word, or a drawn one without a domain."""
    words = [word for word in host.domain.lower().split(".")[:-1] if word not in _GENERIC]
    words = words or [word for word in host.domain.lower().split(".") if word and word not in _GENERIC]
    if not words:
        return host.choices.child("http", "company").pick(list[str](_known()["names"]["companies"]))
    return " ".join(part.capitalize() for part in words[-1].replace("_", "-").split("-") if part)


def people(host: Host) -> tuple[str, ...]:
    """Four names of people, the same on every page of the host."""
    draw = host.choices.child("http", "people")
    names = _known()["names"]
    first, last = draw.sample(names["first"], 4), draw.sample(names["last"], 4)
    return tuple(f"{one} {two}" for one, two in zip(first, last, strict=True))


def serial(host: Host) -> str:
    """A device's serial number: three letters of its factory and seven characters of its own."""
    draw = host.identity.child("http", "serial")
    return draw.pick(("PHB", "VNB", "CNB")) + "".join(
        draw.pick("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(7)
    )

"""HTTP and HTTPS: a web server of the host's own kind with a small site behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from decnet.ini.schema import key
from decnet.services.accounts import Credential, weak_accounts
from decnet.services.host import Host
from decnet.services.http import apps
from decnet.services.service import Port, Service


@dataclass(frozen=True, slots=True)
class Http:
    """``[decoy.http]``."""

    fake_app: str = key(
        "",
        "The application that answers; the default fits the host's operating system and distro.",
        choices=apps.NAMES,
        example="wordpress",
    )
    server_header: str = key(
        "",
        "The Server header field; the default is that of the application in the distro's version.",
        example="Apache/2.4.62 (Debian)",
    )
    response_code: int = key(
        0, "Answer / with this status; 0 leaves it to the application.", minimum=0, maximum=599, example="403"
    )
    site: str = key("", "Title of the site; the default is made from the domain.", example="Acme Intranet")
    users: tuple[Credential, ...] = key(
        (),
        "Logins that are let in, name:password each; the default is a weak set of the host's own.",
        example="admin:Winter2024!",
        secret=True,
    )


@dataclass(frozen=True, slots=True)
class Https(Http):
    """``[decoy.https]``."""

    tls_cn: str = key(
        "", "Common name of the certificate; the default is the host's full name.", example="mail.example.com"
    )


def fill(persona: Any, host: Host) -> Any:
    """The persona with all that depends on the host."""
    app = persona.fake_app or _app(host)
    filled = replace(
        persona,
        fake_app=app,
        server_header=persona.server_header or _server(app, host),
        site=persona.site or apps.company(host),
        users=persona.users or _users(app, host),
    )
    if isinstance(filled, Https):
        filled = replace(filled, tls_cn=filled.tls_cn or host.fqdn)
    return filled


def context(persona: Any, host: Host) -> Mapping[str, Any]:
    """What the pages know beside host and persona: ``release``, ``company``, ``serial``, ``people``."""
    return {
        "site": persona.site,
        "release": apps.release(persona.fake_app, host),
        "company": apps.company(host),
        "serial": apps.serial(host),
        "people": apps.people(host),
        "accounts": persona.users,
        "instance": host.identity.child("http", "instance").hex(16),
    }


def _app(host: Host) -> str:
    if host.os.family == "windows":
        return "iis"
    if host.distro is None:
        return {"embedded": "router", "cisco": "router"}.get(host.os.family, "nginx")
    if host.distro.family == "alpine":
        return "nginx"
    return host.choices.child("http", "app").pick(("apache", "nginx"))


def _server(app: str, host: Host) -> str:
    release = apps.release(app, host)
    if release.package and host.os.family != "windows":
        return host.version(release.package, release.server)
    return release.server.replace("@SERIAL@", apps.serial(host))


def _users(app: str, host: Host) -> tuple[Credential, ...]:
    """The host's weak set under names that the app knows: its administrator first."""
    known = weak_accounts(host)[: 1 if apps.alone(app) else None]
    leader = apps.leader(app)
    names = [leader, *(account.name for account in known[1:])] if leader else [one.name for one in known]
    users = tuple(Credential(name, one.password) for name, one in zip(names, known, strict=True))
    return tuple({re.sub(r"\W", "", user.name.lower()): user for user in reversed(users)}.values())[::-1]


def _folders(persona: Any) -> tuple[str, ...]:
    return (f"http/{persona.fake_app}",)


SERVICES = (
    Service(
        name="http",
        summary="Web server with one of 14 applications",
        ports=(Port(80),),
        persona=Http,
        server="decnet.services.http.server",
        folders=_folders,
        fill=fill,
        context=context,
    ),
    Service(
        name="https",
        summary="The web server of http behind TLS",
        ports=(Port(443, tls=True),),
        persona=Https,
        server="decnet.services.http.secure",
        folders=_folders,
        fill=fill,
        context=context,
    ),
)

"""``smtp``: a mail server that takes mail for its own people, lets them log in, and relays nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from decnet.ini.schema import key
from decnet.services.accounts import Credential, weak_accounts
from decnet.services.host import Host
from decnet.services.service import Port, Service


class Mta(StrEnum):
    """The mail server that is claimed."""

    POSTFIX = "postfix"
    EXIM = "exim"
    EXCHANGE = "exchange"
    SENDMAIL = "sendmail"


_RELEASES = {Mta.POSTFIX: "3.7.11", Mta.EXIM: "4.96", Mta.SENDMAIL: "8.17.1", Mta.EXCHANGE: "15.2.1118.7"}
"""What is claimed where the distro does not ship the server."""
_BRANDS = {
    "debian": " (Debian/GNU)",
    "kali": " (Debian/GNU)",
    "raspbian": " (Raspbian)",
    "ubuntu": " (Ubuntu)",
}
"""What the distro's packages add to the banner."""


class Banner(str):
    """The text of a greeting, after ``220``. ``$date`` stands for the time of the connection."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Banner:
        """The banner; a leading ``220 `` is dropped. Raises `ValueError` where it could not stand on one line."""
        shown = re.sub(r"^220[ -]", "", text)
        if not re.fullmatch(r"[ -~]{0,500}", shown):
            raise ValueError("a banner is printable ASCII on one line, at most 500 characters")
        return cls(shown)


@dataclass(frozen=True, slots=True)
class Persona:
    """The keys of ``[decoy.smtp]``."""

    smtp_banner: Banner = key(
        Banner(""),
        "text of the greeting after 220, $date for the time; default: as the mail server has it",
        example="mail.example.com ESMTP Postfix",
    )
    smtp_mta: Mta | None = key(
        None,
        "the mail server that it claims to be: postfix, exim, exchange, sendmail; "
        "default: exchange on Windows, postfix elsewhere",
        example="exim",
    )
    users: tuple[Credential, ...] = key(
        (), "people with a mailbox and a login, as name:password; default: a weak set of its own", secret=True
    )


def fill(persona: Persona, host: Host) -> Persona:
    """The persona with what depends on the machine."""
    mta = persona.smtp_mta or (Mta.EXCHANGE if host.os.family == "windows" else Mta.POSTFIX)
    return replace(persona, smtp_mta=mta, users=persona.users or weak_accounts(host))


def context(persona: Persona, host: Host) -> Mapping[str, Any]:
    """Names for the templates: ``version`` and, as numbers, ``release`` of the server; ``brand``, the distro's mark."""
    mta = persona.smtp_mta or Mta.POSTFIX
    version = host.version(mta.value, _RELEASES[mta])
    slug = host.distro.name.rstrip("0123456789") if host.distro else ""
    brands = {
        Mta.POSTFIX: _BRANDS.get(slug, ""),
        Mta.EXIM: " Ubuntu" if slug == "ubuntu" else "",
    }
    return {
        "version": version,
        "release": tuple(int(part) for part in re.findall(r"\d+", version)[:3]),
        "brand": brands.get(mta, ""),
        "family": host.distro.family if host.distro else "",
    }


SERVICES = (
    Service(
        name="smtp",
        summary="Mail server: postfix, exim, exchange or sendmail; STARTTLS, log-in, mail taken and kept from going on",
        ports=(Port(25), Port(587), Port(465, tls=True)),
        persona=Persona,
        server="decnet.services.smtp.server",
        folders=lambda persona: (f"smtp/{persona.smtp_mta}",),
        fill=fill,
        context=context,
    ),
)

"""What all connections of one server share: its names, texts, accounts, queue and certificate."""

from __future__ import annotations

import time
from enum import Enum
from string import Template

from decnet.services.service import Setting
from decnet.services.smtp import Mta, replies
from decnet.services.smtp.login import Door
from decnet.services.smtp.paths import Address
from decnet.services.smtp.queue import Queue
from decnet.services.tls import Certificates

_STYLES = {Mta.EXCHANGE: "exchange"}
"""Who makes the certificate; elsewhere Debian's snakeoil, or openssl on other systems."""


class Role(Enum):
    """What a port is for."""

    MX = 0
    SUBMISSION = 1
    SUBMISSIONS = 2


class Site:
    """One mail server of one decoy."""

    def __init__(self, setting: Setting, previous: Site | None = None) -> None:
        persona, facts = setting.persona, setting.facts
        self.mta: Mta = persona.smtp_mta
        self.host = f"{facts.hostname}.{facts.domain}" if facts.domain else facts.hostname
        self.replies = replies.parse(setting.files["replies.toml"])
        self.seed = setting.seed
        lines = setting.files["ehlo"].decode().splitlines()
        self.release = tuple(int(part) for part in setting.files["release"].split())
        self.extensions = tuple(line.replace("$size", str(self.replies.size)) for line in lines)
        self._banner = str(persona.smtp_banner) or setting.files["greeting"].decode().strip()
        self._zone = "GMT" if self.mta is Mta.SENDMAIL else "+0000"
        self._ports = {port.number: role for port, role in zip(setting.ports, Role, strict=False)}
        local = {self.host, facts.domain or facts.hostname, "localhost", f"[{facts.ip}]"}
        self.domains = frozenset(name.lower() for name in local)
        self.people = frozenset(user.name.lower() for user in persona.users) | frozenset(self.replies.system)
        self.door = Door(persona.users, self.domains, setting.seed)
        self.queue: Queue = previous.queue if previous else Queue(self.mta, self.release, setting.seed)
        debian = setting.files["family"].strip() == b"debian" and self.mta is not Mta.SENDMAIL
        style = _STYLES.get(self.mta, "debian" if debian else "openssl")
        made = Certificates(style, self.host, setting.seed, facts)
        same = previous is not None and previous.certificates.made == made.made
        self.certificates: Certificates = previous.certificates if previous and same else made

    def greeting(self) -> str:
        """The text of the first line."""
        return Template(self._banner).safe_substitute(date=replies.date(time.time(), self._zone))

    def role(self, port: int) -> Role:
        """What a connection to ``port`` is for."""
        return self._ports.get(port, Role.MX)

    def is_local(self, address: Address) -> bool:
        """Whether mail for the address stays on this machine."""
        return not address.domain or address.domain.lower().rstrip(".") in self.domains

    def knows(self, address: Address) -> bool:
        """Whether somebody has that local address."""
        return address.local.lower() in self.people

"""What every conversation over SMTP has: a loop over commands, replies, TLS, events (RFC 5321)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import ClassVar

from decnet.events import EventType
from decnet.services.session import Session
from decnet.services.smtp.message import Message
from decnet.services.smtp.site import Role, Site
from decnet.services.smtp.wire import Closed, Wire

COMMAND_SECONDS = 300
"""How long the next command may take (RFC 5321 section 4.5.3.2.7)."""
RECIPIENTS_LOGGED = 100
REQUESTS_LOGGED = 1000
"""Events of kind request for one connection."""

_VERBS = "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT HELP VRFY EXPN ETRN STARTTLS AUTH"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""What would break a reply: servers show a question mark instead."""
Verb = Callable[[str], Awaitable[None]]


@dataclass(slots=True)
class Mail:
    """A transaction: its envelope and, once there is one, its content."""

    sender: str
    recipients: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    message: Message | None = None
    began: float = field(default_factory=time.monotonic)


class Conversation:
    """A visitor. The methods named for verbs answer one command each; ``say`` names a text of replies.toml."""

    LINE_LIMIT: ClassVar[int] = 2048
    SKIP_REST: ClassVar[bool] = True
    RECIPIENTS: ClassVar[int] = 1000
    ERRORS: ClassVar[int] = 25
    TARPIT: ClassVar[bool] = False
    HELO_NEEDED: ClassVar[bool] = True

    def __init__(self, site: Site, session: Session) -> None:
        self.site = site
        self.session = session
        self.wire = Wire(session)
        self.role = site.role(session.local[1])
        self.helo = ""
        self.user = ""
        self.mail: Mail | None = None
        self.errors = 0
        self.closing = False
        self._told_helo = False
        self._requests = 0

    async def run(self) -> None:
        """Serve until one of both sides has enough."""
        context = await self.site.certificates.context() if self.role is Role.SUBMISSIONS else None
        await self.wire.open(context)
        try:
            self.wire.write(f"220 {self.site.greeting()}")
            while not self.closing:
                await self._next()
        except Closed:
            pass
        finally:
            self.drop("abandoned")
            await self.wire.close()

    async def _next(self) -> None:
        raw = await self.read_line()
        if raw is not None:
            await self.command(raw)

    async def read_line(self) -> bytes | None:
        """A line, without its end; None when the time was up, which has been said."""
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                return await self.wire.line(self.LINE_LIMIT, skip=self.SKIP_REST)
        except TimeoutError:
            self.say("timeout")
            self.closing = True
            return None

    async def command(self, raw: bytes) -> None:
        """Answer one line."""
        text = raw.rstrip(b"\r").decode("utf-8", "surrogateescape")
        verb, _, rest = text.partition(" ")
        if verb.upper() in self.VERBS:
            await self.perform(verb.upper(), rest.strip())
        else:
            self.say("unknown", verb=verb, line=text)
        if self.errors >= self.ERRORS and not self.closing:
            self.say("errors")
            self.closing = True

    async def perform(self, verb: str, rest: str) -> None:
        """Call the method of a verb."""
        method: Verb = getattr(self, f"do_{verb.lower()}")
        await method(rest)

    def say(self, name: str, **words: object) -> bool:
        """Give a reply; False when it is an error."""
        known = {
            "host": self.site.host,
            "helo": self.helo,
            "client": self.session.peer[0],
            "size": self.site.replies.size,
        }
        shown = {word: printable(value) for word, value in words.items()}
        text = self.site.replies.text(name, {**known, **shown})
        self.wire.write(text)
        good = text[0] in "23"
        self.errors += not good
        return good

    async def do_ehlo(self, rest: str) -> None:
        await self.greet("EHLO", rest)

    async def do_helo(self, rest: str) -> None:
        await self.greet("HELO", rest)

    async def greet(self, verb: str, rest: str) -> None:
        """EHLO and HELO."""
        if not rest:
            self.say("helo_syntax", verb=verb)
        elif not self.is_helo(rest):
            self.say("helo_bad", verb=verb)
        else:
            self.hello(verb, rest)

    def is_helo(self, name: str) -> bool:
        """Whether the server takes ``name`` for one of a host."""
        return re.fullmatch(r"[\w.:\[\]-]+", name, re.ASCII) is not None

    def hello(self, verb: str, name: str) -> None:
        """Take the client's name; a transaction ends."""
        self.drop("reset")
        self.helo = name
        if not self._told_helo:
            self._told_helo = True
            self.session.emit(EventType.FINGERPRINT, helo=name, verb=verb, tls=self.wire.tls)
        if verb == "HELO":
            self.say("helo")
            return
        lines = [line for line in self.site.extensions if self._offers(line.partition(" ")[0])]
        words = {"$host": self.site.host, "$helo": name, "$client": self.session.peer[0]}
        first = re.sub(r"\$(host|helo|client)", lambda match: words[match[0]], lines[0])
        shown = [first, *lines[1:]]
        mechanisms = " ".join(self.site.replies.mechanisms)
        for number, line in enumerate(shown):
            mark = "-" if number + 1 < len(shown) else " "
            self.wire.write(f"250{mark}{line.replace('$mechanisms', mechanisms)}")

    def _offers(self, keyword: str) -> bool:
        if keyword == "STARTTLS":
            return not self.wire.tls
        return keyword != "AUTH" or self.may_auth

    @property
    def may_auth(self) -> bool:
        """Log-in is offered on the ports for submission, under TLS."""
        return self.role is not Role.MX and self.wire.tls

    async def do_noop(self, rest: str) -> None:  # noqa: ARG002 (one signature for every verb)
        self.say("noop")

    async def do_rset(self, rest: str) -> None:  # noqa: ARG002
        self.drop("reset")
        self.say("reset")

    async def do_quit(self, rest: str) -> None:  # noqa: ARG002
        self.say("quit")
        self.closing = True

    async def do_help(self, rest: str) -> None:
        self.say("help_topic" if rest and "help_topic" in self.site.replies.replies else "help", option=rest)

    async def do_vrfy(self, rest: str) -> None:
        self.say("verify")
        self.tell("VRFY", argument=rest)

    async def do_expn(self, rest: str) -> None:
        self.say("prohibited" if "prohibited" in self.site.replies.replies else "unknown", verb="EXPN")
        self.tell("EXPN", argument=rest)

    async def do_etrn(self, rest: str) -> None:
        self.say("etrn" if rest else "etrn_syntax", address=rest)
        self.tell("ETRN", argument=rest)

    async def do_starttls(self, rest: str) -> None:
        if rest:
            self.say("tls_syntax")
        elif self.wire.tls:
            self.say("tls_again")
        else:
            await self.secure()

    async def secure(self) -> None:
        """Put TLS in between; all that was known of the client is forgotten (RFC 3207 section 4.2)."""
        context = await self.site.certificates.context()
        self.say("tls_go")
        await self.wire.start_tls(context)
        self.drop("reset")
        self.helo = ""

    def tell(self, operation: str, **data: object) -> None:
        """An event for something that was asked for, up to a number of them."""
        self._requests += 1
        if self._requests <= REQUESTS_LOGGED:
            self.session.emit(
                EventType.REQUEST, operation=operation, helo=self.helo, tls=self.wire.tls, **data
            )

    def drop(self, outcome: str, **data: object) -> None:
        """The transaction, if there is one, is over."""
        mail, self.mail = self.mail, None
        if mail is None:
            return
        message = mail.message
        self.tell(
            "MAIL",
            outcome=outcome,
            mail_from=mail.sender,
            rcpt_to=mail.recipients[:RECIPIENTS_LOGGED],
            rcpt_count=len(mail.recipients),
            refused=mail.refused,
            user=self.user,
            **({"size": message.size, "sha256": message.sha256} if message else {}),
            **data,
        )

    VERBS: ClassVar[frozenset[str]] = frozenset(_VERBS.split())


def printable(value: object) -> str:
    """A word as a reply may show it."""
    return _CONTROL.sub("?", str(value))

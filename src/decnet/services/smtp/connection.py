"""One connection, whole: the conversation with envelope, content and log-in.

What a mail server does differently from RFC 5321 and from the others is in `dialects` and `exim`. aiosmtpd was tried as
the base and left: its greeting, EHLO order, syntax checks, error limits, end of data and nearly every text are its own,
so that of its protocol class hardly a method would have stayed.
"""

from __future__ import annotations

import asyncio
import time

from decnet.draw import Draw
from decnet.events import EventType
from decnet.services.session import Session
from decnet.services.smtp import login
from decnet.services.smtp.content import Content
from decnet.services.smtp.site import Site

_AUTH_WORDS = 2


class Connection(Content):
    """A visitor who may log in (RFC 4954)."""

    def __init__(self, site: Site, session: Session) -> None:
        super().__init__(site, session)
        self._challenges = Draw(site.seed, "smtp", "challenge", session.id)

    async def do_auth(self, rest: str) -> None:
        words = rest.split()
        refusal = self.auth_refusal(words)
        if refusal:
            self.say(refusal, option=words[0] if words else "")
            return
        result = await self._exchange(words[0].upper(), words[1] if len(words) > 1 else None)
        if isinstance(result, str):
            if result:
                self.say(result)
            return
        accepted = self.site.door.accepts(result)
        self.session.emit(
            EventType.AUTH,
            principal=result.principal,
            secret=result.secret,
            secret_kind=result.kind,
            method=words[0].upper(),
            outcome="accepted" if accepted else "refused",
            **({"challenge": result.challenge} if result.challenge else {}),
        )
        self.wire.flush()
        await asyncio.sleep(self.site.door.seconds(accepted=accepted, tarpit=self.TARPIT))
        self.user = result.principal if accepted else ""
        self.say("auth_ok" if accepted else "auth_failed")

    def auth_refusal(self, words: list[str]) -> str:
        """Name of the reply that refuses AUTH from the start, or nothing."""
        if not self.may_auth:
            return "auth_off"
        if self.user:
            return "auth_again"
        if self.mail is not None:
            return "auth_mail"
        if not words or len(words) > _AUTH_WORDS:
            return "auth_syntax"
        return "" if words[0].upper() in self.site.replies.mechanisms else "auth_unknown"

    async def _exchange(self, mechanism: str, initial: str | None) -> login.Attempt | str:
        """The SASL exchange: what was claimed, or the name of the reply that ends it; empty where all has been said."""
        match mechanism:
            case "PLAIN":
                data = await self._response("", initial)
                return data if isinstance(data, str) else login.plain(data) or self.malformed()
            case "CRAM-MD5":
                challenge = f"<{self._challenges.integer(10**8, 10**10)}.{int(time.time())}@{self.site.host}>"
                data = await self._response(challenge)
                return data if isinstance(data, str) else login.cram(data, challenge) or self.malformed()
        name = await self._response("Username:", initial)
        if isinstance(name, str):
            return name
        password = await self._response("Password:")
        if isinstance(password, str):
            return password
        return login.login(name, password) if name else self.nameless()

    def malformed(self) -> str:
        """Reply to a SASL message without the fields it is to have."""
        return "auth_failed"

    def nameless(self) -> str:
        """Reply to a log-in without a name."""
        return "auth_failed"

    async def _response(self, challenge: str, initial: str | None = None) -> bytes | str:
        text = initial
        if text is None:
            self.wire.write(f"334 {login.encode(challenge)}")
            raw = await self.read_line()
            if raw is None:
                return ""
            text = raw.rstrip(b"\r").decode("utf-8", "surrogateescape")
            if text == "*":
                return "auth_cancelled"
        data = login.decode(text)
        return "auth_base64" if data is None else data

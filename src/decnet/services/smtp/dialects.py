"""How each mail server differs: orders of checks, limits, and what it takes for an address or a command."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

from decnet.services.smtp import Mta
from decnet.services.smtp.connection import Connection
from decnet.services.smtp.exim import Exim
from decnet.services.smtp.message import LAX, STRICT, Ending, Message
from decnet.services.smtp.paths import Address, address, operand, tokens
from decnet.services.smtp.site import Role

_SOFT_ERRORS = 10
_ERROR_SECONDS = 1.0
"""smtpd_soft_error_limit, smtpd_error_sleep_time."""
_NORMALIZED = (3, 9)
"""The release from which smtpd_forbid_bare_newline is on."""
_JUNK = 100
"""smtpd_junk_command_limit."""
_BEFORE_TLS = frozenset({"EHLO", "HELO", "STARTTLS", "NOOP", "QUIT"})
"""What Postfix answers where TLS is demanded and not there yet."""


class Postfix(Connection):
    """smtpd(8)."""

    ERRORS = 20
    HELO_NEEDED = False
    TOTAL_IN_CHUNK = True
    CHUNK_SYNTAX_ENDS = True
    _junk = 0

    async def command(self, raw: bytes) -> None:
        text = raw.decode("utf-8", "surrogateescape")
        words = text.split(None, 1)
        verb = words[0].upper() if words else ""
        before = self.errors
        if self.errors >= _SOFT_ERRORS:
            await asyncio.sleep(_ERROR_SECONDS)
        await self._answer(verb, text, words[1].strip() if len(words) > 1 else "")
        if verb in {"NOOP", "RSET", "VRFY", "ETRN"} and self.errors == before:
            self._junk += 1
            self.errors += self._junk > _JUNK
        if self.errors >= self.ERRORS and not self.closing:
            self.say("errors")
            self.closing = True

    async def _answer(self, verb: str, text: str, rest: str) -> None:
        if not verb:
            self.say("bad_syntax")
        elif _surrogates(text) and self.site.release >= (3, 0):
            self.say("bad_utf8")
        elif verb in {"XCLIENT", "XFORWARD"}:
            self.say("unauthorized")
        elif verb in self.VERBS and self._needs_tls(verb):
            self.say("tls_first")
        elif verb in self.VERBS:
            await self.perform(verb, rest)
        elif verb in {"GET", "POST", "CONNECT"} or re.match(r"[^\s:]+:", text):
            self.say("rude")
            self.closing = True
        else:
            self.say("unknown")

    def _needs_tls(self, verb: str) -> bool:
        return self.role is Role.SUBMISSION and not self.wire.tls and verb not in _BEFORE_TLS

    def is_helo(self, name: str) -> bool:  # noqa: ARG002 (it takes anything)
        return True

    def unready(self) -> bool:
        return False

    async def do_rset(self, rest: str) -> None:
        if rest:
            self.say("reset_syntax")
        else:
            await super().do_rset(rest)

    async def do_vrfy(self, rest: str) -> None:
        found = address(rest) if rest else None
        if not rest:
            self.say("verify_syntax")
        elif found is None or not str(found):
            self.say("recipient_bad")
        else:
            name = self.judge(found)
            self.say("verify_ok" if name == "recipient_ok" else name, address=found)
        self.tell("VRFY", argument=rest)

    async def do_mail(self, rest: str) -> None:
        words = operand(tokens(rest), "FROM:")
        if self.mail is not None:
            self.say("sender_nested")
        elif not words:
            self.say("sender_syntax")
        elif (found := address(words[0])) is None:
            self.say("sender_bad")
        elif self.sender_options(words[1:]):
            self.begin(str(found))

    def sender_option(self, name: str, value: str) -> str:
        match name:
            case "RET":
                return "" if value.upper() in {"HDRS", "FULL"} else "ret_bad"
            case "ENVID":
                return "" if value else "envid_bad"
            case "SMTPUTF8" if self.site.release >= (3, 0):
                return "option" if value else ""
            case "BODY" if value.upper() not in {"7BIT", "8BITMIME"}:
                return "option"
        return super().sender_option(name, value)

    async def do_rcpt(self, rest: str) -> None:
        words = operand(tokens(rest), "TO:")
        if self.mail is None:
            self.say("recipient_early")
        elif self.mail.message is not None:
            self.say("recipient_late")
        elif not words:
            self.say("recipient_syntax")
        elif (found := address(words[0])) is None or not (found.local or found.domain):
            self.say("recipient_bad")
        elif self._recipient_options(words[1:]):
            self.recipient(found)

    def _recipient_options(self, options: list[str]) -> bool:
        for option in options:
            name, _, value = option.partition("=")
            notify = set(value.upper().split(","))
            if name.upper() == "NOTIFY":
                if notify != {"NEVER"} and not notify <= {"SUCCESS", "FAILURE", "DELAY"}:
                    return self.say("notify_bad")
            elif name.upper() == "ORCPT":
                if not re.fullmatch(r"[\w-]+;.+", value):
                    return self.say("orcpt_bad")
            else:
                return self.say("option", option=option)
        return True

    def judge(self, found: Address) -> str:
        if self.role is not Role.MX and not self.user:
            return "recipient_denied"
        if not found.local and found.domain and self.site.is_local(found):
            return "recipient_ok"
        return super().judge(found)

    async def do_data(self, rest: str) -> None:
        if rest and self.mail is not None and self.mail.recipients:
            self.say("data_syntax")
        else:
            await super().do_data(rest)

    async def ending(self, message: Message) -> Ending | None:  # noqa: ARG002
        return STRICT if self.site.release >= _NORMALIZED else LAX

    def auth_refusal(self, words: list[str]) -> str:
        if self.role is Role.MX:
            return "auth_off"
        if not self.helo:
            return "auth_helo"
        if self.mail is not None:
            return "auth_mail"
        return super().auth_refusal(words)

    def malformed(self) -> str:
        return "auth_malformed"

    def nameless(self) -> str:
        return "auth_empty"

    VERBS = Connection.VERBS - {"HELP", "EXPN"}


class Sendmail(Connection):
    """sendmail 8."""

    ERRORS = 25

    VERBS = Connection.VERBS - {"BDAT"}


class Exchange(Connection):
    """The front end transport of Exchange Server."""

    ERRORS = 6
    RECIPIENTS = 200
    TARPIT = True
    VERBS = Connection.VERBS - {"ETRN", "EXPN"}

    async def ending(self, message: Message) -> Ending | None:  # noqa: ARG002
        return STRICT


def _surrogates(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)


DIALECTS: Mapping[Mta, type[Connection]] = {
    Mta.POSTFIX: Postfix,
    Mta.EXIM: Exim,
    Mta.SENDMAIL: Sendmail,
    Mta.EXCHANGE: Exchange,
}

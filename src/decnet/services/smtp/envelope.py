"""The envelope: MAIL and RCPT (RFC 5321 section 4.1.1)."""

from __future__ import annotations

import re

from decnet.services.smtp.conversation import RECIPIENTS_LOGGED, Conversation, Mail
from decnet.services.smtp.paths import Address, address, operand, tokens
from decnet.services.smtp.site import Role


class Envelope(Conversation):
    """Who a message is from and for."""

    async def do_mail(self, rest: str) -> None:
        words = operand(tokens(rest), "FROM:")
        if self.HELO_NEEDED and not self.helo:
            self.say("helo_first")
        elif self.mail is not None:
            self.say("sender_nested")
        elif self.unready():
            return
        elif not words:
            self.say("sender_syntax", option=rest)
        elif (found := address(words[0])) is None:
            self.say("sender_bad", path=words[0])
        elif self.sender_options(words[1:]):
            self.begin(str(found), path=words[0])

    def unready(self) -> bool:
        """Say what is missing before mail may be sent, on the ports for submission."""
        if self.role is Role.MX or self.user:
            return False
        self.say(
            "auth_first" if self.wire.tls or "tls_first" not in self.site.replies.replies else "tls_first"
        )
        return True

    def begin(self, sender: str, **words: object) -> None:
        """A transaction begins."""
        self.mail = Mail(sender)
        self.say("sender_ok", address=sender, **words)

    def sender_options(self, options: list[str]) -> bool:
        """Check the parameters of MAIL; False when one was refused."""
        for option in options:
            name, _, value = option.partition("=")
            refusal = self.sender_option(name.upper(), value)
            if refusal:
                return self.say(refusal, option=option)
        return True

    def sender_option(self, name: str, value: str) -> str:
        """Name of the reply that refuses a parameter, or nothing."""
        match name:
            case "SIZE" if not re.fullmatch(r"\d{1,20}", value):
                return "size_bad"
            case "SIZE":
                return "size_over" if int(value) > self.site.replies.size else ""
            case "BODY":
                return "" if value.upper() in {"7BIT", "8BITMIME"} else "body_bad"
            case "AUTH" | "RET" | "ENVID":
                return ""
            case _:
                return "option"

    async def do_rcpt(self, rest: str) -> None:
        words = operand(tokens(rest), "TO:")
        if self.mail is None:
            self.say("recipient_early")
        elif not words:
            self.say("recipient_syntax", option=rest)
        elif (found := address(words[0])) is None or not found.local:
            self.say("recipient_bad", path=words[0])
        else:
            self.recipient(found, path=words[0])

    def recipient(self, found: Address, **words: object) -> bool:
        """Take a recipient into the transaction, or refuse it."""
        if self.mail is None:
            return False
        if len(self.mail.recipients) >= self.RECIPIENTS:
            return self.say("recipient_many")
        name = self.judge(found)
        good = self.say(name, address=found, **words)
        kept = self.mail.recipients if good else self.mail.refused
        if good or len(kept) < RECIPIENTS_LOGGED:
            kept.append(str(found)[:320])
        return good

    def judge(self, found: Address) -> str:
        """Name of the reply to a recipient: who has logged in may send anywhere, others to people of this host."""
        if self.user:
            return "recipient_ok"
        if not self.site.is_local(found) or re.search(r"[@%!]", found.local):
            return "relay"
        return "recipient_ok" if self.site.knows(found) else "recipient_unknown"

"""Exim: its smtp_setup_msg, the access lists of Debian's exim4-config, and how it speaks of addresses."""

from __future__ import annotations

import re

from decnet.services.smtp.connection import Connection
from decnet.services.smtp.conversation import Mail, printable
from decnet.services.smtp.message import LAX, STRICT, Ending, Message
from decnet.services.smtp.paths import Address, tokens

_UNKNOWN = 3
_SYNPROT = 3
_NONMAIL = 10
"""smtp_max_unknown_commands, smtp_max_synprot_errors, smtp_accept_max_nonmail."""
_LONGEST_LINE = 998
"""What Debian's acl_check_data grants."""
_BAD_RECIPIENTS = 10
_LF = re.compile(rb"\n")
_LABEL = r"[A-Za-z0-9_](?:[\w-]*[A-Za-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_LOCAL = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^\s"(),;:<>@\\\[\]])+')
_PROTOCOL = frozenset({"501", "503", "504"})
"""Codes of syntax and protocol errors, which are counted."""


class Exim(Connection):
    """exim 4."""

    LINE_LIMIT = 16384
    SKIP_REST = False
    ERRORS = 1 << 30
    _unknown = 0
    _synprot = 0
    _nonmail = 0
    _seen: frozenset[str] = frozenset()

    async def command(self, raw: bytes) -> None:
        text = raw.decode("utf-8", "surrogateescape").rstrip()
        found = re.match(r"(MAIL FROM:|RCPT TO:|[A-Za-z]+(?= |$))", text, re.IGNORECASE)
        verb = found[1].upper().partition(" ")[0] if found else ""
        rest = text[found.end() :].strip() if found else ""
        if len(raw) >= self.LINE_LIMIT:
            self._strange(text)
        elif "\0" in text:
            self.say("nul")
        elif verb not in self.VERBS or (verb in {"MAIL", "RCPT"} and ":" not in text[:10]):
            self._strange(text)
        elif not self._too_many(verb):
            await self.perform(verb, rest)

    def _strange(self, text: str) -> None:
        self._unknown += 1
        self.closing = self._unknown > _UNKNOWN
        self.say("unknown_many" if self.closing else "unknown", line=text)

    def _too_many(self, verb: str) -> bool:
        """Count commands that move no mail; the first of those that a transaction needs is free."""
        if verb in {"MAIL", "RCPT", "DATA", "BDAT", "QUIT"}:
            return False
        kind = "HELO" if verb == "EHLO" else verb
        if kind in {"HELO", "RSET", "STARTTLS", "AUTH"} and kind not in self._seen:
            self._seen |= {kind}
            return False
        self._nonmail += 1
        if self._nonmail <= _NONMAIL:
            return False
        self.say("nonmail_many")
        self.closing = True
        return True

    def say(self, name: str, **words: object) -> bool:
        code = self.site.replies.text(name, words)[:3]
        if code not in _PROTOCOL or name == "auth_cancelled":
            return super().say(name, **words)
        self._synprot += 1
        if self._synprot <= _SYNPROT:
            return super().say(name, **words)
        self.closing = True
        shown = {word: printable(value) for word, value in words.items()}
        text = self.site.replies.text(name, {"host": self.site.host, **shown})
        self.wire.write(f"{code}-{text[4:]}")
        self.wire.write(f"{code} Too many syntax or protocol errors")
        return False

    # Session

    async def greet(self, verb: str, rest: str) -> None:
        if not re.fullmatch(r"\[[\w.:]+\]|[A-Za-z0-9.-]+", rest, re.ASCII):
            self.say("helo_syntax", verb=verb)
        else:
            self.hello(verb, rest)

    async def do_quit(self, rest: str) -> None:
        if rest:
            self.say("argument")
        else:
            await super().do_quit(rest)

    async def do_rset(self, rest: str) -> None:
        if rest:
            self.say("argument")
        else:
            await super().do_rset(rest)

    async def do_vrfy(self, rest: str) -> None:
        if not rest:
            self.say("verify_syntax")
        elif " " in rest:
            self.say("verify_bad")
        else:
            self.say("verify" if "@" in rest else "verify_domain", address=rest)
        self.tell("VRFY", argument=rest)

    async def do_etrn(self, rest: str) -> None:
        self.say("etrn")
        self.tell("ETRN", argument=rest)

    async def do_starttls(self, rest: str) -> None:
        if rest:
            self.say("argument")
        elif self.wire.tls or not self.helo:
            self.say("tls_off")
        else:
            await self.secure()

    def auth_refusal(self, words: list[str]) -> str:
        if not self.may_auth or not self.helo:
            return "auth_off"
        if self.user:
            return "auth_again"
        if self.mail is not None:
            return "auth_mail"
        if len(words) > 1 and " " in " ".join(words[1:]):
            return "auth_base64"
        return "" if words and words[0].upper() in self.site.replies.mechanisms else "auth_unknown"

    # Envelope

    async def do_mail(self, rest: str) -> None:
        path, options = _parameters(rest)
        if not self.helo:
            self.say("helo_first")
        elif self.mail is not None:
            self.say("sender_nested")
        elif not rest:
            self.say("sender_syntax")
        elif self.sender_options(options):
            found = _address(path, empty=True)
            if isinstance(found, str):
                self.say("malformed", operand=path, reason=found)
            elif found.local and not found.domain:
                self.say("sender_domain", operand=path)
            else:
                self.begin(str(found))

    def sender_option(self, name: str, value: str) -> str:
        if name == "SIZE":
            digits = re.match(r"\d{0,18}", value)
            return "size_over" if digits and int(digits[0] or 0) > self.site.replies.size else ""
        if name == "BODY":
            return "" if value.upper() in {"7BIT", "8BITMIME"} else "body_bad"
        return ""

    async def do_rcpt(self, rest: str) -> None:
        if self.mail is None:
            self.say("recipient_early")
            return
        if not rest:
            self.say("recipient_syntax")
            return
        found = _address(rest, empty=False)
        if isinstance(found, str):
            self.say("malformed", operand=rest, reason=found)
        elif not found.domain and found.local.lower() != "postmaster":
            self.say("recipient_domain", operand=rest)
        else:
            self.recipient(found)

    def judge(self, found: Address) -> str:
        local = self.site.is_local(found)
        bad = r"^\.|[@%!/|`#&?]" if local else r"^[./|]|[@%!`#&?]|/\.\./"
        if re.search(bad, found.local):
            return "recipient_restricted"
        mail = self.mail
        if mail and not self.user and not (local and found.local.lower() == "postmaster"):
            asked = len(mail.recipients) + len(mail.refused) + 1
            if asked > _BAD_RECIPIENTS and len(mail.recipients) < asked // 2:
                return "recipient_failures"
        return super().judge(found)

    # Content

    async def do_data(self, rest: str) -> None:
        if rest:
            self.say("argument")
        elif self.mail is None or not self.mail.recipients:
            self.say("data_early", verb="DATA")
        else:
            await super().do_data(rest)

    async def ending(self, message: Message) -> Ending | None:
        """The first line decides whether a bare LF is taken for a line end."""
        piece, ended = b"", False
        while not ended:
            piece, ended = await self.wire.until(_LF, 1)
            if piece in {b".\r\n", b".\n"} and not message.received:
                return None
            self.take(message, piece, stuffed=True)
        return STRICT if piece.endswith(b"\r\n") else LAX

    def accept(self, mail: Mail, message: Message, *, chunk: int | None = None) -> None:
        if message.longest > _LONGEST_LINE:
            self.say("data_long", bytes=message.longest)
            self.drop("line too long")
        else:
            super().accept(mail, message, chunk=chunk)


def _parameters(rest: str) -> tuple[str, list[str]]:
    """A path, and the parameters at its end that exim knows; others stay with the path."""
    known = re.search(r"((?:\s+(?:SIZE|BODY|AUTH|RET|ENVID)=\S*|\s+SMTPUTF8|\s+PRDR)+)$", rest, re.IGNORECASE)
    return (rest[: known.start()], tokens(known[1])) if known else (rest, [])


def _address(path: str, *, empty: bool) -> Address | str:
    """The address in a path, or what exim says is wrong with it (its parse_extract_address)."""
    bracketed = path.startswith("<")
    body = path[1:] if bracketed else path
    if body.startswith("@") and ":" in body:
        body = body.partition(":")[2]
    if bracketed and body == ">":
        return Address("", "") if empty else "missing or malformed local part"
    found = _LOCAL.match(body)
    if found is None:
        return "no local part" if body.startswith("@") else "missing or malformed local part"
    local, rest = found[0], body[found.end() :]
    domain = ""
    if rest.startswith("@"):
        taken = re.match(r"(?:\[[^\]]*\]|[^\s<>@,;()\"]*)", rest[1:])
        domain, rest = (taken[0] if taken else ""), rest[1 + (taken.end() if taken else 0) :]
        if domain.startswith("["):
            return "domain literals not allowed"
        if not _DOMAIN.fullmatch(domain):
            return "domain missing or malformed"
    return _ending(path, rest, local, domain, bracketed=bracketed)


def _ending(path: str, rest: str, local: str, domain: str, *, bracketed: bool) -> Address | str:
    read = path[: len(path) - len(rest)]
    if bracketed and not domain and rest and rest[0] != ">":
        return f'"@" or "." expected after "{local}"'
    if bracketed and not rest:
        return "'>' missing at end of address"
    if bracketed and rest.startswith(">"):
        rest, read = rest[1:], read + ">"
    if not bracketed and rest and not domain:
        return 'missing or malformed local part (expected word or "<")'
    if rest:
        gap = re.match(r"\s*", rest)
        blank = gap[0] if gap else ""
        return f"malformed address: {rest[len(blank) :]} may not follow {read}{blank}"
    return Address(local.replace('"', ""), domain)

"""Byte comparison with Postfix and Exim of Debian's packages, each started on loopback with the same people."""

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import Sequence

import pytest

from decnet.services.accounts import Credential
from decnet.services.smtp import Mta

from .mail_daemons import exim, postfix

pytestmark = [pytest.mark.live, pytest.mark.skipif("os.geteuid()", reason="mail servers are started by root")]

TLS = "TLS"
EHLO = b"EHLO a.org\r\n"
MAIL = b"MAIL FROM:<a@b.org>\r\n"
RCPT = b"RCPT TO:<anna@example.com>\r\n"
SECURE = (EHLO, b"STARTTLS\r\n", TLS, EHLO)
LETTER = b"Subject: x\r\n\r\nhi\r\n.\r\n"
PIECES = (
    b"x\n.\nNOOP\r\n",
    b"x\r\n.\nNOOP\r\n",
    b"x\n.\r\nNOOP\r\n",
    b".\r\nNOOP\r\n",
    b"..\r\n.\r\nNOOP\r\n",
)


def b64(data: bytes) -> bytes:
    return base64.b64encode(data) + b"\r\n"


def lines(text: str) -> list[tuple[bytes, ...]]:
    return [(line.encode() + b"\r\n",) for line in text.strip().splitlines()]


COMMANDS = [*lines("""
EHLO a.org
HELO a.org
EHLO
HELO
EHLO a b
EHLO [192.0.2.1]
EHLO <>
EHLO a_b!
LHLO a
RCPT TO:<a@b>
DATA
RSET
RSET x
NOOP
NOOP foo bar
QUIT
HELP
EXPN a
VRFY
VRFY anna
VRFY a b
ETRN
ETRN foo.org
STARTTLS x
AUTH
AUTH PLAIN
FOO
GET / HTTP/1.1
POST / HTTP/1.1
Subject: foo
noop
XCLIENT a=b
TURN
SEND FROM:<a@b>
"""),
    (b"\r\n",),
    (b"   \r\n",),
    (b" NOOP\r\n",),
    (b"NOOP\n",),
    (b"NOOP\rRSET\r\n",),
    (b"N\0OOP\r\n",),
    (b"\x16\x03\x01\x00\xa5\x01\r\n",),
    (b"foo\xff\xfe\r\n",),
    (b"A" * 3000 + b"\r\n",),
    (b"NOOP " + b"A" * 17000 + b"\r\n",),
    (b"EHLO " + b"a" * 600 + b"\r\n",),
    (EHLO + EHLO,),
]  # fmt: skip
SENDERS = """
MAIL
MAIL FROM
MAIL FROM:
MAIL FROM:<>
MAIL FROM: <a@b>
MAIL FROM:a@b
MAIL FROM <a@b>
MAIL a@b
MAIL FROM:<a@b
MAIL FROM:<a@b>>
MAIL FROM:<a b@c>
MAIL FROM:<"a b"@c>
MAIL FROM:a b
MAIL FROM:<a@b> SIZE=100
MAIL FROM:<a@b> SIZE=99000000
MAIL FROM:<a@b> SIZE=x
MAIL FROM:<a@b> BODY=8BITMIME
MAIL FROM:<a@b> BODY=x
MAIL FROM:<a@b> SMTPUTF8
MAIL FROM:<a@b> AUTH=<>
MAIL FROM:<a@b> RET=HDRS
MAIL FROM:<a@b> FOO=1
MAIL FROM:<a@b> FOO
MAIL FROM:<@x,@y:a@b>
MAIL FROM:<a@[192.0.2.1]>
MAIL FROM:<a@b@c>
MAIL FROM:<a>
MAIL FROM:<.a@b>
MAIL FROM:<a@.b>
MAIL FROM:<@b>
MAIL FROM:<a@b..org>
MAIL FROM:<a,b@c>
MAIL FROM:<a@-b.org>
"""
RECIPIENTS = """
RCPT
RCPT TO:
RCPT TO:<>
RCPT TO:<anna>
RCPT TO:anna@example.com
RCPT TO:<Anna@Example.COM>
RCPT TO:<anna@localhost>
RCPT TO:<anna@mx01.example.com>
RCPT TO:<anna@[192.0.2.9]>
RCPT TO:<nosuch@example.com>
RCPT TO:<nosuch>
RCPT TO:<postmaster>
RCPT TO:<x@foreign.org>
RCPT TO:<x@FOREIGN.org>
RCPT TO:<x%foreign.org@example.com>
RCPT TO:<foreign.org!x>
RCPT TO:<foreign.org!x@example.com>
RCPT TO:<"x@foreign.org"@example.com>
RCPT TO:<@example.com:x@foreign.org>
RCPT TO:<x@foreign.org> NOTIFY=NEVER
RCPT TO:<anna@example.com
RCPT TO:<@example.com>
RCPT TO:<anna@>
RCPT TO:<.anna@example.com>
RCPT TO <anna@example.com>
MAIL FROM:<c@d>
DATA
DATA x
RSET
"""
TALKS: list[tuple[bytes | str, ...]] = [
    *COMMANDS,
    *((EHLO, line.encode() + b"\r\n") for line in SENDERS.split("\n")[1:-1]),
    *((EHLO, MAIL, line.encode() + b"\r\n") for line in RECIPIENTS.split("\n")[1:-1]),
    (EHLO, MAIL, RCPT, b"DATA\r\n", LETTER, b"QUIT\r\n"),
    (EHLO, MAIL + RCPT + b"DATA\r\n", LETTER + b"QUIT\r\n"),
    (EHLO, MAIL, RCPT, b"DATA x\r\n"),
    (EHLO, MAIL, RCPT, b"RSET\r\n", RCPT),
    *((EHLO, MAIL, RCPT, b"DATA\r\n", piece) for piece in PIECES),
    (EHLO, MAIL, RCPT, b"DATA\r\n", b"x" * 1500 + b"\r\n.\r\n"),
    (EHLO, MAIL, RCPT, b"BDAT 5\r\nhello"),
    (EHLO, MAIL, RCPT, b"BDAT x\r\n"),
    (EHLO, b"BDAT 3\r\nabc", b"NOOP\r\n"),
    SECURE,
    (*SECURE, b"STARTTLS\r\n"),
    (EHLO, MAIL, MAIL),
    (EHLO, *[b"FOO\r\n"] * 5),
    (EHLO, *[RCPT] * 5),
    (EHLO, *[b"EHLO a.org\r\n", b"NOOP\r\n"] * 7),
]  # fmt: skip
POSTFIX_ONLY: list[tuple[bytes | str, ...]] = [
    (MAIL,),
    (MAIL, RCPT, b"BDAT 5\r\nhello", b"DATA\r\n", RCPT, b"BDAT 0 LAST\r\n"),
    (MAIL, RCPT, b"BDAT 5 LAST\r\nhello"),
    (MAIL, b"BDAT 3 LAST\r\nabc", b"NOOP\r\n"),
    (MAIL, b"RCPT TO:<anna@example.com> NOTIFY=x\r\n", b"RCPT TO:<anna@example.com> ORCPT=x\r\n"),
    (b"FOO\r\n" * 11,),
]
LOG_INS: list[tuple[bytes | str, ...]] = [
    SECURE,
    (*SECURE, b"AUTH PLAIN " + b64(b"\0anna\0Secret1"), b"AUTH PLAIN\r\n", MAIL, b"RCPT TO:<x@foreign.org>\r\n",
     b"RCPT TO:<nosuch@example.com>\r\n", b"DATA\r\n", LETTER),
    (*SECURE, b"AUTH PLAIN " + b64(b"\0anna\0wrong"), b"NOOP\r\n"),
    (*SECURE, b"AUTH PLAIN\r\n", b64(b"\0anna\0Secret1")),
    (*SECURE, b"AUTH LOGIN\r\n", b64(b"anna"), b64(b"Secret1")),
    (*SECURE, b"AUTH LOGIN " + b64(b"anna"), b64(b"wrong")),
    (*SECURE, b"AUTH LOGIN\r\n", b"*\r\n"),
    (*SECURE, b"AUTH LOGIN\r\n", b"!!!\r\n"),
    (*SECURE, b"AUTH FOO\r\n"),
    (*SECURE, b"AUTH PLAIN !\r\n"),
    (*SECURE, b"AUTH\r\n"),
    (*SECURE, MAIL, b"AUTH PLAIN\r\n"),
]  # fmt: skip
SUBMISSION: list[tuple[bytes | str, ...]] = [
    (b"AUTH PLAIN\r\n",),
    (
        EHLO,
        MAIL,
        b"VRFY a\r\n",
        b"NOOP\r\n",
        b"RSET\r\n",
        b"ETRN a\r\n",
        b"DATA\r\n",
        b"FOO\r\n",
        b"QUIT\r\n",
    ),
    (*SECURE, MAIL, RCPT, b"DATA\r\n"),
]


async def talk(port: int, steps: Sequence[bytes | str]) -> bytes:
    """All that the server says; the next step is sent when it has been silent for a moment."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = await silence(reader, first=True)
    for step in steps:
        if isinstance(step, str):
            await writer.start_tls(ssl._create_unverified_context())
        else:
            writer.write(step)
            got += await silence(reader, first=True)
        if reader.at_eof():
            got += b"<closed>"
            break
    writer.close()
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.wait_closed()
    return neutral(got)


async def silence(reader: asyncio.StreamReader, *, first: bool) -> bytes:
    got = b""
    try:
        while True:
            async with asyncio.timeout(3.5 if first else 0.12):
                data = await reader.read(65536)
            if not data:
                return got
            got, first = got + data, False
    except (TimeoutError, ConnectionResetError):
        return got


def neutral(got: bytes) -> bytes:
    """Without what differs from one connection to the next: ids, dates, numbers."""
    got = re.sub(rb"(queued as |id=)[\w-]+", rb"\1ID", got)
    got = re.sub(rb"\w{3}, \d+ \w{3} \d{4} [\d:]{8} \+0000", b"DATE", got)
    return re.sub(rb"total \d+", b"total N", got)


async def compare(ours: int, real: int, talks: Sequence[Sequence[bytes | str]]) -> None:
    gate = asyncio.Semaphore(12)

    async def both(steps: Sequence[bytes | str]) -> str:
        async with gate:
            a, b = await asyncio.gather(talk(ours, steps), talk(real, steps))
        return "" if a == b else f"\n{str(steps)[-200:]}\n  ours {a[-400:]!r}\n  real {b[-400:]!r}"

    different = [text for text in await asyncio.gather(*map(both, talks)) if text]
    assert not different, "".join(different)


@pytest.fixture
def people():
    return {"users": (Credential("anna", "Secret1"),)}


async def test_postfix(serve, people):
    running = await serve("smtp", people, hostname="mx01")
    with postfix() as (plain, submission, submissions):
        await compare(running.ports[0], plain, [*TALKS, *POSTFIX_ONLY])
        await compare(running.ports[1], submission, [*LOG_INS, *SUBMISSION])
        assert submissions


async def test_exim(serve, people):
    running = await serve("smtp", people | {"smtp_mta": Mta.EXIM}, hostname="mx01")
    with exim() as port:
        await compare(running.ports[0], port, [t for t in TALKS if TLS not in t])
        await compare(running.ports[1], port, LOG_INS)

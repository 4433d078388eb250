"""Whatever is sent to smtp: it answers in lines of SMTP, stays up, and its log holds no error."""

import asyncio
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decnet.events import EventType
from decnet.services.accounts import Credential
from decnet.services.smtp import Mta

pytestmark = pytest.mark.fuzz

WORDS = st.sampled_from(
    [b"EHLO a.org\r\n", b"HELO a\r\n", b"MAIL FROM:<a@b.org>\r\n", b"RCPT TO:<anna@example.com>\r\n", b"DATA\r\n",
     b"BDAT 5\r\n", b"BDAT 0 LAST\r\n", b".\r\n", b"\n.\n", b"\r\n.\r\n", b"RSET\r\n", b"NOOP\r\n", b"VRFY anna\r\n", b"VRFY ",
     b"AUTH PLAIN\r\n", b"AUTH LOGIN =\r\n", b"MAIL FROM:", b"RCPT TO:", b"<", b">", b'"', b"\\", b"@", b"\0", b"\r", b"\n",
     b" SIZE=", b" BODY=8BITMIME\r\n", b"NOTIFY=", b"$host", b"${x}", b"HELP\r\n", b"EXPN a\r\n", b"ETRN\r\n"]
)  # fmt: skip


@pytest.mark.parametrize("mta", list(Mta))
async def test_any_bytes(serve, mta):
    running = await serve(
        "smtp", {"smtp_mta": mta, "users": (Credential("anna", "Secret1"),)}, hostname="mx01"
    )
    loop = asyncio.get_running_loop()

    async def feed(pieces: list[bytes]) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        for piece in pieces:
            writer.write(piece)
        writer.write_eof()
        try:
            async with asyncio.timeout(60):
                return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.one_of(WORDS, st.binary(max_size=40)), max_size=12))
    def check(pieces: list[bytes]) -> None:
        got = asyncio.run_coroutine_threadsafe(feed(pieces), loop).result(90)
        assert re.fullmatch(rb"(?:[2-5][0-9][0-9][ -][^\r\n]*\r\n)*", got), got
        assert not [event for event in running.events if event.type is EventType.ERROR]

    await asyncio.to_thread(check)

"""smtp on a decoy, through swaks, curl, smtplib, openssl and nmap, and what the log tells of it."""

import asyncio
import hashlib
import re
import smtplib
import ssl

import pytest

from decnet.events import EventType
from decnet.services.accounts import Credential
from decnet.services.limits import Limits
from decnet.services.smtp import Mta

from .conftest import run


@pytest.fixture
def users():
    return {"users": (Credential("anna", "Secret1"),)}


async def exchange(port: int, *steps: bytes, tls: bool = False) -> bytes:
    """What a server says to each step; a step is sent when the answer to the one before has come."""
    context = None
    if tls:
        context = ssl._create_unverified_context()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    got = b""
    for step in (b"", *steps):
        writer.write(step)
        got += await _reply(reader)
    writer.close()
    await writer.wait_closed()
    return got


async def _reply(reader: asyncio.StreamReader) -> bytes:
    got = b""
    async with asyncio.timeout(10):
        while line := await reader.readline():
            got += line
            if line[3:4] == b" ":
                break
    return got


async def test_mail_for_a_user_is_taken_and_told(serve, users):
    running = await serve("smtp", users, hostname="mx01")
    done = await run("swaks", "--server", f"127.0.0.1:{running.port}", "--from", "bob@partner.org", "--to",
                     "anna@example.com", "--header", "Subject: hello", "--body", "first\n.second\n", "-tls")  # fmt: skip
    assert done.returncode == 0, done.stdout
    queue = re.search(rb"250 2\.0\.0 Ok: queued as ([0-9A-F]{8,})", done.stdout)[1].decode()
    upload = (await running.event(EventType.UPLOAD)).data
    assert upload["queue"] == queue
    assert upload["path"] == f"{queue}.eml"
    assert upload["mail_from"] == "bob@partner.org"
    assert upload["rcpt_to"] == ["anna@example.com"]
    assert "\\r\\n.second\\r\\n" in upload["content"]
    request = (await running.event(EventType.REQUEST)).data
    assert request["outcome"] == "queued"
    assert request["sha256"] == upload["sha256"]


async def test_the_digest_is_that_of_the_message(serve, users):
    running = await serve("smtp", users)
    body = b"Subject: x\r\n\r\nline\r\n..dot\r\n" + b"z" * 50000 + b"\r\n"
    await exchange(running.port, b"EHLO a\r\n", b"MAIL FROM:<a@b.org>\r\n", b"RCPT TO:<anna@example.com>\r\n", b"DATA\r\n",
                   body + b".\r\n")  # fmt: skip
    upload = (await running.event(EventType.UPLOAD)).data
    message = body.replace(b"\n..", b"\n.")
    assert upload["size"] == len(message)
    assert upload["sha256"] == hashlib.sha256(message).hexdigest()
    assert upload["kept"] == 4096


async def test_log_in_and_send_anywhere(serve, users):
    running = await serve("smtp", users, hostname="mx01")

    def send(port: int, password: str) -> dict:
        with smtplib.SMTP("127.0.0.1", port, "client.example.net") as client:
            client.starttls(context=ssl._create_unverified_context())
            client.login("anna", password)
            return client.sendmail(
                "anna@example.com", ["x@foreign.org", "y@foreign.org"], "Subject: a\n\nb\n"
            )

    assert await asyncio.to_thread(send, running.ports[1], "Secret1") == {}
    with pytest.raises(smtplib.SMTPAuthenticationError, match="authentication failed"):
        await asyncio.to_thread(send, running.ports[1], "wrong")
    first, second, third = [(await running.event(EventType.AUTH)).data for _ in range(3)]
    assert (first["principal"], first["secret"], first["secret_kind"], first["outcome"]) == (
        "anna", "Secret1", "plaintext", "accepted"
    )  # fmt: skip
    assert second["secret"] == third["secret"] == "wrong"
    assert {second["outcome"], third["outcome"]} == {"refused"}
    assert (
        next(e.data["helo"] for e in running.events if e.type == EventType.FINGERPRINT)
        == "client.example.net"
    )


async def test_nothing_is_relayed_for_strangers(serve, users):
    running = await serve("smtp", users)
    for port in running.ports[:1]:
        got = await exchange(port, b"EHLO a\r\n", b"MAIL FROM:<anna@example.com>\r\n", b"RCPT TO:<x@foreign.org>\r\n",
                             b"RCPT TO:<nosuch@example.com>\r\n", b"DATA\r\n")  # fmt: skip
        assert b"554 5.7.1 <x@foreign.org>: Relay access denied\r\n" in got
        assert b"550 5.1.1 <nosuch@example.com>: Recipient address rejected: User unknown" in got
        assert got.endswith(b"554 5.5.1 Error: no valid recipients\r\n")


async def test_implicit_tls_and_curl(serve, users, tmp_path):
    running = await serve("smtp", users)
    mail = tmp_path / "mail"
    mail.write_text("Subject: x\n\nhi\n")
    done = await run("curl", "-sS", "-k", "--url", f"smtps://127.0.0.1:{running.ports[2]}", "--mail-from", "anna@example.com",
                     "--mail-rcpt", "x@foreign.org", "-u", "anna:Secret1", "-T", str(mail))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (await running.event(EventType.UPLOAD)).data["rcpt_to"] == ["x@foreign.org"]


async def test_the_certificate_is_the_hosts(serve, users):
    running = await serve("smtp", users, hostname="mx01")
    target = f"127.0.0.1:{running.port}"
    done = await run("openssl", "s_client", "-starttls", "smtp", "-connect", target, input=b"QUIT\r\n")
    assert b"CN = mx01.example.com" in done.stdout


async def test_what_was_sent_ahead_of_tls_is_dropped(serve, users):
    running = await serve("smtp", users)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    await reader.readline()
    writer.write(b"STARTTLS\r\nNOOP\r\n")
    assert await reader.readline() == b"220 2.0.0 Ready to start TLS\r\n"
    await writer.start_tls(ssl._create_unverified_context())
    writer.write(b"QUIT\r\n")
    assert await reader.read() == b"221 2.0.0 Bye\r\n"
    writer.close()


async def test_queue_ids_do_not_repeat(serve, users):
    for mta in ("postfix", "exim", "sendmail", "exchange"):
        running = await serve("smtp", users | {"smtp_mta": Mta(mta)})
        letter = [
            b"MAIL FROM:<a@b.org>\r\n",
            b"RCPT TO:<anna@example.com>\r\n",
            b"DATA\r\n",
            b"x: y\r\n\r\nhi\r\n.\r\n",
        ]
        await exchange(running.port, b"EHLO a.org\r\n", *letter * 5)
        queues = [e.data["queue"] for e in running.events if e.type == EventType.UPLOAD]
        assert len(set(queues)) == 5, mta


@pytest.mark.parametrize(
    ("mta", "expected"),
    [
        ("postfix", "Postfix smtpd"),
        ("exim", "Exim smtpd 4.96"),
        ("sendmail", "Sendmail 8.17.1"),
        ("exchange", "Microsoft Exchange smtpd"),
    ],
)
async def test_nmap_names_the_server(serve, users, mta, expected):
    running = await serve("smtp", users | {"smtp_mta": Mta(mta)})
    scripts = "smtp-commands,smtp-open-relay"
    done = await run("nmap", "-Pn", "-sV", "--version-all", "--script", scripts, "-p", str(running.port), "127.0.0.1",
                     timeout=100)  # fmt: skip
    text = done.stdout.decode()
    assert expected in text
    assert "SIZE" in text
    assert "Server is an open relay" not in text


@pytest.mark.parametrize("mta", list(Mta))
async def test_every_verb_has_its_answer_in_every_state(serve, users, mta):
    limits = Limits(connection_rate=1e6, event_rate=1e6)
    running = await serve("smtp", users | {"smtp_mta": mta}, limits=limits)
    verbs = "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP HELP VRFY EXPN ETRN STARTTLS AUTH FOO".split()  # noqa: SIM905
    before = (b"", b"EHLO a.org\r\n", b"EHLO a.org\r\nMAIL FROM:<a@b.org>\r\n")
    words = (
        "",
        "x y",
        "1",
        "FROM:<a b>",
        "TO:<a b>",
        "FROM:<a@b> SIZE=x",
        "FROM:<a@b> BODY=x",
        "FROM:<a@b> RET=x",
        "TO:<@>",
    )
    for lead in before:
        for rest in words:
            for verb in verbs:
                if (verb, rest) == ("STARTTLS", ""):
                    continue
                reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
                writer.write(lead + f"{verb} {rest}\r\n".encode() + b"x\r\nQUIT\r\n")
                writer.write_eof()
                assert b"220 " in await reader.read()
                writer.close()
                await writer.wait_closed()
    assert not [event.data for event in running.events if event.type == EventType.ERROR]

"""The same bytes to the real redis-server and to ours: the same bytes come back."""

import re
import shlex
from pathlib import Path

import pytest

from .redis_oracle import OPEN, Raw, exchange, real_redis

CASES = (Path(__file__).parent / "redis_commands.txt").read_text().split("\n\n")
UNORDERED = {
    "keys",
    "hkeys",
    "hvals",
    "hgetall",
    "smembers",
    "sinter",
    "sunion",
    "sdiff",
    "scan",
    "sscan",
    "hscan",
    "config",
}


def sections():
    for block in CASES:
        title, *lines = block.strip().splitlines()
        yield pytest.param(lines, id=title.removeprefix("# "))


def words(line: str) -> list[bytes]:
    return [bytes(word, "latin-1").decode("unicode_escape").encode("latin-1") for word in shlex.split(line)]


def comparable(command: list[bytes], reply: bytes) -> object:
    if command[0].lower().decode() in UNORDERED and reply[:1] in b"*~%":
        return sorted(reply.split(b"\r\n"))
    return re.sub(rb"master_replid2?:\w{40}", b"replid", reply)


@pytest.mark.parametrize("protocol", ["2", "3"])
@pytest.mark.parametrize("lines", list(sections()))
async def test_replies_are_those_of_the_real_server(serve, tmp_path, lines, protocol):
    running = await serve("redis", {"redis_version": "7.0.15"})
    async with real_redis(tmp_path, *OPEN) as port:
        ours, real = await Raw.to(running.port), await Raw.to(port)
        await ours.ask("FLUSHALL")
        await ours.ask("HELLO", protocol)
        await real.ask("HELLO", protocol)
        wrong = []
        for line in lines:
            command = words(line)
            expected = comparable(command, await real.ask(*command))
            got = comparable(command, await ours.ask(*command))
            if got != expected:
                wrong.append(f"{line}\n   real {expected!r}\n   ours {got!r}"[:2000])
        await ours.close()
        await real.close()
    assert not wrong, "\n".join(wrong)


JUNK = [
    b"*1\r\n$4x\r\nPING\r\n", b"*x\r\n", b"*2\r\n+OK\r\n", b"*-5\r\nPING\r\n", b"*0\r\nPING\r\n", b"*1\r\n$536870913\r\n",
    b"*1\r\n$-1\r\n", b"A" * 70000, b"*" + b"1" * 70000, b"*1\r\n$" + b"1" * 70000, b'SET "a\r\n', b"PING\n",
    b"\r\n\r\nPING\r\n", b"\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"Host: x\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\n", b"foo bar baz\r\n", b"foo " + b"x" * 200 + b" y\r\n",
    b"f" * 150 + b" " + b"x" * 20 + b"\r\n", b"foo\xff\x00 'a\\x41'\r\n", b"'a\\'b' \"c\\x41\\n\"\r\n", b'"a"b\r\n',
    b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", b"*1\r\n$0\r\n\r\n", b"*1048577\r\n", b"*2147483648\r\n", b"*1\r\n\x01\r\n",
    b"*1\r\n$+4\r\nPING\r\n", b"*01\r\n$4\r\nPING\r\n", b"*1\r\n$04\r\nPING\r\n", b"SSH-2.0-scan\r\n", b"\0\0\0\0", b"PING\r",
    b"QUIT\r\nPING\r\n", b"GET a\nPING\n", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n", b"PING a b c\r\n", b"get\r\n", b"RESET\r\n",
    b"SHUTDOWN NOSAVE x\r\n", b"*2\r\n$3\r\nfoo\r\n$4\r\na\r\nb\r\n", b"OPTIONS / HTTP/1.0\r\n\r\n", b"\x80\x81\x82\r\n",
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: ascii(junk[:24]))
async def test_junk_is_answered_as_by_the_real_server(serve, tmp_path, junk):
    running = await serve("redis", {"redis_version": "7.0.15"})
    async with real_redis(tmp_path, *OPEN) as port:
        assert await exchange(running.port, junk) == await exchange(port, junk)


UNAUTHENTICATED = [
    b"PING\r\n", b"GET a\r\n", b"FOO\r\n", b"GET\r\n", b"AUTH wrong\r\n", b"AUTH a b\r\nAUTH default s3cret\r\nPING\r\n",
    b"*11\r\n", b"*2\r\n$16385\r\n", b"HELLO 3\r\n", b"QUIT\r\n",
    b"MULTI\r\n", b"CONFIG GET dir\r\n", b"CONFIG\r\n", b"CLIENT LIST\r\n", b"AUTH s3cret\r\nACL LIST\r\n", b"AUTH\r\n", b"AUTH a b c\r\n",
]  # fmt: skip


@pytest.mark.parametrize("data", UNAUTHENTICATED, ids=lambda data: ascii(data[:24]))
async def test_before_authentication(serve, tmp_path, data):
    running = await serve("redis", {"redis_version": "7.0.15", "password": "s3cret"})
    async with real_redis(tmp_path, *OPEN, "--requirepass", "s3cret") as port:
        assert await exchange(running.port, data) == await exchange(port, data)

"""No bytes make it crash: each conversation ends in a reply, a protocol error or a close."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decnet.events import EventType
from decnet.services.redis import commands
from decnet.services.redis.pattern import glob
from decnet.services.redis.request import Parser, ProtocolError
from decnet.services.redis.table import table

from .redis_oracle import Raw, encode, exchange

pytestmark = pytest.mark.fuzz
assert commands
NAMES = sorted(table((7, 0, 15)))
SUBNAMES = sorted(
    {tuple(sub.name.split("|")) for spec in table((7, 0, 15)).values() for sub in spec.subcommands.values()}
)
WORDS = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"0", b"-1", b"1", b"a", b"*", b"9223372036854775807", b"inf", b"nan", b"(1", b"[a", b"-", b"+", b"COUNT",
                     b"LIMIT", b"WITHSCORES", b"MATCH", b"EX", b"STORE", b"BY", b"GET", b"1e400", b"0x10"]),
)  # fmt: skip
COMMANDS = st.one_of(
    st.builds(lambda name, rest: (name.encode(), *rest), st.sampled_from(NAMES), st.lists(WORDS, max_size=6)),
    st.builds(
        lambda name, rest: (*(part.encode() for part in name), *rest),
        st.sampled_from(SUBNAMES),
        st.lists(WORDS, max_size=5),
    ),
)
QUICK = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(st.binary(max_size=400), st.integers(1, 40))
def test_the_parser_gives_the_same_however_the_bytes_are_cut(data, size):
    def parsed(pieces):
        parser, found = Parser(), []
        try:
            for piece in pieces:
                parser.feed(piece)
                while (request := parser.next()) is not None:
                    found.append(request.args)
        except ProtocolError as problem:
            found.append(problem.reply)
        return found

    assert parsed([data]) == parsed([data[at : at + size] for at in range(0, len(data), size)])


@QUICK
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_every_pattern_compiles(pattern, text):
    glob(pattern).fullmatch(text)


async def test_every_command_with_any_words_is_answered(serve):
    running = await serve("redis", {"redis_version": "7.0.15"})
    loop = asyncio.get_running_loop()

    async def converse(requests):
        client = await Raw.to(running.port)
        try:
            for words in requests:
                client.writer.write(encode(*words))
            client.writer.write(encode("QUIT"))
            client.writer.write_eof()
            async with asyncio.timeout(10):
                await client.reader.read()
        except ConnectionError:
            pass
        finally:
            await client.close()

    @QUICK
    @given(st.lists(COMMANDS, min_size=1, max_size=20))
    def check(requests):
        asyncio.run_coroutine_threadsafe(converse(requests), loop).result(20)

    await asyncio.to_thread(check)
    errors = [e.data for e in running.events if e.type == EventType.ERROR and "Protocol" not in str(e.data)]
    # more may be asked in a second than is told of
    assert not [e for e in errors if e["error"] != "limit: events"]


async def test_any_bytes_are_answered_or_closed(serve):
    running = await serve("redis", {"redis_version": "7.0.15"})
    loop = asyncio.get_running_loop()

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=300))
    def check(data):
        asyncio.run_coroutine_threadsafe(exchange(running.port, data, quiet=0.01), loop).result(20)

    await asyncio.to_thread(check)
    errors = [e.data for e in running.events if e.type == EventType.ERROR and "Protocol" not in str(e.data)]
    # more may be asked in a second than is told of
    assert not [e for e in errors if e["error"] != "limit: events"]

"""No bytes make telnet crash or hang: each conversation ends, and none tells of an error."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decnet.events import EventType
from decnet.services.accounts import Credential
from decnet.services.telnet.ios import grammar
from decnet.services.telnet.protocol import SUB_LIMIT, Data, Parser, Sub
from tests.service_testing.conftest import Serve

pytestmark = pytest.mark.fuzz
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"\xff", b"\xff\xfa", b"\xff\xf0", b"\xff\xfb\x18", b"\xff\xfc\x18", b"\xff\xfb\x22", b"\xff\xfd\x01",
            b"\xff\xfb\x1f\xff\xfa\x1f\xff\xff\xff\xff\xff\xf0", b"\xff\xfa\x18\x00" + b"x" * 700 + b"\xff\xf0",
            b"\xff\xfa\x27\x00\x00USER\x01-froot\x03\x02\x02\xff\xf0", b"\xff\xf4", b"\xff\xf6", b"\xff\xec",
            b"\r\n", b"\r\0", b"\x03", b"\x04", b"?", b"\t", b"\x1b[A", b"\x1b[", b"show ", b"conf t\r\n", b"menu\r\n",
        ]
    ),
)  # fmt: skip
STREAMS = st.lists(PIECES, max_size=30).map(b"".join)
INSIDE = {
    "linux": b"root\r\ntoor\r\n",
    "busybox": b"root\r\ntoor\r\n",
    "cisco": b"root\r\ntoor\r\nena\r\nen\r\n",
}
QUIET = b"\xff\xfe%\xff\xfe&\xff\xfc\x18\xff\xfc \xff\xfc#\xff\xfc'\xff\xfc$\xff\xfc\x01"


@SETTINGS
@given(STREAMS, st.integers(1, 50))
def test_the_parser_gives_the_same_however_the_bytes_are_cut(data: bytes, size: int) -> None:
    def parsed(pieces: list[bytes]) -> list[object]:
        parser, typed, found = Parser(), b"", []
        for piece in pieces:
            for item in parser.feed(piece):
                if isinstance(item, Data):
                    typed += item.data
                else:
                    found.append(item)
        return [typed, *found]

    whole = parsed([data])
    assert parsed([data[at : at + size] for at in range(0, len(data), size)]) == whole
    assert all(len(item.data) <= SUB_LIMIT + 1 for item in whole if isinstance(item, Sub))


@SETTINGS
@given(st.text(max_size=80))
def test_every_line_is_a_command_or_a_mistake(line: str) -> None:
    for modes in (("user",), ("user", "priv"), ("config", "config-if")):
        assert isinstance(grammar.resolve(grammar.tree(*modes), line), (grammar.Found, grammar.Fault))
        grammar.below(grammar.tree(*modes), line)


@pytest.mark.parametrize("inside", [False, True], ids=["at the door", "inside"])
@pytest.mark.parametrize("device", ["linux", "busybox", "cisco", "printer"])
async def test_any_bytes_are_answered_or_closed(serve: Serve, device: str, inside: bool) -> None:
    persona = {"device": device} | ({"enable": "en"} if device == "cisco" else {})
    if device != "printer":
        persona |= {"users": (Credential("root", "toor"),)}
    running = await serve("telnet", persona)
    loop = asyncio.get_running_loop()

    async def converse(data: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(QUIET + (INSIDE.get(device, b"") if inside else b"") + data)
        writer.write_eof()
        try:
            async with asyncio.timeout(15):
                while await reader.read(65536):
                    pass
        except ConnectionError:
            pass
        writer.close()

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STREAMS)
    def check(data: bytes) -> None:
        asyncio.run_coroutine_threadsafe(converse(data), loop).result(20)

    await asyncio.to_thread(check)
    assert not [event.data for event in running.events if event.type == EventType.ERROR]

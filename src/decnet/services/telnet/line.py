"""One telnet connection: its options, and what was typed, free of telnet's bytes (RFC 854, RFC 1143)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from decnet.events import EventType
from decnet.services.session import Session
from decnet.services.shell.inbox import Inbox
from decnet.services.telnet.protocol import (
    IS,
    Code,
    Command,
    Data,
    Item,
    Option,
    Parser,
    Request,
    Sub,
    request,
    sub,
)

CHUNK = 4096
HEARD_LIMIT = 64
"""Answers of a client to requests that are told; a real one gives about fifteen."""
ENVIRONMENT_LIMIT = 32


class Side(Enum):
    """How an option stands on one side (RFC 1143; a queue is not needed, as nothing is asked twice at once)."""

    NO = auto()
    ASKED = auto()
    YES = auto()


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a daemon agrees to.

    ``ours`` may be switched on for its own side, ``theirs`` for the client's. ``mute``: it never answers a request.
    ``keys`` are the characters that it makes of commands. ``replies`` is what it says to commands.
    """

    ours: frozenset[int]
    theirs: frozenset[int]
    mute: bool = False
    keys: dict[int, bytes] = field(default_factory=dict)
    replies: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Client:
    """What a client told of itself."""

    terminal: str = ""
    terminals: list[str] = field(default_factory=list)
    speed: str = ""
    display: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)


class Line:
    """A connection as a terminal sees it: `decnet.services.shell.terminal.Line`.

    Bytes are read by a task of its own, so that options are answered whatever runs; ``changed`` is set with each item.
    """

    def __init__(
        self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dialect: Dialect
    ) -> None:
        self.session = session
        self.size = (80, 24)
        self.client = Client()
        self.interrupted: Callable[[], object] = lambda: None
        self.resized: Callable[[int, int], None] = lambda _columns, _rows: None
        self.input = Inbox(self._pause, self._resume)
        self.ours: dict[int, Side] = {}
        self.theirs: dict[int, Side] = {}
        self.subs: Counter[int] = Counter()
        """Subnegotiations received, by option."""
        self.agreed: Callable[[int], None] = lambda _option: None
        """Called when the client's side of an option is switched on."""
        self._reader = reader
        self._writer = writer
        self._unsent = bytearray()
        self._dialect = dialect
        self._parser = Parser()
        self._after_return = False
        self._open = asyncio.Event()
        self._open.set()
        self._changed = asyncio.Event()
        self._gone = False
        self._told = False
        self._pump = asyncio.get_running_loop().create_task(self._read())

    # What is sent

    def send(self, data: bytes) -> None:
        """Send what a program printed."""
        self.raw(data.replace(b"\xff", b"\xff\xff"))

    def raw(self, data: bytes) -> None:
        """Send bytes as they are, in one segment with what else is sent in this turn, as a daemon with a buffer does."""
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent += data

    def _flush(self) -> None:
        if self._unsent and not self._gone and not self._writer.is_closing():
            self._writer.write(bytes(self._unsent))
        self._unsent.clear()

    async def writable(self) -> None:
        """Wait for room. Raises `BrokenPipeError` when the client has gone."""
        self._flush()
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()
        if self._gone or self._writer.is_closing():
            raise BrokenPipeError

    def will(self, option: int) -> None:
        """Offer an option of our side."""
        self.ours[option] = Side.ASKED
        self.raw(request(Code.WILL, option))

    def do(self, option: int) -> None:
        """Ask for an option of the client's side."""
        self.theirs[option] = Side.ASKED
        self.raw(request(Code.DO, option))

    def stop(self, option: int) -> None:
        """Ask the client to switch an option off."""
        self.theirs[option] = Side.NO
        self.raw(request(Code.DONT, option))

    def ask(self, option: int, data: bytes) -> None:
        """Send a subnegotiation."""
        self.raw(sub(option, data))

    def has(self, option: int) -> bool:
        """Whether the client's side of an option is on."""
        return self.theirs.get(option) is Side.YES

    # What is awaited

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait until something is so. Raises `EOFError` when the client goes before."""
        while not ready():
            if self._gone:
                raise EOFError
            self._changed.clear()
            await self._changed.wait()

    async def settled(self, *options: int) -> None:
        """Wait until the client has answered for its side of these. Raises `EOFError` when it goes before."""
        await self.until(lambda: all(self.theirs.get(one) is not Side.ASKED for one in options))

    def tell(self) -> None:
        """Tell once what the client said of itself, if it said anything."""
        client = self.client
        if self._told or not client.answers:
            return
        self._told = True
        self.session.emit(
            EventType.FINGERPRINT,
            terminal=client.terminal,
            terminals=client.terminals,
            speed=client.speed,
            display=client.display,
            environment=client.environment,
            columns=self.size[0],
            rows=self.size[1],
            telnet_options=",".join(client.answers),
        )

    async def close(self) -> None:
        """Send what is left, and stop reading."""
        self._flush()
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump
        self.tell()

    # What is received

    def _pause(self) -> None:
        self._open.clear()

    def _resume(self) -> None:
        self._open.set()

    async def _read(self) -> None:
        try:
            while True:
                await self._open.wait()
                self._flush()
                with contextlib.suppress(ConnectionError):
                    await self._writer.drain()
                data = await self._reader.read(CHUNK)
                if not data:
                    return
                for item in self._parser.feed(data):
                    self._take(item)
                self._changed.set()
        except OSError:
            return
        finally:
            self._gone = True
            self.input.end()
            self._changed.set()
            self.interrupted()

    def _take(self, item: Item) -> None:
        match item:
            case Data(data):
                self.input.feed(data if self.has(Option.BINARY) else self._typed(data))
            case Request(verb, option):
                self._note(verb, option)
                self._request(verb, option)
            case Sub(option, data):
                self._sub(option, data)
            case Command(code):
                self.input.feed(self._dialect.keys.get(code, b""))
                self.raw(self._dialect.replies.get(code, b""))

    def _typed(self, data: bytes) -> bytes:
        """CR LF and CR NUL are one key, the return key (RFC 854, page 11)."""
        if self._after_return and data[:1] in (b"\n", b"\0"):
            data = data[1:]
            self._after_return = False
        if data:
            self._after_return = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\r").replace(b"\r\0", b"\r")

    def _note(self, verb: Code, option: int) -> None:
        if len(self.client.answers) < HEARD_LIMIT:
            known = option in Option.__members__.values()
            self.client.answers.append(f"{verb.name} {Option(option).name if known else option}")

    def _request(self, verb: Code, option: int) -> None:
        if verb in (Code.WILL, Code.WONT):
            self._answer(self.theirs, option, verb == Code.WILL, self._dialect.theirs, (Code.DO, Code.DONT))
        else:
            self._answer(self.ours, option, verb == Code.DO, self._dialect.ours, (Code.WILL, Code.WONT))

    def _answer(
        self,
        side: dict[int, Side],
        option: int,
        wanted: bool,
        able: frozenset[int],
        verbs: tuple[Code, Code],
    ) -> None:
        """Follow the peer to the state it names, and say so if it was not we who asked."""
        before = side.get(option, Side.NO)
        if wanted and before is not Side.YES:
            agreed = before is Side.ASKED or option in able
            side[option] = Side.YES if agreed else Side.NO
            if before is Side.NO and not self._dialect.mute:
                self.raw(request(verbs[0] if agreed else verbs[1], option))
            if agreed and side is self.theirs:
                self.agreed(option)
        elif not wanted and before is not Side.NO:
            side[option] = Side.NO
            if before is Side.YES and not self._dialect.mute:
                self.raw(request(verbs[1], option))

    def _sub(self, option: int, data: bytes) -> None:
        client, text = self.client, data[1:].decode("utf-8", "replace")
        if option == Option.NAWS and len(data) >= 4:
            columns, rows = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
            self.size = (min(columns, 1000) or 80, min(rows, 1000) or 24)
            self.resized(*self.size)
        elif data[:1] != bytes((IS,)):
            return
        elif option == Option.TTYPE:
            client.terminal = text[:64].lower()
            if len(client.terminals) < ENVIRONMENT_LIMIT:
                client.terminals.append(text[:64])
        elif option == Option.TSPEED:
            client.speed = text[:64]
        elif option == Option.XDISPLOC:
            client.display = text[:128]
        elif option in (Option.NEW_ENVIRON, Option.OLD_ENVIRON):
            client.environment.update(_variables(data[1:]))
        self.subs[option] += 1


def _variables(data: bytes) -> dict[str, str]:
    """The variables of an environment (RFC 1572): VAR 0, VALUE 1, ESC 2, USERVAR 3."""
    fields: list[tuple[int, bytearray]] = []
    escaped = False
    for byte in data:
        if not escaped and byte in (0, 1, 3):
            fields.append((byte, bytearray()))
        elif not escaped and byte == 2:
            escaped = True
            continue
        elif fields:
            fields[-1][1].append(byte)
        escaped = False
    found: dict[str, str] = {}
    name = ""
    for kind, text in fields[: 2 * ENVIRONMENT_LIMIT]:
        word = text.decode("utf-8", "replace")[:256]
        if kind == 1 and name:
            found[name] = word
        elif kind != 1:
            name = word
            if name:
                found[name] = ""
    return found

"""A telnet client that says what it is told to say, for the tests of ``telnet``; and the real daemons to compare with."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from decnet.services.telnet.protocol import Code, Command, Data, Option, Parser, Request, Sub, request, sub

TOLD = {
    Option.TTYPE: b"xterm",
    Option.TSPEED: b"38400,38400",
    Option.XDISPLOC: b"h:0",
    Option.NEW_ENVIRON: b"\0USER\1bob",
}


@dataclass
class Client:
    """``will`` and ``do`` are the options it agrees to, of its own side and of the server's."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    will: frozenset[int]
    do: frozenset[int]
    types: list[bytes]
    heard: list[str] = field(default_factory=list)
    """What the server said: requests by name, texts between them."""
    text: bytes = b""
    closed: bool = False
    _answers: bytearray = field(default_factory=bytearray)
    """What it has to say to all that came at once: in one segment, so that no order is left to chance."""
    _parser: Parser = field(default_factory=Parser)
    _sides: dict[tuple[bool, int], bool] = field(default_factory=dict)

    @classmethod
    async def to(
        cls, port: int, will: Iterable[int] = (), do: Iterable[int] = (), types: Iterable[bytes] = (b"xterm",)
    ) -> "Client":
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return cls(reader, writer, frozenset(will), frozenset(do), list(types))

    async def until(self, wanted: bytes, seconds: float = 10) -> bytes:
        """Listen and answer until the text is there; gives what was shown since the last call."""
        async with asyncio.timeout(seconds):
            while wanted not in self.text:
                if self.closed:
                    raise EOFError(self.text)
                await self._more()
        found, self.text = self.text, b""
        return found

    async def settle(self, quiet: float = 0.4) -> list[str]:
        """Listen and answer until nothing comes; gives all that was heard so far."""
        with contextlib.suppress(TimeoutError):
            while not self.closed:
                async with asyncio.timeout(quiet):
                    await self._more()
        return self.heard

    async def rest(self, seconds: float = 10) -> bytes:
        """Listen to the end."""
        async with asyncio.timeout(seconds):
            while not self.closed:
                await self._more()
        return self.text

    def type(self, text: bytes) -> None:
        self.writer.write(text)

    async def _more(self) -> None:
        try:
            data = await self.reader.read(4096)
        except ConnectionError:
            data = b""
        self.closed = not data
        for item in self._parser.feed(data):
            self._take(item)
        self.writer.write(bytes(self._answers))
        self._answers.clear()

    def _take(self, item: Data | Command | Request | Sub) -> None:
        match item:
            case Data(data):
                self.text += data
                if self.heard and self.heard[-1].startswith("'"):
                    self.heard[-1] = self.heard[-1][:-1] + repr(data.decode("latin-1"))[1:]
                else:
                    self.heard.append(f"'{data.decode('latin-1').encode('unicode_escape').decode()}'")
            case Command(code):
                self.heard.append(str(code))
            case Sub(option, data):
                self.heard.append(f"SB {Option(option).name} {data.hex()}")
                if data == b"\1":
                    told = self.types[0] if option == Option.TTYPE else TOLD.get(Option(option), b"")
                    if option == Option.TTYPE and len(self.types) > 1:
                        self.types.pop(0)
                    self._answers += sub(option, b"\0" + told)
            case Request(verb, option):
                self.heard.append(f"{verb.name} {Option(option).name}")
                mine = verb in (Code.DO, Code.DONT)
                agreed = verb in (Code.DO, Code.WILL) and option in (self.will if mine else self.do)
                if self._sides.get((mine, option)) is not agreed:
                    self._sides[mine, option] = agreed
                    verbs = (Code.WILL, Code.WONT) if mine else (Code.DO, Code.DONT)
                    self._answers += request(verbs[not agreed], option)
                    if agreed and option == Option.NAWS:
                        self._answers += sub(option, b"\0\x64\0\x1e")


@contextlib.asynccontextmanager
async def daemon(*command: str) -> AsyncIterator[int]:
    """A real telnet daemon that speaks over its standard input, for one connection; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    started: list[asyncio.subprocess.Process] = []

    async def accept() -> None:
        connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        connection.setblocking(True)
        with connection:
            quiet = asyncio.subprocess.DEVNULL
            started.append(
                await asyncio.create_subprocess_exec(
                    *command, stdin=connection, stdout=connection, stderr=quiet
                )
            )

    waiting = asyncio.create_task(accept())
    try:
        yield listener.getsockname()[1]
    finally:
        waiting.cancel()
        listener.close()
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

"""The line editor of IOS: echo, a history, and keys that act at once: ``?``, Tab, Ctrl-Z."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from decnet.services.telnet.line import Line

LINE_LIMIT = 254
"""Characters of a command line; the terminal beeps past it."""
HISTORY_LIMIT = 20
RETURN, HELP, TAB, END, BREAK = "return", "help", "tab", "end", "break"


class Typed(NamedTuple):
    """What was typed, and the key that ended it: `RETURN`, `HELP`, `TAB`, `END` (Ctrl-Z), `BREAK` (Ctrl-C)."""

    text: str
    key: str


class Keys:
    """Reads from a line. ``history`` is the session's."""

    def __init__(self, line: Line) -> None:
        self.history: list[str] = []
        self._line = line

    async def key(self) -> bytes:
        """One key: a byte, or a whole escape sequence. Raises `EOFError`."""
        byte = await self._byte()
        if byte != b"\x1b":
            return byte
        sequence = byte + await self._byte()
        while sequence[1:2] in (b"[", b"O") and len(sequence) < 12:
            sequence += await self._byte()
            if b"@" <= sequence[-1:] <= b"~" and len(sequence) > 2:
                break
        return sequence

    async def _byte(self) -> bytes:
        byte = await self._line.input.read(1)
        if not byte:
            raise EOFError
        return byte

    async def secret(self) -> str:
        """A line that is not shown."""
        typed = bytearray()
        while (key := await self.key()) not in (b"\r", b"\n"):
            if key in (b"\x7f", b"\b"):
                del typed[-1:]
            elif key in (b"\x15", b"\x03"):
                typed.clear()
            elif len(typed) < LINE_LIMIT and key >= b" ":
                typed += key
        self._line.send(b"\r\n")
        return typed.decode("latin-1")

    async def plain(self) -> str:
        """A line that is shown, without history or help."""
        while True:
            typed = await self.command("", "", plain=True)
            if typed.key == RETURN:
                return typed.text

    async def command(self, prompt: str, text: str, *, plain: bool = False) -> Typed:
        """A command after the prompt; ``text`` is what stands there already."""
        send = self._line.send
        send((prompt + text).encode("latin-1", "replace"))
        past = len(self.history)
        while True:
            await self._line.writable()
            key = await self.key()
            if key in (b"\r", b"\n"):
                send(b"\r\n")
                return Typed(text, RETURN)
            if key == b"?" and not plain:
                send(b"?\r\n")
                return Typed(text, HELP)
            if key == b"\t" and not plain:
                send(b"\r\n")
                return Typed(text, TAB)
            if key in (b"\x1a", b"\x03"):
                send(b"^Z\r\n" if key == b"\x1a" else b"\r\n")
                return Typed(text, END if key == b"\x1a" else BREAK)
            if key in (b"\x10", b"\x1b[A", b"\x1bOA") or key in (b"\x0e", b"\x1b[B", b"\x1bOB"):
                past = max(
                    0, min(len(self.history), past + (-1 if key in (b"\x10", b"\x1b[A", b"\x1bOA") else 1))
                )
                text = self._replaced(text, self.history[past] if past < len(self.history) else "")
            else:
                text = self._edited(text, key)

    def note(self, text: str) -> None:
        """Keep a line for the arrow keys."""
        if text.strip() and self.history[-1:] != [text]:
            self.history.append(text)
            del self.history[:-HISTORY_LIMIT]

    def _replaced(self, old: str, new: str) -> str:
        self._line.send(b"\b \b" * len(old) + new.encode("latin-1", "replace"))
        return new

    def _edited(self, text: str, key: bytes) -> str:
        cuts: dict[bytes, Callable[[], int]] = {
            b"\x7f": lambda: 1,
            b"\b": lambda: 1,
            b"\x15": lambda: len(text),
            b"\x18": lambda: len(text),
            b"\x17": lambda: len(text) - len(text.rstrip().rpartition(" ")[0]) - (" " in text.rstrip()),
        }
        if key in cuts:
            count = min(len(text), cuts[key]())
            self._line.send(b"\b \b" * count)
            return text[: len(text) - count]
        if len(key) > 1 or key < b" ":
            return text
        if len(text) >= LINE_LIMIT:
            self._line.send(b"\x07")
            return text
        self._line.send(key)
        return text + key.decode("latin-1")

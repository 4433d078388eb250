"""A line editor that looks like readline in its emacs mode: what it echoes, how it moves, what it beeps at.

Sequences are those that bash 5 sends to an xterm: a character at the end of the line is just echoed, a deletion there is
BS and EL, a full row is followed by a space and CR.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Protocol

LINE_LIMIT = 4096
"""Characters of one line; the terminal beeps past it."""
COMPLETION_QUERY = 100
"""completion-query-items of readline(3)."""
INVISIBLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|[\x01\x02]")
WORD_END = re.compile(r"(?:[^\s;&|()<>\\]|\\.)*$")
PASTE_ON, PASTE_OFF = b"\x1b[?2004h", b"\x1b[?2004l\r"


class Interrupted(Exception):  # noqa: N818 (a key, not a mistake)
    """Ctrl-C."""


class Bytes(Protocol):
    """Where keys come from."""

    async def read(self, limit: int) -> bytes:
        """The next bytes; ``b""`` at the end."""


class Editor:
    """Reads lines from a terminal. ``write`` sends bytes, ``columns`` tells the width now."""

    history: list[str]
    """Lines for the arrow keys; whoever runs them adds to it."""

    def __init__(
        self, source: Bytes, write: Callable[[bytes], None], columns: Callable[[], int], *, paste: bool
    ) -> None:
        self.history = []
        self._source = source
        self._write = write
        self._columns = columns
        self._paste = paste
        self._prompt = 0
        self._prompt_text = ""
        self._line = ""
        self._at = 0
        self._shown = ""
        self._shown_at = 0
        self._killed = ""
        self._recalled = 0
        self._draft = ""
        self._tabs = 0
        self._again = ""
        self._complete: Callable[[str], list[str]] = lambda _text: []
        self._keys: dict[str, Callable[[], None]] = {
            "\x01": lambda: self._go(0),
            "\x02": lambda: self._go(self._at - 1),
            "\x05": lambda: self._go(len(self._line)),
            "\x06": lambda: self._go(self._at + 1),
            "\x08": lambda: self._cut(self._at - 1, self._at),
            "\x0b": lambda: self._kill(self._at, len(self._line)),
            "\x0c": self._clear,
            "\x0e": lambda: self._recall(1),
            "\x10": lambda: self._recall(-1),
            "\x14": self._swap,
            "\x15": lambda: self._kill(0, self._at),
            "\x17": lambda: self._kill(self._blank_before(), self._at),
            "\x19": lambda: self._insert(self._killed),
            "\x7f": lambda: self._cut(self._at - 1, self._at),
            "\x1b[A": lambda: self._recall(-1),
            "\x1b[B": lambda: self._recall(1),
            "\x1b[C": lambda: self._go(self._at + 1),
            "\x1b[D": lambda: self._go(self._at - 1),
            "\x1b[H": lambda: self._go(0),
            "\x1b[F": lambda: self._go(len(self._line)),
            "\x1b[1~": lambda: self._go(0),
            "\x1b[4~": lambda: self._go(len(self._line)),
            "\x1b[3~": lambda: self._cut(self._at, self._at + 1),
            "\x1b[1;5C": lambda: self._go(self._word_after()),
            "\x1b[1;5D": lambda: self._go(self._word_before()),
            "\x1bb": lambda: self._go(self._word_before()),
            "\x1bf": lambda: self._go(self._word_after()),
            "\x1bd": lambda: self._kill(self._at, self._word_after()),
            "\x1b\x7f": lambda: self._kill(self._word_before(), self._at),
        }

    async def read(self, prompt: str, complete: Callable[[str], list[str]]) -> str:
        """One line, without its end. Raises `Interrupted` at Ctrl-C, `EOFError` at Ctrl-D or when the client is gone."""
        self._complete = complete
        self._prompt_text = prompt
        self._prompt = _cells(INVISIBLE.sub("", prompt.rpartition("\n")[2]))
        self._line, self._at, self._shown, self._shown_at = "", 0, "", 0
        self._recalled, self._draft, self._tabs = len(self.history), "", 0
        visible = prompt.replace("\x01", "").replace("\x02", "").replace("\n", "\r\n")
        self._write((PASTE_ON if self._paste else b"") + _encoded(visible))
        while True:
            key = await self._key()
            if key in {"\r", "\n"}:
                return self._accepted()
            if key == "\x03":
                self._go(len(self._line))
                self._write(b"^C" + (PASTE_OFF if self._paste else b"") + b"\r\n")
                raise Interrupted
            if key == "\x04" and not self._line:
                self._write(PASTE_OFF if self._paste else b"")
                raise EOFError
            await self._press(key)

    # Keys

    async def _key(self) -> str:
        """One key: a character, or a whole escape sequence."""
        if self._again:
            key, self._again = self._again, ""
            return key
        byte = await self._byte()
        if byte == "\x1b":
            second = await self._byte()
            if second not in "[O":
                return byte + second
            sequence = "\x1b["
            while len(sequence) < 16:
                final = await self._byte()
                sequence += final
                if "@" <= final <= "~":
                    break
            return sequence
        return byte

    async def _byte(self) -> str:
        first = await self._source.read(1)
        if not first:
            raise EOFError
        extra = 3 if first[0] >= 0xF0 else 2 if first[0] >= 0xE0 else 1 if first[0] >= 0xC0 else 0
        for _ in range(extra):
            first += await self._source.read(1)
        return first.decode("utf-8", "surrogateescape")[:1]

    async def _press(self, key: str) -> None:
        self._tabs = self._tabs + 1 if key == "\t" else 0
        if key == "\t":
            await self._tab()
        elif key == "\x04":
            self._cut(self._at, self._at + 1)
        elif key == "\x12":
            await self._search()
        elif key == "\x1b[200~":
            await self._pasted()
        elif key in self._keys:
            self._keys[key]()
        elif key.isprintable() or key >= "\x80":
            self._insert(key)

    def _accepted(self) -> str:
        self._go(len(self._line))
        self._write(b"\r\n" + (PASTE_OFF if self._paste else b""))
        return self._line

    async def _pasted(self) -> None:
        text = ""
        while not text.endswith("\x1b[201~") and len(text) < LINE_LIMIT:
            text += await self._byte()
        self._insert(text.removesuffix("\x1b[201~").replace("\r", "\n"))

    # Editing

    def _insert(self, text: str) -> None:
        if len(self._line) + len(text) > LINE_LIMIT:
            self._beep()
            return
        self._line = self._line[: self._at] + text + self._line[self._at :]
        self._at += len(text)
        self._show()

    def _cut(self, start: int, end: int) -> None:
        if start < 0 or start >= len(self._line):
            self._beep()
            return
        self._line = self._line[:start] + self._line[end:]
        self._at = start
        self._show()

    def _kill(self, start: int, end: int) -> None:
        if start < end:
            self._killed = self._line[start:end]
            self._cut(start, end)

    def _go(self, position: int) -> None:
        if 0 <= position <= len(self._line):
            self._at = position
            self._show()
        else:
            self._beep()

    def _swap(self) -> None:
        at = min(self._at, len(self._line) - 1)
        if at < 1:
            self._beep()
            return
        line = self._line
        self._line = line[: at - 1] + line[at] + line[at - 1] + line[at + 1 :]
        self._at = at + 1
        self._show()

    def _recall(self, step: int) -> None:
        wanted = self._recalled + step
        if not 0 <= wanted <= len(self.history):
            self._beep()
            return
        if self._recalled == len(self.history):
            self._draft = self._line
        self._recalled = wanted
        self._line = self.history[wanted] if wanted < len(self.history) else self._draft
        self._at = len(self._line)
        self._show()

    async def _search(self) -> None:
        """Ctrl-R: the last line that holds what is typed, until a key that does something else."""
        wanted, found = "", ""
        while True:
            self._redraw(f"(reverse-i-search)`{wanted}': {found}")
            key = await self._key()
            if key in {"\x7f", "\x08"}:
                wanted = wanted[:-1]
            elif key == "\x12" or (key.isprintable() and len(key) == 1):
                wanted += "" if key == "\x12" else key
            else:
                break
            matches = [line for line in reversed(self.history) if wanted and wanted in line]
            again = key == "\x12" and found in matches
            position = matches.index(found) + 1 if again else 0
            if position < len(matches):
                found = matches[position]
            else:
                self._beep()
        self._line = found if key != "\x07" else self._line
        self._at = len(self._line)
        self._redraw(self._visible_prompt())
        self._shown, self._shown_at = "", 0
        self._show()
        if key in {"\r", "\n", "\x03"}:
            self._again = key

    def _blank_before(self) -> int:
        return len(re.sub(r"\S+\s*$", "", self._line[: self._at]))

    def _word_before(self) -> int:
        return len(re.sub(r"\w+\W*$|\W+$", "", self._line[: self._at]))

    def _word_after(self) -> int:
        found = re.match(r"\W*\w*", self._line[self._at :])
        return self._at + (found.end() if found else 0)

    # Completion

    async def _tab(self) -> None:
        before = self._line[: self._at]
        if not before.strip():
            self._beep()
            return
        found = WORD_END.search(before)
        word = found[0] if found else ""
        options = sorted(set(self._complete(before)))
        if not options:
            self._beep()
            return
        common = _common(options)
        if len(options) == 1:
            self._replace_word(word, common)
        elif len(common) > len(word):
            self._replace_word(word, common)
            self._beep()
            self._tabs = 0  # rl_complete lists only after a Tab that changed nothing
        elif self._tabs > 1:
            await self._list(options)
        else:
            self._beep()

    def _replace_word(self, word: str, text: str) -> None:
        if text.startswith(word):
            self._insert(text[len(word) :])

    async def _list(self, options: list[str]) -> None:
        if len(options) > COMPLETION_QUERY:
            self._write(f"\r\nDisplay all {len(options)} possibilities? (y or n)".encode())
            while (answer := await self._key()) not in {"y", "Y", " ", "\t", "n", "N", "\x7f", "\x03"}:
                self._beep()
            if answer in {"n", "N", "\x7f", "\x03"}:
                options = []
        names = [re.sub(r".*/(?=[^/])", "", option.rstrip(" ")) for option in options]
        self._write(
            b"\r\n" + _encoded(_in_columns(names, self._columns())) + _encoded(self._visible_prompt())
        )
        self._shown, self._shown_at = "", 0
        self._show()

    # Display

    def _visible_prompt(self) -> str:
        return self._prompt_text.rpartition("\n")[2].replace("\x01", "").replace("\x02", "")

    def _clear(self) -> None:
        self._write(b"\x1b[H\x1b[2J" + _encoded(self._visible_prompt()))
        self._shown, self._shown_at = "", 0
        self._show()

    def _redraw(self, text: str) -> None:
        row = self._place(self._shown, self._shown_at)[0]
        self._write(b"\x1b[A" * row + b"\r\x1b[J" + _encoded(text))
        self._shown, self._shown_at = "", 0

    def _beep(self) -> None:
        self._write(b"\x07")

    def _place(self, line: str, position: int) -> tuple[int, int]:
        return divmod(self._prompt + _cells(line[:position]), self._columns())

    def _show(self) -> None:
        """Bring the screen from what it shows to the line and cursor as they are now."""
        same = len(_common([self._shown, self._line]))
        out = b""
        if self._shown != self._line:
            out += self._move(self._place(self._shown, self._shown_at), self._place(self._line, same))
            out += _encoded(self._line[same:].replace("\n", "\r\n"))
            end = self._place(self._line, len(self._line))
            if self._line[same:] and end[1] == 0:
                out += b" \r"
            if _cells(self._shown) > _cells(self._line):
                taller = self._place(self._shown, len(self._shown))[0] > end[0]
                out += b"\x1b[J" if taller else b"\x1b[K"
            out += self._move(end, self._place(self._line, self._at))
        else:
            out += self._move(self._place(self._line, self._shown_at), self._place(self._line, self._at))
        self._shown, self._shown_at = self._line, self._at
        self._write(out)

    @staticmethod
    def _move(start: tuple[int, int], end: tuple[int, int]) -> bytes:
        out, column = b"", start[1]
        if end[0] < start[0]:
            out += b"\x1b[A" * (start[0] - end[0])
        elif end[0] > start[0]:
            out += b"\r\n" * (end[0] - start[0])
            column = 0
        return out + (b"\b" * (column - end[1]) if end[1] < column else b"\x1b[C" * (end[1] - column))


def _common(texts: list[str]) -> str:
    """The beginning that all of them share."""
    first, last = min(texts), max(texts)
    length = next(
        (at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    return first[:length]


def _in_columns(names: list[str], width: int) -> str:
    if not names:
        return ""
    cell = max(map(len, names)) + 2
    across = max(1, width // cell)
    down = -(-len(names) // across)
    rows = ["".join(name.ljust(cell) for name in names[row::down]).rstrip() for row in range(down)]
    return "".join(f"{row}\r\n" for row in rows)


def _cells(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

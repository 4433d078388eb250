"""What is typed into a terminal, as lines: what a shell is told to do, without how it was corrected. Pure."""

from __future__ import annotations

from collections.abc import Iterator

_LONGEST = 4096
_ENTER, _ERASE = b"\r\n", b"\x7f\x08"
_KILL, _WORD, _INTERRUPT, _ESCAPE = 0x15, 0x17, 0x03, 0x1B
_FINAL = range(0x40, 0x7F)
"""What ends a control sequence (ECMA-48 section 5.4)."""


class Line:
    """The line that is being typed. What the shell's history or completion adds is in the recording only."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._escape = 0
        """In an escape sequence: 1 after ESC, 2 after ESC and ``[`` or ``O``."""

    def take(self, data: bytes) -> Iterator[bytes]:
        """Lines that end in what was typed now; empty ones are none."""
        for byte in data:
            if self._escape:
                self._go_on(byte)
            elif byte in _ENTER:
                if self._text.strip():
                    yield bytes(self._text)
                self._text.clear()
            elif byte == _ESCAPE:
                self._escape = 1
            else:
                self._edit(byte)

    def _go_on(self, byte: int) -> None:
        if self._escape == 1:
            self._escape = 2 if byte in b"[O" else 0
        elif byte in _FINAL:
            self._escape = 0

    def _edit(self, byte: int) -> None:
        if byte in _ERASE:
            while self._text and self._text.pop() & 0xC0 == 0x80:  # a character of several bytes goes whole
                pass
        elif byte in (_KILL, _INTERRUPT):
            self._text.clear()
        elif byte == _WORD:
            kept = self._text.rstrip().rpartition(b" ")
            self._text = bytearray(kept[0] + kept[1])
        elif (byte >= 0x20 or byte == 0x09) and len(self._text) < _LONGEST:
            self._text.append(byte)

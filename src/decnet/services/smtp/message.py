"""A message on its way in: counted, hashed, its beginning kept. Nothing of it is written anywhere."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

KEPT_BYTES = 4096
"""Bytes of a message that go into its event: what an event holds of one text."""
END_LONGEST = 5
"""Bytes of the longest end of data, CRLF dot CRLF."""
_BARE = re.compile(rb"(?<!\r)\n")


class Ending(NamedTuple):
    """What ends the data: at its very beginning, later on; and, in a piece that ends so, what is no content (group 1)."""

    first: re.Pattern[bytes]
    later: re.Pattern[bytes]
    last: re.Pattern[bytes]


LAX = Ending(
    re.compile(rb"(?:\A|\n)\.\r?\n"), re.compile(rb"\n\.\r?\n"), re.compile(rb"(?:\A|\n)(\.\r?\n)\Z")
)
"""A bare LF is a line end as well."""
STRICT = Ending(
    re.compile(rb"(?:\A|\r\n)\.\r\n"), re.compile(rb"\r\n\.\r\n"), re.compile(rb"(?:\A|\r\n)(\.\r\n)\Z")
)
"""As RFC 5321 section 4.1.1.4 has it."""


class Message:
    """The content of one message, line ends as CRLF, dots undone."""

    def __init__(self) -> None:
        self.size = 0
        self.received = 0
        self.longest = 0
        self.kept = bytearray()
        self._digest = hashlib.sha256()
        self._last = b"\n"
        self._line = 0

    @property
    def sha256(self) -> str:
        """Digest of all of it, in hex."""
        return self._digest.hexdigest()

    def add(self, data: bytes, *, stuffed: bool) -> None:
        """A piece. ``stuffed``: a dot at the beginning of a line stands for none (RFC 5321 section 4.5.2)."""
        self.received += len(data)
        whole = self._last + data
        if stuffed:
            whole = whole.replace(b"\n.", b"\n")
        self._last = whole[-1:]
        text = _BARE.sub(b"\r\n", whole)[2 if whole[:1] == b"\n" else 1 :]
        self.size += len(text)
        self._digest.update(text)
        self.kept += text[: max(0, KEPT_BYTES - len(self.kept))]
        self._measure(text)

    def finish(self) -> None:
        """The end: a last line without an end gets one."""
        if self._last != b"\n":
            self.add(b"\r\n", stuffed=False)

    def _measure(self, text: bytes) -> None:
        """Keep the length of the longest line, its end not counted."""
        first, *rest = text.split(b"\n")
        self._line += len(first)
        self.longest = max(self.longest, self._line - first.endswith(b"\r"))
        if rest:
            self.longest = max(self.longest, *(len(line.removesuffix(b"\r")) for line in rest))
            self._line = len(rest[-1])

"""What goes over the wire as values: a request's head, a request, a reply."""

from __future__ import annotations

from dataclasses import dataclass, field

BODILESS = frozenset({100, 101, 204, 304})
"""Statuses that never have a body (RFC 9110 section 6.4.1)."""


class Refused(Exception):  # noqa: N818 (an outcome of parsing, not a fault)
    """The request is answered with an error before any page is looked up, and the connection ends.

    ``key`` names a text of the server's own for it (``field-too-long``); ``shown`` is what that text quotes.
    """

    def __init__(self, status: int, key: str = "", shown: str = "") -> None:
        super().__init__(status, key)
        self.status = status
        self.key = key
        self.shown = shown


@dataclass(frozen=True, slots=True)
class Head:
    """A request line and header fields, latin-1 text as sent. ``version`` (0, 9) has no fields."""

    method: str
    target: str
    version: tuple[int, int]
    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """The first field of that name (lower case), or an empty text."""
        return next((value for key, value in self.fields if key.lower() == name), "")

    def all(self, name: str) -> list[str]:
        """Every field of that name (lower case)."""
        return [value for key, value in self.fields if key.lower() == name]

    @property
    def keeps(self) -> bool:
        """Whether the client wants the connection kept (RFC 9112 section 9.3)."""
        options = {word.strip().lower() for value in self.all("connection") for word in value.split(",")}
        if "close" in options:
            return False
        return self.version >= (1, 1) or (self.version == (1, 0) and "keep-alive" in options)


@dataclass(frozen=True, slots=True)
class Body:
    """A request body: its first bytes, how many there were, and the SHA-256 of all of them."""

    sample: bytes = b""
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that parsed: where it was sent to, as the server sees it.

    ``path`` is decoded and normal, ``query`` as sent; ``host`` and ``port`` are those the client named, or the
    server's own.
    """

    head: Head
    path: str
    query: str
    host: str
    port: int
    body: Body = Body()


@dataclass(frozen=True, slots=True)
class Validators:
    """A file on the server's disk: what ETag, Last-Modified and ranges are made from. ``modified`` in Unix seconds."""

    size: int
    modified: int


@dataclass(slots=True)
class Reply:
    """A reply before a server gives it its own form.

    ``length`` False: the server does not know it beforehand. ``plain``: sent by the parser, without Date and Server.
    ``server`` and ``phrase`` stand for the server's own name and reason where they differ.
    """

    status: int
    body: bytes = b""
    type: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    validators: Validators | None = None
    close: bool = False
    length: bool = True
    plain: bool = False
    server: str = ""
    phrase: str = ""

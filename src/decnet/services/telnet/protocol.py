"""The bytes of telnet: commands, options, and a parser that takes any of them (RFC 854, RFC 855)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

SUB_LIMIT = 512
"""Bytes of a subnegotiation that are kept, as in the buffer of BSD's telnetd; the rest is dropped."""


class Code(IntEnum):
    """What follows IAC (RFC 854; EOF to ABORT: RFC 1184)."""

    EOF = 236
    SUSP = 237
    ABORT = 238
    SE = 240
    NOP = 241
    DM = 242
    BREAK = 243
    IP = 244
    AO = 245
    AYT = 246
    EC = 247
    EL = 248
    GA = 249
    SB = 250
    WILL = 251
    WONT = 252
    DO = 253
    DONT = 254
    IAC = 255


class Option(IntEnum):
    """Options that some telnet daemon asks for; the names are those of arpa/telnet.h."""

    BINARY = 0
    ECHO = 1
    SGA = 3
    STATUS = 5
    TM = 6
    TTYPE = 24
    NAWS = 31
    TSPEED = 32
    LFLOW = 33
    LINEMODE = 34
    XDISPLOC = 35
    OLD_ENVIRON = 36
    AUTHENTICATION = 37
    ENCRYPT = 38
    NEW_ENVIRON = 39


IS, SEND = 0, 1
"""First byte of a subnegotiation about a terminal's type, speed, display or environment (RFC 1091, RFC 1572)."""


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes that were typed."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Command:
    """A command without an option."""

    code: int


@dataclass(frozen=True, slots=True)
class Request:
    """WILL, WONT, DO or DONT."""

    verb: Code
    option: int


@dataclass(frozen=True, slots=True)
class Sub:
    """A subnegotiation."""

    option: int
    data: bytes


Item = Data | Command | Request | Sub


class Parser:
    """Cuts a stream into items, wherever the network has cut it; holds no more than `SUB_LIMIT` bytes."""

    def __init__(self) -> None:
        self._after_iac = False
        self._verb: Code | None = None
        self._sub: bytearray | None = None

    def feed(self, data: bytes) -> list[Item]:
        """The items that end in these bytes."""
        items: list[Item] = []
        typed = bytearray()
        for byte in data:
            if not self._after_iac and self._verb is None and byte != Code.IAC:
                if self._sub is None:
                    typed.append(byte)
                else:
                    self._keep(byte)
                continue
            if typed and not (self._after_iac and byte == Code.IAC):
                items.append(Data(bytes(typed)))
                typed.clear()
            item = self._special(byte)
            if isinstance(item, Data):
                typed += item.data
            elif item is not None:
                items.append(item)
        if typed:
            items.append(Data(bytes(typed)))
        return items

    def _keep(self, byte: int) -> None:
        if self._sub is not None and len(self._sub) <= SUB_LIMIT:
            self._sub.append(byte)

    def _special(self, byte: int) -> Item | None:
        """One byte of a command; gives what it completes."""
        if self._verb is not None:
            item, self._verb = Request(self._verb, byte), None
            return item
        if not self._after_iac:
            self._after_iac = True
            return None
        self._after_iac = False
        if self._sub is not None:
            return self._in_sub(byte)
        if byte == Code.SB:
            self._sub = bytearray()
        elif Code.WILL <= byte <= Code.DONT:
            self._verb = Code(byte)
        else:
            return Data(b"\xff") if byte == Code.IAC else Command(byte)
        return None

    def _in_sub(self, byte: int) -> Item | None:
        if byte == Code.IAC:
            self._keep(byte)
            return None
        if byte != Code.SE:  # telnetd takes what follows as a part of it
            self._keep(Code.IAC)
            self._keep(byte)
            return None
        sub, self._sub = bytes(self._sub or b""), None
        return Sub(sub[0], sub[1:]) if sub else None


def request(verb: Code, option: int) -> bytes:
    """The bytes of WILL, WONT, DO or DONT."""
    return bytes((Code.IAC, verb, option))


def sub(option: int, data: bytes) -> bytes:
    """The bytes of a subnegotiation."""
    return (
        bytes((Code.IAC, Code.SB, option)) + data.replace(b"\xff", b"\xff\xff") + bytes((Code.IAC, Code.SE))
    )

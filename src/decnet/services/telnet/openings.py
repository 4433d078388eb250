"""How each telnet daemon opens a connection, request by request, as those of the distributions were seen to do it.

inetutils 2.4 and busybox 1.35 are Debian 12's packages; netkit 0.17 is Debian's telnetd-ssl without its own additions
(authentication and an early question for the environment), which is what older Debians and Red Hat ship.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import decnet
from decnet.services.telnet.line import Dialect, Line, Side
from decnet.services.telnet.protocol import SEND, Code, Option

TERMINALS = frozenset(
    (Path(decnet.__file__).parent / "templates" / "telnet" / "terminals.txt").read_text("ascii").split()
)
"""Types that tgetent(3) finds on a Debian; a daemon asks on for others."""
TYPES_LIMIT = 40
"""Types that a client is asked for; the daemons have no bound."""
LOGIN_START_SECONDS = 0.04
"""How long login(1) takes to start."""
_ASKED = (Option.TTYPE, Option.TSPEED, Option.XDISPLOC, Option.NEW_ENVIRON)
_KEYS = {
    Code.IP: b"\x03",
    Code.BREAK: b"\x03",
    Code.EC: b"\x7f",
    Code.EL: b"\x15",
    Code.EOF: b"\x04",
    Code.SUSP: b"\x1a",
    Code.ABORT: b"\x1c",
}
_BSD = Dialect(
    ours=frozenset((Option.BINARY, Option.ECHO, Option.SGA, Option.STATUS, Option.TM)),
    theirs=frozenset((Option.BINARY, Option.SGA, Option.NAWS, Option.LFLOW, *_ASKED)),
    keys={int(code): key for code, key in _KEYS.items()},
    replies={int(Code.AYT): b"\r\n[Yes]\r\n"},
)
Opening = Callable[[Line, bytes], Awaitable[None]]
"""Negotiates, and shows the text before the login. Raises `EOFError` when the client goes."""


class Daemon(NamedTuple):
    """A telnet daemon."""

    dialect: Dialect
    open: Opening


async def _inetutils(line: Line, issue: bytes) -> None:
    line.will(Option.AUTHENTICATION)
    line.will(Option.ENCRYPT)
    for option in (*_ASKED, Option.OLD_ENVIRON):
        line.do(option)
    await line.settled(*_ASKED, Option.OLD_ENVIRON)
    await _particulars(line)
    line.agreed = lambda option: _linemode(line, option)
    _offer(line, Option.SGA)
    for option in (Option.ECHO, Option.LINEMODE, Option.NAWS):
        line.do(option)
    line.will(Option.STATUS)
    line.do(Option.LFLOW)
    await _echo(line)
    _offer(line, Option.ECHO)
    edits = line.has(Option.LINEMODE)
    if not edits:
        line.do(Option.TM)
    if not line.has(Option.BINARY):
        line.do(Option.BINARY)
    if edits:
        line.stop(Option.LINEMODE)
    line.send(_returns(issue))
    await asyncio.sleep(LOGIN_START_SECONDS)
    for option in (
        Option.SGA,
        Option.ECHO,
    ):  # login sets its terminal up, and the daemon offers again what was refused
        if line.ours[option] is Side.NO:
            line.will(option)


async def _netkit(line: Line, issue: bytes) -> None:
    for option in _ASKED:
        line.do(option)
    await line.settled(*_ASKED)
    await _particulars(line)
    _offer(line, Option.SGA)
    line.do(Option.ECHO)
    line.do(Option.NAWS)
    line.will(Option.STATUS)
    line.do(Option.LFLOW)
    await _echo(line)
    if line.ours[Option.SGA] is Side.NO:
        line.will(Option.SGA)
    _offer(line, Option.ECHO)
    line.send(_returns(issue))


async def _busybox(line: Line, issue: bytes) -> None:
    line.do(Option.ECHO)
    line.do(Option.NAWS)
    line.will(Option.ECHO)
    line.will(Option.SGA)
    await line.writable()  # what follows is login's
    line.send(b"\r\r\n" + issue.replace(b"\n", b"\r\n\r"))


async def _ios(line: Line, issue: bytes) -> None:
    line.agreed = lambda option: _type_once(line, option)
    line.will(Option.ECHO)
    line.will(Option.SGA)
    line.do(Option.TTYPE)
    line.do(Option.NAWS)
    line.send(_returns(issue))


async def _jetdirect(line: Line, issue: bytes) -> None:
    line.will(Option.SGA)
    line.will(Option.ECHO)
    line.send(_returns(issue))


async def _particulars(line: Line) -> None:
    """Terminal speed, display, environment and type of a client that has agreed to tell them (getterminaltype)."""
    asked = [
        option
        for option in (Option.TSPEED, Option.XDISPLOC, Option.NEW_ENVIRON, Option.OLD_ENVIRON, Option.TTYPE)
        if line.has(option) and not (option is Option.OLD_ENVIRON and line.has(Option.NEW_ENVIRON))
    ]
    for option in asked:
        line.ask(option, bytes((SEND,)))
    await line.until(lambda: all(line.subs[option] for option in asked))
    if not line.has(Option.TTYPE):
        return
    first, client = line.client.terminal, line.client
    for _ in range(TYPES_LIMIT):
        if client.terminal in TERMINALS:
            return
        last = client.terminal
        await _next_type(line)
        if client.terminal == last:  # the end of its list: once more turns it back to the first
            await _next_type(line)
            client.terminal = first
            return


async def _next_type(line: Line) -> None:
    before = line.subs[Option.TTYPE]
    line.ask(Option.TTYPE, bytes((SEND,)))
    await line.until(lambda: line.subs[Option.TTYPE] > before)


def _linemode(line: Line, option: int) -> None:
    """What inetutils says to a client that edits lines itself; a NUL goes along, the end of its string."""
    if option == Option.LINEMODE:
        line.ask(Option.LINEMODE, b"\x01\x03")
        line.raw(b"\0")
    elif option == Option.LFLOW:
        line.ask(Option.LFLOW, b"\x03")
        line.raw(b"\0")


def _type_once(line: Line, option: int) -> None:
    if option == Option.TTYPE:
        line.ask(Option.TTYPE, bytes((SEND,)))


def _offer(line: Line, option: int) -> None:
    """Offer an option that the client has not asked for itself."""
    if line.ours.get(option) is not Side.YES:
        line.will(option)


async def _echo(line: Line) -> None:
    """A client that would echo is told not to: an old trick to tell 4.2BSD's (state.c of telnetd)."""
    await line.settled(Option.ECHO)
    if line.has(Option.ECHO):
        line.stop(Option.ECHO)


def _returns(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")


DAEMONS: Mapping[str, Daemon] = {
    "inetutils": Daemon(_BSD, _inetutils),
    "netkit": Daemon(_BSD, _netkit),
    "busybox": Daemon(Dialect(frozenset(), frozenset(), mute=True), _busybox),
    "cisco": Daemon(
        Dialect(frozenset((Option.ECHO, Option.SGA)), frozenset((Option.TTYPE, Option.NAWS, Option.SGA))),
        _ios,
    ),
    "printer": Daemon(Dialect(frozenset((Option.ECHO, Option.SGA)), frozenset((Option.SGA,))), _jetdirect),
}
"""Daemons by name."""

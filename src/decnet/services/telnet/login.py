"""login(1) on a terminal: who gets in, how long a refusal takes, how often one may try."""

from __future__ import annotations

import asyncio
import hmac
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

import msgspec

import decnet
from decnet.draw import Draw
from decnet.events import EventType
from decnet.services.accounts import Credential
from decnet.services.session import Session
from decnet.services.shell.streams import Pipe, Reader
from decnet.services.shell.terminal import Terminal

TIMEOUT_SECONDS = 60.0
"""LOGIN_TIMEOUT of login.defs(5); busybox has the same."""
NAME_LIMIT = 256


class Style(msgspec.Struct, frozen=True):
    """A login program: its texts, its tries, and what a refusal costs in seconds, on average where PAM draws it."""

    prompt: str
    password: str
    incorrect: str
    exceeded: str
    timed_out: str
    tries: int
    delay: float
    pam: bool
    motd_first: bool


@cache
def styles() -> Mapping[str, Style]:
    """The login programs by name."""
    path = Path(decnet.__file__).parent / "templates" / "telnet" / "logins.toml"
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Style])


styles()  # read now: the process that serves opens no files once it has dropped its privileges


@dataclass(frozen=True, slots=True)
class Door:
    """What all visitors of a decoy's telnet share on the way in."""

    hostname: str
    users: tuple[Credential, ...]
    delays: Draw
    seed: bytes

    def accepts(self, user: str, password: str) -> bool:
        """Whether the password is the user's; the time it takes tells nothing of either."""
        known = next((one.password for one in self.users if one.name == user), "")
        given = password.encode("utf-8", "surrogateescape")
        return hmac.compare_digest(known.encode() or b"\0", given)

    def check_seconds(self) -> float:
        """How long hashing a password takes on this machine: 40 to 110 ms, and a little noise."""
        machine = Draw(self.seed, "crypt").integer(40_000, 110_000)
        return (machine + self.delays.integer(0, 6_000)) / 1e6

    def refusal_seconds(self, style: Style) -> float:
        """How long a refusal takes: _pam_compute_delay averages three draws, from half to one and a half."""
        if not style.pam:
            return style.delay + self.check_seconds()
        drawn = sum(self.delays.integer(0, 999_999) for _ in range(3)) / 3e6
        return style.delay * (0.5 + drawn)


async def login(terminal: Terminal, session: Session, door: Door, style: Style) -> str:
    """Ask until somebody is let in; gives the user, or an empty text for who is not."""
    admitted: list[str] = []
    pipe = Pipe()

    async def ask() -> int:
        admitted.append(await _ask(terminal, session, door, style, Reader(pipe)))
        return 0

    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await terminal.run(ask(), pipe)
    except TimeoutError:
        await terminal.write(style.timed_out.encode())
        return ""
    return admitted[0] if admitted else ""


async def _ask(terminal: Terminal, session: Session, door: Door, style: Style, keyboard: Reader) -> str:
    prompt = Template(style.prompt).safe_substitute(host=door.hostname).encode()
    failures = blanks = 0
    while failures < style.tries and blanks < 10:
        await terminal.write(prompt)
        name = await _line(keyboard)
        if name is None:
            return ""
        if not name.strip():
            blanks += 1
            continue
        terminal.echo(False)
        await terminal.write(style.password.encode())
        password = await _line(keyboard)
        terminal.echo(True)
        if password is None:
            return ""
        name = name.strip()[:NAME_LIMIT]
        accepted = door.accepts(name, password)
        session.emit(
            EventType.AUTH,
            principal=name,
            secret=password,
            secret_kind="plaintext",  # noqa: S106 (a kind)
            method="login",
            outcome="accepted" if accepted else "refused",
        )
        if accepted:
            await asyncio.sleep(door.check_seconds())
            return name
        failures += 1
        await asyncio.sleep(door.refusal_seconds(style))
        await terminal.write(style.incorrect.encode())
    if failures >= style.tries:
        await terminal.write(style.exceeded.encode())
    return ""


async def _line(keyboard: Reader) -> str | None:
    """A line without its end; None at the end of input."""
    line = await keyboard.until()
    return line.rstrip(b"\n").decode("utf-8", "surrogateescape") if line.endswith(b"\n") else None

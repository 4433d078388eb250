"""``device = printer``: the configuration by telnet of a print server of the HP JetDirect kind."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from typing import Any

from decnet.events import EventType
from decnet.services.service import Setting
from decnet.services.telnet.ios.keys import Keys
from decnet.services.telnet.ios.router import tell_login
from decnet.services.telnet.ios.screens import sections
from decnet.services.telnet.line import Line
from decnet.services.telnet.login import Door
from decnet.services.telnet.openings import DAEMONS

TRIES = 3
IDLE_SECONDS = 120.0
REFUSAL_SECONDS = 1.5
VALUE_LIMIT = 64
PLACE = re.compile(r"<([a-z/-]+) ([^<>]*)>")
SWITCHES = ("dhcp-config", "ipx/spx", "dlc/llc", "ethertalk", "banner")


class Printer:
    """A print server behind telnet; what is set stays set."""

    def __init__(self, setting: Setting, door: Door) -> None:
        self.daemon = DAEMONS["printer"]
        self._screens = sections(setting.files["screens"])
        self._door = door
        self._issue: str = setting.persona.issue
        self._values: dict[str, str] = {}
        self._known = {name for name, _ in PLACE.findall(self._screens["settings"])} - {"passwd"}

    async def serve(self, line: Line) -> None:
        """Let somebody in and do what they say."""
        keys = Keys(line)
        first = self._screens["locked" if self._door.users else "open"]
        text = f"{self._issue}\n" if self._issue else ""
        await self.daemon.open(line, f"\x07{text}{first}".encode())
        try:
            user = await self._login(line, keys) if self._door.users else "-"
            line.tell()
            if user:
                self._show(line, "greeting")
                await self._converse(line, keys, user)
        except TimeoutError:
            self._show(line, "bye")

    async def _login(self, line: Line, keys: Keys) -> str:
        for _ in range(TRIES):
            line.send(b"Enter username: ")
            name = await _soon(keys.plain())
            line.send(b"Enter password: ")
            password = await _soon(keys.secret())
            accepted = self._door.accepts(name, password)
            tell_login(line, name, password, "login", accepted=accepted)
            if accepted:
                return name
            await asyncio.sleep(REFUSAL_SECONDS)
            self._show(line, "refused")
        return ""

    async def _converse(self, line: Line, keys: Keys, user: str) -> None:
        while True:
            line.send(b"> ")
            text = (await _soon(keys.plain())).strip()
            if not text:
                continue
            line.session.emit(EventType.COMMAND, command=text, user=user)
            word = text.lower()
            if word in ("exit", "quit", "save"):
                self._show(line, "bye")
                return
            if word == "menu":
                await self._menu(line, keys, user)
            elif word in ("?", "help"):
                self._show(line, "help")
            elif word == "/":
                self._show(line, "settings")
            elif not self._set(text):
                self._show(line, "unknown")

    async def _menu(self, line: Line, keys: Keys, user: str) -> None:
        while True:
            self._show(line, "menu")
            choice = (await _soon(keys.plain())).strip()
            line.session.emit(EventType.COMMAND, command=f"menu {choice}", user=user)
            if choice in ("", "0"):
                return
            self._show(line, "help" if choice == "4" else f"menu{choice}")

    def _set(self, text: str) -> bool:
        """``name: value`` or ``name value``."""
        name, _, value = text.replace(":", " ", 1).partition(" ")
        name, value = name.lower(), value.strip()[:VALUE_LIMIT]
        if name == "passwd":
            return True
        if name not in self._known or not value or "<" in value:
            return False
        if name in SWITCHES:
            value = {"0": "Disabled", "1": "Enabled"}.get(value, value)
        self._values[name] = value
        return True

    def _show(self, line: Line, name: str) -> None:
        text = self._screens.get(name, self._screens["unknown"])
        text = PLACE.sub(lambda place: self._values.get(place[1], place[2]), text)
        line.send(text.replace("\n", "\r\n").encode("utf-8", "replace"))


async def _soon(reading: Coroutine[Any, Any, str]) -> str:
    """What is typed within the idle time. Raises `TimeoutError`."""
    return await asyncio.wait_for(reading, IDLE_SECONDS)

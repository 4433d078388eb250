"""The server of ``telnet``: one handler per decoy, with the machine, the router or the printer behind it."""

from __future__ import annotations

from typing import Protocol

from decnet.draw import Draw
from decnet.services.service import Handler, Setting
from decnet.services.session import Session
from decnet.services.telnet.ios.router import Router
from decnet.services.telnet.line import Line
from decnet.services.telnet.login import Door
from decnet.services.telnet.machine import Machine
from decnet.services.telnet.openings import Daemon
from decnet.services.telnet.printer import Printer


class Device(Protocol):
    """What a visitor meets."""

    daemon: Daemon

    async def serve(self, line: Line) -> None:
        """Serve one visitor. Raises `EOFError` or `BrokenPipeError` when they go."""


class Server:
    """Serves every telnet connection of a decoy. The device behind it is made when somebody comes: most see no visitor."""

    def __init__(self, setting: Setting, before: Device | None) -> None:
        self._setting = setting
        self._before = before
        self.device: Device | None = None

    async def handle(self, session: Session) -> None:
        """Serve one connection until it ends."""
        if self.device is None:
            self.device, self._before = _device(self._setting, self._before), None
        reader, writer = await session.streams()
        line = Line(session, reader, writer, self.device.daemon.dialect)
        try:
            await self.device.serve(line)
        except (EOFError, BrokenPipeError, TimeoutError):
            pass  # the visitor has gone, or has long said nothing
        finally:
            await line.close()


def create(setting: Setting, previous: Handler | None = None) -> Server:
    """The handler of one decoy's telnet; its machine goes on where nothing of it changed."""
    return Server(setting, previous.device if isinstance(previous, Server) else None)


def _device(setting: Setting, before: Device | None) -> Device:
    facts, persona = setting.facts, setting.persona
    door = Door(facts.hostname, persona.users, Draw(setting.seed, "telnet", "delays"), setting.seed)
    match persona.device:
        case "cisco":
            return Router(setting, door)
        case "printer":
            return Printer(setting, door)
    return Machine(setting, door, before if isinstance(before, Machine) else None)

"""The router: who may log in, and one visitor's session at its prompt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from decnet.events import EventType
from decnet.services.service import Setting
from decnet.services.telnet.ios import grammar
from decnet.services.telnet.ios.keys import BREAK, END, HELP, TAB, Keys, Typed
from decnet.services.telnet.ios.screens import View, sections, shown
from decnet.services.telnet.line import Line
from decnet.services.telnet.login import Door
from decnet.services.telnet.openings import DAEMONS

TRIES = 3
LOGIN_SECONDS = 30.0
"""``timeout login response``."""
IDLE_SECONDS = 600.0
"""``exec-timeout 10 0`` of a vty."""
REFUSAL_SECONDS = 2.0
VTYS = 5
FIRST_VTY = 388
"""What the first vty of a 2900 is called beside its own number."""
CHANGES_LIMIT = 100
MORE = b" --More-- "
GLOBAL = ("keep", "hostname", "drop")
"""What leads out of the configuration of an interface, a line or a router."""


class Router:
    """A router behind telnet."""

    def __init__(self, setting: Setting, door: Door) -> None:
        self.daemon = DAEMONS["cisco"]
        self.facts = setting.facts
        self.screens = sections(setting.files["screens"])
        self.door = door
        self.enable: str = setting.persona.enable
        self.vtys: set[int] = set()
        self._issue = setting.files["issue"]

    async def serve(self, line: Line) -> None:
        """Let somebody in and do what they say; five at a time, as there are five vtys."""
        vty = next((number for number in range(VTYS) if number not in self.vtys), None)
        if vty is None:
            return
        self.vtys.add(vty)
        try:
            await self.daemon.open(line, self._issue)
            keys = Keys(line)
            user = await self._login(line, keys)
            line.tell()
            if user:
                await Visit(self, line, keys, user, vty).converse()
        finally:
            self.vtys.discard(vty)

    async def _login(self, line: Line, keys: Keys) -> str:
        for _ in range(TRIES):
            line.send(b"Username: ")
            try:
                name = await asyncio.wait_for(keys.plain(), LOGIN_SECONDS)
                line.send(b"Password: ")
                password = await asyncio.wait_for(keys.secret(), LOGIN_SECONDS)
            except TimeoutError:
                line.send(b"\r\n% Username:  timeout expired!\r\n")
                return ""
            accepted = self.door.accepts(name, password)
            tell_login(line, name, password, "login", accepted=accepted)
            if accepted:
                return name
            await asyncio.sleep(REFUSAL_SECONDS)
            line.send(b"% Login invalid\r\n\r\n")
        return ""


def tell_login(line: Line, name: str, password: str, method: str, *, accepted: bool) -> None:
    """A password that was tried."""
    line.session.emit(
        EventType.AUTH,
        principal=name,
        secret=password,
        secret_kind="plaintext",  # noqa: S106 (a kind)
        method=method,
        outcome="accepted" if accepted else "refused",
    )


class Visit:
    """One visitor at the prompt."""

    def __init__(self, router: Router, line: Line, keys: Keys, user: str, vty: int) -> None:
        self._router = router
        self._line = line
        self._keys = keys
        self._user = user
        self._mode = "user"
        self._privileged = False
        self._length: int | None = None
        self._over = False
        source, number = line.session.peer[0], f"{FIRST_VTY + vty} vty {vty}"
        self._view = View(router.facts.hostname, user, source, number.ljust(10), [])

    async def converse(self) -> None:
        """Prompt, read, do, until the visitor leaves or is idle for ten minutes."""
        left = ""
        while not self._over:
            try:
                typed = await asyncio.wait_for(self._keys.command(self._prompt(), left), IDLE_SECONDS)
            except TimeoutError:
                return
            left = await self._typed(typed)

    async def _typed(self, typed: Typed) -> str:
        """Act on a line or a key; gives what stands after the next prompt."""
        text = typed.text
        if typed.key == HELP:
            await self._help(text)
            return text
        if typed.key == TAB:
            return self._completed(text)
        if typed.key in (END, BREAK):
            if self._configuring:
                await self._do_end()
            return ""
        if text.strip():
            self._keys.note(text)
            self._line.session.emit(
                EventType.COMMAND,
                command=text,
                user=self._user,
                mode=self._mode_name,
                privileged=self._privileged,
            )
            await self.run(text)
        return ""

    async def run(self, text: str) -> None:
        """Do what a line says, or say what is wrong with it."""
        if text.lstrip().startswith("!"):
            return
        found = grammar.resolve(self._tree, text)
        if isinstance(found, grammar.Found):
            action, *words = found.action.split()
            if action in GLOBAL and self._configuring:
                self._mode = "config"
            do: Callable[..., Awaitable[None]] = getattr(self, f"_do_{action}")  # named in ios.commands
            await do(*words, *found.arguments)
            return
        if found.kind == "ambiguous":
            await self._say(f'% Ambiguous command:  "{text.strip()}"\n')
        elif found.kind == "incomplete" and found.words in ("show", "show ip"):
            await self._say(f'% Type "{found.words} ?" for a list of subcommands\n')
        elif found.kind == "incomplete":
            await self._say("% Incomplete command.\n\n")
        else:
            pad = " " * (len(self._prompt()) + found.column)
            await self._say(f"{pad}^\n% Invalid input detected at '^' marker.\n\n")

    # The prompt and what is known at it

    @property
    def _configuring(self) -> bool:
        return self._mode != "user"

    @property
    def _mode_name(self) -> str:
        return self._mode if self._configuring else "exec"

    @property
    def _tree(self) -> grammar.Node:
        if self._configuring:
            return grammar.tree("config", self._mode)
        return grammar.tree("user", "priv") if self._privileged else grammar.tree("user")

    def _prompt(self) -> str:
        mode = f"({self._mode})" if self._configuring else ""
        return f"{self._view.hostname[:20]}{mode}{'#' if self._privileged else '>'}"

    async def _say(self, text: str) -> None:
        """Print, with a halt after each screenful."""
        rows = self._length if self._length is not None else self._line.size[1]
        for number, row in enumerate(text.splitlines(), 1):
            await self._line.writable()
            self._line.send(row.encode("utf-8", "replace") + b"\r\n")
            if rows > 1 and number % (rows - 1) == 0 and number < text.count("\n"):
                self._line.send(MORE)
                key = await asyncio.wait_for(self._keys.key(), IDLE_SECONDS)
                width = len(MORE)
                self._line.send(b"\b" * (width - 1) + b" " * (width - 2) + b"\b" * (width - 1))
                if key in (b"\r", b"\n"):
                    rows = number + 2
                elif key != b" ":
                    self._line.send(b"\r\n")
                    return

    async def _help(self, text: str) -> None:
        node, start = grammar.below(self._tree, text)
        options = grammar.listed(node, start) if node else {}
        if not options:
            await self._say("% Unrecognized command\n")
        elif start:
            await self._say("  ".join(options) + "\n\n")
        else:
            head = (
                {"user": "Exec commands:\n"}.get(self._mode, "Configure commands:\n")
                if not text.strip()
                else ""
            )
            width = max(map(len, options))
            rows = "".join(f"  {name:<{width}}  {words}".rstrip() + "\n" for name, words in options.items())
            await self._say(f"{head}{rows}\n")

    def _completed(self, text: str) -> str:
        node, start = grammar.below(self._tree, text)
        options = grammar.matching(node, start) if node and start else []
        return text[: len(text) - len(start)] + options[0] + " " if len(options) == 1 else text

    # Actions

    async def _do_none(self, *_: str) -> None:
        """A command that says nothing."""

    async def _do_exit(self) -> None:
        self._over = True

    async def _do_enable(self) -> None:
        for _ in range(TRIES):
            self._line.send(b"Password: ")
            password = await asyncio.wait_for(self._keys.secret(), LOGIN_SECONDS)
            accepted = password == self._router.enable
            tell_login(self._line, "enable", password, "enable", accepted=accepted)
            if accepted:
                self._privileged = True
                return
        await self._say("% Bad secrets\n\n")

    async def _do_disable(self) -> None:
        self._privileged = False

    async def _do_configure(self) -> None:
        self._mode = "config"
        await self._say("Enter configuration commands, one per line.  End with CNTL/Z.\n")

    async def _do_end(self) -> None:
        self._mode = "user"

    async def _do_up(self) -> None:
        self._mode = "user" if self._mode == "config" else "config"

    async def _do_enter(self, mode: str, rest: str) -> None:
        self._mode = mode
        if mode == "config-router":
            await self._do_keep(rest)

    async def _do_do(self, rest: str) -> None:
        mode, self._mode = self._mode, "user"
        await self.run(rest)
        if not self._configuring:
            self._mode = mode

    async def _do_screen(self, name: str, *_: str) -> None:
        await self._say(shown(self._router.screens, name, self._router.facts, self._view))

    async def _do_interface(self, name: str) -> None:
        """One interface of ``show interfaces``."""
        all_ = shown(self._router.screens, "interfaces", self._router.facts, self._view)
        number = name.rpartition("/")[2]
        blocks = [f"GigabitEthernet{block}" for block in all_.split("GigabitEthernet")[1:]]
        wanted = [block for block in blocks if block.startswith(f"GigabitEthernet0/{number} ")]
        if name.lower().startswith("gi") and wanted:
            await self._say(wanted[0])
        else:
            await self._say("% Invalid input detected at '^' marker.\n\n")

    async def _do_history(self) -> None:
        await self._say("".join(f"  {line}\n" for line in self._keys.history))

    async def _do_privilege(self) -> None:
        await self._say(f"Current privilege level is {15 if self._privileged else 1}\n")

    async def _do_length(self, rows: str) -> None:
        if rows.isascii() and rows.isdigit() and len(rows) < 4:
            self._length = int(rows)
        else:
            await self._say("% Invalid input detected at '^' marker.\n\n")

    async def _do_ping(self, target: str) -> None:
        if not _is_address(target):
            await self._unknown_host(target)
            return
        await self._say(
            "Type escape sequence to abort.\n"
            f"Sending 5, 100-byte ICMP Echos to {target}, timeout is 2 seconds:\n"
        )
        own = target == self._router.facts.ip
        for _ in range(5):
            await asyncio.sleep(0.002 if own else 2)
            self._line.send(b"!" if own else b".")
        rate = "100 percent (5/5), round-trip min/avg/max = 1/1/4 ms" if own else "0 percent (0/5)"
        await self._say(f"\nSuccess rate is {rate}\n")

    async def _do_traceroute(self, target: str) -> None:
        if not _is_address(target):
            await self._unknown_host(target)
            return
        await self._say(
            f"Type escape sequence to abort.\nTracing the route to {target}\n"
            "VRF info: (vrf in name/id, vrf out name/id)\n"
        )
        for hop in range(1, 5):
            await asyncio.sleep(3)
            self._line.send(f"  {hop}  *  *  *\r\n".encode())

    async def _do_connect(self, target: str) -> None:
        """A connection elsewhere: told, and never made."""
        host = target.rsplit(maxsplit=1)[-1]
        self._line.session.emit(EventType.REQUEST, operation="connect", target=target)
        if _is_address(host):
            await self._say(f"Trying {host} ...\n")
            await asyncio.sleep(5)
            await self._say("% Connection timed out; remote host not responding\n\n")
        else:
            await self._unknown_host(host)

    async def _unknown_host(self, name: str) -> None:
        await self._say(f'Translating "{name}"\n% Unrecognized host or address, or protocol not running.\n\n')

    async def _do_write(self) -> None:
        await self._say("Building configuration...\n")
        await asyncio.sleep(1)
        await self._say("[OK]\n")

    async def _do_transfer(self, target: str) -> None:
        """A file from or to elsewhere: told, and never fetched."""
        self._line.session.emit(EventType.REQUEST, operation="copy", target=target)
        self._line.send(b"Address or name of remote host []? ")
        host = await asyncio.wait_for(self._keys.plain(), IDLE_SECONDS)
        self._line.send(b"Source filename []? ")
        name = await asyncio.wait_for(self._keys.plain(), IDLE_SECONDS)
        self._line.session.emit(EventType.REQUEST, operation="copy", target=f"{target} {host} {name}")
        await asyncio.sleep(3)
        await self._say(f"%Error opening {target.split(maxsplit=1)[0]}//{host}/{name} (Timed out)\n")

    async def _do_reload(self, *_: str) -> None:
        self._line.send(b"Proceed with reload? [confirm]")
        key = await asyncio.wait_for(self._keys.key(), IDLE_SECONDS)
        self._line.send(b"\r\n")
        self._over = key in (b"\r", b"\n", b"y", b"Y")

    async def _do_hostname(self, name: str) -> None:
        self._view.hostname = name[:63]

    async def _do_keep(self, _: str) -> None:
        """A line of the configuration; ``show running-config`` has it from then on."""
        line = self._keys.history[-1].strip() if self._keys.history else ""
        if line and line not in self._view.changed and len(self._view.changed) < CHANGES_LIMIT:
            self._view.changed.append(line)

    async def _do_drop(self, rest: str) -> None:
        self._view.changed[:] = [line for line in self._view.changed if not line.startswith(rest)]


def _is_address(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(
        part.isascii() and part.isdigit() and int(part[:4]) < 256 for part in parts
    )

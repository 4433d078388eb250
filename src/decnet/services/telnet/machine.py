"""``device = linux`` and ``busybox``: login, then the shell that ssh has too, on the same machine."""

from __future__ import annotations

import re
import time
from dataclasses import replace

from decnet.services.service import Setting
from decnet.services.shell import console
from decnet.services.shell.premises import Entry, Premises, premises
from decnet.services.shell.session import Shell
from decnet.services.shell.terminal import Terminal
from decnet.services.telnet.line import Line
from decnet.services.telnet.login import Door, login, styles
from decnet.services.telnet.openings import DAEMONS

ESCAPE = re.compile(rb"%([a-zA-Z%])")
DAEMON_NAMES = {"busybox": "telnetd -F", "netkit": "in.telnetd", "inetutils": "/usr/sbin/telnetd"}
"""What ps(1) shows of a daemon that serves somebody."""


class Machine:
    """A Linux behind telnet."""

    def __init__(self, setting: Setting, door: Door, previous: Machine | None) -> None:
        telnetd, program, kernel = setting.files["programs"].decode().split()
        busybox = setting.persona.device == "busybox"
        facts = replace(setting.facts, distro="alpine") if busybox else setting.facts
        self._setting = setting
        self._door = door
        self._telnetd = telnetd
        self._style = styles()[program]
        self._issue = setting.files["issue"]
        kept = previous if previous is not None and previous.same(setting) else None
        self.premises: Premises = (
            kept.premises if kept else premises("telnet", setting.files, facts, setting.persona.users, kernel)
        )
        self.daemon = DAEMONS[telnetd]

    def same(self, setting: Setting) -> bool:
        """Whether the machine goes on under another setting: what an attacker left there stays."""

        def essence(one: Setting) -> tuple[object, ...]:
            files = {path: data for path, data in one.files.items() if path not in ("issue", "programs")}
            return files, one.seed, one.facts, one.persona.users, one.persona.device

        return essence(self._setting) == essence(setting)

    async def serve(self, line: Line) -> None:
        """Negotiate, let somebody in, and give them a shell."""
        machine = self.premises.machine
        tty = machine.free_terminal()
        await self.daemon.open(line, self._shown(tty))
        line.tell()
        terminal = Terminal(line)
        user = await login(terminal, line.session, self._door, self._style)
        if user:
            await self._shell(line, terminal, user)

    async def _shell(self, line: Line, terminal: Terminal, user: str) -> None:
        premises, session = self.premises, line.session
        motd = premises.motd(user)
        last = premises.last_login(user, pam=True)
        premises.lastlog[user] = Entry(time.time(), session.peer[0])
        kind = line.client.terminal or ("vt102" if self._telnetd == "busybox" else "network")
        shell = Shell(
            premises.machine,
            user,
            env={"TERM": kind},
            interactive=True,
            tty=True,
            size=line.size,
            record=lambda capture: console.tell_capture(session, user, capture),
            echo=terminal.echo,
            source=session.peer[0],
            daemon=DAEMON_NAMES[self._telnetd],
        )
        line.resized = lambda columns, rows: setattr(shell, "size", (columns, rows))
        try:
            await terminal.write((motd + last if self._style.motd_first else last + motd).encode())
            await console.converse(line, shell, terminal, session, user, kind=kind)
        finally:
            await shell.close()

    def _shown(self, tty: str) -> bytes:
        """The text before the login, with the escapes of issue.net(5)."""
        facts, system = self._setting.facts, self.premises.machine.system
        fqdn = f"{facts.hostname}.{facts.domain}" if facts.domain else facts.hostname
        words = {
            b"t": tty,
            b"h": facts.hostname if self._telnetd == "busybox" else fqdn,
            b"D": facts.domain,
            b"s": "Linux",
            b"r": system.kernel,
            b"v": system.build,
            b"m": system.arch,
            b"d": time.strftime("%H:%M on %A, %d %B %Y"),
            b"%": "%",
        }
        return ESCAPE.sub(lambda match: words.get(match[1], "").encode(), self._issue)

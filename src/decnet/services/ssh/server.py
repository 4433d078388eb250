"""The server of ``ssh``: one handler per decoy, with its machine, its host keys and its door."""

from __future__ import annotations

import asyncio

import asyncssh
from asyncssh.connection import SSHServerConnectionOptions
from asyncssh.constants import OPEN_CONNECT_FAILED

from decnet.draw import Draw
from decnet.events import EventType
from decnet.services.service import Handler, Setting
from decnet.services.session import Session
from decnet.services.shell.family import family_of
from decnet.services.shell.machine import Machine
from decnet.services.shell.premises import Premises, premises
from decnet.services.ssh.algorithms import offer
from decnet.services.ssh.channel import Channel, Program, Task
from decnet.services.ssh.connection import Connection
from decnet.services.ssh.hostkeys import HostKeys
from decnet.services.ssh.login import Door, Login
from decnet.services.ssh.programs import program_for
from decnet.services.turns import Turns

LOGIN_GRACE_SECONDS = 120
"""LoginGraceTime of sshd_config(5)."""
MAX_SESSIONS = 10
"""MaxSessions of sshd_config(5): session channels open at once in one connection."""
KEY_FILE_LIMIT = 64 * 1024


class Server:
    """Serves every ssh connection of a decoy."""

    def __init__(self, setting: Setting, previous: Server | None = None) -> None:
        persona = setting.persona
        self._setting = setting
        self._family = _family(setting)
        self._offer = offer(persona.ssh_version, self._family)
        kept = previous if previous is not None and previous.same_machine(setting) else None
        self.keys: HostKeys = kept.keys if kept else HostKeys(setting.seed)
        self.premises: Premises = (
            kept.premises
            if kept
            else premises("ssh", setting.files, setting.facts, persona.users, persona.kernel_version)
        )
        self.machine: Machine = self.premises.machine
        self._door = Door(
            passwords={user.name: user.password for user in persona.users},
            methods=tuple(str(method) for method in persona.auth),
            banner=persona.banner.replace("\n", "\r\n") + "\r\n" if persona.banner else "",
            pam=self._family != "alpine",
            seed=setting.seed,
            keys=self._authorized_keys,
            delays=Draw(setting.seed, "ssh", "delays"),
        )
        self._options = self._make_options()
        self._turns = Turns()

    def same_machine(self, setting: Setting) -> bool:
        """Whether the machine of this server can go on under another setting: what an attacker left there stays."""
        mine, other = self._setting, setting
        return (mine.files, mine.seed, mine.facts, mine.persona.users, mine.persona.kernel_version) == (
            other.files,
            other.seed,
            other.facts,
            other.persona.users,
            other.persona.kernel_version,
        )

    async def handle(self, session: Session) -> None:
        """Serve one connection until it ends."""
        self.keys.begin()
        loop = asyncio.get_running_loop()
        login = Login(self._door)
        connection = Connection(loop, self._options, self._offer, session, login, self.keys, self._turns)
        await loop.connect_accepted_socket(lambda: connection, session.socket)
        try:
            await connection.wait_closed()
        finally:
            connection.abort()

    def _make_options(self) -> SSHServerConnectionOptions:
        persona, offered = self._setting.persona, self._offer
        return SSHServerConnectionOptions(
            server_factory=lambda: Visitor(self.premises),
            server_version=str(persona.ssh_version),
            server_host_keys=self.keys.quick,
            kex_algs=_names(offered.kex),
            encryption_algs=_names(offered.ciphers),
            mac_algs=_names(offered.macs),
            compression_algs=_names(offered.compression),
            gss_host=None,
            login_timeout=LOGIN_GRACE_SECONDS,
            keepalive_interval=0,
            rekey_seconds=0,
            agent_forwarding=False,
            encoding=None,
        )

    def _authorized_keys(self, user: str) -> bytes:
        known = self.machine.users().get(user)
        if known is None:
            return b""
        try:
            path = f"{known.home}/.ssh/authorized_keys"
            return self.machine.fs.read(self.machine.credentials(user), path)[:KEY_FILE_LIMIT]
        except OSError:
            return b""


class Visitor(asyncssh.SSHServer):
    """What a client that is in may open: sessions; nothing that would lead elsewhere."""

    _connection: Connection

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._sessions: list[Channel] = []

    def connection_made(self, conn: Connection) -> None:  # type: ignore[override]  # it is ours
        """The connection this is for."""
        self._connection = conn

    def session_requested(self) -> tuple[Channel, Task]:
        """A session channel, up to MaxSessions."""
        self._sessions = [channel for channel in self._sessions if not channel.gone]
        if len(self._sessions) >= MAX_SESSIONS:
            raise asyncssh.ChannelOpenError(OPEN_CONNECT_FAILED, "open failed", "")
        channel = Channel(self._connection, asyncio.get_running_loop())
        self._sessions.append(channel)
        return channel, Task(self._connection, self._choose)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """``ssh -L``, ``ssh -D``: noted, and refused as a closed port would be. Raises `ChannelOpenError`."""
        self._note("direct-tcpip", host=dest_host, port=dest_port, origin=f"{orig_host}:{orig_port}")
        raise asyncssh.ChannelOpenError(OPEN_CONNECT_FAILED, "Connection refused", "")

    def unix_connection_requested(self, dest_path: str) -> bool:
        """A socket of the machine. Raises `ChannelOpenError`."""
        self._note("direct-streamlocal", path=dest_path)
        raise asyncssh.ChannelOpenError(OPEN_CONNECT_FAILED, "open failed", "")

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        """``ssh -R``: noted, and refused."""
        self._note("tcpip-forward", host=listen_host, port=listen_port)
        return False

    def unix_server_requested(self, listen_path: str) -> bool:
        """``ssh -R`` with a path: noted, and refused."""
        self._note("streamlocal-forward", path=listen_path)
        return False

    def _note(self, operation: str, **data: str | int) -> None:
        self._connection.session.emit(EventType.REQUEST, operation=operation, **data)

    def _choose(self, task: Task) -> Program | None:
        return program_for(task, self._premises)


class Waiting:
    """A decoy's ssh until somebody comes: a server with its machine takes 48 KB and 1.3 ms, and most see no visitor."""

    def __init__(self, setting: Setting, before: Server | None) -> None:
        self._setting = setting
        self._before = before
        self.server: Server | None = None

    async def handle(self, session: Session) -> None:
        """Serve one connection until it ends."""
        if self.server is None:
            self.server, self._before = Server(self._setting, self._before), None
        await self.server.handle(session)


def create(setting: Setting, previous: Handler | None = None) -> Waiting:
    """The handler of one decoy's ssh; the machine goes on where nothing of it changed."""
    return Waiting(setting, previous.server if isinstance(previous, Waiting) else None)


def _family(setting: Setting) -> str:
    return family_of(setting.facts.distro).name


def _names(algorithms: tuple[bytes, ...]) -> list[str]:
    return [name.decode() for name in algorithms]

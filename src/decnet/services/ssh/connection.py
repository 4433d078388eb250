"""The transport: asyncssh's server connection, with its own habits replaced by those of OpenSSH's sshd.

What differs was found by talking to sshd 9.2 from Debian: it answers a bad identification line, sends no message of
disconnection for most errors, pads its stream with no ignored packets, and names other extensions. The private methods
overridden here are checked by the tests against the real clients, for each version of the library that is installed.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import time
import traceback
import zlib
from collections import OrderedDict
from collections.abc import Callable
from hashlib import md5
from typing import Any

from asyncssh.compression import Decompressor
from asyncssh.connection import SSHServerConnection, SSHServerConnectionOptions
from asyncssh.constants import (
    MSG_DEBUG,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_UNIMPLEMENTED,
    MSG_USERAUTH_FAILURE,
    MSG_USERAUTH_REQUEST,
)
from asyncssh.packet import Boolean, NameList, PacketDecodeError, SSHPacket, String, UInt32

from decnet.events import EventType
from decnet.services.session import Session
from decnet.services.ssh.algorithms import Offer
from decnet.services.ssh.hostkeys import HostKeys
from decnet.services.ssh.login import Attempt, Login
from decnet.services.turns import Turns

IDENT_LINE_LIMIT = 8192
"""SSH_MAX_BANNER_LEN of kex.c."""
SCANNERS = re.compile(rb"SSH-[0-9.]+-(Probe-.*|.*(?:SSH_Version_Mapper|SSHVersionMapper).*)")
"""Clients that sshd hangs up on without a word (compat.c, SSH_BUG_PROBE and SSH_BUG_SCANNER)."""
IDENT = re.compile(rb"SSH-\s*\+?(\d{1,9})\.\s*\+?(\d{1,9})-(.+)", re.DOTALL)
"""What sscanf(3) takes for ``SSH-%d.%d-%[^\\n]``."""
UNPACKED_LIMIT = 256 * 1024
"""Bytes of one packet after decompression: PACKET_MAX_SIZE of packet.c."""
INPUT_LIMIT = 256 * 1024
"""Bytes that wait while an attempt to log in is being answered; more stay with the client."""
FIELDS = ("kex", "hostkey", "enc_cs", "enc_sc", "mac_cs", "mac_sc", "cmp_cs", "cmp_sc")
"""The first name-lists of a KEXINIT (RFC 4253 section 7.1)."""


_RSA_NEEDED, _RSA_WANTED = 60.0, 2.0
"""Seconds that a client waits for a decoy's RSA key, which is made at its first connection: one that has chosen it, and
one that has just logged in and is told of all keys."""


class Connection(SSHServerConnection):
    """One client's connection. ``login`` is where it stands on its way in."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: SSHServerConnectionOptions,
        offer: Offer,
        session: Session,
        login: Login,
        keys: HostKeys,
        turns: Turns,
    ) -> None:
        super().__init__(loop, options)
        self._keys = keys
        self.turns = turns
        self.session = session
        self.login = login
        self._offer = offer
        self._ident_read = bytearray()
        self._reading_paused = False
        self._drained = asyncio.Event()
        self._drained.set()
        self._described = False
        self._server_host_key_algs = list(offer.host_keys)

    # What is said

    def _get_extra_kex_algs(self) -> list[bytes]:
        return list(self._offer.kex_markers)

    def _send_ext_info(self) -> None:
        self._extensions_to_send.clear()
        self._extensions_to_send.update(self._offer.extensions)
        super()._send_ext_info()

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        """Every packet but the ignored ones that the library puts between others."""
        if pkttype != MSG_IGNORE:
            super().send_packet(pkttype, *args, handler=handler)

    def _send_disconnect(self, code: int, reason: str, lang: str) -> None:
        """Sshd names a reason in few cases only; those are sent by `hang_up`."""

    def hang_up(self, reason: str) -> None:
        """Disconnect with a reason, as ssh_packet_disconnect does (code 2, a protocol error)."""
        self.send_packet(MSG_DISCONNECT, UInt32(2), String(reason), String(""))
        self._force_close(None)

    # The identification line

    def _recv_version(self) -> bool:
        """Read as kex_exchange_identification does: byte by byte, and nothing after what is wrong."""
        for position, byte in enumerate(self._inpbuf):
            after_return = self._ident_read.endswith(b"\r")
            if byte == 0x0A:
                rest = self._inpbuf[position + 1 :]
                return self._identified(bytes(self._ident_read).rstrip(b"\r"), rest)
            if byte == 0 or (after_return and byte != 0x0D):
                return self._refuse_ident(bytes(self._ident_read), unread=position + 1 < len(self._inpbuf))
            self._ident_read.append(byte)
            if len(self._ident_read) > IDENT_LINE_LIMIT:
                return self._refuse_ident(bytes(self._ident_read), unread=position + 1 < len(self._inpbuf))
        self._inpbuf = b""
        return False

    def _identified(self, line: bytes, rest: bytes) -> bool:
        parsed = IDENT.fullmatch(line)
        if not parsed:
            return self._refuse_ident(line, unread=bool(rest))
        if int(parsed[1]) != 2 and (int(parsed[1]), int(parsed[2])) != (1, 99):
            return self._refuse_ident(line, b"Protocol major versions differ.", unread=bool(rest))
        if SCANNERS.fullmatch(line):
            return self._refuse_ident(line, b"", unread=bool(rest))
        self._inpbuf = rest
        self._client_version = line
        self.set_extra_info(client_version=line.decode("ascii", "backslashreplace"))
        self._send_kexinit()
        self._kexinit_sent = True
        self._recv_handler = self._recv_pkthdr
        return True

    def _refuse_ident(
        self, line: bytes, answer: bytes = b"Invalid SSH identification string.", *, unread: bool
    ) -> bool:
        """Say so and close; bytes that sshd would have left in its socket make the close a reset."""
        self._client_version = line
        if answer:
            self._send(answer + b"\r\n")
        if unread and self._transport:
            with contextlib.suppress(OSError):
                self._transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
        self._force_close(None)
        return False

    # Key exchange

    def _drop(self, _pkttype: int, _pktid: int, packet: SSHPacket) -> None:
        """Messages that sshd reads and forgets, whatever is in them."""

    async def _watch_kexinit(self, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        """Note what the client can do (HASSH: md5 of kex, ciphers, MACs and compression, client to server)."""
        names = _name_lists(packet.get_full_payload())
        if names:
            if not self._described:
                lists = ";".join(names[field] for field in ("kex", "enc_cs", "mac_cs", "cmp_cs"))
                digest = md5(lists.encode(), usedforsecurity=False).hexdigest()
                self._describe(hassh=digest, hassh_algorithms=lists, host_key_algorithms=names["hostkey"])
            chosen = next(
                (name for name in names["hostkey"].split(",") if name.encode() in self._offer.host_keys), ""
            )
            await self._load_keys(wait=_RSA_NEEDED if "rsa" in chosen else 0.0)
        await super()._process_kexinit(pkttype, pktid, packet)

    async def _load_keys(self, *, wait: float) -> None:
        """Host keys of this connection's own: the library notes in a key pair which signature was asked for."""
        pairs = await self._keys.pairs(wait=wait)
        self._server_host_keys = OrderedDict(
            (name, pair) for pair in pairs for name in pair.host_key_algorithms
        )
        self._all_server_host_keys = OrderedDict((pair.public_data, pair) for pair in pairs)

    async def send_userauth_success(self) -> None:
        """Let the client in; sshd then tells all of its host keys."""
        await self._load_keys(wait=_RSA_WANTED)
        await super().send_userauth_success()

    def _describe(self, **data: str) -> None:
        self._described = True
        self.session.emit(EventType.FINGERPRINT, client_banner=self._client_version, **data)

    def send_newkeys(self, k: bytes, h: bytes) -> None:
        """Switch to the new keys; what is decompressed from then on is bounded."""
        super().send_newkeys(k, h)
        if self._next_decompressor:
            self._next_decompressor = _Bounded()

    # Authentication

    async def _take_userauth_request(self, _pkttype: int, _pktid: int, packet: SSHPacket) -> None:
        """One request after the other, as sshd does: what comes meanwhile waits."""
        user, service, method = packet.get_string(), packet.get_string(), packet.get_string()
        if self._auth_complete:
            return
        name = user.decode("utf-8", "surrogateescape")
        if self.login.user is None:
            self.login.user = self._username = name
            if self.login.banner:
                self.send_auth_banner(self.login.banner, "")
        elif name != self.login.user or service != b"ssh-connection":
            self.hang_up(
                f"Change of username or service not allowed: ({self.login.user},ssh-connection) -> "
                f"({name},{service.decode('utf-8', 'replace')})"
            )
            return
        if self._auth is not None:
            self._auth.cancel()
        attempt = Attempt(self, method.decode("ascii", "replace"))
        self._auth = attempt
        await attempt.begin(packet)

    def refuse(self, *, counts: bool) -> None:
        """Tell the client that this did not let it in, or that it has tried too often (MaxAuthTries 6)."""
        self._auth = None
        self.login.failures += counts
        if self.login.failures >= self.login.tries:
            self.hang_up("Too many authentication failures")
            return
        methods = [method.encode() for method in self.login.methods]
        self.send_packet(MSG_USERAUTH_FAILURE, NameList(methods), Boolean(False))

    @property
    def session_id(self) -> bytes:
        """The exchange hash of the first key exchange, which signatures cover (RFC 4252 section 7)."""
        return self._session_id

    @property
    def alive(self) -> bool:
        """Whether the client is still there."""
        return self._transport is not None

    async def reload_config(self) -> None:
        """Options never depend on the user here."""

    # Requests outside of channels

    def _process_cancel_tcpip_forward_global_request(self, packet: SSHPacket) -> None:
        del packet  # nothing is ever forwarded, so nothing can be cancelled
        self._report_global_response(False)

    def _process_cancel_streamlocal_forward_at_openssh_dot_com_global_request(
        self, packet: SSHPacket
    ) -> None:
        del packet
        self._report_global_response(False)

    def _process_hostkeys_prove_00_at_openssh_dot_com_global_request(self, packet: SSHPacket) -> None:
        """Prove the other host keys; an RSA key signs with SHA-512 as sshd has it, not with the library's SHA-1."""
        for pair in self._all_server_host_keys.values():
            if pair.algorithm == b"ssh-rsa":
                pair.set_sig_algorithm(b"rsa-sha2-512")
        super()._process_hostkeys_prove_00_at_openssh_dot_com_global_request(packet)

    # Flow: neither input nor output may pile up

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        """Take bytes from the socket; too many at once have to wait there."""
        started = time.perf_counter()
        super().data_received(data, datatype)
        self.session.spent(time.perf_counter() - started)
        self._steer()

    def _finish_recv_packet(
        self, pkttype: int, seq: int, _task: asyncio.Task[None] | None = None, is_async: bool = False
    ) -> None:
        super()._finish_recv_packet(pkttype, seq, _task, is_async)
        self._steer()

    def pause_writing(self) -> None:
        """The client does not read: hold our output, and read nothing that would make more."""
        self._drained.clear()
        self._steer()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._drained.set()
        self._steer()

    def _steer(self) -> None:
        full = len(self._inpbuf) > INPUT_LIMIT or not self._drained.is_set()
        if self._transport is None or full == self._reading_paused or self._transport.is_closing():
            return
        self._reading_paused = full
        if full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def report(self, error: Exception) -> None:
        """An error in what serves a channel: that channel ends, and the log says where it was."""
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
        self.session.emit(EventType.ERROR, error=type(error).__name__, text=str(error), where=where)

    async def drained(self) -> None:
        """Wait until the client takes output again. Raises `BrokenPipeError` when it never will."""
        while self._transport is not None and not self._kex_complete:  # noqa: ASYNC110 (the library has no event for it)
            await asyncio.sleep(0.02)
        await self._drained.wait()
        if self._transport is None:
            raise BrokenPipeError

    def _force_close(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self.session.count(self._transport.get_extra_info("socket"))
        if self._client_version and not self._described:
            self._describe()
        self._drained.set()
        super()._force_close(exc)

    _packet_handlers: dict[int, Callable[..., Any]] = {  # noqa: RUF012 (the library's own form)
        **SSHServerConnection._packet_handlers,  # noqa: SLF001 (a table of the class itself)
        MSG_IGNORE: _drop,
        MSG_DEBUG: _drop,
        MSG_UNIMPLEMENTED: _drop,
        MSG_KEXINIT: _watch_kexinit,
        MSG_USERAUTH_REQUEST: _take_userauth_request,
    }


class _Bounded(Decompressor):
    """Zlib decompression that refuses a packet which grows past what sshd takes."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj()

    def decompress(self, data: bytes) -> bytes | None:
        """The bytes, or None when they are no zlib stream or too many."""
        try:
            found = self._inflate.decompress(data, UNPACKED_LIMIT)
        except zlib.error:
            return None
        return None if self._inflate.unconsumed_tail else found


def _name_lists(payload: bytes) -> dict[str, str] | None:
    packet = SSHPacket(payload)
    try:
        packet.get_bytes(17)
        return {field: packet.get_string().decode("ascii", "backslashreplace") for field in FIELDS}
    except PacketDecodeError:
        return None

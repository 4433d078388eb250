"""The server's answer in a key exchange, which takes milliseconds, in pieces and one visitor at a time.

Asking for it costs a visitor next to nothing: a flood of connections that each ask would have the process to itself.
The library answers in one go; its classes (kex_dh.py) are registered anew here with the same steps in the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from asyncssh.kex import Kex, _kex_handlers
from asyncssh.kex_dh import _KexDHBase, _KexHybridECDH
from asyncssh.misc import ProtocolError
from asyncssh.packet import SSHPacket

from decnet.services.ssh.sntrup import Sntrup761
from decnet.services.turns import Work

if TYPE_CHECKING:
    from decnet.services.ssh.connection import Connection


def register() -> None:
    """Have all that the library can do answered in pieces."""
    for name, (handler, digest, arguments) in _kex_handlers.items():
        if issubclass(handler, _KexDHBase) and not issubclass(handler, InPieces):
            _kex_handlers[name] = (_in_pieces(handler), digest, arguments)


class InPieces(_KexDHBase):
    """A key exchange that a server answers in pieces."""

    async def answer(self, _pkttype: int, _pktid: int, packet: SSHPacket) -> None:
        """As `_process_init` and `_perform_reply`. Raises `ProtocolError`."""
        if self._conn.is_client():
            raise ProtocolError("Unexpected kex init msg")
        connection = cast("Connection", self._conn)
        self._parse_client_key(packet)
        packet.check_end()
        host_key: Any = connection.get_server_host_key()
        async with connection.turns.take() as work:
            if not connection.alive:
                return
            secret = await self._secret(work)
            await work.rest()
            digest = self._compute_hash(host_key.public_data, secret)
            signature = host_key.sign(digest)
            await work.rest()
            if connection.alive:
                self._send_reply(host_key.public_data, signature)
                connection.send_newkeys(secret, digest)

    async def _secret(self, work: Work) -> bytes:
        if isinstance(self, _KexHybridECDH) and isinstance(self._pq, Sntrup761):
            try:
                await self._pq.prepare(self._client_pub[: Sntrup761.pubkey_bytes], work.rest)
            except ValueError:
                raise ProtocolError("Invalid PQ client public key") from None
        return self._compute_server_shared()


def _in_pieces(handler: type[_KexDHBase]) -> type[Kex]:
    process = _KexDHBase._process_init  # noqa: SLF001 (a table of the class itself)
    handlers = {
        number: InPieces.answer if usual is process else usual
        for number, usual in handler._packet_handlers.items()  # noqa: SLF001
    }
    return type(handler.__name__, (InPieces, handler), {"_packet_handlers": handlers})

"""Carriers to a syslog server: UDP (RFC 5426), TCP with octet counting (RFC 6587), TLS (RFC 5425).

Syslog has no acknowledgements. What stands in for them over TCP is the kernel's: a message has arrived when the peer's
kernel has acknowledged its last byte (tcp(7), TCP_INFO; SIOCOUTQ).
"""

from __future__ import annotations

import fcntl
import os
import socket
import ssl
import struct
import termios
import threading
import time
from collections.abc import Sequence

from decnet.events.formats import Document, Fleet, document
from decnet.events.reader import decode
from decnet.events.sinks.carrier import MOST_EVENTS, Stopped
from decnet.events.sinks.setting import Format, SyslogSetting, Transport
from decnet.events.sinks.tls import client_context
from decnet.events.syslog import HEAD_SIZE, Form, message

CONNECT_SECONDS = 10.0
_TURN_SECONDS = 0.5
"""How long one call may block before the thread looks whether it should stop."""
_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)
"""A peer that has gone without a word is noticed within a minute when idle, 20 s after something was sent (tcp(7))."""
_BYTES_ACKED = struct.Struct("=120xQ")
"""struct tcp_info of linux/tcp.h: tcpi_bytes_acked at 120 (Linux 4.1)."""
_INT = struct.Struct("=i")
_DATAGRAMS_A_SECOND = 5000
"""More at once overflows a receiver's buffer of the usual 208 KB before it has read any."""
_REFUSAL_SECONDS = 0.05
"""How soon a host of the same network says that nobody listens there (ICMP port unreachable)."""


class Datagrams:
    """One message a datagram. Nobody says that it arrived: at best that it did not."""

    settling = 0.0
    most = MOST_EVENTS

    def __init__(self, setting: SyslogSetting, form: Form, stop: threading.Event) -> None:
        self._setting = setting
        self._form = form
        self._stop = stop
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Find the host, bind to a route to it."""
        self._socket = _connected(self._setting, socket.SOCK_DGRAM)

    def encode(self, line: bytes) -> bytes | None:
        """The message itself."""
        event = decode(line)
        return None if event is None else message(event, self._form)

    def send(self, batch: Sequence[bytes]) -> int:
        """Send at a pace that receivers keep up with."""
        begun, pause = time.monotonic(), 50 / _DATAGRAMS_A_SECOND
        for number, datagram in enumerate(batch, 1):
            _open(self._socket).send(datagram)
            if number % 50 == 0 and self._stop.wait(
                max(0.0, begun + number // 50 * pause - time.monotonic())
            ):
                raise Stopped
        if self._stop.wait(_REFUSAL_SECONDS):
            raise Stopped
        return 0

    def arrived(self, position: int) -> bool:  # noqa: ARG002 (as far as anybody can know)
        """Yes, unless the host said that nobody listens."""
        error = _open(self._socket).getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        return True

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Stream:
    """Octet-counted messages over TCP or TLS. ``settling``: see `decnet.events.sinks.carrier.Carrier`."""

    settling = 2.0
    most = MOST_EVENTS

    def __init__(self, setting: SyslogSetting, form: Form, stop: threading.Event) -> None:
        self._setting = setting
        self._form = form
        self._stop = stop
        self._context = client_context(setting) if setting.transport is Transport.TLS else None
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Connect, with TLS shake hands."""
        connection = _connected(self._setting, socket.SOCK_STREAM)
        try:
            for option in _ALIVE:
                connection.setsockopt(*option)
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_hostname=self._setting.host)
        except BaseException:  # whatever ends this, the socket is closed; raised again
            connection.close()
            raise
        connection.settimeout(_TURN_SECONDS)
        self._socket = connection

    def encode(self, line: bytes) -> bytes | None:
        """The message after its length (RFC 6587 section 3.4.1)."""
        event = decode(line)
        if event is None:
            return None
        framed = message(event, self._form)
        return b"%d %b" % (len(framed), framed)

    def send(self, batch: Sequence[bytes]) -> int:
        """Hand all to the kernel. The position is the stream's, in bytes of TCP."""
        connection, rest = _open(self._socket), memoryview(b"".join(batch))
        while rest:
            try:
                rest = rest[connection.send(rest) :]
            except TimeoutError:
                if self._stop.is_set():
                    raise Stopped from None
        waiting = _unacknowledged(connection)
        return waiting + _acknowledged(connection)

    def arrived(self, position: int) -> bool:
        """Whether the peer's kernel has it. Raises `ConnectionError` when the peer has hung up."""
        connection = _open(self._socket)
        self._look_for_the_end(connection)
        return not _unacknowledged(connection) or _acknowledged(connection) >= position

    def close(self) -> None:
        """Hang up in order, so that the peer reads to the end."""
        if self._socket is None:
            return
        connection, self._socket = self._socket, None
        with connection:
            try:
                connection.settimeout(1.0)
                if isinstance(connection, ssl.SSLSocket):
                    connection = connection.unwrap()
                connection.shutdown(socket.SHUT_WR)
            except (OSError, ValueError):  # it is gone already
                return

    def _look_for_the_end(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            while connection.recv(4096):
                pass  # a syslog server says nothing; what one says is no matter
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        finally:
            connection.settimeout(_TURN_SECONDS)
        raise ConnectionError("the server has closed the connection")


def syslog_carrier(setting: SyslogSetting, fleet: Fleet, stop: threading.Event) -> Datagrams | Stream:
    """The carrier of a setting. Raises `OSError` when its certificates cannot be used."""
    form = Form(
        setting.facility, setting.sd_id, setting.max_size, fleet.hostnames, fleet.own, _text(setting, fleet)
    )
    return (Datagrams if setting.transport is Transport.UDP else Stream)(setting, form, stop)


def _text(setting: SyslogSetting, fleet: Fleet) -> Document | None:
    """What makes the text of a message, where that is the event in another format."""
    if setting.format is Format.NATIVE:
        return None
    return document(setting.format, fleet, setting.max_size - HEAD_SIZE)


def _connected(setting: SyslogSetting, kind: socket.SocketKind) -> socket.socket:
    """A socket connected to the first address of the host that can be; with a timeout."""
    error: OSError = OSError(f"{setting.host} has no address")
    try:
        found = socket.getaddrinfo(setting.host, setting.port, type=kind)
    except UnicodeError:
        raise OSError(f"{setting.host} is no name of a host") from None
    for family, _, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(CONNECT_SECONDS)
            connection.connect(address)
        except OSError as refused:
            connection.close()
            error = refused
        else:
            return connection
    raise error


def _open(connection: socket.socket | None) -> socket.socket:
    if connection is None:
        raise ConnectionError("not connected")
    return connection


def _unacknowledged(connection: socket.socket) -> int:
    """Bytes that the peer's kernel has not acknowledged (SIOCOUTQ, which is TIOCOUTQ)."""
    (count,) = _INT.unpack(fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(_INT.size)))
    return int(count)


def _acknowledged(connection: socket.socket) -> int:
    """Bytes that it has, ever."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
    return int(_BYTES_ACKED.unpack(info)[0]) if len(info) == _BYTES_ACKED.size else 0

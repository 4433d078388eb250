"""A carrier to a server over HTTP: batches of events by POST, signed as https://www.standardwebhooks.com says.

An event counts as delivered when the server has answered 2xx, to the end of the answer. No proxy is used, whatever the
environment says, and no redirect followed: events hold passwords.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import http.client
import select
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from decnet.events.schema import safe_text
from decnet.events.sinks.carrier import MOST_EVENTS, Encode, Later, Stopped
from decnet.events.sinks.setting import Body, WebhookSetting
from decnet.events.sinks.tls import client_context

_TURN_SECONDS = 0.25
"""How long one call may block before the thread looks whether it should stop."""
_LAST_SECONDS = 2.0
"""How long an answer is waited for when the sink is to end."""
_ANSWER_BYTES = 64 * 1024
"""More of an answer than that nobody needs; the connection is given up then."""
_TYPES = {Body.LINES: "application/x-ndjson", Body.ARRAY: "application/json"}
_TOO_LARGE, _TOO_MANY, _UNAVAILABLE = 413, 429, 503
PREFIX = b"whsec_"
"""A secret that begins like this is base64 behind it."""


class Webhook:
    """One connection that is kept, one request at a time."""

    settling = 0.0

    def __init__(self, setting: WebhookSetting, encode: Encode, stop: threading.Event) -> None:
        self.most = min(setting.batch, MOST_EVENTS)
        self._setting = setting
        self._encode = encode
        self._stop = stop
        self._secret = signing_key(setting.secret)
        self._context = client_context(setting) if setting.tls else None
        self._connection: http.client.HTTPConnection | None = None
        self._used = False

    def open(self) -> None:
        """Connect, with TLS shake hands."""
        setting = self._setting
        if self._context is None:
            made = http.client.HTTPConnection(setting.host, setting.port, timeout=setting.timeout)
        else:
            made = http.client.HTTPSConnection(
                setting.host, setting.port, timeout=setting.timeout, context=self._context
            )
        try:
            made.connect()
        except UnicodeError:
            raise OSError(f"{setting.host} is no name of a host") from None
        self._connection, self._used = made, False

    def encode(self, line: bytes) -> bytes | None:
        """The event as JSON."""
        return self._encode(line)

    def send(self, batch: Sequence[bytes]) -> int:
        """One request, or where the server says that it is too large, one for each half."""
        if not batch:
            return 0
        status, answer, wish = self._posted(batch)
        if 200 <= status < 300:
            return 0
        if status == _TOO_LARGE and len(batch) > 1:
            half = self.most = len(batch) // 2
            self.send(batch[:half])
            self.send(batch[half:])
            return 0
        words = f"the server answers {status} {answer}".strip()
        if status == _TOO_LARGE:
            words += f" to one event of {len(batch[0])} bytes: max_size must be less, or its limit more"
        if status in (_TOO_MANY, _UNAVAILABLE) and wish > 0:
            raise Later(words, wish)
        raise OSError(words)

    def arrived(self, position: int) -> bool:  # noqa: ARG002 (what is answered has arrived)
        """Always."""
        return True

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
            self._connection = None

    def _posted(self, batch: Sequence[bytes]) -> tuple[int, str, float]:
        """Status, reason, and for how many seconds the server wants to be left alone.

        A server may hang up a connection that it has kept for a while just when it is used again: that is tried once more.
        """
        if self._connection is None:
            self.open()
        again, body = self._used, _body(batch, self._setting.body)
        try:
            return self._exchanged(body)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            if not again:
                raise
        self.close()
        self.open()
        return self._exchanged(body)

    def _exchanged(self, body: bytes) -> tuple[int, str, float]:
        connection = self._connection
        if connection is None:
            raise ConnectionError("not connected")
        setting = self._setting
        query = f"?{setting.query.decode('ascii')}" if setting.query else ""
        try:
            connection.request("POST", setting.path + query, body, self._headers(body))
            self._wait_for_answer(connection)
            response = connection.getresponse()
            self._used = True
            self._read_to_the_end(response)
        except http.client.RemoteDisconnected:
            raise
        except http.client.IncompleteRead:
            raise ConnectionError("the server hung up in the middle of its answer") from None
        except http.client.HTTPException as error:
            raise ConnectionError(f"the answer is no HTTP ({type(error).__name__})") from None
        return response.status, safe_text(response.reason, 100), _wish(response.getheader("Retry-After", ""))

    def _headers(self, body: bytes) -> Mapping[str, str]:
        headers = {"Content-Type": _TYPES[self._setting.body], "User-Agent": "decnet", "Accept": "*/*"}
        if self._setting.authorization:
            headers["Authorization"] = self._setting.authorization.decode("latin-1")
        if self._secret:
            headers |= signature(self._secret, body, int(time.time()))
        return headers

    def _wait_for_answer(self, connection: http.client.HTTPConnection) -> None:
        begun = time.monotonic()
        poll = select.poll()
        poll.register(connection.sock, select.POLLIN)
        while not poll.poll(int(_TURN_SECONDS * 1000)):
            waited = time.monotonic() - begun
            if self._stop.is_set() and waited > _LAST_SECONDS:
                raise Stopped
            if waited > self._setting.timeout:
                raise TimeoutError

    def _read_to_the_end(self, response: http.client.HTTPResponse) -> None:
        rest, deadline = _ANSWER_BYTES, time.monotonic() + self._setting.timeout
        while rest > 0 and (chunk := response.read(min(rest, 16 * 1024))):
            rest -= len(chunk)
            if time.monotonic() > deadline:
                raise TimeoutError
        if rest > 0 and response.length:
            raise ConnectionError("the server hung up in the middle of its answer")
        if rest <= 0:
            self.close()


def signing_key(secret: bytes) -> bytes:
    """The bytes to sign with. Raises `ValueError` for one that says it is base64 and is not."""
    if not secret.startswith(PREFIX):
        return secret
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("is no base64 behind whsec_") from None


def signature(secret: bytes, body: bytes, now: int) -> dict[str, str]:
    """The three headers; the id is the body's, so that the receiver knows a batch that it is sent again."""
    name = f"msg_{hashlib.sha256(body).hexdigest()[:32]}"
    signed = hmac.digest(secret, b"%b.%d.%b" % (name.encode(), now, body), "sha256")
    return {
        "webhook-id": name,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def _body(batch: Sequence[bytes], form: Body) -> bytes:
    if form is Body.ARRAY:
        return b"[" + b",".join(batch) + b"]"
    return b"\n".join(batch) + b"\n"


def _wish(header: str) -> float:
    """Seconds of Retry-After: a number of them, or a date (RFC 9110 section 10.2.3)."""
    if header.isdecimal() and header.isascii():
        return float(header[:9])
    try:
        date = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return 0.0
    return (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()

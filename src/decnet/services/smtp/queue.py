"""Queue ids, each in the form of the server that makes it, none twice."""

from __future__ import annotations

import itertools
import time

from decnet.draw import Draw
from decnet.services.smtp import Mta

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE60 = _BASE62[:60]


class Queue:
    """The ids of one server. What is drawn is the machine's own; a counter and the clock make each new."""

    def __init__(self, mta: Mta, release: tuple[int, ...], seed: bytes) -> None:
        draw = Draw(seed, "smtp", "queue")
        self._mta = mta
        self._release = release
        self._inode = draw.integer(0x20000, 0x2FFFFF)
        self._process = draw.integer(900, 90_000)
        self._first = draw.integer(10**10, 10**13)
        self._counter = itertools.count()

    def next(self) -> str:
        """The id of the next message."""
        number = next(self._counter)
        now = time.time()
        match self._mta:
            case Mta.POSTFIX:
                return f"{int(now * 1e6) % 1_000_000:05X}{self._inode + number % 512 * 3 % 512:X}"
            case Mta.EXIM:
                return self._exim(now, number)
            case Mta.SENDMAIL:
                return self._sendmail(now, number)
            case _:
                return str(self._first + number)

    def _exim(self, now: float, number: int) -> str:
        """Time, process, fraction (exim's string_base62; wider in 4.97): one process takes one message."""
        process, fraction = self._process + number * 2, int(now * 1e6) % 1_000_000
        if self._release >= (4, 97):
            return f"{_digits(int(now), 6)}-{_digits(process, 11)}-{_digits(fraction, 4)}"
        return f"{_digits(int(now), 6)}-{_digits(process, 6)}-{_digits(fraction // 500, 2)}"

    def _sendmail(self, now: float, number: int) -> str:
        """Year, month, day, hour, minute, second, a place of two digits, the process (sendmail's assign_queueid)."""
        moment = time.gmtime(now)
        parts = (
            moment.tm_year - 1900,
            moment.tm_mon - 1,
            moment.tm_mday,
            moment.tm_hour,
            moment.tm_min,
            moment.tm_sec,
        )
        place = number % 3600
        return (
            "".join(_BASE60[part % 60] for part in (*parts, place // 60, place % 60))
            + f"{self._process + number:06d}"
        )


def _digits(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        text = _BASE62[digit] + text
    return text

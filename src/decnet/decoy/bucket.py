"""A token bucket: so many a second on average, so many at once."""

from __future__ import annotations


class Bucket:
    """Holds up to ``most`` tokens and fills at ``rate`` a second. Times are those of a monotonic clock, in seconds."""

    __slots__ = ("_at", "_left", "most", "rate")

    def __init__(self, rate: float, most: float | None = None) -> None:
        self.rate = max(rate, 1e-3)
        self.most = max(1.0, self.rate if most is None else most)
        self._left = self.most
        self._at = 0.0

    def take(self, now: float, *, debt: bool = False) -> bool:
        """Take a token. With ``debt`` one is taken in any case; what comes later makes up for it."""
        self._fill(now)
        if self._left < 1 and not debt:
            return False
        self._left = max(self._left - 1, -self.most)
        return True

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0 when there is one."""
        self._fill(now)
        return 0.0 if self._left >= 1 else (1 - self._left) / self.rate

    def full(self, now: float) -> bool:
        """Whether nothing was taken for so long that this is as good as new."""
        self._fill(now)
        return self._left >= self.most

    def _fill(self, now: float) -> None:
        self._left = min(self.most, self._left + (now - self._at) * self.rate)
        self._at = now

"""Limit the records per second with a token bucket. Pure: a function of state and clock."""

from __future__ import annotations

from dataclasses import dataclass

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The number of records that may go now, and its growth.

    Holds one second's worth, at least one record, so that nothing goes out in a burst after a time of
    silence, such as an outage.
    """

    rate: float
    """Records per second, above zero."""
    level: float
    """Records that may go at once, as of `at`."""
    at: float
    """Time of `level`, in seconds of any clock that only goes forward."""

    @classmethod
    def full(cls, rate: float, *, now: float) -> Bucket:
        """Return a bucket from which nothing was taken yet."""
        return cls(rate=rate, level=max(rate, 1.0), at=now)

    def _refilled(self, now: float) -> float:
        return min(self.level + max(now - self.at, 0.0) * self.rate, max(self.rate, 1.0))

    def portion(self, wanted: int) -> int:
        """Return how many of the wanted records go together: one second's worth, at least one."""
        return min(wanted, max(int(self.rate), 1))

    def wait(self, wanted: int, *, now: float) -> float:
        """Return the seconds until a portion of the wanted records may go; 0 when it may go now."""
        missing = self.portion(wanted) - self._refilled(now)
        return missing / self.rate if missing > _ROUNDING else 0.0

    def take(self, wanted: int, *, now: float) -> tuple[int, Bucket]:
        """Return a portion of the wanted records if it may go now, else 0, and the bucket without it."""
        level, taken = self._refilled(now), self.portion(wanted)
        if self.wait(wanted, now=now):
            taken = 0
        return taken, Bucket(rate=self.rate, level=max(level - taken, 0.0), at=now)

"""Schedule the tries of a record: waits with jitter, which `Retry-After` of a destination can lengthen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

DEFAULT_SCHEDULE: tuple[float, ...] = (
    5.0, 30.0, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, DAY,
)  # fmt: skip
"""Seconds between the tries of one record: from 5 s to 24 h, just under three days in all."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The waits before each next try of one record."""

    schedule: Sequence[float] = DEFAULT_SCHEDULE
    """Seconds before the second, third, ... try."""
    jitter: float = 0.1
    """Largest fraction by which a wait is lengthened, so that many records do not come back in one moment."""

    def wait(self, failures: int, *, retry_after: float | None, chance: float) -> timedelta | None:
        """Return the wait after so many failures, or None when the schedule is used up.

        Args:
            failures: number of failures so far.
            retry_after: seconds that the destination asked for; win when longer than the schedule, up to a
                day.
            chance: random number from 0 to 1.
        """
        if failures > len(self.schedule):
            return None
        seconds = self.schedule[failures - 1] * (1.0 + self.jitter * chance)
        if retry_after is not None:
            seconds = max(seconds, min(retry_after, DAY))
        return timedelta(seconds=seconds)

    @property
    def longest(self) -> timedelta:
        """Return the longest wait; a try that is further away was put off by a clock that was wrong."""
        return timedelta(seconds=max((*self.schedule, DAY)) * (1.0 + self.jitter))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The time of the next try of a record, seen from one moment."""

    now: datetime
    """Present time."""
    policy: RetryPolicy
    """Waits between tries."""
    chance: float
    """Random number from 0 to 1."""

    def at(self, failures: int, *, retry_after: float | None = None) -> datetime | None:
        """Return the time of the next try after so many failures, or None when the schedule is used up."""
        wait = self.policy.wait(failures, retry_after=retry_after, chance=self.chance)
        return None if wait is None else self.now + wait

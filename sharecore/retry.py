"""When to try again: a schedule of waits, with jitter, that a destination's `Retry-After` can lengthen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

DEFAULT_SCHEDULE: tuple[float, ...] = (
    5.0, 30.0, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, DAY,
)  # fmt: skip
"""Seconds between the tries of one record: from 5 s to 24 h, just under three days in all."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait before each next try of one record.

    schedule: seconds before the second, third, ... try. jitter: the largest fraction by which a wait is
    lengthened, so that many records do not come back in one moment.
    """

    schedule: Sequence[float] = DEFAULT_SCHEDULE
    jitter: float = 0.1

    def wait(self, failures: int, *, retry_after: float | None, chance: float) -> timedelta | None:
        """The wait after so many failures, or None when the schedule is used up.

        chance: a random number from 0 to 1. A `retry_after` longer than
        the wait of the schedule wins, up to a day.
        """
        if failures > len(self.schedule):
            return None
        seconds = self.schedule[failures - 1] * (1.0 + self.jitter * chance)
        if retry_after is not None:
            seconds = max(seconds, min(retry_after, DAY))
        return timedelta(seconds=seconds)

    @property
    def longest(self) -> timedelta:
        """The longest wait there is; a try that is further away was put off by a clock that was wrong."""
        return timedelta(seconds=max((*self.schedule, DAY)) * (1.0 + self.jitter))

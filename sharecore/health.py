"""The health of a destination: a circuit breaker and a pause. Pure: a function of state, event and clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FIRST_WAIT = 5.0
LONGEST_WAIT = 300.0
LONGEST_ASKED = 86400.0
"""Seconds that a destination can ask for by `Retry-After`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is known of a destination.

    failures: calls in a row that it could not take. open_until: nothing is sent before. paused: why
    nothing is sent at all; empty when it is not paused. credentials: a digest of the settings under which
    it was paused, so that mended settings end the pause.
    """

    failures: int = 0
    open_until: datetime | None = None
    paused: str = ""
    credentials: str = ""

    def is_paused(self, credentials: str) -> bool:
        """Is sending pointless with these credentials?"""
        return bool(self.paused) and self.credentials == credentials

    def wait_until(self, now: datetime) -> datetime | None:
        """When the next call may be made; None for now.

        A time further away than any wait was set by a clock that was wrong, and counts as over.
        """
        furthest = now + timedelta(seconds=LONGEST_ASKED)
        return self.open_until if self.open_until is not None and now < self.open_until <= furthest else None


def succeeded() -> Health:
    """A call, or a check, went through."""
    return Health()


def failed(health: Health, *, now: datetime, retry_after: float | None, chance: float) -> Health:
    """A call could not be taken: wait twice as long as last time, up to five minutes, or as asked."""
    failures = health.failures + 1
    doublings = min(failures - 1, 10)  # enough for the longest wait; 2.0 ** 1024 is no number
    seconds = min(FIRST_WAIT * 2.0**doublings, LONGEST_WAIT) * (1.0 + 0.1 * chance)
    if retry_after is not None:
        seconds = max(seconds, min(retry_after, LONGEST_ASKED))
    return replace(health, failures=failures, open_until=now + timedelta(seconds=seconds))


def refused(health: Health, *, reason: str, credentials: str) -> Health:
    """The credentials were refused: pause until they change or a check succeeds."""
    return replace(health, paused=reason, credentials=credentials)

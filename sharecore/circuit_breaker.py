"""The health of a destination: a circuit breaker and a pause. Pure: a function of state, event and clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

FIRST_WAIT = 5.0
"""Seconds between two tries in the first ten minutes of an outage."""
SECOND_WAIT = 30.0
"""Seconds between two tries from then on in the first day."""
LONGEST_WAIT = 300.0
"""Seconds between two tries after the first day."""
LONGEST_ASKED = 86400.0
"""Longest wait that a destination can ask for by `Retry-After`, in seconds."""
_MINUTES, _DAY = 600.0, 86400.0
_JITTER = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of a destination, as learnt from calls."""

    failures: int = 0
    """Number of tries in a row that the destination could not take."""
    down_since: datetime | None = None
    """Time of the first of these failures."""
    open_until: datetime | None = None
    """Time before which nothing is sent."""
    refusals: int = 0
    """Number of calls in a row that failed although the destination had just answered a probe."""
    paused: str = ""
    """Reason why nothing is sent at all; empty when the destination is not paused."""
    credentials: str = ""
    """Digest of the settings under which this state was learnt: it does not count for corrected settings."""

    def under(self, credentials: str) -> Health:
        """Return the part of the state that counts under these settings: all of it, or nothing."""
        return self if self.credentials in ("", credentials) else Health()

    def is_paused(self, credentials: str) -> bool:
        """Return whether sending is pointless with these credentials."""
        return bool(self.paused) and self.credentials == credentials

    def wait_until(self, now: datetime) -> datetime | None:
        """Return the time of the next call; None for now.

        A time further away than any wait was set by a clock that was wrong, and counts as over.
        """
        furthest = now + timedelta(seconds=LONGEST_ASKED)
        return self.open_until if self.open_until is not None and now < self.open_until <= furthest else None

    def patience(self, now: datetime) -> float:
        """Return the seconds that a probe may wait for its answer.

        Short at first, so that a try that hangs does not delay the next one; in the end as long as slow
        destinations need.
        """
        return 3.0 if self._down_for(now) < _MINUTES else 30.0

    def resumed(self, now: datetime, *, failed_at: datetime | None) -> Self:
        """Return the state after a restart of the site: a wait for the next try alone is over.

        A wait that the destination asked for is kept.

        Args:
            failed_at: time of the last failed try.
        """
        if self.open_until is None or failed_at is None:
            return self
        ours = failed_at + timedelta(seconds=self._wait(failed_at) * (1 + _JITTER))
        earliest = max(now, failed_at + timedelta(seconds=FIRST_WAIT))
        asked = self.open_until > ours
        return self if asked else replace(self, open_until=min(self.open_until, earliest))

    def _down_for(self, now: datetime) -> float:
        return (now - self.down_since).total_seconds() if self.down_since else 0.0

    def _wait(self, now: datetime) -> float:
        """Return the seconds until the next try, without jitter."""
        down_for = self._down_for(now)
        seconds = LONGEST_WAIT if down_for >= _DAY else SECOND_WAIT if down_for >= _MINUTES else FIRST_WAIT
        doublings = min(self.refusals - 1, 10)  # enough for the longest wait; 2.0 ** 1024 is no number
        doubled = FIRST_WAIT * 2.0**doublings if self.refusals else 0.0
        return min(max(seconds, doubled), LONGEST_WAIT)


def succeeded() -> Health:
    """Return the state after a call, or a check, that went through."""
    return Health()


def failed(
    health: Health,
    *,
    now: datetime,
    retry_after: float | None,
    chance: float,
    credentials: str = "",
    answered: bool = False,
) -> Health:
    """Return the state after a failed try. The next one is soon in a short outage, and rarer in a long one,
    or as asked.

    A destination that answers a probe but takes nothing is left alone twice as long each time, up to five
    minutes: the data themselves may be what it fails at.

    Args:
        health: state before.
        now: present time.
        retry_after: seconds that the destination asked for.
        chance: random number from 0 to 1.
        credentials: digest of the settings.
        answered: whether a probe was answered just before.
    """
    known = health.under(credentials)
    down = replace(
        known,
        failures=known.failures + 1,
        down_since=known.down_since or now,
        refusals=known.refusals + 1 if answered else 0,
        credentials=credentials,
    )
    seconds = down._wait(now) * (1.0 + _JITTER * chance)
    if retry_after is not None:
        seconds = max(seconds, min(retry_after, LONGEST_ASKED))
    return replace(down, open_until=now + timedelta(seconds=seconds))


def refused(health: Health, *, reason: str, credentials: str) -> Health:
    """Return the state after refused credentials: paused until they change or a check succeeds."""
    return replace(health.under(credentials), paused=reason, credentials=credentials)

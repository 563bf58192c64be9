"""The health of a destination: a circuit breaker and a pause. Pure: a function of state, event and clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

FIRST_WAIT = 5.0
"""Seconds between two tries in the first ten minutes of an outage."""
SECOND_WAIT = 30.0
"""The same, from then on in the first day."""
LONGEST_WAIT = 300.0
"""The same, after the first day."""
LONGEST_ASKED = 86400.0
"""Seconds that a destination can ask for by `Retry-After`."""
_MINUTES, _DAY = 600.0, 86400.0
_JITTER = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is known of a destination.

    failures: tries in a row that it could not take. down_since: when the first of them was. open_until:
    nothing is sent before. refusals: calls in a row that it could not take although it had just answered a
    probe. paused: why nothing is sent at all; empty when it is not paused. credentials: a digest of the
    settings under which all this was learnt, since it says nothing of mended ones.
    """

    failures: int = 0
    down_since: datetime | None = None
    open_until: datetime | None = None
    refusals: int = 0
    paused: str = ""
    credentials: str = ""

    def under(self, credentials: str) -> Health:
        """What of it holds under these settings: all of it, or nothing."""
        return self if self.credentials in ("", credentials) else Health()

    def is_paused(self, credentials: str) -> bool:
        """Is sending pointless with these credentials?"""
        return bool(self.paused) and self.credentials == credentials

    def wait_until(self, now: datetime) -> datetime | None:
        """When the next call may be made; None for now.

        A time further away than any wait was set by a clock that was wrong, and counts as over.
        """
        furthest = now + timedelta(seconds=LONGEST_ASKED)
        return self.open_until if self.open_until is not None and now < self.open_until <= furthest else None

    def patience(self, now: datetime) -> float:
        """Seconds that a probe may wait for its answer.

        Short at first, so that a try that hangs does not delay the next one; in the end as long as slow
        destinations need.
        """
        return 3.0 if self._down_for(now) < _MINUTES else 30.0

    def resumed(self, now: datetime, *, failed_at: datetime | None) -> Self:
        """The site starts anew: what waits for the next try only need not wait any longer.

        failed_at: when the last try failed. What the destination asked for itself is kept to.
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
        """Seconds until the next try, without jitter."""
        down_for = self._down_for(now)
        seconds = LONGEST_WAIT if down_for >= _DAY else SECOND_WAIT if down_for >= _MINUTES else FIRST_WAIT
        doublings = min(self.refusals - 1, 10)  # enough for the longest wait; 2.0 ** 1024 is no number
        doubled = FIRST_WAIT * 2.0**doublings if self.refusals else 0.0
        return min(max(seconds, doubled), LONGEST_WAIT)


def succeeded() -> Health:
    """A call, or a check, went through."""
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
    """A try failed. The next one is soon in an outage of minutes, and rarer in a long one, or as asked.

    answered: a probe had been answered just before. A destination that answers, but takes nothing, is left
    alone twice as long each time, up to five minutes: what it is sent may be what it fails at.
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
    """The credentials were refused: pause until they change or a check succeeds."""
    return replace(health.under(credentials), paused=reason, credentials=credentials)

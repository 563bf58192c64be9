"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Time for a test: call it for seconds (like `time.monotonic`), read `now` for the date, call `sleep` to
    wait.

    Give `clock` and `clock.sleep` to code that takes a clock and a way to wait; nothing really waits.

    Args:
        start: date at the beginning, aware.

    Attributes:
        slept: every wait, in seconds.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) -> None:
        self._start = start
        self._passed = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self._passed

    @property
    def now(self) -> datetime:
        """Return the date, aware, UTC."""
        return self._start + timedelta(seconds=self._passed)

    def sleep(self, seconds: float) -> None:
        """Let the time pass, and return at once."""
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass. Raises ValueError when it would run backwards."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._passed += seconds

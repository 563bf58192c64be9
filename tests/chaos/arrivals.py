"""When each row arrived: the receiver's tables, read a few times a second with plain SQL."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from realtoms.compare import TABLES

PAUSE = 0.25


class Arrivals:
    """Times of arrival, by the time of the row (each row has its own). Seconds of `time.time()`."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._last = dict.fromkeys(TABLES.values(), 0)
        self.at: dict[str, float] = {}

    def look(self) -> None:
        """Note what is new."""
        now = time.time()
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=5)) as connection:
            for table, last in self._last.items():
                query = f"SELECT id, timestamp FROM {table} WHERE id > ? ORDER BY id"  # noqa: S608 - our own names
                for pk, moment in connection.execute(query, (last,)).fetchall():
                    self._last[table] = pk
                    self.at.setdefault(datetime.fromisoformat(moment).replace(tzinfo=UTC).isoformat(), now)

    @contextmanager
    def watched(self, *, pause: float = PAUSE) -> Iterator[None]:
        """Look again and again, after so many seconds each, in a thread."""
        over = threading.Event()

        def run() -> None:
            while not over.wait(pause):
                try:
                    self.look()
                except sqlite3.OperationalError:
                    continue  # busy; next time

        thread = threading.Thread(target=run, name="arrivals", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def recoveries(written: Mapping[str, float], arrived: Mapping[str, float], kills: list[float]) -> list[float]:
    """For each kill, the seconds until all that was written but had not arrived by then was there."""
    found = []
    for kill in kills:
        waiting = [
            arrived[key] for key, at in written.items() if key in arrived and at <= kill < arrived[key]
        ]
        if waiting:
            found.append(max(waiting) - kill)
    return found


def percentile(values: list[float], percent: float) -> float | None:
    """The smallest value that so many percent of the values do not exceed; None without values."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)] if ordered else None

"""The database's clock, the one that all workers of a TOM share.

Claims, tries and waits are timed by it, so that a machine whose own clock is wrong takes nothing in hand too
early.
SQLite has the clock of the machine, and everybody who uses the file is there.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db import connections, router

from tom_integration.models import Delivery

_FRESH = 10.0
"""Seconds for which a reading is good; meanwhile the time that passes is counted."""

_reading: tuple[datetime, float] | None = None


def now() -> datetime:
    """The time in UTC, whatever is done to the clock of this machine."""
    global _reading
    reading, passed = _reading, time.monotonic()
    if reading is None or passed - reading[1] > _FRESH:
        _reading = reading = (_read(), passed)
    return reading[0] + timedelta(seconds=passed - reading[1])


def _read() -> datetime:
    connection = connections[router.db_for_write(Delivery)]
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT CLOCK_TIMESTAMP()")
        moment: datetime = cursor.fetchone()[0]
    return moment.astimezone(UTC)

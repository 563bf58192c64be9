"""Read the clock of the database, the one that all workers of a TOM share.

Leases, tries and waits are timed by it, so that a machine with a wrong clock does nothing too early. SQLite
has the clock of the machine, on which all processes that use the file run.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db import connections, router

from tom_integration.models import Delivery

_FRESH = 10.0
"""Seconds for which a reading is used, plus the time that has passed since."""

_reading: tuple[datetime, float] | None = None


def now() -> datetime:
    """Return the time in UTC, which changes of this machine's clock do not move."""
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

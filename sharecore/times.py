"""Times in UTC, also at the ends of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
"""Latest time that can be written: stands for every later one."""


def in_utc(time: datetime) -> datetime:
    """Return an aware time in UTC; the first or last time of the calendar where its zone leads beyond."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return EARLIEST if time.year == 1 else LATEST


def minute(time: datetime, now: datetime) -> str:
    """Return a time to the minute in UTC, for people, with the date unless it is today."""
    time = in_utc(time)
    return f"{time:%H:%M} UTC" if time.date() == in_utc(now).date() else f"{time:%Y-%m-%d %H:%M} UTC"


def day(time: datetime) -> str:
    """Return a time, given in UTC, for people; the day alone where it is midnight."""
    text = time.replace(tzinfo=None).isoformat(sep=" ")
    return text.removesuffix(" 00:00:00") if text.endswith(" 00:00:00") else f"{text} UTC"

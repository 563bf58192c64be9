"""Release: the moment from which a record may go somewhere."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from sharecore.exceptions import SharecoreError
from sharecore.records import JsonValue, Report, Shareable
from sharecore.settings import Section
from sharecore.spellings import word
from sharecore.times import LATEST, in_utc

FIELD = "release_date"
"""Usual name of the release date of a record among its further values."""

_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)
_MJD = range(15_000, 100_000)
"""Modified Julian dates of the years 1899 to 2132. Other numbers are something else: 2027, or 20270131."""


class UnreadableRelease(SharecoreError):
    """Raised for a release date that cannot be read: the record has to stay.

    Attributes:
        reason: explanation for people.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The conditions on the time from which a record may go somewhere; all of them must be met.

    Raises ValueError for a time without a time zone, and for a number of days that is negative or not finite.
    """

    after_days: float = 0.0
    """Number of days from the time of the record."""
    not_before: datetime | None = None
    """Earliest time for all records, in UTC."""
    field: str = FIELD
    """Name, among the further values of a record, of its own release date; empty for none."""

    def __post_init__(self) -> None:
        if not 0 <= self.after_days < math.inf:
            raise ValueError(f"after_days must be a finite number of days, got {self.after_days}")
        if self.not_before is not None:
            if self.not_before.tzinfo is None:
                raise ValueError(f"not_before must have a time zone, got {self.not_before}")
            object.__setattr__(self, "not_before", in_utc(self.not_before))

    @classmethod
    def read(cls, section: Section) -> Self:
        """Read the settings of a destination; notes problems in the section."""
        days = section.number("RELEASE_AFTER_DAYS", 0.0)
        return cls(after_days=days, field=section.text("RELEASE_FIELD", FIELD) or FIELD)

    def moment(self, record: Shareable) -> datetime | None:
        """Return the time from which the record may go, in UTC; None for no condition on it.

        Beyond the year 9999 it is the last time of that year. A report may go with the last of its data.
        Raises `UnreadableRelease`.
        """
        if isinstance(record, Report):
            data = (self.moment(each) for each in record.records)
            return max(filter(None, (*data, self.not_before)), default=None)
        own = record.extra.get(self.field) if self.field else None
        moments = [self.not_before, _own_date(own)]
        if self.after_days > 0:
            moments.append(_later(record.timestamp, self.after_days))
        return max((each for each in moments if each is not None), default=None)


def latest(releases: Iterable[Release], record: Shareable) -> datetime | None:
    """Return the time from which the record may go by all of these; None for no condition on it.

    Raises `UnreadableRelease`.
    """
    moments = [release.moment(record) for release in releases]
    return max((each for each in moments if each is not None), default=None)


def _own_date(value: JsonValue) -> datetime | None:
    """Return the release date that a record names: ISO 8601 (UTC where no zone is given; a day means its
    beginning) or a Modified Julian date.
    """
    if not word(value):
        return None
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value.strip())
        except ValueError:
            pass
        else:
            return in_utc(time) if time.tzinfo else time.replace(tzinfo=UTC)
    elif isinstance(value, int | float) and not isinstance(value, bool) and _MJD[0] <= value <= _MJD[-1]:
        return _later(_MJD_ZERO, value)
    shown = repr(value)
    shown = shown if len(shown) <= 40 else f"{shown[:39]}…"
    raise UnreadableRelease(f"its release date {shown} cannot be read: write it like 2027-01-31")


def _later(time: datetime, days: float) -> datetime:
    try:
        return time + timedelta(days=days)
    except OverflowError:
        return LATEST

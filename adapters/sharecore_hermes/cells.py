"""Check single values of a HERMES row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

Draft = Mapping[str, object]
"""A row as the converter classes of tomtoolkit 2.x return it: keys of HERMES, units of the site, None and ""
for no value.
"""

Row = dict[str, object]
"""A row exactly as HERMES gets it."""

FLOATS = frozenset({
    "brightness", "brightness_error", "limiting_brightness", "limiting_brightness_error", "exposure_time",
    "ra_error", "dec_error", "pm_ra", "pm_dec", "distance", "distance_error", "redshift", "host_redshift",
    "proprietary_period",
})  # fmt: skip
"""Keys whose values HERMES reads as numbers. As text, "nan" would be published and only then fail (measured).
"""


_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)


class NotExpressible(Exception):
    """Raised for data that HERMES has no way to express.

    Attributes:
        feature: short stable word.
        reason: explanation for people.
    """

    def __init__(self, feature: str, reason: str) -> None:
        self.feature = feature
        self.reason = reason
        super().__init__(f"{feature}: {reason}")


@dataclass(slots=True)
class Finished:
    """A row as HERMES gets it, and the omissions from its draft."""

    row: Row
    """Row."""
    left_out: list[str] = field(default_factory=list)
    """Values of the draft that were left out, for people."""


def text(value: object) -> str:
    """Return a text without NUL (which HERMES refuses) and without blanks at its ends (which it cuts)."""
    return "" if value is None else str(value).replace("\0", "").strip()


def number(draft: Draft, key: str) -> float | None:
    """Return a finite number; None for None and blank texts. Raises `NotExpressible`."""
    value = draft.get(key)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return finite(value, key)


def finite(value: object, key: str) -> float:
    """Return one number. Raises `NotExpressible` for any other value, booleans included."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NotExpressible(key, f"{key} must be a number, got {text(value)[:40]!r}")
    try:
        result = float(value)
    except (ValueError, OverflowError):
        raise NotExpressible(key, f"{key} must be a number, got {text(value)[:40]!r}") from None
    if not math.isfinite(result):
        raise NotExpressible(key, f"{key} must be a finite number, got {result}")
    return result


def error_of(draft: Draft, key: str, left_out: list[str]) -> float | None:
    """Return an error bar, or an exposure time.

    A negative one is how some sites write "none": it is left out, and that is noted.
    """
    value = number(draft, key)
    if value is not None and value < 0:
        left_out.append(f"{key}: {value:g} is negative")
        return None
    return value


def date(value: object, key: str) -> str | float:
    """Return a date as HERMES reads it: an ISO text, or a Julian Date or Modified Julian Date as number.

    Days before the year 1862 go as ISO text, since HERMES takes numbers above 1000 only. A number that looks
    like a year is refused: HERMES would take 2023.5 for the day 2023.5 of the Modified Julian Date, in 1864.
    """
    if isinstance(value, datetime):
        return value.isoformat()
    day = _day(value)
    if day is None:
        if isinstance(value, str) and value.strip():
            return value.strip()
        raise NotExpressible(key, f"{key} is missing")
    if (1000 < day < 150_000 and not 1900 <= day <= 2100) or 2_400_000 < day < 2_600_000:
        return day
    if day <= 1000 and day:
        with suppress(OverflowError):
            return (_MJD_ZERO + timedelta(days=day)).isoformat()
    raise NotExpressible(key, f"{key} must be a Modified Julian Date before the year 2269, got {day:g}")


def modified_date(value: object, key: str) -> str | float:
    """Return a date for a field that HERMES documents as Modified Julian Date: a Julian Date is converted."""
    day = _day(value)
    if day is not None and 2_400_000.5 < day < 2_600_000:
        value = float(Decimal(repr(day)) - Decimal("2400000.5"))
    return date(value, key)


def _day(value: object) -> float | None:
    """Return a number of days; None for a value that is no number."""
    try:
        return float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None


def others(draft: Draft, handled: frozenset[str]) -> Row:
    """Return the optional values that need no rule of their own: nothing blank, numbers finite."""
    row: Row = {}
    for key, value in draft.items():
        if key not in handled:
            kept = number(draft, key) if key in FLOATS else pruned(value, key)
            if kept is not None:
                row[key] = kept
    return row


def pruned(value: object, key: str) -> object:
    """Return the value without parts that HERMES refuses or drops: nulls, blank texts, empty containers. None
    if nothing is left.
    """
    if isinstance(value, str):
        return text(value) or None
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return finite(value, key)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        inner = {str(k): pruned(v, f"{key}.{k}") for k, v in value.items()}
        return {k: v for k, v in inner.items() if v is not None} or None
    if isinstance(value, list | tuple):
        items = [pruned(v, f"{key}[{index}]") for index, v in enumerate(value)]
        return [item for item in items if item is not None] or None
    if value is None:
        return None
    raise NotExpressible(key, f"{key} must be a value of JSON, got a {type(value).__name__}")

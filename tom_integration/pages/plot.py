"""Deliveries over time as bars of an inline picture: no script, and none from another host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import TruncDay, TruncHour, TruncMinute, TruncMonth

from sharecore.delivery import State
from tom_integration.models import Delivery

WIDTH, HEIGHT = 720, 120
FEWEST = 12
"""Units of time in the picture at least, so that one bar does not fill it."""
_SCALES: tuple[tuple[timedelta, Callable[..., Any], timedelta, str], ...] = (
    (timedelta(hours=2), TruncMinute, timedelta(minutes=1), "minute"),
    (timedelta(days=4), TruncHour, timedelta(hours=1), "hour"),
    (timedelta(days=180), TruncDay, timedelta(days=1), "day"),
    (timedelta.max, TruncMonth, timedelta(days=30.4375), "month"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar; x, y, width, height in the units of the picture."""

    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Records delivered per `unit`, from `first` to `last`; highest: those of the tallest bar.

    start: where the picture begins, which is earlier where there are few bars.
    """

    bars: tuple[Bar, ...]
    start: datetime
    first: datetime
    last: datetime
    highest: int
    unit: str
    total: int
    width: int = WIDTH
    height: int = HEIGHT


def deliveries(rows: QuerySet[Delivery]) -> Plot | None:
    """When these arrived; None when none has."""
    arrived = rows.filter(state=State.DELIVERED, delivered_at__isnull=False).order_by()
    reach = arrived.aggregate(first=Min("delivered_at"), last=Max("delivered_at"))
    if reach["first"] is None:
        return None
    first, last = reach["first"], reach["last"]
    _, trunc, step, unit = next(scale for scale in _SCALES if last - first <= scale[0])
    counted = dict(
        arrived.annotate(slot=trunc("delivered_at", tzinfo=UTC))
        .values_list("slot")
        .annotate(number=Count("pk"))
    )
    slots = max(round((max(counted) - min(counted)) / step) + 1, FEWEST)
    start = min(min(counted), max(counted) - (slots - 1) * step)
    highest = max(counted.values())
    width = WIDTH / slots
    bars = tuple(
        Bar(
            x=round(round((slot - start) / step) * width + 0.1 * width, 2),
            y=round(HEIGHT * (1 - max(number / highest, 0.02)), 2),
            width=round(width * 0.8, 2),
            height=round(HEIGHT * max(number / highest, 0.02), 2),
            label=f"{slot:%Y-%m-%d %H:%M} UTC: {number:,}",
        )
        for slot, number in sorted(counted.items())
    )
    return Plot(
        bars=bars,
        start=start,
        first=first,
        last=last,
        highest=highest,
        unit=unit,
        total=sum(counted.values()),
    )

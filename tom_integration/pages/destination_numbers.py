"""Count what goes to each destination: shares, backlog, deliveries over time, success."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import CharField, Count, Func, Min, Q, QuerySet
from django.utils import timezone

from sharecore.delivery import OPEN, State
from tom_integration import access
from tom_integration.models import TO_APPROVE, Attempt, Delivery

HOURS = 24
"""The time that the numbers of deliveries and attempts cover."""
HEIGHT, STEP = 36.0, 6.0
"""The height of the chart, and the width of an hour in it."""
_ARRIVED = ("accepted", "duplicate")
_NO_ATTEMPT = ("withheld", "submitted", "withdrawn")
"""Outcomes of records that did not leave, whose fate comes later, or that were withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """Hold the deliveries of one hour, and the place of their bar in the chart."""

    begins: datetime
    number: int
    x: float
    y: float
    height: float


@dataclass(slots=True, kw_only=True)
class Numbers:
    """Hold the numbers of one destination, of the shares that the user may view."""

    shares: int = 0
    backlog: int = 0
    oldest: datetime | None = None
    """When the oldest record was made that waits and never arrived."""
    to_approve: int = 0
    """Records that wait for the approval of a person."""
    hours: list[Hour] = field(default_factory=list)
    attempts: int = 0
    successes: int = 0

    @property
    def delivered(self) -> int:
        """Return the number of deliveries in these hours."""
        return sum(each.number for each in self.hours)

    @property
    def busiest(self) -> Hour:
        """Return the hour with most deliveries."""
        return max(self.hours, key=lambda each: each.number)

    @property
    def success(self) -> str:
        """Return the rate of attempts that succeeded; 100 % only when all did."""
        percent = 100 * self.successes / self.attempts if self.attempts else 0.0
        return f"{min(percent, 99.9) if self.successes < self.attempts else percent:.3g} %"


class _Hour(Func):
    """Return the date and hour of a time in UTC, as text, without a call of Python for each row on SQLite."""

    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="SUBSTR(%(expressions)s, 1, 13)", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "TO_CHAR(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24')"
        return self.as_sql(compiler, connection, template=template, **context)


def read(user: Any) -> Mapping[str, Numbers]:
    """Return the numbers by destination: a few queries for all of them."""
    outboxes = access.outboxes_for(user, "view").order_by()
    rows = access.of_visible_data(user, Delivery.objects.filter(outbox__in=outboxes.values("pk"))).order_by()
    found: dict[str, Numbers] = {}
    shares = outboxes.filter(share_id__isnull=False).values_list("destination").annotate(number=Count("pk"))
    for name, number in shares:
        found.setdefault(name, Numbers()).shares = number
    never = Q(delivered_at__isnull=True)
    waiting = rows.filter(state__in=OPEN).values_list("destination")
    for name, number, oldest in waiting.annotate(number=Count("pk"), oldest=Min("created", filter=never)):
        each = found.setdefault(name, Numbers())
        each.backlog, each.oldest = number, oldest
    asked = rows.filter(TO_APPROVE).values_list("destination")
    for name, number in asked.annotate(number=Count("pk")):
        found.setdefault(name, Numbers()).to_approve = number
    now = timezone.now()
    since = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    by_hour = _by_hour(rows, since)
    _add_attempts(found, rows, since)
    for name, each in found.items():
        each.hours = _chart(by_hour.get(name, Counter()), since)
    return found


def _by_hour(rows: QuerySet[Delivery], since: datetime) -> Mapping[str, Counter[str]]:
    """Return the deliveries by destination and hour: a part of the index for each outbox."""
    arrived = rows.filter(state=State.DELIVERED, next_at__isnull=True, delivered_at__gte=since)
    found: dict[str, Counter[str]] = {}
    by_hour = arrived.values_list("destination", _Hour("delivered_at")).annotate(number=Count("pk"))
    for name, hour, number in by_hour:
        found.setdefault(name, Counter())[hour] += number
    return found


def _chart(by_hour: Counter[str], since: datetime) -> list[Hour]:
    hours = [since + timedelta(hours=each) for each in range(HOURS)]
    numbers = [by_hour[f"{hour.astimezone(UTC):%Y-%m-%d %H}"] for hour in hours]
    most = max(numbers) or 1
    return [
        _bar(place, hour, number, number / most)
        for place, (hour, number) in enumerate(zip(hours, numbers, strict=True))
    ]


def _bar(place: int, hour: datetime, number: int, share: float) -> Hour:
    # What was delivered can be seen, however little it was.
    height = max(round(HEIGHT * share, 1), 1.5) if number else 0.0
    return Hour(begins=hour, number=number, x=place * STEP, y=HEIGHT - height, height=height)


def _add_attempts(found: Mapping[str, Numbers], rows: QuerySet[Delivery], since: datetime) -> None:
    attempts = Attempt.objects.filter(started__gte=since, delivery__in=rows.values("pk"))
    by_outcome = attempts.exclude(outcome__in=_NO_ATTEMPT).values_list("delivery__destination", "outcome")
    for name, outcome, number in by_outcome.annotate(number=Count("pk")):
        if name in found:
            found[name].attempts += number
            found[name].successes += number if outcome in _ARRIVED else 0

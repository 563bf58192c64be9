"""Count the data that pass filters and dates."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Q

from sharecore.filters import Filter
from sharecore.release import Release
from tom_integration import access, clock
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.filter_conditions import selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """Hold how many data there are, and how many of them may be sent."""

    total: int = 0
    passing: int = 0
    waiting: int = 0
    """Data of those that pass that wait for a date; without dates that single data name."""

    @property
    def staying(self) -> int:
        """Return the number of data that a filter keeps here."""
        return self.total - self.passing


def count(user: Any, targets: Q, filters: Iterable[Filter], releases: Collection[Release] = ()) -> Passing:
    """Count the data that a user may see, by the conditions of SQL, which let a few more through.

    Args:
        user: the user.
        targets: a condition on the data, for those of some targets.
        filters: the filters that all must let a datum through.
        releases: the dates that all must be over.
    """
    found = Passing()
    late = _late(releases)
    for name, condition in selection(filters).items():
        rows = access.visible(user, DATUM_MODELS[name]._default_manager.filter(targets))
        numbers = rows.order_by().aggregate(
            total=Count("pk"),
            passing=Count("pk", filter=condition) if condition else Count("pk"),
            waiting=Count("pk", filter=condition & late),
        )
        found = Passing(
            total=found.total + numbers["total"],
            passing=found.passing + numbers["passing"],
            waiting=found.waiting + numbers["waiting"],
        )
    return found


def _late(releases: Collection[Release]) -> Q:
    """Return a condition for data that wait for a date now."""
    now = clock.now()
    if any(each.not_before and each.not_before > now for each in releases):
        return Q(pk__isnull=False)
    days = max((each.after_days for each in releases), default=0)
    if not days:
        return Q(pk__in=())
    try:
        return Q(timestamp__gt=now - timedelta(days=days))
    except OverflowError:
        return Q(timestamp__gt=datetime.min.replace(tzinfo=UTC))

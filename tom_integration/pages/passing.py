"""Count the data that pass filters and dates, and list the names that they have."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet

from sharecore.addresses import Address
from sharecore.filters import Filter
from sharecore.release import Release
from tom_integration import access, clock, site
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.filter_conditions import selection
from tom_integration.outbox import limits
from tom_integration.pages.limits_form import LimitsForm
from tom_integration.pages.names_field import written

NEWEST = 2_000
"""Rows of each model whose names are suggested: to look through all of a TOM would take too long."""
SUGGESTED = 50
_COLUMNS = {
    "sources": "source_name", "telescopes": "telescope", "instruments": "instrument", "bandpasses": "bandpass"
}  # fmt: skip


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


def of_address(address: str) -> limits.Limits:
    """Return the limits of the destination of an address; none for no destination."""
    return limits.of_destination(site.destinations().get(Address.parse(address).name))


def context(user: Any, targets: Q | None, address: str, form: LimitsForm) -> dict[str, Any]:
    """Return the context of the line below a form: what would go now, and what the filters say.

    Args:
        user: the user.
        targets: a condition on the data, for those of the chosen targets; None when none is chosen.
        address: the chosen address; empty for none.
        form: the form of the filter and dates.
    """
    whole = of_address(address)
    found: dict[str, Any] = {
        "faults": form.faults,
        "sentence": "" if form.filter is None else str(form.filter),
        "theirs": " ".join(map(str, whole.filters)),
        "address": address,
        "suggested": {} if targets is None else names(user, targets),
        "passing": None,
    }
    if targets is not None and form.filter is not None:
        filters, releases = [*whole.filters, form.filter], [*whole.releases, form.release]
        found["passing"] = count(user, targets, filters, releases)
    return found


def names(user: Any, targets: Q) -> dict[str, list[str]]:
    """Return the names in the newest data, for each field of a filter that holds names."""
    found: dict[str, set[str]] = {field: set() for field in _COLUMNS}
    for model in DATUM_MODELS.values():
        columns = {each.name for each in model._meta.get_fields()}
        fields = {field: column for field, column in _COLUMNS.items() if column in columns}
        rows = access.visible(user, model._default_manager.filter(targets))
        for values in _distinct(rows, fields.values()):
            for field, value in zip(fields, values, strict=True):
                if value and value.strip():
                    found[field].add(written([value.strip()]))
    return {field: sorted(each)[:SUGGESTED] for field, each in found.items()}


def _distinct(rows: QuerySet[Any], columns: Iterable[str]) -> QuerySet[Any]:
    newest = rows.order_by("-pk").values("pk")[:NEWEST]
    among: QuerySet[Any] = rows.model._default_manager.filter(pk__in=newest)
    return among.order_by().values_list(*columns).distinct()

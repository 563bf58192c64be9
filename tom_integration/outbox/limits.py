"""Limit what a continuous share sends: the filters and dates of its destination, its rule and itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Max, Q, QuerySet, TextField, Value
from django.db.models.functions import Coalesce

from sharecore.destination import Destination
from sharecore.exceptions import ConfigurationError
from sharecore.filters import Filter
from sharecore.records import Shareable
from sharecore.release import Release, latest
from tom_integration import site
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.filter_conditions import selection
from tom_integration.models import Outbox, read_filter


@dataclass(frozen=True, slots=True)
class Limits:
    """Hold what lets a record through: every filter, and the latest date."""

    filters: tuple[Filter, ...]
    releases: tuple[Release, ...]

    @property
    def by_origin(self) -> bool:
        """Return True when a filter asks whether a datum is this TOM's own."""
        return any(each.own for each in self.filters)

    @property
    def selection(self) -> dict[str, Q]:
        """Return a condition for each model: the rows whose records may pass."""
        return selection(self.filters)

    def objection(self, record: Shareable, *, own: bool) -> str:
        """Return the reason why a record does not pass; empty when it does."""
        return next(filter(None, (each.objection(record, own=own) for each in self.filters)), "")

    def moment(self, record: Shareable) -> datetime | None:
        """Return when a record may be sent; None for at once.

        Raises:
            UnreadableRelease: the record's own date cannot be read.
        """
        return latest(self.releases, record)


def of_destination(destination: Destination | None) -> Limits:
    """Return the limits that hold for all that goes to a destination, shared once or continuously."""
    if destination is None:
        return Limits((), (Release(),))
    return Limits((destination.only,) if destination.only else (), (destination.release,))


def of_outbox(outbox: Outbox) -> Limits:
    """Return the limits of a continuous share.

    Raises:
        ConfigurationError: a newer version of this app wrote a filter.
    """
    whole = of_destination(site.destinations().get(outbox.destination))
    filters = (each.chosen for each in outbox.levels)
    releases = (each.release for each in outbox.levels)
    return Limits((*whole.filters, *filter(None, filters)), (*whole.releases, *releases))


def highest_keys() -> dict[str, int]:
    """Return the highest primary key of each model now: later ones are of new data."""
    return {
        name: model._default_manager.aggregate(highest=Max("pk"))["highest"] or 0
        for name, model in DATUM_MODELS.items()
    }


def from_before(outbox: Outbox, limits: Limits) -> dict[str, Q]:
    """Return a condition for the data that were there before a share with a filter was made."""
    existing: Mapping[str, Any] = outbox.existing_to
    return {
        model: condition & Q(pk__lte=existing.get(model, 0)) for model, condition in limits.selection.items()
    }


def changed_digest() -> str:
    """Return a digest for outboxes whose limits are changed: their next look compares all with them.

    It is a new one each time: a look with limits that it read before must not take them for the present ones.
    """
    return f"changed {uuid.uuid4().hex}"


def groups(outboxes: QuerySet[Outbox]) -> Iterator[tuple[QuerySet[Outbox], Mapping[str, Q]]]:
    """Yield the outboxes with the same filters, with the condition of each model; first those without."""
    filtered = [name for name, each in site.destinations().items() if each.only]
    outboxes = outboxes.annotate(of_rule=Coalesce(F("rule__filter"), Value(""), output_field=TextField()))
    plain = Q(filter="", of_rule="") & ~Q(destination__in=filtered)
    yield outboxes.filter(plain), {model: Q() for model in DATUM_MODELS}
    others = outboxes.exclude(plain)
    for name, *texts in others.order_by().values_list("destination", "of_rule", "filter").distinct():
        same = others.filter(destination=name, of_rule=texts[0], filter=texts[1])
        try:
            chosen = [read_filter(text) for text in texts]
        except ConfigurationError:
            continue  # A look at the outbox tells of it.
        whole = of_destination(site.destinations().get(name))
        yield same, selection([*whole.filters, *chosen])

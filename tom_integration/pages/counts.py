"""Count the deliveries behind the status summary of a share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery

from sharecore.delivery import OPEN, State
from tom_integration import access
from tom_integration.models import OUTDATED, Delivery, Outbox


@dataclass(slots=True)
class Figures:
    """Hold the numbers of one outbox."""

    counts: Counter[str]
    """Deliveries by state."""
    outdated: int = 0
    """Delivered records of which the destination has old values."""
    existing: int = 0
    """Records from before the share, of the kinds that it sends."""
    since: datetime | None = None
    """When the first open delivery was made."""
    soonest: datetime | None = None
    """When the next open delivery is tried."""
    delivered_at: datetime | None = None
    """When the last delivery arrived."""


def existing(outbox: Outbox, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Return the deliveries of data from before the share, of the kinds that it sends."""
    # A delivery whose datum was never read has an empty kind.
    kinds = outbox.chosen.kinds
    of_its_kinds = Q(kind__in=["", *kinds]) if kinds else Q()
    return rows.filter(of_its_kinds, state=State.BASELINE)


def counted(outboxes: list[Outbox], user: Any) -> dict[int, Figures]:
    """Return the numbers of outboxes by primary key, without data that the user may not see.

    The delivered rows grow for ever, so they are counted from an index alone.
    """
    rows = access.visible_deliveries(user, outboxes).order_by()
    by_outbox = rows.values("outbox")
    figures: dict[int, Figures] = {}
    for row in by_outbox.values("outbox", "state").annotate(number=Count("*")):
        each = figures.setdefault(row["outbox"], Figures(Counter()))
        each.counts[row["state"]] = row["number"]
    open_ones = by_outbox.filter(state__in=OPEN).annotate(since=Min("created"), soonest=Min("next_at"))
    for waiting in open_ones:
        each = figures[waiting["outbox"]]
        each.since, each.soonest = waiting["since"], waiting["soonest"]
    for outbox in _with_latest(outboxes, user):
        if outbox.pk in figures:
            figures[outbox.pk].delivered_at = outbox.latest
    outdated = by_outbox.filter(OUTDATED)
    for edited in outdated.annotate(number=Count("pk")):
        figures[edited["outbox"]].outdated = edited["number"]
    for outbox in outboxes:
        each = figures.get(outbox.pk, Figures(Counter()))
        if outbox.share_id is not None and each.counts[State.BASELINE]:
            each.existing = each.counts[State.BASELINE]
            if outbox.chosen.kinds:
                each.existing = existing(outbox, access.deliveries_for(user, outbox)).count()
    return figures


def _with_latest(outboxes: list[Outbox], user: Any) -> QuerySet[Any]:
    """Return the outboxes with `latest`, the time of the last delivery: one step into the index for each."""
    arrived = Delivery.objects.filter(outbox=OuterRef("pk"), state=State.DELIVERED)
    targets = Q(target_id__in={each.target_id for each in outboxes})
    seen = access.of_visible_data(user, arrived, targets).order_by("-next_at", "-delivered_at")
    mine = Outbox.objects.filter(pk__in=[each.pk for each in outboxes])
    return mine.annotate(latest=Subquery(seen.values("delivered_at")[:1]))

"""The numbers behind the state of a share."""

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
    """How many deliveries are in each state; how many of them are outdated, and were there before the share.

    since: when the first of those that are open was asked for. soonest: when the next of them is tried.
    """

    counts: Counter[str]
    outdated: int = 0
    existing: int = 0
    since: datetime | None = None
    soonest: datetime | None = None
    delivered_at: datetime | None = None


def existing(outbox: Outbox, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Those of these deliveries of a share that were there before it, of the kinds that it sends."""
    # Of a datum that was never looked at the kind is not known yet.
    of_its_kinds = Q(kind__in=["", *outbox.kinds]) if outbox.kinds else Q()
    return rows.filter(of_its_kinds, state=State.BASELINE)


def counted(outboxes: list[Outbox], user: Any) -> dict[int, Figures]:
    """The numbers of outboxes, by primary key; data that the user may not see are not counted.

    What is delivered grows for ever: it is counted on an index alone.
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
            if outbox.kinds:
                each.existing = existing(outbox, access.deliveries_for(user, outbox)).count()
    return figures


def _with_latest(outboxes: list[Outbox], user: Any) -> QuerySet[Any]:
    """The same outboxes with `latest`, when something arrived last: one step into the index for each."""
    arrived = Delivery.objects.filter(outbox=OuterRef("pk"), state=State.DELIVERED)
    targets = Q(target_id__in={each.target_id for each in outboxes})
    seen = access.of_visible_data(user, arrived, targets).order_by("-next_at", "-delivered_at")
    mine = Outbox.objects.filter(pk__in=[each.pk for each in outboxes])
    return mine.annotate(latest=Subquery(seen.values("delivered_at")[:1]))

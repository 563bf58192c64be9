"""Count the deliveries behind the status summary of a share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, OuterRef, Q, QuerySet, Subquery

from sharecore.delivery import OPEN, RELEASE, State
from sharecore.exceptions import ConfigurationError
from sharecore.records import Kind
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
    later: int = 0
    """Records that wait for their release."""
    first: datetime | None = None
    """When the first of them goes."""
    last: datetime | None = None
    """When the last of them goes."""


LATER = Q(state=State.WITHHELD, field=RELEASE)
"""Select deliveries that wait for their release."""


def existing(outbox: Outbox, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Return the deliveries of data from before the share, of the kinds that it sends."""
    # A delivery whose datum was never read has an empty kind.
    of_its_kinds = Q()
    for kinds in _kinds(outbox):
        of_its_kinds &= Q(kind__in=["", *kinds])
    return rows.filter(of_its_kinds, state=State.BASELINE)


def _kinds(outbox: Outbox) -> list[tuple[Kind, ...]]:
    """Return the kinds of each filter that names some; an unreadable filter is told elsewhere."""
    found = []
    for each in outbox.levels:
        with suppress(ConfigurationError):
            found.append(each.chosen.kinds)
    return [kinds for kinds in found if kinds]


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
    for edited in outdated.annotate(number=Count("*")):
        figures[edited["outbox"]].outdated = edited["number"]
    later = by_outbox.filter(LATER)
    for waits in later.annotate(number=Count("pk"), first=Min("next_at"), last=Max("next_at")):
        each = figures[waits["outbox"]]
        each.later, each.first, each.last = waits["number"], waits["first"], waits["last"]
    _count_existing(outboxes, figures, rows)
    return figures


def _count_existing(outboxes: list[Outbox], figures: Mapping[int, Figures], rows: QuerySet[Delivery]) -> None:
    before = [
        each
        for each in outboxes
        if each.share_id is not None and each.pk in figures and figures[each.pk].counts[State.BASELINE]
    ]
    by_kind: dict[int, dict[str, int]] = {}
    if chosen := [each for each in before if _kinds(each)]:
        of_them = rows.filter(outbox__in=[each.pk for each in chosen], state=State.BASELINE)
        for pk, kind, number in of_them.values_list("outbox", "kind").annotate(number=Count("pk")):
            by_kind.setdefault(pk, {})[kind] = number
    for outbox in before:
        kinds, numbers = _kinds(outbox), by_kind.get(outbox.pk, {})
        figures[outbox.pk].existing = (
            sum(number for kind, number in numbers.items() if all(kind in ("", *each) for each in kinds))
            if kinds
            else figures[outbox.pk].counts[State.BASELINE]
        )


def _with_latest(outboxes: list[Outbox], user: Any) -> QuerySet[Any]:
    """Return the outboxes with `latest`, the time of the last delivery: one step into the index for each."""
    arrived = Delivery.objects.filter(outbox=OuterRef("pk"), state=State.DELIVERED)
    targets = Q(target_id__in={each.target_id for each in outboxes})
    seen = access.of_visible_data(user, arrived, targets).order_by("-next_at", "-delivered_at")
    mine = Outbox.objects.filter(pk__in=[each.pk for each in outboxes])
    return mine.annotate(latest=Subquery(seen.values("delivered_at")[:1]))

"""The numbers behind the state of a share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery

from sharecore.delivery import OPEN, State
from tom_integration import permissions
from tom_integration.models import OUTDATED, Channel, Delivery


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


def existing(channel: Channel, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Those of these deliveries of a share that were there before it, of the kinds that it sends."""
    # Of a datum that was never looked at the kind is not known yet.
    of_its_kinds = Q(kind__in=["", *channel.kinds]) if channel.kinds else Q()
    return rows.filter(of_its_kinds, state=State.BEFORE)


def counted(channels: list[Channel], user: Any) -> dict[tuple[str, int], Figures]:
    """The numbers of channels, by address and target; data that the user may not see are not counted.

    What is delivered grows for ever: it is counted on an index alone.
    """
    rows = permissions.visible_deliveries(user, channels).order_by()
    by_channel = rows.values("destination", "target_id")
    figures: dict[tuple[str, int], Figures] = {}
    by_state = by_channel.values("destination", "target_id", "state").annotate(number=Count("*"))
    for row in by_state:
        each = figures.setdefault((row["destination"], row["target_id"]), Figures(Counter()))
        each.counts[row["state"]] = row["number"]
    open_ones = by_channel.filter(state__in=OPEN).annotate(since=Min("created"), soonest=Min("next_at"))
    for waiting in open_ones:
        each = figures[waiting["destination"], waiting["target_id"]]
        each.since, each.soonest = waiting["since"], waiting["soonest"]
    for channel in _with_latest(channels, user):
        if (channel.destination, channel.target_id) in figures:
            figures[channel.destination, channel.target_id].delivered_at = channel.latest
    outdated = by_channel.filter(OUTDATED)
    for edited in outdated.annotate(number=Count("pk")):
        figures[edited["destination"], edited["target_id"]].outdated = edited["number"]
    for channel in channels:
        each = figures.get((channel.destination, channel.target_id), Figures(Counter()))
        if channel.share_id is not None and each.counts[State.BEFORE]:
            each.existing = each.counts[State.BEFORE]
            if channel.kinds:
                each.existing = existing(channel, permissions.deliveries_for(user, channel)).count()
    return figures


def _with_latest(channels: list[Channel], user: Any) -> QuerySet[Any]:
    """The same channels with `latest`, when something arrived last: one step into the index for each."""
    arrived = Delivery.objects.filter(
        destination=OuterRef("destination"), target_id=OuterRef("target_id"), state=State.DELIVERED
    )
    targets = Q(target_id__in={each.target_id for each in channels})
    seen = permissions.of_visible_data(user, arrived, targets).order_by("-next_at", "-delivered_at")
    mine = Channel.objects.filter(pk__in=[each.pk for each in channels])
    return mine.annotate(latest=Subquery(seen.values("delivered_at")[:1]))

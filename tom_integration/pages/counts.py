"""Count the deliveries behind the status summary of a share.

The numbers of many deliveries are kept in the cache of the TOM under the version of their outbox, so that a
share without changes is counted once.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Max, Min, OuterRef, Q, QuerySet, Subquery

from sharecore.delivery import DECLINED, OPEN, RELEASE, State
from sharecore.exceptions import ConfigurationError
from sharecore.records import Kind
from tom_integration import access
from tom_integration.models import OUTDATED, Delivery, Outbox
from tom_integration.outbox import versions

logger = logging.getLogger(__name__)

KEPT_FROM = 10_000
"""The number of deliveries from which on numbers are kept: fewer are counted in a few milliseconds."""
_KEPT_FOR = 30 * 86400


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
    answer_at: datetime | None = None
    """When the destination is next asked for an outcome."""
    delivered_at: datetime | None = None
    """When the last delivery arrived."""
    later: int = 0
    """Records that wait for their release."""
    first: datetime | None = None
    """When the first of them goes."""
    last: datetime | None = None
    """When the last of them goes."""
    declined: int = 0
    """Records that a person declined to send."""
    sent: int = 0
    """Deliveries that arrived since the first open one was made; 0 when none is open."""


_COLUMNS = [each.name for each in fields(Figures)]
"""What is kept of an outbox; another version of this app may have other columns."""
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
    """Return the numbers of outboxes by primary key, without data that the user may not see."""
    if access.single_data_have_rights():
        return _count(outboxes, user)  # Each user may see others.
    # Read the versions first: numbers of what is written meanwhile are kept under one that is not used again.
    known = versions.of(outboxes)
    keys = {each.pk: _key(each, known[each.pk]) for each in outboxes if each.pk in known}
    kept = _cached(lambda: cache.get_many(keys.values())) or {}
    figures = {pk: kept[key] for pk, key in keys.items() if key in kept}
    fresh = _count([each for each in outboxes if each.pk not in figures], user)
    many = {pk: each for pk, each in fresh.items() if pk in keys and each.counts.total() >= KEPT_FROM}
    if many:
        _cached(lambda: cache.set_many({keys[pk]: each for pk, each in many.items()}, _KEPT_FOR))
    return figures | fresh


def _cached(use: Callable[[], Any]) -> Any:
    """Use the cache of the TOM, which may be one of many kinds; without it the page is only slower."""
    try:
        return use()
    except Exception:
        logger.warning("The cache of this TOM could not be used", exc_info=True)
        return None


def _key(outbox: Outbox, version: int) -> str:
    said = repr((_COLUMNS, outbox.pk, version, _kinds(outbox)))
    return f"sharecore.figures.{hashlib.sha256(said.encode()).hexdigest()}"


def _count(outboxes: list[Outbox], user: Any) -> dict[int, Figures]:
    """Count the deliveries of outboxes; those that arrived grow for ever, so use an index alone."""
    if not outboxes:
        return {}
    rows = access.visible_deliveries(user, outboxes).order_by()
    by_outbox = rows.values("outbox")
    figures: dict[int, Figures] = {}
    for row in by_outbox.values("outbox", "state").annotate(number=Count("*")):
        each = figures.setdefault(row["outbox"], Figures(Counter()))
        each.counts[row["state"]] = row["number"]
    submitted = Q(state=State.SUBMITTED)
    open_ones = by_outbox.filter(state__in=OPEN).annotate(
        since=Min("created"),
        soonest=Min("next_at", filter=~submitted),
        answer_at=Min("next_at", filter=submitted),
    )
    for each, waiting in _known(figures, open_ones):
        each.since, each.soonest, each.answer_at = (
            waiting[name] for name in ("since", "soonest", "answer_at")
        )
    for outbox in _with_latest(outboxes, user):
        if outbox.pk in figures:
            figures[outbox.pk].delivered_at = outbox.latest
    outdated = by_outbox.filter(OUTDATED)
    for each, edited in _known(figures, outdated.annotate(number=Count("*"))):
        each.outdated = edited["number"]
    kept_here = by_outbox.filter(state=State.WITHHELD, field__in=(RELEASE, DECLINED)).annotate(
        later=Count("pk", filter=LATER),
        first=Min("next_at", filter=LATER),
        last=Max("next_at", filter=LATER),
        declined=Count("pk", filter=Q(field=DECLINED)),
    )
    for each, kept in _known(figures, kept_here):
        each.later, each.first, each.last = (kept[name] for name in ("later", "first", "last"))
        each.declined = kept["declined"]
    _count_existing(outboxes, figures, rows)
    for pk, each in figures.items():
        if each.since is not None:
            # A delivered row has no next try: naming it makes this one range of the index.
            arrived = rows.filter(outbox=pk, state=State.DELIVERED, next_at=None)
            each.sent = arrived.filter(delivered_at__gte=each.since).count()
    return figures


def _known(figures: Mapping[int, Figures], rows: Iterable[Any]) -> Iterator[tuple[Figures, Any]]:
    """Yield the rows with the figures of their outbox.

    Leave out an outbox whose first deliveries were written since the query before: the next look counts them.
    """
    return ((figures[row["outbox"]], row) for row in rows if row["outbox"] in figures)


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

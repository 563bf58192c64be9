"""Review and settle records that may have arrived, when only a person can find out.

A destination that takes one message for many records has all or none of them, so the records of a call are
shown together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, QuerySet

from sharecore.delivery import IN_DOUBT, State, confirm, resend
from tom_integration import clock
from tom_integration.models import Activity, Delivery, Outbox
from tom_integration.outbox import activity, transitions
from tom_integration.services import shares


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInReview:
    """Count the records of one call to one destination that may have arrived."""

    outbox: Outbox
    sent_at: datetime | None
    number: int
    reason: str
    """The reason of one of the records."""


def calls_in_review(rows: QuerySet[Delivery]) -> list[CallInReview]:
    """Return the calls that need the review of a person, among these deliveries, the oldest first."""
    waiting = rows.filter(state=State.NEEDS_REVIEW).order_by()
    grouped = waiting.values("outbox", "sent_at").annotate(number=Count("pk"), one=Min("pk"))
    found = list(grouped.order_by("sent_at", "outbox"))
    ones = Delivery.objects.select_related("outbox").in_bulk([each["one"] for each in found])
    return [
        CallInReview(
            outbox=ones[each["one"]].outbox,
            sent_at=each["sent_at"],
            number=each["number"],
            reason=ones[each["one"]].reason,
        )
        for each in found
        if each["one"] in ones
    ]


def resolve(row: Delivery, *, arrived: bool, by: str) -> None:
    """Settle a delivery that may have arrived: it did, or it is to be sent again.

    Args:
        row: the delivery.
        arrived: True when it arrived.
        by: the name of the person who found out.

    Raises:
        shares.NotPossible: the delivery is in no doubt.
    """
    if row.state not in IN_DOUBT:
        raise shares.NotPossible(f"Already resolved: its state is {row.state}.")
    if not _resolve([row], arrived=arrived, by=by):
        raise shares.NotPossible("It changed meanwhile. Reload it, then try again.")
    _wake([row])


def resolve_all(rows: QuerySet[Delivery], *, arrived: bool, by: str) -> int:
    """Settle those of the deliveries that need a review, as `resolve`; return how many."""
    waiting = list(rows.filter(state=State.NEEDS_REVIEW))
    number = _resolve(waiting, arrived=arrived, by=by)
    _wake(waiting)
    return number


def _resolve(rows: list[Delivery], *, arrived: bool, by: str) -> int:
    """Settle deliveries that are all in one state; return how many."""
    if not rows:
        return 0
    verdict = confirm(f"{by} found that it arrived") if arrived else resend(now=clock.now())
    known = {row.pk: verdict(transitions.state_of(row)) for row in rows}
    if not arrived:
        for row in rows:
            row.sent_from = None
    number = transitions.settle(rows, known, token="", expected=State(rows[0].state))
    if number:
        _note(rows, arrived=arrived)
    return number


def _note(rows: Iterable[Delivery], *, arrived: bool) -> None:
    numbers = Counter(row.outbox_id for row in rows)
    for outbox in Outbox.objects.filter(pk__in=numbers):
        told = activity.counted(numbers[outbox.pk])
        verdict = "arrived" if arrived else "to be sent again"
        activity.of_shares(Activity.What.RESOLVED, [outbox], detail=f"{told} {verdict}".strip())


def _wake(rows: Iterable[Delivery]) -> None:
    shares.wake(Outbox.objects.filter(pk__in={row.outbox_id for row in rows}))

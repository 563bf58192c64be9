"""What may have arrived, and nobody but a person can find out: looked at, and settled.

A destination that takes one message for many records loses, or keeps, all of a message: what left in one call
belongs together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, QuerySet

from sharecore.delivery import IN_DOUBT, State, confirm, resend
from tom_integration import clock
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import transitions
from tom_integration.services import shares


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInReview:
    """The records of one call to one destination that may have arrived. reason: what is known of one."""

    outbox: Outbox
    sent_at: datetime | None
    number: int
    reason: str


def calls_in_review(rows: QuerySet[Delivery]) -> list[CallInReview]:
    """The calls whose fate a person has to find out, the oldest first, of those among these deliveries."""
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
    """Say what became of one: it arrived, or it is to be sent again.

    by: who says so. Raises `shares.NotPossible` when its fate is known.
    """
    if row.state not in IN_DOUBT:
        raise shares.NotPossible(f"Already resolved: its state is {row.state}.")
    if not _resolve([row], arrived=arrived, by=by):
        raise shares.NotPossible("It changed at this moment; look again.")
    _wake([row])


def resolve_all(rows: QuerySet[Delivery], *, arrived: bool, by: str) -> int:
    """The same for all of these that wait for a person; how many. The others stay as they are."""
    waiting = list(rows.filter(state=State.NEEDS_REVIEW))
    number = _resolve(waiting, arrived=arrived, by=by)
    _wake(waiting)
    return number


def _resolve(rows: list[Delivery], *, arrived: bool, by: str) -> int:
    """All of them are in one state."""
    if not rows:
        return 0
    verdict = confirm(f"{by} found that it arrived") if arrived else resend(now=clock.now())
    known = {row.pk: verdict(transitions.state_of(row)) for row in rows}
    if not arrived:
        for row in rows:
            row.sent_from = None
    return transitions.settle(rows, known, token="", expected=State(rows[0].state))


def _wake(rows: Iterable[Delivery]) -> None:
    shares.wake(Outbox.objects.filter(pk__in={row.outbox_id for row in rows}))

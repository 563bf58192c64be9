"""What may have arrived, and nobody but a person can find out: looked at, and settled.

A destination that takes one message for many records loses, or keeps, all of a message: what left in one call
belongs together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count, Min, QuerySet

from sharecore.delivery import State
from tom_integration import clock
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import ledger
from tom_integration.services import shares


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCall:
    """The records of one call to one destination that may have arrived. reason: what is known of one."""

    outbox: Outbox
    sent_at: datetime | None
    number: int
    reason: str


def calls(rows: QuerySet[Delivery]) -> list[HeldCall]:
    """The calls whose fate a person has to find out, the oldest first, of those among these deliveries."""
    held = rows.filter(state=State.NEEDS_REVIEW).order_by()
    grouped = held.values("outbox", "sent_at").annotate(number=Count("pk"), one=Min("pk"))
    found = list(grouped.order_by("sent_at", "outbox"))
    ones = Delivery.objects.select_related("outbox").in_bulk([each["one"] for each in found])
    return [
        HeldCall(
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
    if row.state not in (State.NEEDS_REVIEW, State.UNCONFIRMED):
        raise shares.NotPossible(f"Already resolved: its state is {row.state}.")
    if not _resolve(row, arrived=arrived, by=by):
        raise shares.NotPossible("It changed at this moment; look again.")
    _wake([row])


def resolve_all(rows: QuerySet[Delivery], *, arrived: bool, by: str) -> int:
    """The same for all of these that wait for a person; how many. The others stay as they are."""
    held = list(rows.filter(state=State.NEEDS_REVIEW))
    number = sum(_resolve(row, arrived=arrived, by=by) for row in held)
    _wake(held)
    return number


def _resolve(row: Delivery, *, arrived: bool, by: str) -> int:
    known = replace(ledger.standing(row), failures=0, field="", reason="")
    if arrived:
        note = f"{by} found that it arrived"
        known = replace(known, state=State.DELIVERED, next_at=None, reason=note)
    else:
        known = replace(known, state=State.PENDING, next_at=clock.now())
        row.sent_from_id = None
    return ledger.settle([row], {row.pk: known}, token="", expected=State(row.state))


def _wake(rows: Iterable[Delivery]) -> None:
    shares.wake(Outbox.objects.filter(pk__in={row.outbox_id for row in rows}))

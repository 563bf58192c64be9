"""Withdraw what a destination got and should not have: a person chooses deliveries, and says why.

Records with one name at the destination are one thing there, such as a message of many rows: they are taken
back together, also those of other targets, to which data moved since.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from sharecore import withdrawals
from sharecore.addresses import Address
from sharecore.delivery import State
from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.texts import one_line
from tom_integration import access, clock, site
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.models import Activity, Delivery, Outbox
from tom_integration.outbox import activity, transitions
from tom_integration.portions import portions
from tom_integration.services import shares

PORTION = 2000
"""Deliveries of one statement: on SQLite nobody else can save during it."""


class TakesOthers(shares.NotPossible):
    """Refuse to withdraw records with which others go, until a person accepts it."""

    def __init__(self, plan: WithdrawalPlan) -> None:
        verb = "goes" if plan.others == 1 else "go"
        super().__init__(f"{plan.others:,} more {verb} with them: they have the same name there.")


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalPlan:
    """Hold what would be withdrawn."""

    number: int
    """Records that were chosen, and that the destination has."""
    others: int
    """Records that go with them, since the destination has all of them under one name."""
    pks: tuple[int, ...]
    """The deliveries of all of them."""


def can_withdraw(address: Address) -> bool:
    """Return True when records can be withdrawn from the destination; no network."""
    try:
        return site.adapters.get(site.destinations().resolve(str(address))[1]).can_withdraw
    except (ConfigurationError, DeliveryError):
        return False


def plan(outbox: Outbox, chosen: Collection[int], *, by: Any) -> WithdrawalPlan:
    """Count what would be withdrawn.

    Args:
        outbox: the outbox of the deliveries, which the user may change.
        chosen: the primary keys of the deliveries.
        by: the user.

    Raises:
        shares.NotPossible: nothing of it can be withdrawn.
    """
    label = site.label(str(outbox.address))
    if not can_withdraw(outbox.address):
        raise shares.NotPossible(f"From {label} nothing can be withdrawn. Correct or delete it there.")
    mine = access.deliveries_for(by, outbox).filter(model__in=DATUM_MODELS, state=State.DELIVERED)
    rows = dict(mine.filter(pk__in=chosen).values_list("pk", "remote_id"))
    if not rows:
        raise shares.NotPossible(f"None of these is delivered, so nothing can be withdrawn from {label}.")
    names = {name for name in rows.values() if name}
    same = Delivery.objects.at(outbox.address).filter(remote_id__in=names, state=State.DELIVERED)
    there = dict(same.values_list("pk", "outbox_id"))
    _require(by, outbox, set(there.values()))
    pks = sorted({*rows, *there})
    return WithdrawalPlan(number=len(rows), others=len(pks) - len(rows), pks=tuple(pks))


def withdraw(
    outbox: Outbox, chosen: Collection[int], *, reason: str, by: Any, with_others: bool = False
) -> WithdrawalPlan:
    """Let a worker withdraw deliveries; return which.

    Args:
        outbox: the outbox of the deliveries, which the user may change.
        chosen: the primary keys of the deliveries.
        reason: the reason, for people.
        by: the user.
        with_others: the user accepts that others go with them.

    Raises:
        TakesOthers: others go with them, and the user has not accepted it.
        shares.NotPossible: there is no reason, or nothing of it can be withdrawn.
    """
    if not reason.strip():
        raise shares.NotPossible("Give a reason: the ledger keeps why it was withdrawn.")
    reason, planned = one_line(reason), plan(outbox, chosen, by=by)
    if planned.others and not with_others:
        raise TakesOthers(planned)
    asked = withdrawals.withdraw(now=clock.now())
    number = 0
    with transaction.atomic():
        for some in portions(planned.pks, PORTION):
            rows = Delivery.objects.filter(pk__in=some)
            number += transitions.apply(rows, asked, withdrawal_reason=reason)
    if not number:
        raise shares.NotPossible("It changed meanwhile. Reload it, then try again.")
    outboxes = _outboxes(planned)
    told = activity.counted(number)
    activity.of_shares(
        Activity.What.WITHDRAWN, list(outboxes), detail=f"{told}: {reason}" if told else reason, by=by
    )
    shares.wake(outboxes)
    return planned


def _outboxes(planned: WithdrawalPlan) -> QuerySet[Outbox]:
    pks: set[int] = set()
    for some in portions(planned.pks, PORTION):
        pks |= set(Delivery.objects.filter(pk__in=some).values_list("outbox_id", flat=True))
    return Outbox.objects.filter(pk__in=pks)


def _require(by: Any, outbox: Outbox, there: set[int]) -> None:
    """Refuse to withdraw records of other targets whose shares the user may not change."""
    others = there - {outbox.pk}
    if others - set(access.outboxes_for(by, "change").filter(pk__in=others).values_list("pk", flat=True)):
        raise shares.NotPossible(
            "Records of other targets would go with them, whose shares you may not change."
        )

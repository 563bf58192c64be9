"""Open outboxes for continuous and one-time shares, and close them when a share is deleted."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Subquery
from tom_targets.models import PersistentShare

from sharecore import delivery
from sharecore.addresses import Address
from sharecore.delivery import ASKABLE, CANCELLABLE, LEFT, SENDABLE, DeliveryState, State
from tom_integration import clock
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.shareable_rows import SHARED_MODELS
from tom_integration.models import ADDRESS, Activity, Delivery, OneTimeShare, Outbox
from tom_integration.outbox import activity, transitions
from tom_integration.outbox.backlog import missing, register
from tom_integration.outbox.limits import changed_digest, highest_keys, of_outbox
from tom_integration.outbox.moved_shares import take_along
from tom_integration.outbox.new_shares import attach_new

_CANCELLED_BY_CLOSING = CANCELLABLE - LEFT
"""The states that closing cancels; what has left stays, since it could be sent again otherwise."""
_ALL = Q()
_WAITING = SENDABLE | {State.SUBMITTED, State.UNCONFIRMED, State.WITHDRAWING}
"""The states in which a delivery may have a time of its next step."""
_NO_LIMITS: dict[str, Any] = {
    "filter": "", "until": None, "release_days": 0, "not_before": None, "paused": ""
}  # fmt: skip
_LIMITS = (*_NO_LIMITS, "rule")
"""The columns that a share takes along to another outbox."""
DELETED = "the share was deleted"
"""The reason of open deliveries that are cancelled with their share."""
PORTION = 20
"""Shares that are attached in one transaction: on SQLite nobody else can save during it."""


def open_outbox(address: Address, target_id: int) -> Outbox:
    """Return the outbox of an address and a target; make it if there is none."""
    # Write first: on SQLite a transaction that has read fails at once while another one writes.
    Outbox.objects.bulk_create([Outbox.to(address, target_id)], ignore_conflicts=True)
    return Outbox.objects.at(address).get(target_id=target_id)


def attach(share: Any) -> None:
    """Attach a continuous share to its outbox, so that it sends new data from now on.

    The data that its target has now become `baseline` rows, since nobody asked for them. Of a share that is
    attached already only the user is noted. A share with another target or destination than before keeps its
    limits and its pause, and takes its open deliveries along.
    """
    outbox, address = Outbox.objects.filter(share_id=share.pk).first(), Address.parse(share.destination)
    if outbox and (outbox.address, outbox.target_id) == (address, share.target_id):
        if share.user_id not in (None, outbox.creator_id):
            outbox.creator_id = share.user_id
            Outbox.objects.filter(pk=outbox.pk).update(creator_id=share.user_id, look_now=True)
            activity.of_shares(Activity.What.ADOPTED, [outbox], by_creators=True)
        return
    # Django sets the user of a share to NULL when the user is deleted. Keep the id: a share without a user
    # would act with the rights of the site from now on.
    creator_id = share.user_id or (outbox.creator_id if outbox else None)
    previous, outbox = outbox, open_outbox(address, share.target_id)
    with transaction.atomic():
        # Write first: on SQLite a transaction that has read fails at once while another one writes.
        both = [each for each in (previous, outbox) if each]
        Outbox.objects.filter(pk__in=[each.pk for each in both]).update(target_id=F("target_id"))
        for each in both:
            each.refresh_from_db()  # A person may have changed limits, or paused the share.
        if outbox.share_id == share.pk:
            return  # A scan was faster: data saved since then are new, and no baseline.
        if previous and previous.share_id != share.pk:
            return  # It was deleted or moved meanwhile: a scan sees to it.
        if previous:
            for name in _LIMITS:
                setattr(outbox, name, getattr(previous, name))
        elif outbox.rule_id is not None:
            outbox.rule = None  # A person made the share anew, after the share of the rule.
        limits = of_outbox(outbox)
        existing_to = (previous.existing_to if previous else {}) or (highest_keys() if limits.filters else {})
        transitions.set_aside(outbox.deliveries.all())
        register(outbox, DeliveryState(state=State.BASELINE), selection=limits.selection)
        if previous:
            take_along(previous, outbox)
            _close(Outbox.objects.filter(pk=previous.pk), "the share was given another target or destination")
        Outbox.objects.filter(pk=outbox.pk).update(
            share_id=share.pk,
            creator_id=creator_id,
            existing_to=existing_to,
            problem="",
            needs_person=False,
            look_now=True,
            **{name: getattr(outbox, name) for name in _LIMITS},
        )
        outbox.share_id, outbox.creator_id = share.pk, creator_id
        if previous is None:
            activity.of_shares(Activity.What.MADE, [outbox], by_creators=True)
        else:
            previous.creator_id = creator_id
            activity.of_shares(Activity.What.MOVED, [previous], detail="away from here", by_creators=True)
            activity.of_shares(Activity.What.MOVED, [outbox], detail="to here", by_creators=True)


def set_limits(outbox: Outbox, **limits: Any) -> None:
    """Set what a share sends before it is made, so that the data from before are read with its filter."""
    Outbox.objects.filter(pk=outbox.pk, share_id__isnull=True).update(**_NO_LIMITS | limits)


def detach(*share_ids: int, reason: str) -> None:
    """Cancel the open deliveries of shares that are gone, but for those of one-time shares.

    The rule that made a share is kept: a share that a person ends is not made by the rule again.
    """
    with transaction.atomic():
        outboxes = Outbox.objects.filter(share_id__in=share_ids)
        outboxes.update(look_now=True)  # Write first, see `attach`.
        told = "" if reason == DELETED else reason
        activity.of_shares(Activity.What.DELETED, list(outboxes), detail=told)
        _close(outboxes, reason)


def _close(outboxes: QuerySet[Outbox], reason: str) -> None:
    """Cancel the open deliveries of these outboxes, and forget their shares.

    The creator is kept: what left is asked about, and withdrawn, with the key of that person.
    """
    left = Delivery.objects.filter(
        outbox__in=outboxes, one_time_share__isnull=True, state__in=_CANCELLED_BY_CLOSING
    )
    with transaction.atomic():
        transitions.apply(left, delivery.cancel(reason))
        outboxes.update(share_id=None, look_now=True, existing_to={}, **_NO_LIMITS)


def ask_for(
    outbox: Outbox, *, selection: Mapping[str, Q] | None = None, one_time_share: OneTimeShare | None = None
) -> int:
    """Make every datum due that the address does not have ("share existing data"); return how many.

    Records that were refused or withheld before are tried again, since a person asks for them.

    Args:
        outbox: the outbox of the address and the target.
        selection: a condition for each model whose data are meant; None for all that the share sends.
        one_time_share: the share that asks; None for the continuous share of the outbox.
    """
    now = clock.now()
    asked = {"one_time_share_id": one_time_share.pk if one_time_share else None}
    conditions = {name: Q() for name in DATUM_MODELS} if selection is None else dict(selection)
    if one_time_share is None:
        limits = of_outbox(outbox).selection
        conditions = {name: each & limits[name] for name, each in conditions.items() if name in limits}
    with transaction.atomic():
        look_at(outbox.target_id, address=outbox.address)
        pending = DeliveryState(state=State.PENDING, next_at=now)
        count = register(outbox, pending, selection=conditions, **asked)
        for name, condition in conditions.items():
            waiting = _left_behind(name, condition, outbox.address, outbox.target_id)
            count += transitions.apply(waiting, delivery.replay(now=now), **asked)
    return count


def ask_for_many(address: Address, targets: Collection[int], *, selection: Mapping[str, Q]) -> None:
    """Make every datum due that the address does not have, of targets whose new shares have the same limits.

    Args:
        address: the address of the shares.
        targets: the primary keys of their targets.
        selection: a condition for each model whose data are meant.
    """
    first = Outbox.objects.at(address).filter(target_id__in=targets)[:1]
    now = clock.now()
    for name, passing in of_outbox(first.get()).selection.items():
        chosen = SHARED_MODELS[name]._default_manager.filter(passing, selection[name], target_id__in=targets)
        waiting = Delivery.objects.at(address).filter(model=name, datum_pk__in=chosen.values("pk"))
        transitions.apply(waiting.filter(state__in=ASKABLE), delivery.replay(now=now), one_time_share_id=None)


def asked_for(address: Address, target_id: int, *, selection: Mapping[str, Q]) -> int:
    """Return how many data `ask_for` would make due."""
    return sum(
        missing(SHARED_MODELS[name], address, target_id).filter(condition).count()
        + _left_behind(name, condition, address, target_id).count()
        for name, condition in selection.items()
    )


def _left_behind(model: str, condition: Q, address: Address, target_id: int) -> QuerySet[Delivery]:
    """Return the deliveries of these data that the address does not have and no worker is sending."""
    chosen = SHARED_MODELS[model]._default_manager.filter(condition, target_id=target_id)
    rows = Delivery.objects.at(address)
    return rows.filter(model=model, datum_pk__in=chosen.values("pk"), state__in=ASKABLE)


def limit(outbox: Outbox, **limits: Any) -> None:
    """Change what a continuous share sends, and when; look at withheld records again.

    What the destination has stays there. What a wider filter lets through becomes due, but for the data from
    before the share.

    Args:
        outbox: the outbox of the share.
        **limits: columns of `Limited`.
    """
    changed = [name for name, value in limits.items() if getattr(outbox, name) != value]
    Outbox.objects.filter(pk=outbox.pk).update(settings_digest=changed_digest(), look_now=True, **limits)
    if changed:
        activity.of_shares(Activity.What.CHANGED, [outbox], detail=activity.named(changed))


def look_at(target_id: int, *, address: Address | None = None) -> None:
    """Mark the outboxes of a target, so that a worker looks at them; write only where no mark is left."""
    outboxes = Outbox.objects.filter(target_id=target_id, look_now=False)
    if address is not None:
        outboxes = outboxes.at(address)
    outboxes.update(look_now=True)


def next_look(outbox: Outbox, of: Q = _ALL) -> datetime | None:
    """Return the time of the next step of one of these deliveries in the outbox; None when nothing waits."""
    waiting = outbox.deliveries.filter(of, state__in=_WAITING, next_at__isnull=False)
    earliest: datetime | None = waiting.aggregate(earliest=Min("next_at"))["earliest"]
    return earliest


def match_shares(*, seconds: float = math.inf) -> bool:
    """Attach shares that were made without a signal (in bulk), and detach those deleted without one.

    Stop after the first portion that ends beyond these seconds; return True when all shares are matched.
    """
    began = time.monotonic()
    while some := list(_strays()[:PORTION]):
        attach_new(share for share in some if share.outbox_target is None and not share.taken)
        for share in some:
            if share.outbox_target is not None or share.taken:
                attach(share)
        if time.monotonic() - began > seconds:
            return False
    for share_id in filter(None, list(_gone().values_list("share_id", flat=True))):
        detach(share_id, reason=DELETED)
    return True


@cache
def _strays() -> QuerySet[Any]:
    """Return the shares without an outbox, and those whose outbox has another target or destination.

    Build it once: that takes as long as to ask it.
    """
    outboxes = Outbox.objects.annotate(address_text=ADDRESS)
    known = outboxes.filter(share_id=OuterRef("pk"))
    taken = outboxes.filter(
        address_text=OuterRef("destination"), target_id=OuterRef("target_id"), share_id__isnull=False
    )
    shares: QuerySet[Any] = PersistentShare.objects.order_by("pk").annotate(
        outbox_address=Subquery(known.values("address_text")[:1]),
        outbox_target=Subquery(known.values("target_id")[:1]),
        taken=Exists(taken),
    )
    return shares.filter(
        Q(outbox_target__isnull=True) | ~Q(outbox_address=F("destination")) | ~Q(outbox_target=F("target_id"))
    )


@cache
def _gone() -> QuerySet[Outbox]:
    """Return the outboxes whose shares were deleted."""
    shares = PersistentShare.objects.values("pk")
    return Outbox.objects.filter(share_id__isnull=False).exclude(share_id__in=shares)

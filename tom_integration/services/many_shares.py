"""Make, pause, resume, retry and delete many shares by a few statements; the caller checks the rights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from tom_targets.models import PersistentShare

from sharecore import delivery
from sharecore.addresses import Address
from tom_integration import access, clock
from tom_integration.models import Activity, Delivery, Outbox
from tom_integration.outbox import activity, open_outboxes, transitions
from tom_integration.outbox.new_shares import attach_new, few
from tom_integration.portions import portions
from tom_integration.services import shares
from tom_integration.services.one_time import of_user
from tom_integration.services.retry import RETRIED

_PORTION = 100
"""Shares of one transaction: on SQLite nobody else can save during it."""


def make(
    targets: Sequence[int], destination: str, *, user: Any, limits: Mapping[str, Any], existing: bool
) -> int:
    """Share targets continuously, as `shares.make` would each of them; return how many shares were made.

    A target that is shared there already is left alone.

    Args:
        targets: the primary keys of the targets.
        destination: `name` or `name:topic`.
        user: the user with whose rights the shares act.
        limits: columns of `Limited`.
        existing: send the data from before, too, of those that the user may see.
    """
    number, left = 0, list(targets)
    wanted = {"user": user, "limits": limits, "existing": of_user(user) if existing else None}
    while left:
        some = few(left)
        left = left[len(some) :]
        free = sorted({*some} - shared_already(destination, some))
        try:
            number += _make(free, destination, **wanted)
        except IntegrityError:  # Somebody has shared or deleted one of them meanwhile.
            number += sum(_make_one(pk, destination, **wanted) for pk in free)
    return number


def shared_already(destination: str, targets: Sequence[int]) -> set[int]:
    """Return the targets that are shared there continuously; somebody may share others a moment later."""
    here = PersistentShare.objects.filter(destination=destination, target_id__in=targets)
    return set(here.values_list("target_id", flat=True))


def _make(
    targets: Sequence[int],
    destination: str,
    *,
    user: Any,
    limits: Mapping[str, Any],
    existing: Mapping[str, Q] | None,
) -> int:
    with transaction.atomic():
        same = {"destination": destination, "user": user}
        made = PersistentShare.objects.bulk_create(PersistentShare(target_id=pk, **same) for pk in targets)
        attach_new(made, columns=limits)
        if made and existing is not None:
            open_outboxes.ask_for_many(Address.parse(destination), targets, selection=existing)
    return len(made)


def _make_one(pk: int, destination: str, **wanted: Any) -> int:
    try:
        shares.make(pk, destination, **wanted)
    except IntegrityError:
        return 0
    return 1


def pause(pks: Sequence[int], *, by: Any) -> int:
    """Pause these shares; return how many were not paused before."""
    reason = shares.paused_by(by)
    number = 0
    for outboxes in _portions(pks):
        going = list(outboxes.filter(paused=""))
        Outbox.objects.filter(pk__in=[each.pk for each in going]).update(paused=reason)
        activity.of_shares(Activity.What.PAUSED, going, by=by)
        number += len(going)
    return number


def resume(pks: Sequence[int]) -> int:
    """Go on with these shares; return how many were paused."""
    number = 0
    for outboxes in _portions(pks):
        paused = list(outboxes.exclude(paused=""))
        Outbox.objects.filter(pk__in=[each.pk for each in paused]).update(paused="")
        activity.of_shares(Activity.What.RESUMED, paused)
        shares.wake(paused)
        number += len(paused)
    return number


def retry(pks: Sequence[int], *, by: Any) -> int:
    """Make due what did not arrive of these shares, of the data that a user may see; return how many."""
    number = 0
    for outboxes in _portions(pks):
        known = list(outboxes)
        targets = Q(target_id__in={each.target_id for each in known})
        rows = Delivery.objects.filter(outbox__in=[each.pk for each in known], state__in=RETRIED)
        seen = access.of_visible_data(by, rows, targets)
        with_some = list(outboxes.filter(pk__in=seen.order_by().values("outbox")))
        number += transitions.apply(seen, delivery.replay(now=clock.now()))
        activity.of_shares(Activity.What.RETRIED, with_some, by=by)
        shares.wake(known)
    return number


def delete(pks: Sequence[int]) -> int:
    """Delete these shares, and cancel their open records; return how many there were."""
    number = 0
    for some in portions(pks, _PORTION):
        with transaction.atomic():
            open_outboxes.detach(*some, reason=open_outboxes.DELETED)
            _, by_model = PersistentShare.objects.filter(pk__in=some).delete()
        number += by_model.get(PersistentShare._meta.label, 0)
    return number


def _portions(pks: Sequence[int]) -> Iterator[Any]:
    """Yield the outboxes of the shares; attach first those that were made without a signal (in bulk)."""
    for some in portions(pks, _PORTION):
        outboxes = Outbox.objects.filter(share_id__in=some)
        for share in PersistentShare.objects.filter(pk__in=some).exclude(pk__in=outboxes.values("share_id")):
            open_outboxes.attach(share)
        yield outboxes

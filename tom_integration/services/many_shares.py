"""Pause, resume, retry and delete many shares by a few statements; the caller checks the rights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from tom_targets.models import PersistentShare

from sharecore import delivery
from tom_integration import access, clock
from tom_integration.models import Activity, Delivery, Outbox
from tom_integration.outbox import activity, open_outboxes, transitions
from tom_integration.services import shares
from tom_integration.services.retry import RETRIED

_PORTION = 100
"""Shares of one transaction: on SQLite nobody else can save during it."""


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
    for some in _some(pks):
        with transaction.atomic():
            open_outboxes.detach(*some, reason=open_outboxes.DELETED)
            _, by_model = PersistentShare.objects.filter(pk__in=some).delete()
        number += by_model.get(PersistentShare._meta.label, 0)
    return number


def _portions(pks: Sequence[int]) -> Iterator[Any]:
    """Yield the outboxes of the shares; attach first those that were made without a signal (in bulk)."""
    for some in _some(pks):
        outboxes = Outbox.objects.filter(share_id__in=some)
        for share in PersistentShare.objects.filter(pk__in=some).exclude(pk__in=outboxes.values("share_id")):
            open_outboxes.attach(share)
        yield outboxes


def _some(pks: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(pks), _PORTION):
        yield pks[start : start + _PORTION]

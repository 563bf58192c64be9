"""What a person does to a share: the same for REST, pages and commands. Rights are asked of `permissions`.

A share's deliveries are all of its target at its destination, those of one-time requests included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from sharecore import delivery
from sharecore.delivery import REPLAYABLE, State
from sharecore.destinations import Destination
from sharecore.exceptions import Problem
from tom_integration import access, clock, site, wake_up
from tom_integration.mapping.target_fields import find_target
from tom_integration.models import OUTDATED, Delivery, DestinationHealth, Outbox
from tom_integration.outbox import opening, transitions
from tom_integration.worker import breaker, route

RETRIED = REPLAYABLE - {State.CANCELLED}
"""What "retry" tries again. A cancelled one is not: its datum, share or target is gone."""
RETRIED_ONE = RETRIED | {State.BASELINE, State.PENDING}
"""What a person can send at once, one by one: what waits for its next try as well."""


class NotPossible(Exception):
    """What is asked for makes no sense as things stand; the text says why, for people."""


def outbox_of(share: Any) -> Outbox:
    """The outbox of a share; opened here when the share was made without a signal (in bulk)."""
    outbox = Outbox.objects.filter(share_id=share.pk).first()
    if outbox is None:
        opening.attach(share)
        outbox = Outbox.objects.get(share_id=share.pk)
    return outbox


def pause(share: Any, *, by: Any) -> None:
    """Send nothing of a share until it is resumed; its new data wait. by: the user who pauses it."""
    outbox = outbox_of(share)
    Outbox.objects.filter(pk=outbox.pk, paused="").update(paused=f"paused by {by.get_username()}"[:500])


def resume(share: Any) -> None:
    """Go on with a share that was paused; what has come meanwhile is sent."""
    outbox = outbox_of(share)
    Outbox.objects.filter(pk=outbox.pk).update(paused="")
    wake([outbox])


def adopt(share: Any, *, by: Any) -> None:
    """Let a share act with the rights of another user, where those of its creator no longer suffice.

    Raises `NotPossible` while the creator can answer for it.
    """
    outbox = outbox_of(share)
    target = find_target(share.target_id)
    if not access.creator_objection(outbox.creator_id, target):
        raise NotPossible("The user who made this share still answers for it; there is nothing to adopt.")
    if problem := access.creator_objection(by.pk, target):
        raise NotPossible(problem)
    with transaction.atomic():
        share.user = by
        share.save(update_fields=["user"])
        _retry(outbox.deliveries.filter(state=State.WITHHELD, one_time_share__isnull=True))
    wake([outbox])


def retry(share_id: int | None = None) -> int:
    """Try again what was refused, withheld, unsupported or given up; how many records.

    share_id: those of one share; of all when None. Raises LookupError when there is no such share.
    """
    chosen = list(Outbox.objects.all() if share_id is None else Outbox.objects.filter(share_id=share_id))
    if share_id is not None and not chosen:
        raise LookupError(f"There is no share {share_id}; `manage.py sharing status` lists them.")
    return sum(retry_outbox(outbox) for outbox in chosen)


def retry_outbox(outbox: Outbox, *, among: QuerySet[Delivery] | None = None) -> int:
    """The same for all deliveries of one target at one destination. among: only for these."""
    rows = outbox.deliveries.all() if among is None else among
    number = _retry(rows.filter(state__in=RETRIED))
    wake([outbox])
    return number


def hurry(outbox: Outbox, *, among: QuerySet[Delivery]) -> int:
    """Try at once, among these deliveries of an outbox, those that wait for their next try; how many."""
    number = _hurry(among)
    wake([outbox])
    return number


def send_existing(outbox: Outbox, *, among: QuerySet[Delivery]) -> int:
    """Send, among these deliveries of an outbox, those that were there before its share; how many."""
    number = _retry(among.filter(state=State.BASELINE))
    wake([outbox])
    return number


def send_edited(outbox: Outbox, *, among: QuerySet[Delivery]) -> int:
    """Send the new values of those, among these deliveries of an outbox, that were edited here; how many.

    Their destination takes no edits: it gets them as new data, beside the old values.
    """
    number = _send_edited(among)
    wake([outbox])
    return number


def retry_one(row: Delivery) -> None:
    """Try one delivery again, now; one that was there before the share, and was not asked for, is sent too.

    Of one that was edited here after delivery the new values are sent. Raises `NotPossible` when it is not in
    a state to be tried again.
    """
    mine = Delivery.objects.filter(pk=row.pk)
    followed = row.outbox.share_id is not None
    retried = _retry(mine.filter(state__in=RETRIED_ONE)) or _hurry(mine)
    if not (retried or (followed and _send_edited(mine))):
        raise NotPossible(_why_not(row))
    wake([row.outbox])


def check(destination: Destination) -> Sequence[Problem]:
    """Ask a destination whether it would take our data; when it would, everything for it is due at once.

    Raises `ConfigurationError` or `DeliveryError` when it cannot be asked.
    """
    adapter = site.adapters.get(destination)
    problems = adapter.check()
    if not any(problem.fatal for problem in problems):
        breaker.described(destination.name, route.told(adapter))
        breaker.mended(destination.name)
    return problems


def describe(destination: Destination) -> str:
    """How data go to a destination, as was found by the last check or delivery; empty if nothing is known."""
    whole = DestinationHealth.objects.filter(destination=destination.name, topic=None)
    return whole.values_list("about", flat=True).first() or ""


def _retry(rows: QuerySet[Delivery]) -> int:
    return transitions.apply(rows, delivery.replay(now=clock.now()))


def _hurry(rows: QuerySet[Delivery]) -> int:
    return transitions.apply(rows, delivery.hurry(now=clock.now()))


def _send_edited(rows: QuerySet[Delivery]) -> int:
    """Forget that they arrived, as of what a destination has lost: it is sent without looking."""
    asked = "a person asked for the new values to be sent"
    lost = delivery.lost_there(asked, now=clock.now(), can_tell=False)
    return transitions.apply(rows.filter(OUTDATED), lost, delivered_at=None, arrived="")


def _why_not(row: Delivery) -> str:
    match State(row.state):
        case State.DELIVERED:
            return "The destination has it already."
        case State.SENDING:
            return "It is being sent at this moment."
        case State.NEEDS_REVIEW | State.UNCONFIRMED:
            return "It may have arrived. Look at the destination, then say whether it did."
        case State.CANCELLED:
            return f"It was cancelled: {row.reason or 'what it belongs to is gone'}."
        case _:
            return "It changed at this moment; look again."


def wake(chosen: Iterable[Outbox]) -> None:
    """Look at these outboxes now: a mark for any worker, and a hint to the one in this process."""
    chosen = list(chosen)
    Outbox.objects.filter(pk__in=[each.pk for each in chosen]).update(look_now=True, next_at=None)
    for target_id in {each.target_id for each in chosen}:
        wake_up.hint(target_id, {})

"""Pause, resume, retry and check shares, for REST, pages and commands alike; they check the rights.

The deliveries of a share are all those of its target at its destination, one-time shares included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from tom_targets.models import PersistentShare

from sharecore import delivery
from sharecore.addresses import Address
from sharecore.data_sharing import Destination
from sharecore.delivery import REPLAYABLE, State
from sharecore.exceptions import Problem
from tom_integration import access, clock, site, wake_up
from tom_integration.mapping.target_fields import find_target
from tom_integration.models import OUTDATED, Delivery, DestinationHealth, Outbox
from tom_integration.outbox import open_outboxes, transitions
from tom_integration.worker import breaker, transport_text

RETRIED = REPLAYABLE - {State.CANCELLED}
"""The states that "retry" tries again: not cancelled, since the datum, share or target was deleted."""
RETRIED_ONE = RETRIED | {State.BASELINE, State.PENDING}
"""The states in which a person can send a single record at once."""


class NotPossible(Exception):
    """Refuse an action that the present state does not allow; the text says why, for people."""


def outbox_of(share: Any) -> Outbox:
    """Return the outbox of a share; attach the share first when it was made without a signal (in bulk)."""
    outbox = Outbox.objects.filter(share_id=share.pk).first()
    if outbox is None:
        open_outboxes.attach(share)
        outbox = Outbox.objects.get(share_id=share.pk)
    return outbox


def make(
    target_id: int,
    destination: str,
    *,
    user: Any,
    limits: Mapping[str, Any],
    existing: Mapping[str, Q] | None = None,
) -> Any:
    """Make a continuous share, so that nothing leaves, and nothing is counted, before its limits are set.

    Args:
        target_id: the primary key of the target.
        destination: `name` or `name:topic`.
        user: the user with whose rights it acts.
        limits: columns of `Limited`.
        existing: the data from before that go as well, a condition for each model; None for none.

    Raises:
        IntegrityError: there is such a share already.
    """
    with transaction.atomic():
        outbox = open_outboxes.open_outbox(Address.parse(destination), target_id)
        open_outboxes.set_limits(outbox, **limits)
        share = PersistentShare.objects.create(target_id=target_id, destination=destination, user=user)
        if existing is not None:
            open_outboxes.ask_for(outbox_of(share), selection=existing)
    return share


def pause(share: Any, *, by: Any) -> None:
    """Send nothing of a share until a user resumes it; its new data wait."""
    outbox = outbox_of(share)
    Outbox.objects.filter(pk=outbox.pk, paused="").update(paused=f"paused by {by.get_username()}"[:500])


def resume(share: Any) -> None:
    """Go on with a paused share, and send its new data of the meantime."""
    outbox = outbox_of(share)
    Outbox.objects.filter(pk=outbox.pk).update(paused="")
    wake([outbox])


def adopt(share: Any, *, by: Any) -> None:
    """Let a share act with the rights of another user, when those of its creator no longer suffice.

    Raises:
        NotPossible: the rights of the creator suffice, or those of the other user do not.
    """
    outbox = outbox_of(share)
    target = find_target(share.target_id)
    if not access.creator_objection(outbox.creator_id, target, outbox.destination):
        raise NotPossible("The user who made this share still answers for it; there is nothing to adopt.")
    if problem := access.creator_objection(by.pk, target, outbox.destination):
        raise NotPossible(problem)
    with transaction.atomic():
        share.user = by
        share.save(update_fields=["user"])
        _retry(outbox.deliveries.filter(state=State.WITHHELD, one_time_share__isnull=True))
    wake([outbox])


def retry(share_id: int | None = None) -> int:
    """Make due what was refused, withheld, unsupported or given up; return how many records.

    Args:
        share_id: the share to retry; None for all.

    Raises:
        LookupError: there is no such share.
    """
    chosen = list(Outbox.objects.all() if share_id is None else Outbox.objects.filter(share_id=share_id))
    if share_id is not None and not chosen:
        raise LookupError(f"There is no share {share_id}; `manage.py sharing status` lists them.")
    return sum(retry_outbox(outbox) for outbox in chosen)


def retry_outbox(outbox: Outbox, *, among: QuerySet[Delivery] | None = None) -> int:
    """Retry the deliveries of an outbox, or those `among` a selection of them; return how many."""
    rows = outbox.deliveries.all() if among is None else among
    number = _retry(rows.filter(state__in=RETRIED))
    wake([outbox])
    return number


def hurry(outbox: Outbox, *, among: QuerySet[Delivery]) -> int:
    """Make due, among these deliveries of an outbox, those that wait for their next try; return how many."""
    number = _hurry(among)
    wake([outbox])
    return number


def send_existing(outbox: Outbox, *, among: QuerySet[Delivery]) -> int:
    """Make due, among these deliveries of an outbox, those from before its share; return how many."""
    number = _retry(among.filter(state=State.BASELINE))
    wake([outbox])
    return number


def send_edited(outbox: Outbox, *, among: QuerySet[Delivery]) -> int:
    """Make due, among these deliveries of an outbox, those that were edited here; return how many.

    Their destination takes no edits: it gets the new values as new data, beside the old ones.
    """
    number = _send_edited(among)
    wake([outbox])
    return number


def retry_one(row: Delivery) -> None:
    """Make one delivery due now, also one from before the share, or one that was edited after delivery.

    Raises:
        NotPossible: the delivery is not in a state to be tried again.
    """
    mine = Delivery.objects.filter(pk=row.pk)
    followed = row.outbox.share_id is not None
    retried = _retry(mine.filter(state__in=RETRIED_ONE)) or _hurry(mine)
    if not (retried or (followed and _send_edited(mine))):
        raise NotPossible(_why_not(row))
    wake([row.outbox])


def check(destination: Destination) -> Sequence[Problem]:
    """Check whether a destination would take our data; if so, make everything for it due.

    Raises:
        ConfigurationError: the destination cannot be used.
        DeliveryError: the destination could not be asked.
    """
    adapter = site.adapters.get(destination)
    problems = adapter.check()
    if not any(problem.fatal for problem in problems):
        breaker.described(destination.name, transport_text.told(adapter))
        breaker.end_pauses(destination.name)
    return problems


def describe(destination: Destination) -> str:
    """Return the transport to a destination, from the last check or delivery; empty before the first."""
    whole = DestinationHealth.objects.filter(destination=destination.name, topic=None)
    return whole.values_list("about", flat=True).first() or ""


def _retry(rows: QuerySet[Delivery]) -> int:
    return transitions.apply(rows, delivery.replay(now=clock.now()))


def _hurry(rows: QuerySet[Delivery]) -> int:
    return transitions.apply(rows, delivery.hurry(now=clock.now()))


def _send_edited(rows: QuerySet[Delivery]) -> int:
    """Make edited rows due as if the destination had lost them, to be sent without a look-up."""
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
            return "It changed meanwhile. Reload it, then try again."


def wake(chosen: Iterable[Outbox]) -> None:
    """Mark outboxes for any worker, and hint at them to the worker in this process."""
    chosen = list(chosen)
    Outbox.objects.filter(pk__in=[each.pk for each in chosen]).update(look_now=True, next_at=None)
    for target_id in {each.target_id for each in chosen}:
        wake_up.hint(target_id, {})

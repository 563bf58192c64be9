"""Pause, resume, adopt and check shares, for REST, pages and commands alike; they check the rights.

The deliveries of a share are all those of its target at its destination, one-time shares included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from tom_targets.models import PersistentShare

from sharecore import delivery
from sharecore.adapter import Adapter
from sharecore.addresses import Address
from sharecore.delivery import DECLINED, State
from sharecore.destination import Destination
from sharecore.exceptions import AuthenticationFailed, ConfigurationError, DeliveryError, Problem
from sharecore.texts import one_line
from tom_integration import access, clock, site, wake_up
from tom_integration.mapping.target_fields import find_target
from tom_integration.models import Activity, DestinationHealth, Outbox
from tom_integration.outbox import activity, open_outboxes, transitions
from tom_integration.worker import breaker, key_refusals, transport_text

TIME_OVER = "This time is over. Give a later one, or none."
"""What is wrong with an end that lies in the past."""


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


def outbox_by_share(share_id: int) -> Outbox:
    """Return the outbox of the share with this primary key.

    Raises:
        NotPossible: there is no such share.
    """
    outbox = Outbox.objects.filter(share_id=share_id).first()
    if outbox is None:
        raise NotPossible(f"There is no share {share_id}; `manage.py sharing status` lists them.")
    return outbox


def pause(share: Any, *, by: Any) -> None:
    """Send nothing of a share until a user resumes it; its new data wait."""
    outbox = outbox_of(share)
    if Outbox.objects.filter(pk=outbox.pk, paused="").update(paused=paused_by(by)):
        activity.of_shares(Activity.What.PAUSED, [outbox], by=by)


def paused_by(user: Any) -> str:
    """Return the reason of a pause by a user."""
    return one_line(f"paused by {user.get_username()}")


def resume(share: Any) -> None:
    """Go on with a paused share, and send its new data of the meantime."""
    outbox = outbox_of(share)
    if Outbox.objects.filter(pk=outbox.pk).exclude(paused="").update(paused=""):
        activity.of_shares(Activity.What.RESUMED, [outbox])
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
        withheld = outbox.deliveries.filter(state=State.WITHHELD, one_time_share__isnull=True)
        transitions.apply(withheld.exclude(field=DECLINED), delivery.replay(now=clock.now()))
    wake([outbox])


def check(destination: Destination) -> Sequence[Problem]:
    """Check whether a destination would take our data, and keep the result; if so, make all for it due.

    What it answers to the key of a person is kept only where it refuses the key, or takes it again.

    Raises:
        ConfigurationError: the destination cannot be used.
        DeliveryError: the destination could not be asked.
    """
    adapter = site.adapters.get(destination)
    try:
        problems = adapter.check()
    except (ConfigurationError, DeliveryError) as error:
        if not destination.person:
            _keep_result(destination, adapter, failure=str(error))
        elif isinstance(error, AuthenticationFailed):
            key_refusals.refuse(Address(destination.name), destination, error)
        raise
    if not destination.person:
        _keep_result(destination, adapter, problems=problems)
    elif found := [each for each in problems if each.fatal and _blames_key(each, destination)]:
        refused = AuthenticationFailed(found[0].what)
        key_refusals.refuse(Address(destination.name), destination, refused)
    if not any(problem.fatal for problem in problems):
        if destination.person:
            key_refusals.end(destination.name, int(destination.person))
        breaker.described(destination.name, transport_text.told(adapter), takes_tests=adapter.takes_tests)
        breaker.end_pauses(destination.name)
    return problems


def _blames_key(problem: Problem, destination: Destination) -> bool:
    """Return True when a problem is at a setting that people give: some adapters say so of a refused key."""
    return any(problem.where.endswith(f"[{key!r}]") for key in destination.type.personal)


def _keep_result(
    destination: Destination, adapter: Adapter, *, failure: str = "", problems: Iterable[Problem] = ()
) -> None:
    result = {
        "tested": one_line(adapter.check_tests),
        "failure": one_line(failure),
        "problems": [
            {"what": one_line(each.what), "hint": one_line(each.hint), "fatal": each.fatal}
            for each in problems
        ],
    }
    breaker.checked(destination.name, result, now=clock.now())


def describe(destination: Destination) -> str:
    """Return the transport to a destination, from the last check or delivery; empty before the first."""
    whole = DestinationHealth.objects.filter(destination=destination.name, topic=None)
    return whole.values_list("about", flat=True).first() or ""


def wake(chosen: Iterable[Outbox]) -> None:
    """Mark outboxes for any worker, and hint at them to the worker in this process."""
    chosen = list(chosen)
    Outbox.objects.filter(pk__in=[each.pk for each in chosen]).update(look_now=True, next_at=None)
    for target_id in {each.target_id for each in chosen}:
        wake_up.hint(target_id, {})

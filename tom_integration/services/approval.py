"""Approve what may be sent to destinations with `APPROVAL`, or decline it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from sharecore import delivery
from sharecore.texts import one_line
from tom_integration import access, clock
from tom_integration.models import Activity, Delivery, Outbox
from tom_integration.outbox import activity, transitions
from tom_integration.portions import portions
from tom_integration.services import shares

AT_ONCE = 500
"""Deliveries of one statement, since SQLite takes 32,766 values at the most."""


def seen(rows: QuerySet[Delivery]) -> str:
    """Return a digest of deliveries that wait for approval, with the content of each."""
    return digest(rows.values_list("pk", "asked"))


def digest(content: Iterable[tuple[int, str]]) -> str:
    """Return the same of primary keys with the digest of the content of each."""
    return hashlib.sha256(repr(sorted(content)).encode()).hexdigest()


def approve(user: Any, chosen: Mapping[int, str]) -> int:
    """Let deliveries go with the content that the user has seen; return how many.

    Those that the user may not approve, that somebody has settled, or whose content has changed, stay.

    Args:
        user: the user who approves.
        chosen: the digest of the content, `Delivery.asked`, by the primary key of the delivery.
    """
    return _each(user, chosen, lambda rows: transitions.approve(rows, by=user.pk), Activity.What.APPROVED)


def decline(user: Any, chosen: Mapping[int, str], *, reason: str) -> int:
    """Keep deliveries here; return how many. Others stay, as for `approve`.

    Args:
        user: the user who declines.
        chosen: as for `approve`.
        reason: the reason, for people.

    Raises:
        shares.NotPossible: there is no reason.
    """
    if not reason.strip():
        raise shares.NotPossible("Give a reason for declining.")
    reason = one_line(reason)
    step = delivery.decline(f"declined by {user.get_username()}: {reason}")
    return _each(user, chosen, lambda rows: transitions.apply(rows, step), Activity.What.DECLINED, reason)


def _each(
    user: Any,
    chosen: Mapping[int, str],
    step: Callable[[QuerySet[Delivery]], int],
    what: Activity.What,
    reason: str = "",
) -> int:
    """Take a step with the deliveries that are as the user has seen them, outbox by outbox.

    The user may have seen newer content than was asked for: ask for it.
    """
    same: dict[int, list[int]] = defaultdict(list)
    changed: set[int] = set()
    for some in portions(list(chosen), AT_ONCE):
        found = access.approvable(user).filter(pk__in=some).values_list("outbox", "pk", "asked")
        for outbox_id, pk, asked in found:
            if chosen[pk] == asked:
                same[outbox_id].append(pk)
            else:
                changed.add(outbox_id)
                transitions.apply(Delivery.objects.filter(pk=pk), delivery.ask_anew(now=clock.now()))
    outboxes = Outbox.objects.in_bulk([*same, *changed])
    number = sum(
        _in_outbox(user, outboxes[outbox_id], {pk: chosen[pk] for pk in pks}, step, what, reason)
        for outbox_id, pks in same.items()
        if outbox_id in outboxes
    )
    shares.wake(outboxes.values())
    return number


def _in_outbox(
    user: Any,
    outbox: Outbox,
    chosen: Mapping[int, str],
    step: Callable[[QuerySet[Delivery]], int],
    what: Activity.What,
    reason: str,
) -> int:
    number = 0
    with transaction.atomic():
        for some in portions(list(chosen), AT_ONCE):
            # A worker may have asked anew since they were read: what was not seen is not settled.
            same = Delivery.objects.filter(pk__in=some, asked__in={chosen[pk] for pk in some})
            number += step(same)
        if number:
            told = ": ".join(filter(None, [activity.counted(number), reason]))
            activity.of_shares(what, [outbox], detail=told, by=user)
    return number

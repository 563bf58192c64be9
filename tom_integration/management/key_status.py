"""Find the people whose own key keeps records from going, for `manage.py sharing status`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from sharecore.addresses import Address
from sharecore.delivery import OPEN, State
from sharecore.destination import Destination
from tom_integration import personal_keys, site
from tom_integration.models import Delivery, OneTimeShare, Outbox
from tom_integration.worker import key_refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """Hold that the key of a person is missing, or refused, at one destination or topic."""

    destination: str
    """`name`, or `name:topic` where one topic alone refuses it."""
    user: str
    state: str
    """`missing`, also for a key that cannot be used, or `refused`."""
    reason: str
    since: datetime | None = None
    """The time since which it is refused."""


def of(outboxes: QuerySet[Outbox]) -> tuple[KeyStatus, ...]:
    """Return the keys that are missing or refused, of the people whose records wait in these outboxes."""
    return tuple(
        each
        for name, destination in sorted(site.destinations().items())
        if destination.personal
        for user in _people(outboxes.filter(destination=name))
        for each in _of_person(destination, user)
    )


def _people(outboxes: QuerySet[Outbox]) -> QuerySet[Any]:
    """Return the users whose records, or targets, wait in outboxes."""
    waiting = Delivery.objects.filter(outbox__in=outboxes, state__in=OPEN | {State.WITHDRAWING})
    creators = outboxes.filter(pk__in=waiting.filter(one_time_share=None).values("outbox"))
    once = OneTimeShare.objects.filter(outbox__in=outboxes)
    once = once.filter(Q(introduce=True) | Q(pk__in=waiting.values("one_time_share")))
    theirs = Q(pk__in=creators.values("creator_id")) | Q(pk__in=once.values("user_id"))
    return get_user_model()._default_manager.filter(theirs).order_by("pk")


def _of_person(destination: Destination, user: Any) -> Iterator[KeyStatus]:
    name = user.get_username()
    try:
        personal_keys.with_key_of(destination, user.pk)
    except personal_keys.NoKey as error:
        yield KeyStatus(destination=destination.name, user=name, state="missing", reason=str(error))
        return
    for row in key_refusals.of_person(destination, user.pk):
        yield KeyStatus(
            destination=str(Address(row.destination, row.topic or "")),
            user=name,
            state="refused",
            reason=row.reason,
            since=row.since,
        )

"""Tell whose records wait in an outbox: where each person shares with their own key, these are sent apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from sharecore.destination import Destination
from tom_integration import access
from tom_integration.models import OneTimeShare, Outbox
from tom_integration.worker.waits import Wait

ALL = Q()


@dataclass(frozen=True, slots=True)
class Sender:
    """Hold a person whose records are sent with their own key, or the site, which sends all records."""

    user_id: int | None = None
    """The person; None for the site."""
    alone: bool = False
    """True when the records of this sender alone are sent with these credentials."""

    def is_creator(self, outbox: Outbox) -> bool:
        """Return True when the continuous share is sent by this sender."""
        return not self.alone or outbox.creator_id == self.user_id

    @property
    def is_gone(self) -> bool:
        """Return True for a user who was deleted."""
        return self.user_id is not None and access.find_creator(self.user_id) is None

    def rows(self, outbox: Outbox) -> Q:
        """Return a condition for the deliveries of this sender in an outbox."""
        if not self.alone:
            return ALL
        mine = Q(one_time_share__in=list(self.shares(outbox).values_list("pk", flat=True)))
        return mine | Q(one_time_share=None) if self.is_creator(outbox) else mine

    def shares(self, outbox: Outbox) -> Any:
        """Return the one-time shares of this sender in an outbox."""
        shares = OneTimeShare.objects.filter(outbox=outbox)
        return shares.filter(user_id=self.user_id) if self.alone else shares


SITE = Sender()
"""The site, which sends all records with its own credentials."""


def senders(outbox: Outbox, destination: Destination) -> list[Sender]:
    """Return who sends records of an outbox now; the creator of the continuous share comes first."""
    if not destination.personal:
        return [SITE]
    waiting = outbox.deliveries.filter(next_at__isnull=False)
    asked = OneTimeShare.objects.filter(outbox=outbox)
    asked = asked.filter(Q(introduce=True) | Q(pk__in=waiting.values("one_time_share")))
    people = list(asked.order_by("pk").values_list("user_id", flat=True))
    if outbox.share_id is not None or waiting.filter(one_time_share=None).exists():
        people.insert(0, outbox.creator_id)
    return [Sender(user_id, True) for user_id in dict.fromkeys(people)]


def joined(waits: Mapping[Sender, Wait], outbox: Outbox) -> Wait:
    """Return the waits of several senders as one of the outbox.

    What another person has to correct is no trouble of the one whose continuous share it is.
    """
    share = outbox.share_id is not None
    mine = [wait for sender, wait in waits.items() if sender.is_creator(outbox) or not share]
    return Wait(
        min(wait.until for wait in waits.values()),
        "; ".join(dict.fromkeys(wait.problem for wait in waits.values() if wait.problem)),
        needs_person=any(wait.needs_person for wait in mine),
    )

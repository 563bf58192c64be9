"""Read the deliveries that are due, submitted, unconfirmed or withdrawn; correct those that are not due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from sharecore import delivery
from sharecore.delivery import RELEASE, SENDABLE, State
from tom_integration import clock
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import transitions

ALL = Q()
AHEAD = 10_000
"""Deliveries that are sorted by time at once."""


class Due:
    """Read the deliveries of an outbox that are to be sent now, in order of time, a batch at a time.

    Sort for many batches at once: sorting for each batch makes a long backlog ever slower.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._all = outbox.deliveries.filter(state__in=SENDABLE)
        self._ahead: list[int] = []

    def batch(self, *, now: datetime, limit: int, continuous: bool, of: Q = ALL) -> list[Delivery]:
        """Return the next deliveries; an empty list when nothing is left to be sent now.

        Once one delivery is due, add new ones whose batch window is still open.

        Args:
            now: the present time.
            limit: the largest number of deliveries.
            continuous: False to return the deliveries of one-time shares only.
            of: the deliveries among which to look; the same in each call.
        """
        waiting = self._waiting(continuous).filter(of)
        company = Q(next_at__lte=now) | Q(state=State.PENDING, attempts=0, failures=0)
        while True:
            if not self._ahead:
                if not waiting.filter(next_at__lte=now).exists():
                    return []
                ordered = waiting.filter(company).order_by("timestamp", "pk")
                self._ahead = list(ordered.values_list("pk", flat=True)[:AHEAD])
            pks, self._ahead = self._ahead[:limit], self._ahead[limit:]
            rows = waiting.filter(company, pk__in=pks)
            if batch := list(rows.order_by("timestamp", "pk")):
                return batch

    def again(self, batch: list[Delivery], *, continuous: bool) -> list[Delivery]:
        """Return those of a batch that are still to be sent, as they are now; see `batch`."""
        rows = self._waiting(continuous).filter(pk__in=[row.pk for row in batch])
        return list(rows.order_by("timestamp", "pk"))

    def _waiting(self, continuous: bool) -> QuerySet[Delivery]:
        return self._all if continuous else self._all.filter(one_time_share__isnull=False)


def is_asking(outbox: Outbox, *, now: datetime) -> bool:
    """Return True when the destination is to be asked about any delivery of an outbox now."""
    return outbox.deliveries.filter(state__in=list(TOGETHER), next_at__lte=now).exists()


def asking(state: State, outbox: Outbox, *, now: datetime, limit: int, of: Q = ALL) -> list[Delivery]:
    """Return the deliveries in a state of `TOGETHER` that the destination is to be asked about now."""
    rows = outbox.deliveries.filter(of, state=state, next_at__lte=now)
    return list(rows.order_by(*TOGETHER[state])[:limit])


TOGETHER: Mapping[State, tuple[str, ...]] = {
    State.WITHDRAWING: ("remote_id", "pk"),
    State.SUBMITTED: ("ticket", "timestamp", "pk"),
    State.UNCONFIRMED: ("timestamp", "pk"),
}
"""The states in which the destination is asked, ordered so that one name or ticket there stays together."""


def bring_near(outbox: Outbox, furthest: datetime, *, settle_time: float) -> None:
    """Make due what a wrong clock has put off until later than the retry schedule allows.

    Args:
        outbox: the outbox of the deliveries.
        furthest: the latest time that the schedule allows.
        settle_time: the seconds after which the destination has surely finished a call; unconfirmed records
            are looked up after it.
    """
    now = clock.now()
    # The time of a release was not set by a clock.
    far = outbox.deliveries.filter(next_at__gt=furthest).exclude(state=State.WITHHELD, field=RELEASE)
    transitions.apply(far, delivery.bring_near(now=now))
    transitions.apply(far, delivery.look_again(at=now + timedelta(seconds=settle_time)))


def close_orphans(outbox: Outbox) -> None:
    """Cancel deliveries that a share that is gone would send, but for those of one-time shares."""
    if outbox.share_id is None:
        # Ask the outbox again: the share may have been made anew since it was read.
        left = outbox.deliveries.filter(
            one_time_share__isnull=True,
            outbox__share_id__isnull=True,
            state__in=(State.PENDING, State.TO_APPROVE),
        )
        transitions.apply(left, delivery.cancel("the share was deleted"))

"""Reading deliveries: what is due, what is to be looked up, what somebody named, and what calls brought."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Q

from sharecore import delivery
from sharecore.addresses import Address
from sharecore.delivery import SENDABLE, State
from sharecore.outcomes import Result
from sharecore.records import RecordKey
from tom_integration import clock
from tom_integration.mapping.data_files import SHARED_MODELS
from tom_integration.models import Attempt, Delivery, Outbox
from tom_integration.outbox import transitions
from tom_integration.outbox.bulk_sql import insert_many
from tom_integration.outbox.opening import open_outbox

AHEAD = 10_000
"""Deliveries that are put in order of time at once."""


class Due:
    """The deliveries of an outbox that are to be sent now, in order of time, a batch at a time.

    What is to be sent is put in order for many batches at once: for each batch anew, a long backlog would
    take ever longer.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._all = outbox.deliveries.filter(state__in=SENDABLE)
        self._ahead: list[int] = []

    def batch(self, *, now: datetime, limit: int, continuous: bool) -> list[Delivery]:
        """The next ones; none when nothing is left to be sent now.

        When one has come, new ones that still wait for company come along. continuous: False for what was
        asked for by hand alone.
        """
        waiting = self._all if continuous else self._all.filter(one_time_share__isnull=False)
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


def unconfirmed(outbox: Outbox, *, now: datetime, limit: int) -> list[Delivery]:
    """Deliveries whose fate is to be looked up now."""
    return list(
        outbox.deliveries.filter(state=State.UNCONFIRMED, next_at__lte=now).order_by("timestamp", "pk")[
            :limit
        ]
    )


def bring_near(outbox: Outbox, furthest: datetime, *, settle_time: float) -> None:
    """Mend what a clock that was wrong has put off until after the furthest try that there is: it is due now.

    What may have arrived is looked up after its destination is surely done with it, settle_time in seconds.
    """
    now = clock.now()
    far = outbox.deliveries.filter(next_at__gt=furthest)
    transitions.apply(far, delivery.bring_near(now=now))
    transitions.apply(far, delivery.look_again(at=now + timedelta(seconds=settle_time)))


def write_attempts(
    rows: Mapping[RecordKey, Delivery], results: Mapping[RecordKey, Result], *, started: datetime, worker: str
) -> None:
    """Keep what one call brought."""
    same = {"started": started, "finished": clock.now(), "worker": worker}
    insert_many(
        Attempt,
        ("delivery_id", "outcome", "reason"),
        [
            (rows[key].pk, type(result).__name__.lower(), getattr(result, "reason", ""))
            for key, result in results.items()
        ],
        constants=same,
    )


def name(target_id: int, model: str, pks: Iterable[int]) -> int:
    """Somebody saved, or named, these data: compare their content with what was sent; how many rows.

    Those that have come to this target (a merge of targets moves data) are led over to it.
    """
    rows = Delivery.objects.filter(model=model, datum_pk__in=list(pks))
    here = SHARED_MODELS[model]._default_manager.filter(pk__in=list(pks), target_id=target_id)
    come = rows.exclude(outbox__target_id=target_id).filter(datum_pk__in=here.values("pk"))
    for destination, topic in set(come.values_list("destination", "topic")):
        address = Address(destination, topic)
        outbox = open_outbox(address, target_id)
        come.at(address).update(outbox=outbox)
        # Where there is no share, the outbox closes what nobody asks for.
        Outbox.objects.filter(pk=outbox.pk).update(look_now=True)
    return rows.update(named=True)


def close_orphans(outbox: Outbox) -> None:
    """Cancel what is due but nobody asks for any more, since the share is gone."""
    if outbox.share_id is None:
        left = outbox.deliveries.filter(one_time_share__isnull=True, state=State.PENDING)
        transitions.apply(left, delivery.cancel("the share was deleted"))


def chance() -> float:
    """The jitter of one batch."""
    return random.random()  # noqa: S311  (spreads load, guards nothing)

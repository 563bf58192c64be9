"""Read the deliveries that are due, submitted or unconfirmed; note edited data and the attempts of calls."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import router, transaction
from django.db.models import Q

from sharecore import delivery
from sharecore.addresses import Address
from sharecore.delivery import RELEASE, SENDABLE, State
from sharecore.exchanges import Recording
from sharecore.outcomes import Result, Withdrawal
from sharecore.records import RecordKey
from tom_integration import clock
from tom_integration.mapping.shareable_rows import SHARED_MODELS
from tom_integration.models import Attempt, Call, Delivery, Outbox
from tom_integration.outbox import transitions, versions
from tom_integration.outbox.bulk_sql import insert_many
from tom_integration.outbox.open_outboxes import open_outbox

logger = logging.getLogger(__name__)

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
        waiting = self._all.filter(of)
        waiting = waiting if continuous else waiting.filter(one_time_share__isnull=False)
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


def write_attempts(
    rows: Mapping[RecordKey, Delivery],
    results: Mapping[RecordKey, Result | Withdrawal],
    *,
    started: datetime,
    worker: str,
    recording: Recording | None,
) -> None:
    """Store an attempt for each record of one call, and once what was sent and answered in it."""
    if not results:
        return
    outbox_id = next(iter(rows.values())).outbox_id
    same = {"started": started, "finished": clock.now(), "worker": worker}
    with transaction.atomic(using=router.db_for_write(Attempt)):
        versions.renew([outbox_id])  # A page shows the attempts beside the deliveries.
        call = _write_call(recording, outbox_id, started) if recording and recording.number else None
        insert_many(
            Attempt,
            ("delivery_id", "outcome", "reason"),
            [
                (rows[key].pk, type(result).__name__.lower(), getattr(result, "reason", ""))
                for key, result in results.items()
            ],
            constants=same | {"call_id": call},
        )


def _write_call(recording: Recording, outbox_id: int, started: datetime) -> int | None:
    """Return the primary key of the call; None where it cannot be stored: the attempts count more."""
    try:
        columns = {
            "outbox_id": outbox_id,
            "started": started,
            "requests": recording.number,
            "exchanges": [asdict(each) | {"started": each.started.isoformat()} for each in recording.kept()],
        }
        with transaction.atomic(using=router.db_for_write(Call)):
            return int(Call.objects.create(**columns).pk)
    except Exception:
        logger.exception("What was sent and answered in a call could not be stored")
        return None


def name(target_id: int, model: str, pks: Iterable[int]) -> int:
    """Mark the deliveries of data that were saved or named, for change detection; return how many.

    Deliveries of data that have come to this target, as in a merge of targets, move to its outboxes.
    """
    rows = Delivery.objects.filter(model=model, datum_pk__in=list(pks))
    here = SHARED_MODELS[model]._default_manager.filter(pk__in=list(pks), target_id=target_id)
    come = rows.exclude(outbox__target_id=target_id).filter(datum_pk__in=here.values("pk"))
    for destination, topic in set(come.values_list("destination", "topic")):
        address = Address(destination, topic)
        outbox = open_outbox(address, target_id)
        # The look cancels the deliveries in an outbox without a share.
        Outbox.objects.filter(pk=outbox.pk).update(look_now=True)
        # Approval was asked for it under the name of the target that it had.
        transitions.apply(come.at(address), delivery.ask_anew(now=clock.now()))
        with transaction.atomic():
            versions.renew([outbox.pk, *come.at(address).values_list("outbox_id", flat=True)])
            versions.update(come.at(address), outbox=outbox)
    return rows.update(named=True)


def close_orphans(outbox: Outbox) -> None:
    """Cancel deliveries that a share that is gone would send, but for those of one-time shares."""
    if outbox.share_id is None:
        left = outbox.deliveries.filter(
            one_time_share__isnull=True, state__in=(State.PENDING, State.TO_APPROVE)
        )
        transitions.apply(left, delivery.cancel("the share was deleted"))


def chance() -> float:
    """Return the jitter of the retries of one batch, from 0 to 1."""
    return random.random()  # noqa: S311  (spreads load, guards nothing)

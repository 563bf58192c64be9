"""Reading and writing deliveries. What an outcome leads to is decided by `sharecore.delivery`."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from sharecore.addresses import Address
from sharecore.delivery import DeliveryState, State
from sharecore.outcomes import Result
from sharecore.records import RecordKey
from tom_integration import clock, signals
from tom_integration.mapping.data_files import SHARED_MODELS
from tom_integration.models import (
    FIELD_LENGTH,
    REASON_LENGTH,
    REMOTE_ID_LENGTH,
    Attempt,
    Delivery,
    Outbox,
)
from tom_integration.outbox.bulk_sql import insert_many, update_each
from tom_integration.outbox.opening import open_outbox
from tom_integration.signals import Event
from tom_integration.texts import plain

_LENGTHS = {"reason": REASON_LENGTH, "field": FIELD_LENGTH, "remote_id": REMOTE_ID_LENGTH}
_TOLD = {State.FAILED: Event.RECORDS_FAILED, State.NEEDS_REVIEW: Event.RECORDS_NEED_REVIEW}
_ARRIVED = {
    "arrived": "fingerprint",
    "revision": "CASE WHEN delivered_at IS NULL THEN revision ELSE revision + 1 END",
}
"""Further columns of what has arrived, in SQL: both databases take the values of before the statement."""
AHEAD = 10_000
"""Deliveries that are put in order of time at once."""
_MAY_BE_THERE = (State.DELIVERED, State.UNCONFIRMED, State.NEEDS_REVIEW)
_STANDING = ("state", "attempts", "failures", "next_at", "reason", "field", "remote_id")


def standing(row: Delivery) -> DeliveryState:
    """Where a delivery stands."""
    return DeliveryState(**{name: getattr(row, name) for name in _STANDING} | {"state": State(row.state)})


def written_as(standing: DeliveryState) -> dict[str, object]:
    """The columns of a standing, but for the attempts, which are counted when they are made."""
    texts = {name: plain(getattr(standing, name), length) for name, length in _LENGTHS.items()}
    return {"state": standing.state, "failures": standing.failures, "next_at": standing.next_at, **texts}


class Ripe:
    """The deliveries of an outbox that are to be sent now, in order of time, a batch at a time.

    What is to be sent is put in order for many batches at once: for each batch anew, a long backlog would
    take ever longer.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._all = outbox.deliveries.filter(state__in=(State.PENDING, State.WITHHELD))
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
    far.filter(state__in=(State.PENDING, State.WITHHELD)).update(next_at=now)
    far.filter(state=State.UNCONFIRMED).update(next_at=now + timedelta(seconds=settle_time))


def write_intents(rows: Iterable[Delivery], token: str) -> list[Delivery]:
    """Note, before anything leaves, that these are in hand.

    Rows hold identity and content; those that another hand changed meanwhile are left out. What the others
    hold of `sent_from` stays as it was, for `settle`.
    """
    rows = list(rows)
    now = clock.now()
    in_hand = {"state": State.SENDING, "lease": token, "sent_at": now, "next_at": None}
    with transaction.atomic():
        # First a write: on SQLite a transaction that has read fails at once while another one writes.
        written = update_each(
            rows,
            ("kind", "record_id", "identity", "fingerprint"),
            constants=in_hand,
            expressions={"attempts": "attempts + 1", "sent_from_id": "outbox_id"},
            # Not those that have followed their data to another target: they go under its name.
            only={
                "state": (State.PENDING, State.WITHHELD),
                "outbox_id": sorted({row.outbox_id for row in rows}),
            },
        )
        if written < len(rows):
            mine = Delivery.objects.filter(pk__in=[row.pk for row in rows], state=State.SENDING, lease=token)
            taken = set(mine.values_list("pk", flat=True))
            rows = [row for row in rows if row.pk in taken]
    for row in rows:
        row.state, row.lease, row.sent_at, row.next_at = State.SENDING.value, token, now, None
        row.attempts += 1
    return rows


def settle(
    rows: Iterable[Delivery],
    standings: Mapping[int, DeliveryState],
    *,
    token: str,
    expected: State = State.SENDING,
    also: Callable[[], object] = lambda: None,
) -> int:
    """Write where deliveries stand now; how many. also: what is written before, in the same transaction.

    Only rows that are still in hand under this token change: what a stale worker brings is dropped. Of one
    that did not arrive in this call, `sent_from` stays what the row holds: an earlier one may have.
    """
    by_change: dict[tuple[object, ...], list[Delivery]] = defaultdict(list)
    for row in rows:
        stands = standings[row.pk]
        same = (stands.state, stands.failures, stands.next_at, stands.reason, stands.field, row.sent_from_id)
        by_change[same].append(row)
    now = clock.now()
    guard = {"state": [expected]} | ({"lease": [token]} if expected is State.SENDING else {})
    written = 0
    told: list[tuple[DeliveryState, list[Delivery]]] = []
    with transaction.atomic():
        also()
        for group in by_change.values():
            change = standings[group[0].pk]
            values = written_as(change) | {"lease": ""}
            del values["remote_id"]
            if change.state not in _MAY_BE_THERE:
                values["sent_from_id"] = group[0].sent_from_id
            delivered = change.state is State.DELIVERED
            for row in group:
                row.remote_id = plain(standings[row.pk].remote_id, REMOTE_ID_LENGTH)
            number = update_each(
                group,
                ("remote_id",),
                constants=values | ({"delivered_at": now} if delivered else {}),
                expressions=_ARRIVED if delivered else {},
                only=guard,
            )
            written += number
            if number and change.state in _TOLD:
                told.append((change, group))
    for change, group in told:
        signals.of_outbox(
            _TOLD[change.state],
            group[0].outbox,
            plain(change.reason),
            delivery_ids=sorted(row.pk for row in group),
        )
    return written


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
        outbox.deliveries.filter(one_time_share__isnull=True, state=State.PENDING).update(
            state=State.CANCELLED, reason="the share was deleted", next_at=None
        )


def chance() -> float:
    """The jitter of one batch."""
    return random.random()  # noqa: S311  (spreads load, guards nothing)

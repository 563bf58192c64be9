"""Reading and writing deliveries. What an outcome leads to is decided by `sharecore.delivery`."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import connections, router, transaction
from django.db.models import Case, F, PositiveIntegerField, Q, QuerySet, When
from django.utils import timezone

from sharecore.delivery import Standing, State
from sharecore.outcomes import Result
from sharecore.records import RecordKey
from tom_integration import signals
from tom_integration.data.rows import DATUM_MODELS
from tom_integration.models import (
    FIELD_LENGTH,
    REASON_LENGTH,
    REMOTE_ID_LENGTH,
    Attempt,
    Channel,
    Delivery,
)
from tom_integration.promises.channels import moved
from tom_integration.signals import Event
from tom_integration.texts import plain

_LENGTHS = {"reason": REASON_LENGTH, "field": FIELD_LENGTH, "remote_id": REMOTE_ID_LENGTH}
_TOLD = {State.PARKED: Event.RECORDS_PARKED, State.HELD: Event.RECORDS_HELD}
_STANDING = ("state", "attempts", "failures", "next_at", "reason", "field", "remote_id")


def standing(row: Delivery) -> Standing:
    """Where a delivery stands."""
    return Standing(**{name: getattr(row, name) for name in _STANDING} | {"state": State(row.state)})


def written_as(standing: Standing) -> dict[str, object]:
    """The columns of a standing, but for the attempts, which are counted when they are made."""
    texts = {name: plain(getattr(standing, name), length) for name, length in _LENGTHS.items()}
    return {"state": standing.state, "failures": standing.failures, "next_at": standing.next_at, **texts}


def of(channel: Channel) -> QuerySet[Delivery]:
    """The deliveries of a channel."""
    return Delivery.objects.filter(destination=channel.destination, target_id=channel.target_id)


def ripe(channel: Channel, *, now: datetime, limit: int, continuous: bool) -> list[Delivery]:
    """Deliveries to be sent now, in order of time.

    When one has come, new ones that still wait for company come along. continuous: False for what was asked
    for by hand alone.
    """
    waiting = of(channel).filter(state__in=(State.DUE, State.WITHHELD))
    if not continuous:
        waiting = waiting.filter(request_id__isnull=False)
    if not waiting.filter(next_at__lte=now).exists():
        return []
    company = Q(next_at__lte=now) | Q(state=State.DUE, attempts=0, failures=0)
    return list(waiting.filter(company).order_by("timestamp", "pk")[:limit])


def unconfirmed(channel: Channel, *, now: datetime, limit: int) -> list[Delivery]:
    """Deliveries whose fate is to be looked up now."""
    return list(
        of(channel).filter(state=State.UNCONFIRMED, next_at__lte=now).order_by("timestamp", "pk")[:limit]
    )


def write_intents(rows: Iterable[Delivery], token: str) -> list[Delivery]:
    """Note, before anything leaves, that these are in hand.

    Rows hold identity and content; those that another hand changed meanwhile are left out.
    """
    rows = list(rows)
    now = timezone.now()
    with transaction.atomic():
        # First a write: on SQLite a transaction that has read fails at once while another one writes.
        mine = Delivery.objects.filter(pk__in=[row.pk for row in rows])
        mine.filter(state__in=(State.DUE, State.WITHHELD)).update(
            state=State.SENDING, lease=token, sent_at=now, next_at=None, attempts=F("attempts") + 1
        )
        taken = set(mine.filter(state=State.SENDING, lease=token).values_list("pk", flat=True))
        rows = [row for row in rows if row.pk in taken]
        for row in rows:
            row.state, row.lease, row.sent_at, row.next_at = State.SENDING.value, token, now, None
            row.attempts += 1
        write_texts(rows, ("kind", "record_id", "identity", "fingerprint"))
    return rows


def write_texts(
    rows: Iterable[Delivery], columns: Sequence[str], *, only: Mapping[str, str] | None = None
) -> None:
    """Write these columns, which hold text, of each row whose columns in `only` have these values.

    For many rows with a value of their own each this takes a hundredth of the time of `bulk_update`.
    """
    conditions = {} if only is None else dict(only)
    values = [(*(getattr(row, name) for name in columns), row.pk, *conditions.values()) for row in rows]
    if not values:
        return
    connection = connections[router.db_for_write(Delivery)]
    quote = connection.ops.quote_name
    assignments = ", ".join(f"{quote(name)} = %s" for name in columns)
    where = " AND ".join(f"{quote(name)} = %s" for name in ("id", *conditions))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {quote(Delivery._meta.db_table)} SET {assignments} WHERE {where}",  # noqa: S608
            values,
        )


def settle(
    rows: Iterable[Delivery],
    standings: Mapping[int, Standing],
    *,
    token: str,
    expected: State = State.SENDING,
) -> int:
    """Write where deliveries stand now; how many.

    Only rows that are still in hand under this token change: what a stale worker brings is dropped.
    """
    by_change: dict[Standing, list[Delivery]] = defaultdict(list)
    for row in rows:
        by_change[replace(standings[row.pk], attempts=0, remote_id="")].append(row)
    now = timezone.now()
    guard = {"state": expected.value} | ({"lease": token} if expected is State.SENDING else {})
    written = 0
    told: list[tuple[Standing, list[Delivery]]] = []
    with transaction.atomic():
        for change, group in by_change.items():
            values = written_as(change)
            del values["remote_id"]
            if change.state is State.DELIVERED:
                values["delivered_at"], values["arrived"] = now, F("fingerprint")
                again = When(delivered_at__isnull=False, then=F("revision") + 1)
                values["revision"] = Case(again, default=F("revision"), output_field=PositiveIntegerField())
            held = Delivery.objects.filter(pk__in=[row.pk for row in group], **guard)
            named = [row for row in group if standings[row.pk].remote_id != row.remote_id]
            for row in named:
                row.remote_id = plain(standings[row.pk].remote_id, REMOTE_ID_LENGTH)
            write_texts(named, ("remote_id",), only=guard)
            number = held.update(**values, lease="")
            written += number
            if number and change.state in _TOLD:
                told.append((change, group))
    for change, group in told:
        signals.of_records(
            _TOLD[change.state],
            destination=group[0].destination,
            target_id=group[0].target_id,
            delivery_ids=sorted(row.pk for row in group),
            reason=plain(change.reason),
        )
    return written


def write_attempts(
    rows: Mapping[RecordKey, Delivery], results: Mapping[RecordKey, Result], *, started: datetime, worker: str
) -> None:
    """Keep what one call brought."""
    finished = timezone.now()
    Attempt.objects.bulk_create(
        Attempt(
            delivery_id=rows[key].pk,
            started=started,
            finished=finished,
            outcome=type(result).__name__.lower(),
            reason=getattr(result, "reason", ""),
            worker=worker,
        )
        for key, result in results.items()
    )


def name(target_id: int, model: str, pks: Iterable[int]) -> int:
    """Somebody saved, or named, these data: compare their content with what was sent; how many rows.

    Those that have come to this target (a merge of targets moves data) are led over to it.
    """
    rows = Delivery.objects.filter(model=model, datum_pk__in=list(pks))
    here = DATUM_MODELS[model]._default_manager.filter(pk__in=list(pks), target_id=target_id)
    come = rows.exclude(target_id=target_id).filter(datum_pk__in=here.values("pk"))
    destinations = set(come.values_list("destination", flat=True))
    if destinations:
        come.update(target_id=target_id)
        for destination in destinations:
            moved(destination, target_id)
    return rows.update(named=True)


def close_orphans(channel: Channel) -> None:
    """Cancel what is due but nobody asks for any more, since the share is gone."""
    if channel.share_id is None:
        of(channel).filter(request_id__isnull=True, state=State.DUE).update(
            state=State.CANCELLED, reason="the share was deleted", next_at=None
        )


def chance() -> float:
    """The jitter of one batch."""
    return random.random()  # noqa: S311  (spreads load, guards nothing)

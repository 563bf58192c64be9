"""Detect changes: no datum has a time of modification, so its content is compared with what was sent.

The hint of a save names its row, and so does `continuous_share_data`; the rescan compares all rows, slowly.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from sharecore import delivery
from sharecore.delivery import State
from sharecore.exceptions import InvalidRecord
from sharecore.identity import fingerprint
from tom_integration.mapping.data_files import FILE_MODEL
from tom_integration.mapping.report_rows import REPORT_MODEL
from tom_integration.mapping.shareable_rows import shareable_identity, shareable_of
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import named_data, transitions, versions
from tom_integration.outbox.bulk_sql import update_each
from tom_integration.outbox.prepare import load

CHUNK = 500


def compare_named(outbox: Outbox, *, origin: str, now: datetime) -> None:
    """Compare the deliveries of named data; make edited data, and all of the baseline, due."""
    named = outbox.deliveries.filter(named=True).exclude(state__in=_IN_HAND)
    while rows := list(named.order_by("pk")[:CHUNK]):
        with transaction.atomic():
            versions.renew([outbox.pk])
            Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(named=False)
            _compare(outbox, rows, origin=origin, now=now, asked_for=True)


def rescan(outbox: Outbox, *, origin: str, now: datetime, after: int = 0, limit: int = CHUNK) -> int:
    """Compare up to `limit` rows with a primary key above `after`; return the last key, or 0 at the end.

    Baseline rows get their identity here, so that their data are recognised when they are made again under
    another primary key.
    """
    rows = list(_comparable(outbox).filter(pk__gt=after).order_by("pk")[:limit])
    _compare(outbox, rows, origin=origin, now=now, asked_for=False)
    return rows[-1].pk if len(rows) == limit else 0


def learn(outbox: Outbox, *, origin: str, now: datetime) -> None:
    """Give baseline rows their identity, a few at a time."""
    rows = outbox.deliveries.filter(state=State.BASELINE, identity="").order_by("pk")[: 4 * CHUNK]
    _compare(outbox, list(rows), origin=origin, now=now, asked_for=False)


def _comparable(outbox: Outbox) -> QuerySet[Delivery]:
    # Comparing a file means reading it all; files and reports are shared once, as they were then.
    rows = outbox.deliveries.exclude(model__in=(FILE_MODEL, REPORT_MODEL))
    return rows.exclude(state__in=(State.PENDING, *_IN_HAND))


def _compare(outbox: Outbox, rows: list[Delivery], *, origin: str, now: datetime, asked_for: bool) -> None:
    if not rows:
        return
    data = load(rows)
    learned: list[Delivery] = []
    due: list[int] = []
    asked: list[int] = []
    for row in rows:
        datum = data.get(row.pk)
        if datum is None:
            gone = delivery.cancel("the datum was deleted")
            transitions.write(row, gone(transitions.state_of(row)))
            continue
        if datum.target_id != outbox.target_id:
            named_data.mark(datum.target_id, row.model, [row.datum_pk])
            continue
        if row.model == REPORT_MODEL:
            continue  # Its data may be edited, but it is never sent again for that.
        try:
            record = shareable_of(datum, origin=origin, record_id=row.record_id)
        except InvalidRecord:
            continue
        content = fingerprint(record)
        edited = row.fingerprint != content and (bool(row.fingerprint) or row.state in _NEVER_COMPARED)
        if not row.identity:
            row.identity, row.fingerprint = shareable_identity(row.model, record), content
            row.kind = record.key.kind.value
            learned.append(row)
        if edited and row.state == State.TO_APPROVE:
            asked.append(row.pk)
        if _to_be_sent(State(row.state), edited=edited, asked_for=asked_for):
            due.append(row.pk)
    # The rescan has no lease: leave rows alone that a worker has filled in since they were read.
    if learned:
        with transaction.atomic():
            versions.renew_of(Delivery.objects.filter(pk__in=[row.pk for row in learned]))
            update_each(learned, ("identity", "fingerprint", "kind"), only={"identity": [""]})
    transitions.apply(Delivery.objects.filter(pk__in=asked), delivery.ask_anew(now=now))
    if outbox.share_id is None:
        return  # A one-time share does not send later edits.
    again = Delivery.objects.filter(pk__in=due)
    transitions.apply(again.filter(delivered_at__isnull=True), delivery.revise(now=now))
    # The limits, the pause and the creator of the continuous share hold for edits of what arrived by hand.
    arrived = again.filter(delivered_at__isnull=False)
    transitions.apply(arrived, delivery.revise(now=now), one_time_share_id=None)


_IN_HAND = (State.SENDING, State.SUBMITTED, State.UNCONFIRMED)
"""States of rows that are compared once it is known what became of them."""
_NEVER_COMPARED = (State.UNSUPPORTED, State.WITHHELD)
"""States of rows that may have no fingerprint: they made no record, or were withheld, when they were read."""


def _to_be_sent(state: State, *, edited: bool, asked_for: bool) -> bool:
    match state:
        case State.BASELINE | State.CANCELLED:
            return edited or asked_for
        case State.DELIVERED | State.FAILED | State.UNSUPPORTED | State.WITHHELD:
            return edited
        case _:
            # Pending rows read the datum anew when they are sent; a person decides on the rest.
            return False

"""After an unknown outcome: ask the destination which records it has, before anything is sent again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sharecore import delivery
from sharecore.adapter import Batch
from sharecore.delivery import Standing, State
from sharecore.dispatch import convert
from sharecore.exceptions import AuthenticationFailed, DestinationError, InvalidRecord, PluginError
from sharecore.faults import log_fault
from sharecore.records import Record
from tom_integration import site
from tom_integration.data.files import FILE_MODEL
from tom_integration.data.rows import record_of
from tom_integration.models import Delivery
from tom_integration.promises import ledger, received
from tom_integration.promises.prepare import load
from tom_integration.sending import claims
from tom_integration.sending.calls import Calls

logger = logging.getLogger(__name__)


def look_up(calls: Calls, rows: list[Delivery], now: datetime) -> None:
    """Settle these unconfirmed deliveries by what the destination says.

    Raises `Wait` when the destination stops the call.
    """
    rows = _without_files(calls, rows, now)
    batch = calls.batch(None)
    records = _comparable(calls, rows, batch, now)
    rows = [row for row in rows if row.pk in records]
    if not rows:
        return
    previous = {records[row.pk].key: row.remote_id or None for row in rows if row.delivered_at}
    batch = replace(batch, records=tuple(records.values()), previous=previous)
    calls.enter()
    try:
        with claims.kept(calls.claim):
            answer = calls.adapter.find(batch)
        found = None if answer is None else dict(answer)
    except (AuthenticationFailed, DestinationError) as stop:
        raise calls.wait(stop) from None
    except Exception as error:
        log_fault(logger, f"The adapter of {calls.address} failed to look up records", error)
        _try_later(calls, rows, f"the adapter failed to look it up: {type(error).__name__}", now)
        return
    chance = ledger.chance()
    _settle(
        rows,
        lambda row: delivery.looked_up(
            ledger.standing(row),
            None if found is None else found.get(records[row.pk].key),
            can_tell=found is not None,
            now=now,
            policy=calls.policy,
            chance=chance,
        ),
    )


def _without_files(calls: Calls, rows: list[Delivery], now: datetime) -> list[Delivery]:
    """The rows of data; files are sent again, which by `Adapter.deliver_file` does no harm."""
    chance = ledger.chance()
    _settle(
        [row for row in rows if row.model == FILE_MODEL],
        lambda row: delivery.looked_up(
            ledger.standing(row), None, can_tell=True, now=now, policy=calls.policy, chance=chance
        ),
    )
    return [row for row in rows if row.model != FILE_MODEL]


def _comparable(calls: Calls, rows: list[Delivery], batch: Batch, now: datetime) -> dict[int, Record]:
    """The records to ask for, by primary key of the ledger row; what cannot be asked for is settled here."""
    data = load(rows)
    pairs: list[tuple[Delivery, Record]] = []
    for row in rows:
        datum = data.get(row.pk)
        if datum is None:
            # It cannot be compared; whatever became of it, nothing is to be sent any more.
            gone = delivery.cancel(ledger.standing(row), "the datum was deleted")
            ledger.settle([row], {row.pk: gone}, token="", expected=State.UNCONFIRMED)
            continue
        if datum.target_id != row.target_id:
            ledger.name(datum.target_id, row.model, [row.datum_pk])
            continue
        try:
            pairs.append((row, record_of(datum, origin=batch.site.origin, record_id=row.record_id)))
        except InvalidRecord as error:
            reason = f"sent without an answer, and edited since into what cannot be compared: {error}"
            held = delivery.undecidable(ledger.standing(row), reason)
            ledger.settle([row], {row.pk: held}, token="", expected=State.UNCONFIRMED)
    records: dict[int, Record] = {}
    for row, record in received.with_original_keys(pairs):
        try:
            # What is there is what was sent: a destination that compares would not know the original.
            records[row.pk] = convert(site.registry(), batch, record)
        except PluginError as error:
            _try_later(calls, [row], error.reason, now)
    return records


def _try_later(calls: Calls, rows: list[Delivery], reason: str, now: datetime) -> None:
    chance = ledger.chance()
    _settle(
        rows,
        lambda row: delivery.not_looked_up(
            ledger.standing(row), reason, now=now, policy=calls.policy, chance=chance
        ),
    )


def _settle(rows: list[Delivery], rule: Callable[[Delivery], Standing]) -> None:
    ledger.settle(rows, {row.pk: rule(row) for row in rows}, token="", expected=State.UNCONFIRMED)

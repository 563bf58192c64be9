"""Ask the destination which records it has after an unknown outcome, before anything is sent again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sharecore import delivery, dispatch, later_answers
from sharecore.adapter import Batch
from sharecore.exceptions import AuthenticationFailed, DeliveryError, DestinationError, InvalidRecord
from sharecore.identity import fingerprint
from sharecore.outcomes import (
    Absent,
    Deferred,
    Duplicate,
    Found,
    Present,
    Rejected,
    Result,
    Unconfirmed,
    Unsupported,
)
from sharecore.records import Record, RecordKey, Report, Shareable
from sharecore.withhold_and_convert import convert
from tom_integration import site
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.data_files import FILE_MODEL
from tom_integration.mapping.shareable_rows import shareable_identity, shareable_of
from tom_integration.models import Delivery
from tom_integration.outbox import named_data, observer_keys, transitions
from tom_integration.outbox.prepare import load
from tom_integration.worker import leases
from tom_integration.worker.calls import Calls
from tom_integration.worker.sent_deliveries import as_sent, sent_from, settle, settle_each

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Hold an unconfirmed delivery with its record."""

    row: Delivery
    record: Shareable
    """The datum or report as it is now."""
    leaves: Shareable
    """The record as it leaves the site, after the hooks that convert it, and under the names there."""


def ask_first(rows: Iterable[Delivery], now: datetime) -> bool:
    """Mark deliveries for a look-up that may be at the destination under an earlier target of their data.

    About that target the destination may have said only that sending again does no harm. Files and reports
    are left out: no destination can be asked for the first, and none says that of the others. Return True
    when there were such deliveries.
    """
    moved = [row.pk for row in rows if _may_be_elsewhere(row)]
    if not moved:
        return False
    reason = "sent before it was moved to this target, without an answer"
    transitions.apply(Delivery.objects.filter(pk__in=moved), delivery.doubt(reason, look_at=now))
    return True


def _may_be_elsewhere(row: Delivery) -> bool:
    elsewhere = row.sent_from_id not in (None, row.outbox_id)
    return elsewhere and row.delivered_at is None and row.model in DATUM_MODELS


def look_up(calls: Calls, rows: list[Delivery]) -> None:
    """Settle these unconfirmed deliveries by the answer of the destination.

    Raises:
        Wait: the destination stops the call.
    """
    rows = _without_files(calls, rows)
    batch = calls.batch(None)
    doubts = {each.row.pk: each for each in _comparable(calls, rows, batch)}
    for about, group in as_sent(batch, [each.row for each in doubts.values()]):
        for together in _questions([doubts[row.pk] for row in group]):
            _ask(calls, together, about)


def _questions(doubts: list[_Doubt]) -> Iterator[list[_Doubt]]:
    """Yield the deliveries that are asked for together: the records, and each report alone."""
    if records := [each for each in doubts if not isinstance(each.leaves, Report)]:
        yield records
    yield from ([each] for each in doubts if isinstance(each.leaves, Report))


def _ask(calls: Calls, doubts: list[_Doubt], batch: Batch) -> None:
    previous = {each.leaves.key: each.row.remote_id or None for each in doubts if each.row.delivered_at}
    records = tuple(each.leaves for each in doubts if isinstance(each.leaves, Record))
    sent_at = {each.leaves.key: each.row.sent_at for each in doubts if each.row.sent_at}
    batch = replace(batch, records=records, previous=previous, sent_at=sent_at)
    there = sent_from(doubts[0].row)
    calls.before_call()
    try:
        with leases.keep_alive(calls.lease):
            found = _found(calls, doubts, batch)
    except (AuthenticationFailed, DestinationError) as stop:
        raise calls.wait(stop) from None
    except DeliveryError as error:
        _try_later(calls, [each.row for each in doubts], error.reason)
        return
    for each in doubts:
        if found and isinstance(found.get(each.leaves.key), Absent):
            # For the present target, `Absent` may mean only that sending again does no harm.
            each.row.sent_from_id = None if batch.moved else each.row.outbox_id
    _conclude(calls, doubts, found, calls.notes(batch, answers=(found or {}).values(), sent_from=there))
    if any(not isinstance(each, Deferred | Unconfirmed) for each in (found or {}).values()):
        calls.succeeded()
    _tell(batch, doubts, found or {})


def _found(calls: Calls, doubts: list[_Doubt], batch: Batch) -> Mapping[RecordKey, Found] | None:
    """Return the answers of the destination; None where it cannot be asked. Raises `DeliveryError`."""
    report = doubts[0].leaves
    if not isinstance(report, Report):
        with calls.call("find", len(batch.records)):
            return dispatch.look_up(calls.destination, calls.adapter, batch)
    with calls.call("find_report", 1):
        answer, can_tell = dispatch.look_up_report(calls.destination, calls.adapter, batch, report)
    if not can_tell:
        return None
    if isinstance(answer, Present):
        # A report that is there is not sent again, whatever became of its content.
        answer = replace(answer, content=fingerprint(report))
    return {} if answer is None else {report.key: answer}


def _conclude(
    calls: Calls,
    doubts: list[_Doubt],
    found: Mapping[RecordKey, Found] | None,
    notes: Callable[[], None],
) -> None:
    """Write the answers of the destination and the adapter state, in one transaction."""
    retry = calls.retry()
    answers = {each.row.pk: found.get(each.leaves.key) if found else None for each in doubts}
    contents = {each.row.pk: fingerprint(each.leaves) for each in doubts}
    there: list[Delivery] = []
    edited: set[int] = set()
    for each in doubts:
        row, record, answer = each.row, each.record, answers[each.row.pk]
        if not isinstance(answer, Present):
            continue
        # It was sent, perhaps after the backup was made that the ledger was restored from.
        row.record_id = row.record_id or each.leaves.key.id
        row.identity = shareable_identity(row.model, record)
        row.fingerprint, row.kind = fingerprint(record), record.key.kind.value
        there.append(row)
        if answer.content != contents[row.pk]:
            edited.add(row.pk)

    def also() -> None:
        notes()
        transitions.found_there(there, edited=edited)

    settle_each(
        [each.row for each in doubts],
        lambda row, state: later_answers.looked_up(
            state, answers[row.pk], retry, content=contents[row.pk], can_tell=found is not None
        ),
        also,
    )


def _tell(batch: Batch, doubts: list[_Doubt], found: Mapping[RecordKey, Found]) -> None:
    """Tell the observers which deliveries have ended, as after any call."""
    results: dict[RecordKey, Result] = {}
    for each in doubts:
        match found.get(each.leaves.key):
            case Present(content=content, remote_id=name) if content == fingerprint(each.leaves):
                results[each.leaves.key] = Duplicate(remote_id=name)
            case Rejected() | Unsupported() as refused:
                results[each.leaves.key] = refused
    dispatch.tell(site.registry(), batch, [each.record for each in doubts], results)


def _without_files(calls: Calls, rows: list[Delivery]) -> list[Delivery]:
    """Return the rows of data; let files be sent again, which by `Adapter.deliver_file` does no harm."""
    retry = calls.retry()
    files = [row for row in rows if row.model == FILE_MODEL]
    settle(files, lambda state: later_answers.looked_up(state, Absent(), retry, content=""))
    return [row for row in rows if row.model != FILE_MODEL]


def _comparable(calls: Calls, rows: list[Delivery], batch: Batch) -> list[_Doubt]:
    """Return the deliveries that the destination can be asked for; settle the others."""
    data = load(rows)
    pairs: list[tuple[Delivery, Shareable]] = []
    for row in rows:
        datum = data.get(row.pk)
        if datum is None:
            # Without its datum it cannot be compared, and it must not be sent again.
            settle([row], delivery.cancel("the datum was deleted"))
            continue
        if datum.target_id != calls.lease.outbox.target_id:
            named_data.mark(datum.target_id, row.model, [row.datum_pk])
            continue
        try:
            made = shareable_of(datum, origin=batch.site.origin, record_id=row.record_id)
            pairs.append((row, observer_keys.of_report(made, datum) if isinstance(made, Report) else made))
        except InvalidRecord as error:
            reason = f"sent without an answer, and edited since into what cannot be compared: {error}"
            settle([row], delivery.undecidable(reason))
    doubts = [_Doubt(row, report, report) for row, report in pairs if isinstance(report, Report)]
    keyed = observer_keys.with_original_keys(
        [(row, record) for row, record in pairs if isinstance(record, Record)]
    )
    # Ask for the converted records: these were sent, and a destination that compares has not seen the others.
    records = [record for _, record in keyed]
    converted = convert(site.registry(), batch, records, calls.destination.maps)
    for (row, record), leaves in zip(keyed, converted, strict=True):
        if isinstance(leaves, Record):
            doubts.append(_Doubt(row, record, leaves))
        else:
            _try_later(calls, [row], str(leaves))
    return doubts


def _try_later(calls: Calls, rows: list[Delivery], reason: str) -> None:
    retry = calls.retry()
    settle(rows, lambda state: later_answers.unanswered(state, reason, retry))

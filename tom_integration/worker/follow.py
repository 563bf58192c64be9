"""Ask the destination what became of submitted deliveries: it took them, and answers later.

A question sends nothing, so it is repeated until there is a final answer. It needs no datum: what was edited
or deleted meanwhile is followed all the same, so that the ledger says what the destination has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sharecore import dispatch, later_answers
from sharecore.adapter import Batch
from sharecore.adapter_answers import Stop
from sharecore.delivery import DeliveryState, State
from sharecore.exceptions import InvalidRecord
from sharecore.exchanges import recorded
from sharecore.outcomes import Accepted, Deferred, Duplicate, Outcome, Submitted
from sharecore.records import RecordKey, Shareable, with_key
from sharecore.texts import one_line
from tom_integration import call_log, clock, site
from tom_integration.mapping.shareable_rows import shareable_of
from tom_integration.models import Delivery
from tom_integration.outbox import attempts
from tom_integration.outbox.prepare import load
from tom_integration.worker import leases
from tom_integration.worker.calls import Calls
from tom_integration.worker.sent_deliveries import TAKES_NO_CALL, as_sent, by_key, sent_from, settle_each


def follow(calls: Calls, rows: list[Delivery]) -> None:
    """Settle these submitted deliveries by the answers of the destination.

    Raises:
        Wait: the destination stops the call.
    """
    for batch, group in as_sent(calls.batch(None), rows):
        _ask(calls, batch, by_key(group, origin=batch.site.origin))


def _ask(calls: Calls, batch: Batch, rows: Mapping[RecordKey, Delivery]) -> None:
    calls.before_call()
    started, recording = clock.now(), calls.recording()
    batch = replace(batch, sent_at={key: row.sent_at for key, row in rows.items() if row.sent_at})
    tickets = {key: row.ticket for key, row in rows.items()}
    with leases.keep_alive(calls.lease):
        with calls.call("follow", len(rows)) as stopped, recorded(recording):
            answers, stop = dispatch.follow(calls.destination, calls.adapter, batch, tickets)
            stopped(stop)
        written = _settle(calls, batch, rows, answers, stop)
    final = {key: each for key, each in answers.items() if not isinstance(each, Submitted)}
    if final and written:
        dispatch.tell(site.registry(), batch, _records({key: rows[key] for key in final}), final)
    ended = {key: rows[key] for key in final}
    attempts.write(ended, final, started=started, worker=leases.worker_name(), recording=recording)
    if ended:
        call_log.of_call(calls.lease.outbox, ended, final)
    calls.arrived += sum(isinstance(each, Accepted | Duplicate) for each in final.values())
    if answers and stop is None:
        calls.succeeded()
    calls.heed(stop)


def _settle(
    calls: Calls,
    batch: Batch,
    rows: Mapping[RecordKey, Delivery],
    answers: Mapping[RecordKey, Outcome],
    stop: Stop | None,
) -> bool:
    """Write the answers and the adapter state, in one transaction; return False where another worker did."""
    retry = calls.retry()
    # A destination that takes no question now says nothing about the record: it is due as before.
    stopped = isinstance(stop, TAKES_NO_CALL)
    asked = {key: row for key, row in rows.items() if key in answers or not stopped}
    said = {row.pk: answers.get(key) for key, row in asked.items()}

    def rule(row: Delivery, state: DeliveryState) -> DeliveryState:
        answer = said[row.pk]
        if batch.moved and isinstance(answer, Deferred):
            row.sent_from_id = None  # It is certainly not there, and leaves under its present target.
        if answer is None and stop is not None:
            reason = one_line(str(stop))
            return later_answers.unanswered(state, reason, retry)
        return later_answers.followed(
            state,
            answer,
            retry,
            sent_at=row.sent_at or retry.now,
            settle_time=calls.adapter.settle_time,
        )

    there = sent_from(next(iter(rows.values())))
    notes = calls.notes(batch, stop, answers.values(), sent_from=there)
    return settle_each(asked.values(), rule, notes, expected=State.SUBMITTED) == len(asked)


def _records(rows: Mapping[RecordKey, Delivery]) -> list[Shareable]:
    """Return the records of deliveries, as their data are now, without those of deleted data."""
    data = load(rows.values())
    records: list[Shareable] = []
    for key, row in rows.items():
        try:
            if row.pk in data:
                made = shareable_of(data[row.pk], origin=key.origin, record_id=key.id)
                records.append(with_key(made, key))
        except InvalidRecord:
            continue  # Edited since into what makes no record; the page of the share says so.
    return records

"""Ask the destination to withdraw deliveries, as a person asked.

Withdrawing twice does no harm, so it is repeated until there is an answer. It needs no datum: what was edited
or deleted meanwhile is withdrawn all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from sharecore import dispatch, withdrawals
from sharecore.adapter import Batch
from sharecore.adapter_answers import Stop
from sharecore.delivery import DeliveryState, State
from sharecore.exchanges import recorded
from sharecore.outcomes import Rejected, Withdrawal, Withdrawn
from sharecore.records import RecordKey
from sharecore.texts import one_line
from tom_integration import clock, site
from tom_integration.models import Delivery
from tom_integration.outbox import attempts, transitions
from tom_integration.worker import leases
from tom_integration.worker.calls import Calls
from tom_integration.worker.sent_deliveries import TAKES_NO_CALL, as_sent, by_key, sent_from, settle_each


def withdraw(calls: Calls, rows: list[Delivery]) -> None:
    """Settle these deliveries that are being withdrawn by the answers of the destination.

    Raises:
        Wait: the destination stops the call.
    """
    for batch, group in as_sent(calls.batch(None), rows):
        for reason, same in groupby(sorted(group, key=_reason), key=_reason):
            _ask(calls, batch, by_key(list(same), origin=batch.site.origin), reason)


_reason = attrgetter("withdrawal_reason")


def _ask(calls: Calls, batch: Batch, rows: Mapping[RecordKey, Delivery], reason: str) -> None:
    calls.before_call()
    started, recording = clock.now(), calls.recording()
    batch = replace(batch, previous={key: row.remote_id or None for key, row in rows.items()})
    with leases.keep_alive(calls.lease):
        with calls.call("withdraw", len(rows)) as stopped, recorded(recording):
            answers, stop = dispatch.withdraw(calls.destination, calls.adapter, batch, reason)
            stopped(stop)
        _settle(calls, batch, rows, answers, stop)
    attempts.write(rows, answers, started=started, worker=leases.worker_name(), recording=recording)
    if stop is None and any(isinstance(each, Withdrawn | Rejected) for each in answers.values()):
        calls.succeeded()
    dispatch.tell_withdrawn(site.registry(), batch, answers)
    calls.heed(stop)


def _settle(
    calls: Calls,
    batch: Batch,
    rows: Mapping[RecordKey, Delivery],
    answers: Mapping[RecordKey, Withdrawal],
    stop: Stop | None,
) -> None:
    """Write the answers and the adapter state, in one transaction."""
    retry = calls.retry()
    # A destination that takes no call now says nothing about the record: it is due as before.
    stopped = isinstance(stop, TAKES_NO_CALL)
    states: dict[int, DeliveryState] = {}
    for key, row in rows.items():
        if key in answers or not stopped:
            before = replace(transitions.state_of(row), reason=one_line(str(stop or "")))
            states[row.pk] = withdrawals.answered(before, answers.get(key), retry)
    # These are delivered as before: no time or content of their delivery changes.
    stay = {pk: state.reason for pk, state in states.items() if state.state is State.DELIVERED}
    notes = calls.notes(batch, stop, sent_from=sent_from(next(iter(rows.values()))))

    def also() -> None:
        notes()
        for reason in set(stay.values()):
            mine = Delivery.objects.filter(pk__in=[pk for pk, why in stay.items() if why == reason])
            transitions.apply(mine, withdrawals.leave_there(reason), withdrawal_reason="")

    others = [row for row in rows.values() if row.pk in states and row.pk not in stay]
    settle_each(others, lambda row, _: states[row.pk], also, expected=State.WITHDRAWING)

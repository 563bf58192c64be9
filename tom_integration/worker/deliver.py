"""Call the adapter to send records, files and reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import Error

from sharecore import delivery
from sharecore.adapter import Batch
from sharecore.adapter_answers import Stop
from sharecore.delivery import DeliveryState
from sharecore.dispatch import DispatchResult, dispatch, dispatch_alone, tell
from sharecore.exceptions import ConfigurationError, DeliveryError, PluginError, TargetRefused
from sharecore.exchanges import recorded
from sharecore.outcomes import Accepted, Deferred, Duplicate, Rejected, Result, Submitted
from sharecore.records import Alone, DataFile, Record, RecordKey, Shareable
from sharecore.retry_schedule import Retry
from sharecore.texts import one_line
from tom_integration import call_log, clock, site
from tom_integration.models import Delivery, OneTimeShare, Outbox
from tom_integration.outbox import attempts, observer_keys, transitions
from tom_integration.outbox.prepare import originals
from tom_integration.worker import exclusive_access, leases
from tom_integration.worker.calls import Calls
from tom_integration.worker.make_known import make_known
from tom_integration.worker.preconditions import later
from tom_integration.worker.write_again import persist

Sendable = list[tuple[Delivery, Shareable]]
"""Deliveries, each with its record as it leaves."""
Prepare = Callable[[list[Delivery]], Sendable]

_FRESH = timedelta(seconds=10)
"""Time for which records that were prepared may leave as they are."""


@dataclass(slots=True)
class _Group:
    """Hold what leaves in one call: records, or one file or report."""

    sendable: Sendable
    prepared_at: datetime
    prepare_anew: Prepare

    @property
    def records(self) -> list[Shareable]:
        return [record for _, record in self.sendable]

    @property
    def alone(self) -> Alone | None:
        return next((record for record in self.records if isinstance(record, Alone)), None)

    def renew(self) -> bool:
        """Prepare anew what was prepared some time ago; return False when nothing is left.

        Meanwhile a person may have paused the share, narrowed its filter, or lost a right.
        """
        if self.sendable and not timedelta() <= clock.now() - self.prepared_at <= _FRESH:
            kind = _call_of(*self.sendable[0])
            self.prepared_at = clock.now()
            anew = self.prepare_anew([row for row, _ in self.sendable])
            self.sendable = [each for each in anew if _call_of(*each) == kind]
        return bool(self.sendable)


def deliver(calls: Calls, sendable: Sendable, prepared_at: datetime, prepare_anew: Prepare) -> None:
    """Send records, in one call for the continuous share, each one-time share, file and report.

    Args:
        calls: the calls of the sender.
        sendable: the deliveries, with their records.
        prepared_at: the time at which their preparation began.
        prepare_anew: prepares deliveries anew when their call was late.
    """
    groups: dict[tuple[int | None, int], Sendable] = {}
    for each in sendable:
        groups.setdefault(_call_of(*each), []).append(each)
    for (share_id, _), group in groups.items():
        share = OneTimeShare.objects.filter(pk=share_id).first() if share_id else None
        _send(calls, _Group(group, prepared_at, prepare_anew), share)


def _call_of(row: Delivery, record: Shareable) -> tuple[int | None, int]:
    return row.one_time_share_id, row.pk if isinstance(record, Alone) else 0


def _send(calls: Calls, group: _Group, share: OneTimeShare | None) -> None:
    if calls.stop() or not calls.lease.hold():
        return
    batch = _with(calls.batch(share), group.records)
    recording = calls.recording()
    with calls.access(batch) as exclusive:
        calls.before_call()
        refused: DeliveryError | None = None
        if exclusive and group.renew():
            refused = make_known(calls, _with(batch, group.records), group.alone, recording)
        if not group.renew():
            return
        sendable, alone = group.sendable, group.alone
        try:
            _keep_names(calls, batch)
            in_hand = transitions.start([row for row, _ in sendable], calls.lease.token)
            pks = {row.pk for row in in_hand}
            rows = {record.key: row for row, record in sendable if row.pk in pks}
            if not rows:
                return
            reserved = not exclusive and exclusive_access.reserved(calls.address)
            relayed_by = observer_keys.relaying_sites(calls.target.pk, rows, origin=batch.site.origin)
        except Error:
            # The commit may have succeeded, but nothing has left: take the rows back.
            waiting = {record.key: row for row, record in sendable}
            _settle(calls, waiting, {}, waiting, None)
            raise
        if reserved:
            _settle(calls, rows, {}, rows, None)
            raise later()
    batch = replace(
        _with(batch, [record for row, record in sendable if row.pk in pks]),
        previous={key: row.remote_id or None for key, row in rows.items() if row.delivered_at},
        relayed_by=relayed_by,
        original=originals(rows),
    )
    started = clock.now()
    with leases.keep_alive(calls.lease):
        try:
            with recorded(recording):
                result = _dispatch(calls, batch, alone, refused)
        except ConfigurationError:
            _settle(calls, rows, {}, rows, None)
            raise
        # Write the outcomes before all else that the database may refuse, and while the lease is renewed.
        notes = calls.notes(batch, result.stopped, result.results.values())
        written = _settle(calls, rows, result.results, result.unsent, result.stopped, notes)
    if written == len(rows):  # else another worker has taken the rows over, and tells the observers
        tell(site.registry(), batch, [record for _, record in sendable], result.results)
    ends = _end(result.stopped)
    ended = dict.fromkeys(result.unsent, ends) if ends else {}
    tried = {**result.results, **ended}
    attempts.write(rows, tried, started=started, worker=leases.worker_name(), recording=recording)
    call_log.of_call(calls.lease.outbox, rows, result.results)
    outcomes = result.results.values()
    calls.arrived += sum(isinstance(outcome, Accepted | Duplicate) for outcome in outcomes)
    answered = any(isinstance(outcome, Accepted | Duplicate | Rejected | Submitted) for outcome in outcomes)
    if answered and result.stopped is None:
        calls.succeeded()
    calls.heed(result.stopped)


def _keep_names(calls: Calls, batch: Batch) -> None:
    """Store the names of the target: a look-up needs them, and the target may be deleted before it."""
    outbox, names = calls.lease.outbox, list(batch.target.names)
    if outbox.names != names:
        Outbox.objects.filter(pk=outbox.pk, lease=calls.lease.token).update(names=names)
        outbox.names = names


def _dispatch(
    calls: Calls, batch: Batch, alone: Alone | None, refused: DeliveryError | None
) -> DispatchResult:
    where = (site.registry(), calls.destination, calls.adapter, batch)
    name, number = ("deliver", len(batch.records))
    if alone is not None:
        name, number = ("deliver_file" if isinstance(alone, DataFile) else "deliver_report", 1)
    with calls.call(name, number) as stopped:
        if alone is None:
            result = dispatch(*where, refused=refused, tells=False)
        else:
            result = dispatch_alone(*where, alone, refused=refused, tells=False)
        stopped(result.stopped)
    return result


def _settle(
    calls: Calls,
    rows: Mapping[RecordKey, Delivery],
    results: Mapping[RecordKey, Result],
    left: Iterable[RecordKey],
    stopped: Stop | None,
    notes: Callable[[], None] = lambda: None,
) -> int:
    retry = calls.retry()
    reason = one_line(str(stopped)) if stopped else ""
    states = {rows[key].pk: _settled(calls, rows[key], each, retry) for key, each in results.items()}
    ends = _end(stopped)
    for row in (rows[key] for key in left):
        unsent = delivery.unsent(transitions.state_of(row), reason, now=retry.now)
        states[row.pk] = _settled(calls, row, ends, retry) if ends else unsent
    return persist(lambda: transitions.settle(rows.values(), states, token=calls.lease.token, also=notes))


def _settled(calls: Calls, row: Delivery, result: Result, retry: Retry) -> DeliveryState:
    before = transitions.state_of(row)
    return delivery.settle(before, result, retry, settle_time=calls.adapter.settle_time)


def _end(stopped: Stop | None) -> Result | None:
    """Return the outcome of the records that a call left over; None when they wait, at no cost."""
    if isinstance(stopped, TargetRefused):
        return Rejected(reason=one_line(str(stopped)), field="target")
    if isinstance(stopped, PluginError):
        return Deferred(reason=one_line(str(stopped)))  # A try at once would meet the same bug of the plugin.
    return None


def _with(batch: Batch, leaving: Iterable[Shareable]) -> Batch:
    return replace(batch, records=tuple(each for each in leaving if isinstance(each, Record)))

"""Call the adapter for one leased outbox: make the target known, send records, files and reports.

No transaction is open during a call, and the lease is renewed meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import Error

from sharecore import delivery
from sharecore.adapter import Batch
from sharecore.adapter_answers import GivenUp, Stop
from sharecore.delivery import DeliveryState
from sharecore.dispatch import DispatchResult, dispatch, dispatch_alone, ensure_target, tell
from sharecore.exceptions import ConfigurationError, DeliveryError, PluginError, TargetRefused
from sharecore.exchanges import Recording, recorded
from sharecore.outcomes import Accepted, Deferred, Duplicate, Found, Rejected, Result, Submitted
from sharecore.records import Alone, DataFile, Record, RecordKey, Shareable
from sharecore.retry import RetryPolicy
from sharecore.texts import one_line
from tom_integration import access, call_log, clock, site
from tom_integration.mapping.target_fields import target_of
from tom_integration.models import Delivery, OneTimeShare, Outbox
from tom_integration.outbox import ledger, observer_keys, target_keys, transitions
from tom_integration.outbox.prepare import originals
from tom_integration.worker import breaker, exclusive_access, leases, target_name
from tom_integration.worker.adapter_state import state_objection
from tom_integration.worker.before_a_call import Preconditions, later
from tom_integration.worker.senders import SITE, Sender
from tom_integration.worker.write_again import persist

logger = logging.getLogger(__name__)

_NOT_ALONE = "a target goes there only with data that a person has approved; share some of its data"


@dataclass(slots=True, kw_only=True)
class Calls(Preconditions):
    """Make the calls for one outbox; raise `Wait` when the destination stops one."""

    target: Any
    """The target as a row of the TOM."""
    policy: RetryPolicy
    sender: Sender = SITE
    """The person whose records are sent, or the site."""
    arrived: int = 0
    """Records that have arrived so far."""
    objection: str = ""
    """The reason why the ledger cannot store the adapter state; empty when it can."""

    def introduce(self, share: OneTimeShare) -> None:
        """Make the target itself known; a title and message go with it only when no data follow."""
        problem = access.creator_objection(share.user_id, self.target, self.destination.name)
        followed = self.lease.outbox.deliveries.filter(one_time_share=share).exists()
        if self.destination.approval:
            # It is made known with the first record that a person approves.
            problem = problem or ("" if followed else _NOT_ALONE)
        elif not problem:
            batch = self.batch(share)
            if followed:
                batch = replace(batch, title="", message="")
            with self.access(batch):
                self.before_call()
                refused = self._make_known(batch)
            problem = refused.reason if refused else ""
        OneTimeShare.objects.filter(pk=share.pk).update(introduce=False, problem=one_line(problem))

    def send(self, sendable: Iterable[tuple[Delivery, Shareable]]) -> None:
        """Send records, in one call for the continuous share, each one-time share, file and report."""
        calls: dict[tuple[int | None, int], list[tuple[Delivery, Shareable]]] = {}
        for row, record in sendable:
            alone = row.pk if isinstance(record, Alone) else 0
            calls.setdefault((row.one_time_share_id, alone), []).append((row, record))
        for (share_id, _), group in calls.items():
            self._send(group, OneTimeShare.objects.filter(pk=share_id).first() if share_id else None)

    def _send(self, sendable: list[tuple[Delivery, Shareable]], share: OneTimeShare | None) -> None:
        if self.stop() or not self.lease.hold():
            return
        batch = _with(self.batch(share), [record for _, record in sendable])
        alone = next((record for _, record in sendable if isinstance(record, Alone)), None)
        recording = self.recording()
        with self.access(batch) as exclusive:
            self.before_call()
            refused = self._make_known(batch, alone, recording) if exclusive else None
            try:
                self._keep_names(batch)
                in_hand = transitions.start([row for row, _ in sendable], self.lease.token)
                pks = {row.pk for row in in_hand}
                rows = {record.key: row for row, record in sendable if row.pk in pks}
                if not rows:
                    return
                reserved = not exclusive and exclusive_access.reserved(self.address)
                relayed_by = observer_keys.relaying_sites(self.target.pk, rows, origin=batch.site.origin)
            except Error:
                # The commit may have succeeded, but nothing has left: take the rows back.
                waiting = {record.key: row for row, record in sendable}
                self._settle(waiting, {}, waiting, None)
                raise
            if reserved:
                self._settle(rows, {}, rows, None)
                raise later()
        batch = replace(
            _with(batch, [record for row, record in sendable if row.pk in pks]),
            previous={key: row.remote_id or None for key, row in rows.items() if row.delivered_at},
            relayed_by=relayed_by,
            original=originals(rows),
        )
        started = clock.now()
        with leases.keep_alive(self.lease):
            try:
                with recorded(recording):
                    result = self._dispatch(batch, alone, refused)
            except ConfigurationError:
                self._settle(rows, {}, rows, None)
                raise
            # Write the outcomes before all else that the database may refuse, and while the lease is renewed.
            notes = self.notes(batch, result.stopped, result.results.values())
            written = self._settle(rows, result.results, result.unsent, result.stopped, notes)
        if written == len(rows):  # else another worker has taken the rows over, and tells the observers
            tell(site.registry(), batch, [record for _, record in sendable], result.results)
        ends = _end(result.stopped)
        ended = dict.fromkeys(result.unsent, ends) if ends else {}
        attempts = {**result.results, **ended}
        ledger.write_attempts(
            rows, attempts, started=started, worker=leases.worker_name(), recording=recording
        )
        call_log.of_call(self.lease.outbox, rows, result.results)
        outcomes = result.results.values()
        self.arrived += sum(isinstance(outcome, Accepted | Duplicate) for outcome in outcomes)
        answered = any(
            isinstance(outcome, Accepted | Duplicate | Rejected | Submitted) for outcome in outcomes
        )
        if answered and result.stopped is None:
            self.succeeded()
        self.heed(result.stopped)

    def _keep_names(self, batch: Batch) -> None:
        """Store the names of the target: a look-up needs them, and the target may be deleted before it."""
        outbox, names = self.lease.outbox, list(batch.target.names)
        if outbox.names != names:
            Outbox.objects.filter(pk=outbox.pk, lease=self.lease.token).update(names=names)
            outbox.names = names

    def _make_known(
        self, batch: Batch, alone: Alone | None = None, recording: Recording | None = None
    ) -> DeliveryError | None:
        """Make the target known and store the adapter state at once; return the error when it is refused."""
        refused: DeliveryError | None = None
        with leases.keep_alive(self.lease):
            try:
                with self.call("ensure_target"), recorded(recording):
                    ensure_target(site.registry(), self.destination, self.adapter, batch, alone)
            except DeliveryError as stop:
                refused = stop
            persist(self.notes(batch, refused))
        self.heed(refused)
        return refused

    def _dispatch(self, batch: Batch, alone: Alone | None, refused: DeliveryError | None) -> DispatchResult:
        where = (site.registry(), self.destination, self.adapter, batch)
        name, number = ("deliver", len(batch.records))
        if alone is not None:
            name, number = ("deliver_file" if isinstance(alone, DataFile) else "deliver_report", 1)
        with self.call(name, number) as stopped:
            if alone is None:
                result = dispatch(*where, refused=refused, tells=False)
            else:
                result = dispatch_alone(*where, alone, refused=refused, tells=False)
            stopped(result.stopped)
        return result

    def batch(self, share: OneTimeShare | None) -> Batch:
        """Return a batch without records, for the continuous share or for a one-time share."""
        outbox, sender = self.lease.outbox, self.sender
        whose = share.user_id if share else sender.user_id if sender.alone else outbox.creator_id
        user = access.find_creator(whose)
        return Batch(
            site=site.this_site(),
            address=self.address,
            target=target_of(self.target, lists=share.lists if share else ()),
            records=(),
            shared_by=user.get_username() if user else "",
            state=deepcopy(self.lease.outbox.adapter_state),
            target_keys=target_keys.keys_of(self.target),
            title=share.title if share else "",
            message=share.message if share else "",
            values=dict(share.values) if share else {},
        )

    def notes(
        self,
        batch: Batch,
        stopped: Stop | None = None,
        answers: Iterable[Result | Found] = (),
        *,
        sent_from: int | None = None,
    ) -> Callable[[], None]:
        """Return a function that writes what a call left beside its outcomes, to be called where these are
        written: the adapter state, the name of the target there, and the delay before the next call.

        Args:
            batch: the batch of the call.
            stopped: the error that stopped it.
            answers: the answers about its records.
            sent_from: the outbox of the target of the batch, where that is not the leased one.
        """
        # The adapter state of another target does not belong in the leased outbox.
        state = _nothing if batch.moved else self._state(batch, stopped)
        name_there = target_name.name_in(answers)
        delay = self.delay

        def write() -> None:
            state()
            target_name.keep(sent_from or self.lease.outbox.pk, name_there)
            if delay:
                breaker.delay(self.address.name, delay)

        return write

    def _state(self, batch: Batch, stopped: Stop | None) -> Callable[[], None]:
        """Return a function that writes the adapter state."""
        outbox = self.lease.outbox
        if isinstance(stopped, GivenUp):
            return _nothing  # The thread of the call that was given up may still change the state.
        noted = dict(batch.state)
        self.objection = state_objection(noted)
        if self.objection:
            logger.error("The adapter of %s noted what cannot be kept: %s", outbox, self.objection)
        if self.objection or noted == outbox.adapter_state:
            return _nothing
        outbox.adapter_state = noted = deepcopy(noted)  # The next step of the call may change the state.

        def write() -> None:
            Outbox.objects.filter(pk=outbox.pk, lease=self.lease.token).update(adapter_state=noted)

        return write

    def _settle(
        self,
        rows: Mapping[RecordKey, Delivery],
        results: Mapping[RecordKey, Result],
        left: Iterable[RecordKey],
        stopped: Stop | None,
        notes: Callable[[], None] = lambda: None,
    ) -> int:
        now, chance = clock.now(), ledger.chance()
        reason = one_line(str(stopped)) if stopped else ""
        states = {rows[key].pk: self._settled(rows[key], each, now, chance) for key, each in results.items()}
        ends = _end(stopped)
        for row in (rows[key] for key in left):
            unsent = delivery.unsent(transitions.state_of(row), reason, now=now)
            states[row.pk] = self._settled(row, ends, now, chance) if ends else unsent
        return persist(lambda: transitions.settle(rows.values(), states, token=self.lease.token, also=notes))

    def _settled(self, row: Delivery, result: Result, now: datetime, chance: float) -> DeliveryState:
        return delivery.settle(
            transitions.state_of(row),
            result,
            now=now,
            policy=self.policy,
            settle_time=self.adapter.settle_time,
            chance=chance,
        )


def _end(stopped: Stop | None) -> Result | None:
    """Return the outcome of the records that a call left over; None when they wait, at no cost."""
    if isinstance(stopped, TargetRefused):
        return Rejected(reason=one_line(str(stopped)), field="target")
    if isinstance(stopped, PluginError):
        return Deferred(reason=one_line(str(stopped)))  # A try at once would meet the same bug of the plugin.
    return None


def _nothing() -> None:
    """Write nothing."""


def _with(batch: Batch, leaving: Iterable[Shareable]) -> Batch:
    return replace(batch, records=tuple(each for each in leaving if isinstance(each, Record)))

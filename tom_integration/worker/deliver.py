"""The calls of an adapter for one claimed outbox: make the target known, send.

No transaction is open while a call lasts, and the claim is renewed meanwhile.
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
from sharecore.delivery import DeliveryState
from sharecore.dispatch import DispatchResult, dispatch, dispatch_file, ensure_target, tell
from sharecore.exceptions import ConfigurationError, DeliveryError, PluginError, TargetRefused
from sharecore.hearing import GivenUp, Stop
from sharecore.outcomes import Accepted, Deferred, Duplicate, Rejected, Result
from sharecore.records import DataFile, Record, RecordKey, Shareable
from sharecore.retry import RetryPolicy
from sharecore.texts import one_line
from tom_integration import access, call_log, clock, site
from tom_integration.mapping.target_fields import target_of
from tom_integration.models import Delivery, OneTimeShare, Outbox
from tom_integration.outbox import ledger, original_keys, target_keys, transitions
from tom_integration.outbox.prepare import originals
from tom_integration.worker import breaker, exclusive_access, leases, route
from tom_integration.worker.adapter_state import state_objection
from tom_integration.worker.before_a_call import Entrance, later
from tom_integration.worker.persist import persist

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Calls(Entrance):
    """Calls for one outbox; `Wait` is raised when the destination stops one.

    target: the row of the TOM. policy: when a record is tried again. arrived: how many records have arrived
    so far. objection: why what its adapter noted cannot be kept.
    """

    target: Any
    policy: RetryPolicy
    arrived: int = 0
    objection: str = ""

    def introduce(self, request: OneTimeShare) -> None:
        """Make the target itself known; what a person wrote beside it goes with the data, where there are."""
        problem = access.creator_objection(request.user_id, self.target)
        if not problem:
            batch = self.batch(request)
            if self.claim.outbox.deliveries.filter(one_time_share=request).exists():
                batch = replace(batch, title="", message="")
            with self.access(batch):
                self.enter()
                refused = self._make_known(batch)
            problem = refused.reason if refused else ""
        OneTimeShare.objects.filter(pk=request.pk).update(introduce=False, problem=one_line(problem))

    def send(self, sendable: Iterable[tuple[Delivery, Shareable]]) -> None:
        """Send records: those of a one-time request, with its title, in a call of their own, as each file."""
        calls: dict[tuple[int | None, int], list[tuple[Delivery, Shareable]]] = {}
        for row, record in sendable:
            alone = row.pk if isinstance(record, DataFile) else 0
            calls.setdefault((row.one_time_share_id, alone), []).append((row, record))
        for (one_time_share_id, _), group in calls.items():
            self._send(
                group,
                OneTimeShare.objects.filter(pk=one_time_share_id).first() if one_time_share_id else None,
            )

    def _send(self, sendable: list[tuple[Delivery, Shareable]], request: OneTimeShare | None) -> None:
        if self.stop() or not self.claim.hold():
            return
        batch = _with(self.batch(request), [record for _, record in sendable])
        file = next((record for _, record in sendable if isinstance(record, DataFile)), None)
        with self.access(batch) as exclusive:
            self.enter()
            refused = self._make_known(batch, file) if exclusive else None
            try:
                self._keep_names(batch)
                in_hand = transitions.start([row for row, _ in sendable], self.claim.token)
                pks = {row.pk for row in in_hand}
                rows = {record.key: row for row, record in sendable if row.pk in pks}
                if not rows:
                    return
                reserved = not exclusive and exclusive_access.reserved(self.address)
                relayed_by = original_keys.bringers(self.target.pk, rows, origin=batch.site.origin)
            except Error:
                # Whether this was committed is unknown; that nothing has left is not.
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
        with leases.kept(self.claim):
            try:
                result = self._dispatch(batch, file, refused)
            except ConfigurationError:
                self._settle(rows, {}, rows, None)
                raise
            # Before anything else that the database may refuse, and while the claim is kept.
            notes = self.notes(batch, result.stopped)
            written = self._settle(rows, result.results, result.unsent, result.stopped, notes)
        if written == len(rows):  # else another worker has taken them over, and tells what it finds out
            tell(site.registry(), batch, [record for _, record in sendable], result.results)
        ledger.write_attempts(rows, result.results, started=started, worker=leases.worker_name())
        call_log.of_call(self.claim.outbox, rows, result.results)
        outcomes = result.results.values()
        self.arrived += sum(isinstance(outcome, Accepted | Duplicate) for outcome in outcomes)
        answered = any(isinstance(outcome, Accepted | Duplicate | Rejected) for outcome in outcomes)
        if answered and result.stopped is None:
            how = route.told(self.adapter)
            breaker.succeeded(self.address, now=clock.now(), about=how)
        self.heed(result.stopped)

    def _keep_names(self, batch: Batch) -> None:
        """Write down what the target is called: it may be gone when somebody asks for what leaves now."""
        outbox, names = self.claim.outbox, list(batch.target.names)
        if outbox.names != names:
            Outbox.objects.filter(pk=outbox.pk, lease=self.claim.token).update(names=names)
            outbox.names = names

    def _make_known(self, batch: Batch, file: DataFile | None = None) -> DeliveryError | None:
        """Make the target known; why nothing can be sent to it. What is noted of it is kept at once."""
        refused: DeliveryError | None = None
        with leases.kept(self.claim):
            try:
                ensure_target(site.registry(), self.destination, self.adapter, batch, file)
            except DeliveryError as stop:
                refused = stop
            persist(self.notes(batch, refused))
        self.heed(refused)
        return refused

    def _dispatch(self, batch: Batch, file: DataFile | None, refused: DeliveryError | None) -> DispatchResult:
        where = (site.registry(), self.destination, self.adapter, batch)
        if file is not None:
            return dispatch_file(*where, file, refused=refused, tells=False)
        return dispatch(*where, refused=refused, tells=False)

    def batch(self, request: OneTimeShare | None) -> Batch:
        """A batch without records, for the continuous share or for a one-time request."""
        user = access.find_creator(request.user_id if request else self.claim.outbox.creator_id)
        return Batch(
            site=site.this_site(),
            address=self.address,
            target=target_of(self.target, lists=request.lists if request else ()),
            records=(),
            shared_by=user.get_username() if user else "",
            state=deepcopy(self.claim.outbox.adapter_state),
            target_keys=target_keys.keys_of(self.target),
            title=request.title if request else "",
            message=request.message if request else "",
        )

    def notes(self, batch: Batch, stopped: Stop | None = None) -> Callable[[], None]:
        """What writes down what the adapter noted in a call, in the transaction that keeps its outcomes."""
        outbox = self.claim.outbox
        if isinstance(stopped, GivenUp):
            return lambda: None  # it may be at work on them still
        noted = dict(batch.state)
        self.objection = state_objection(noted)
        if self.objection:
            logger.error("The adapter of %s noted what cannot be kept: %s", outbox, self.objection)
        if self.objection or noted == outbox.adapter_state:
            return lambda: None
        outbox.adapter_state = noted = deepcopy(noted)  # the next step of the same call may note more

        def write() -> None:
            Outbox.objects.filter(pk=outbox.pk, lease=self.claim.token).update(adapter_state=noted)

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
        standings = {
            rows[key].pk: self._settled(rows[key], each, now, chance) for key, each in results.items()
        }
        for key in left:
            row = rows[key]
            if isinstance(stopped, TargetRefused):
                refused = Rejected(reason=reason, field="target")
                standings[row.pk] = self._settled(row, refused, now, chance)
            elif isinstance(stopped, PluginError):
                # Nothing was sent, but trying at once would meet the same bug.
                standings[row.pk] = self._settled(row, Deferred(reason=reason), now, chance)
            else:
                standings[row.pk] = delivery.unsent(transitions.standing(row), reason, now=now)
        return persist(
            lambda: transitions.settle(rows.values(), standings, token=self.claim.token, also=notes)
        )

    def _settled(self, row: Delivery, result: Result, now: datetime, chance: float) -> DeliveryState:
        return delivery.settle(
            transitions.standing(row),
            result,
            now=now,
            policy=self.policy,
            settle_time=self.adapter.settle_time,
            chance=chance,
        )


def _with(batch: Batch, leaving: Iterable[Shareable]) -> Batch:
    return replace(batch, records=tuple(each for each in leaving if isinstance(each, Record)))

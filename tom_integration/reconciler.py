"""One channel from difference to delivery.

claim (clears the due mark) -> read: what is missing, what was edited, what nobody knows the fate of
      -> write intents -> dispatch, with no transaction open -> settle -> ... -> release
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from sharecore import delivery
from sharecore.adapter import Adapter, Batch
from sharecore.addresses import Address
from sharecore.delivery import Standing, State
from sharecore.destinations import Destination
from sharecore.dispatch import dispatch
from sharecore.exceptions import (
    AuthenticationFailed,
    ConfigurationError,
    DeliveryError,
    DestinationError,
    PluginError,
)
from sharecore.outcomes import Accepted, Deferred, Duplicate, Result
from sharecore.records import Record, RecordKey
from tom_integration import channels, claims, conf, health, ledger, revisions, rights, site
from tom_integration.difference import register
from tom_integration.models import Channel, Delivery
from tom_integration.prepare import Preparer, load
from tom_integration.rows import record_of
from tom_integration.targets import find_target, target_of

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(seconds=300)
"""When a channel that cannot act (no such destination, no rights) is looked at again."""


class _Stopped(Exception):
    """The channel cannot go on now. until: when to look again. problem: why, for people."""

    def __init__(self, until: datetime, problem: str) -> None:
        self.until = until
        self.problem = problem


def reconcile(channel_id: int, *, stop: Callable[[], bool] = lambda: False) -> int:
    """Bring the address of a channel up to date; how many records arrived.

    stop: asked between batches; True leaves the rest to the next look. Never raises because of a destination.
    """
    claim = claims.claim(channel_id)
    if claim is None:
        return 0
    sender = _Sender(claim, stop)
    try:
        until, problem = None, sender.run()
    except _Stopped as stop:
        until, problem = stop.until, stop.problem
    except Exception:
        logger.exception("%s could not be brought up to date", claim.channel)
        until, problem = timezone.now() + LOOK_AGAIN, "an error in sharecore; the log of the TOM has it"
    next_at = channels.next_look(claim.channel)
    if until is not None:
        next_at = max(next_at, until) if next_at else until
    claim.release(
        next_at=next_at,
        problem=problem[:500],
        memory=dict(claim.channel.memory),
        swept_at=timezone.now(),
        **({"delivered_at": timezone.now()} if sender.arrived else {}),
    )
    return sender.arrived


class _Sender:
    """The work on one claimed channel."""

    def __init__(self, claim: claims.Claim, stop: Callable[[], bool]) -> None:
        self.claim = claim
        self.stop = stop
        self.channel: Channel = claim.channel
        self.policy = conf.retry_policy()
        self.arrived = 0

    def run(self) -> str:
        """Everything that is due now; what people should know afterwards, or an empty text."""
        now = timezone.now()
        if conf.paused():
            raise _Stopped(now + LOOK_AGAIN, "all sharing of this TOM is paused (SHARECORE_PAUSED)")
        row = find_target(self.channel.target_id)
        if row is None:
            self._cancel_all("the target was deleted")
            return ""
        ledger.close_orphans(self.channel)
        try:
            address, destination = site.destinations().resolve(self.channel.destination)
            adapter = site.adapters.get(destination)
        except (ConfigurationError, PluginError) as error:
            raise _Stopped(now + LOOK_AGAIN, str(error)) from None
        self._recover(adapter, now)
        self._take_up(destination, adapter, now)
        problem = self._objection(row)
        self._introduce(row, address, destination, adapter)
        while self._round(row, address, destination, adapter, continuous=not problem):
            if self.stop() or not self.claim.renew():
                return ""
        revisions.learn(self.channel, origin=site.origin(), now=now)
        if problem:
            raise _Stopped(now + LOOK_AGAIN, problem)
        return ""

    def _cancel_all(self, reason: str) -> None:
        for row in ledger.of(self.channel).exclude(state=State.SENDING):
            standing = delivery.cancel(ledger.standing(row), reason)
            ledger.settle([row], {row.pk: standing}, token=self.claim.token, expected=State(row.state))

    def _recover(self, adapter: Adapter, now: datetime) -> None:
        """What a sender that is gone had in hand: nobody knows its fate before it is looked up."""
        since = self.claim.previous_until or now
        lost = list(ledger.of(self.channel).filter(state=State.SENDING).exclude(lease=self.claim.token))
        for row in lost:
            standing = delivery.abandoned(
                ledger.standing(row), sent_at=since, settle_time=adapter.settle_time
            )
            ledger.settle([row], {row.pk: standing}, token=row.lease)

    def _take_up(self, destination: Destination, adapter: Adapter, now: datetime) -> None:
        """What is missing in the ledger, and what may be looked at again since the rules changed."""
        if self.channel.takes_up(now):
            register(self.channel, State.DUE, next_at=now + timedelta(seconds=adapter.gather_seconds))
        rules = site.rules_digest(destination)
        if self.channel.rules != rules:
            kept = ledger.of(self.channel).filter(state__in=(State.WITHHELD, State.UNSUPPORTED))
            kept.update(state=State.DUE, next_at=now, failures=0)
            Channel.objects.filter(pk=self.channel.pk, lease=self.claim.token).update(rules=rules)

    def _objection(self, row: Any) -> str:
        """Why nothing of the continuous share may leave; one-time requests answer for themselves."""
        if self.channel.paused:
            return str(self.channel.paused)
        return rights.objection(self.channel.creator_id, row)

    def _round(
        self, row: Any, address: Address, destination: Destination, adapter: Adapter, *, continuous: bool
    ) -> bool:
        """One batch; False when nothing is left to do now."""
        now = timezone.now()
        origin = site.origin()
        revisions.compare_named(self.channel, origin=origin, now=now)
        doubtful = ledger.unconfirmed(self.channel, now=now, limit=adapter.max_batch)
        ripe = ledger.ripe(self.channel, now=now, limit=adapter.max_batch, continuous=continuous)
        if not doubtful and not ripe:
            return False
        credentials = site.credentials_digest(destination)
        until, why = health.gate(address, credentials=credentials, now=now)
        if until is not None:
            raise _Stopped(until, why)
        batch = self._batch(row, address)
        try:
            if doubtful:
                self._look_up(doubtful, batch, adapter, now)
                return True
            preparer = Preparer(
                self.channel, row, origin=origin, policy=self.policy, can_update=adapter.can_update, now=now
            )
            prepared = preparer.prepare(ripe)
            self._send(prepared.sendable, batch, destination, adapter)
        except (AuthenticationFailed, DestinationError) as stop:
            until = health.stopped(address, stop, credentials=credentials, chance=ledger.chance())
            raise _Stopped(until, stop.reason) from None
        return True

    def _introduce(self, row: Any, address: Address, destination: Destination, adapter: Adapter) -> None:
        """Make the target itself known, where somebody asked for that."""
        if self.channel.introduce is None:
            return
        credentials = site.credentials_digest(destination)
        until, why = health.gate(address, credentials=credentials, now=timezone.now())
        if until is not None:
            raise _Stopped(until, why)
        batch = self._batch(row, address)
        batch = replace(batch, target=target_of(row, lists=self.channel.introduce))
        with claims.kept(self.claim):
            stopped = dispatch(site.registry(), destination, adapter, batch).stopped
        if isinstance(stopped, AuthenticationFailed | DestinationError):
            until = health.stopped(address, stopped, credentials=credentials, chance=ledger.chance())
            raise _Stopped(until, stopped.reason)
        held = Channel.objects.filter(pk=self.channel.pk, introduce=self.channel.introduce)
        held.update(introduce=None, problem=stopped.reason if stopped else "")

    def _batch(self, row: Any, address: Address) -> Batch:
        user = rights.find_user(self.channel.creator_id)
        return Batch(
            site=site.this_site(),
            address=address,
            target=target_of(row),
            records=(),
            shared_by=user.get_username() if user else "",
            memory=self.channel.memory,
        )

    def _look_up(self, rows: list[Delivery], batch: Batch, adapter: Adapter, now: datetime) -> None:
        data = load(rows)
        records: dict[int, Record] = {}
        for row in rows:
            if row.pk in data:
                records[row.pk] = record_of(data[row.pk], origin=batch.site.origin, record_id=row.record_id)
        # A datum that is gone cannot be compared; whatever became of it, nothing is to be sent any more.
        gone = [row for row in rows if row.pk not in records]
        cancelled = {row.pk: delivery.cancel(ledger.standing(row), "the datum was deleted") for row in gone}
        ledger.settle(gone, cancelled, token="", expected=State.UNCONFIRMED)
        rows = [row for row in rows if row.pk in records]
        if not rows:
            return
        try:
            with claims.kept(self.claim):
                found = adapter.find(replace(batch, records=tuple(records[row.pk] for row in rows)))
        except (AuthenticationFailed, DestinationError):
            raise
        except Exception as error:
            logger.exception("The adapter of %s failed to look up records", batch.address)
            raise DestinationError(f"its adapter failed to look records up: {type(error).__name__}") from None
        chance = ledger.chance()
        standings = {
            row.pk: delivery.looked_up(
                ledger.standing(row),
                None if found is None else found.get(records[row.pk].key),
                can_tell=found is not None,
                now=now,
                policy=self.policy,
                chance=chance,
            )
            for row in rows
        }
        ledger.settle(rows, standings, token="", expected=State.UNCONFIRMED)

    def _send(
        self,
        sendable: list[tuple[Delivery, Record]],
        batch: Batch,
        destination: Destination,
        adapter: Adapter,
    ) -> None:
        if not sendable or not self.claim.renew():
            return
        in_hand = {row.pk for row in ledger.write_intents([row for row, _ in sendable], self.claim.token)}
        sendable = [(row, record) for row, record in sendable if row.pk in in_hand]
        if not sendable:
            return
        rows = {record.key: row for row, record in sendable}
        batch = replace(
            batch,
            records=tuple(record for _, record in sendable),
            previous={key: row.remote_id or None for key, row in rows.items() if row.delivered_at},
        )
        started = timezone.now()
        with claims.kept(self.claim):
            outcome = dispatch(site.registry(), destination, adapter, batch)
        self._settle(rows, outcome.results, outcome.unsent, outcome.stopped, adapter, started)
        arrived = any(isinstance(result, Accepted | Duplicate) for result in outcome.results.values())
        if arrived and outcome.stopped is None:
            health.succeeded(batch.address, now=timezone.now())
        if isinstance(outcome.stopped, AuthenticationFailed | DestinationError):
            raise outcome.stopped

    def _settle(
        self,
        rows: Mapping[RecordKey, Delivery],
        results: Mapping[RecordKey, Result],
        left: Iterable[RecordKey],
        stopped: DeliveryError | None,
        adapter: Adapter,
        started: datetime,
    ) -> None:
        now, chance = timezone.now(), ledger.chance()
        standings = {
            rows[key].pk: self._settled(rows[key], result, adapter, now, chance)
            for key, result in results.items()
        }
        reason = stopped.reason[:500] if stopped else ""
        for key in left:
            if isinstance(stopped, PluginError):
                # Nothing was sent, but trying at once would meet the same bug.
                standings[rows[key].pk] = self._settled(
                    rows[key], Deferred(reason=reason), adapter, now, chance
                )
            else:
                standings[rows[key].pk] = delivery.unsent(ledger.standing(rows[key]), reason, now=now)
        ledger.settle(rows.values(), standings, token=self.claim.token)
        ledger.write_attempts(
            {str(key): row for key, row in rows.items()},
            {str(key): result for key, result in results.items()},
            started=started,
            worker=claims.worker_name(),
        )
        self.arrived += sum(isinstance(result, Accepted | Duplicate) for result in results.values())

    def _settled(
        self, row: Delivery, result: Result, adapter: Adapter, now: datetime, chance: float
    ) -> Standing:
        return delivery.settle(
            ledger.standing(row),
            result,
            now=now,
            policy=self.policy,
            settle_time=adapter.settle_time,
            chance=chance,
        )

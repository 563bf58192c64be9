"""Bring one outbox up to date, from its backlog to its deliveries.

lease (clears the mark) -> read the backlog, the edited, the submitted and the unconfirmed records
      -> write them as `sending` -> dispatch, with no transaction open -> settle -> ... -> release
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db.models import Q

from sharecore import delivery
from sharecore.adapter import Adapter
from sharecore.addresses import Address
from sharecore.data_sharing import Destination
from sharecore.delivery import DECLINED, DeliveryState, State
from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.texts import one_line
from sharecore.withdrawals import leave_there
from tom_integration import access, clock, conf, signals, site
from tom_integration.mapping.shareable_rows import SHARED_MODELS
from tom_integration.mapping.target_fields import find_target
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import (
    changes,
    ledger,
    limits,
    moved_reports,
    open_outboxes,
    replays,
    rule_scope,
    transitions,
)
from tom_integration.outbox.backlog import register
from tom_integration.outbox.prepare import Preparer
from tom_integration.signals import Event
from tom_integration.worker import leases
from tom_integration.worker.calls_of import CallsOf
from tom_integration.worker.follow import follow
from tom_integration.worker.look_up import ask_first, look_up
from tom_integration.worker.senders import Sender, joined, senders
from tom_integration.worker.waits import LOOK_AGAIN, Wait
from tom_integration.worker.withdraw import withdraw
from tom_integration.worker.write_again import persist

logger = logging.getLogger(__name__)

AFTER_AN_ERROR = timedelta(seconds=30)
"""The time until the next look after an error that is not the destination's (a busy database, a bug)."""


def reconcile(outbox_id: int, *, stop: Callable[[], bool] = lambda: False, batch_window: bool = True) -> int:
    """Bring an outbox up to date; return how many records arrived.

    Do nothing while all sharing is paused or a required plugin is missing. Never raise because of a
    destination.

    Args:
        outbox_id: the primary key of the outbox.
        stop: called between batches; True leaves the rest to the next look.
        batch_window: False when the next look is far away, so that new data do not wait for more.
    """
    if site.halted():
        return 0  # The marks stay until sharing goes on.
    lease = leases.acquire(outbox_id)
    if lease is None:
        return 0
    work = _Work(lease, stop, batch_window)
    until: datetime | None = None
    needs_person = False
    try:
        with site.call_threads():
            problem = work.run()
    except Wait as wait:
        until, problem, needs_person = wait.until, wait.problem, wait.needs_person
    except ConfigurationError as error:
        until, problem, needs_person = clock.now() + LOOK_AGAIN, str(error), True
    except Exception:
        logger.exception("%s could not be brought up to date", lease.outbox)
        until = clock.now() + AFTER_AN_ERROR
        problem = "an error in sharecore, it will be tried again; the log of the TOM tells more"
    next_at = persist(lambda: work.next_look(until))
    columns: dict[str, Any] = {"delivered_at": clock.now()} if work.arrived else {}
    if work.objection:
        problem = problem or f"what its adapter noted cannot be kept: {work.objection}"
    stopped = needs_person and not (lease.outbox.needs_person and lease.outbox.problem == one_line(problem))
    columns |= {"problem": one_line(problem), "needs_person": needs_person, "scanned_at": clock.now()}
    persist(lambda: lease.release(next_at=next_at, **columns))
    if stopped:
        signals.of_outbox(Event.SHARE_STOPPED, lease.outbox, one_line(problem))
    return work.arrived


class _Work:
    """Work on one leased outbox."""

    def __init__(self, lease: leases.Lease, stop: Callable[[], bool], batch_window: bool) -> None:
        self._lease = lease
        self._stop = stop
        self._batch_window = batch_window
        self._outbox: Outbox = lease.outbox
        self._calls: CallsOf | None = None
        self._due: dict[Sender, ledger.Due] = defaultdict(lambda: ledger.Due(lease.outbox))
        self._senders: list[Sender] = []
        self._waits: dict[Sender, Wait] = {}
        self._others_until: datetime | None = None

    @property
    def objection(self) -> str:
        """Return the reason why the ledger cannot store the adapter state; empty when it can."""
        return self._calls.objection if self._calls else ""

    @property
    def arrived(self) -> int:
        """Return how many records have arrived."""
        return self._calls.arrived if self._calls else 0

    def next_look(self, until: datetime | None) -> datetime | None:
        """Return the time of the next look at the outbox, not before `until` unless a mark is left."""
        next_at = open_outboxes.next_look(self._outbox)
        furthest = clock.now() + conf.settings().retry_policy.longest
        if next_at is not None and next_at > furthest:
            if self._calls is not None:
                ledger.bring_near(self._outbox, furthest, settle_time=self._calls.adapter.settle_time)
            next_at = None if self._calls is None else open_outboxes.next_look(self._outbox)
        if self._waits:
            next_at = min(filter(None, map(self._next_of, self._senders)), default=None)
        elif until is not None:
            next_at = max(next_at, until) if next_at else until
        if next_at is not None:
            next_at = min(next_at, furthest)  # A release may lie months ahead.
        return min(filter(None, (next_at, self._others_until)), default=None)

    def _next_of(self, sender: Sender) -> datetime | None:
        """Return the time of the next look at the records of one sender."""
        next_at = open_outboxes.next_look(self._outbox, sender.rows(self._outbox))
        wait = self._waits.get(sender)
        return next_at if wait is None else max(next_at or wait.until, wait.until)

    def run(self) -> str:
        """Deliver everything that is due now; return a problem for people, or an empty text."""
        now = clock.now()
        target = find_target(self._outbox.target_id)
        if target is None:
            self._close()
            return ""
        ledger.close_orphans(self._outbox)
        address, destination, adapter = self._open(now)
        self._recover(adapter, now)
        if self._outbox.replay:
            with leases.keep_alive(self._lease):
                replays.carry_out(self._outbox)
        self._take_up(destination, adapter, now)
        self._calls = calls = CallsOf(
            lease=self._lease,
            target=target,
            address=address,
            destination=destination,
            adapter=adapter,
            stop=self._stop,
        )
        self._senders = senders(self._outbox, destination)
        for sender in self._senders:
            try:
                if not self._serve(sender, calls, target):
                    return ""
            except Wait as wait:
                if not sender.alone:
                    raise
                self._waits[sender] = wait
        changes.learn(self._outbox, origin=site.origin(), now=now)
        if self._waits:
            raise joined(self._waits, self._outbox)
        return ""

    def _serve(self, sender: Sender, calls: CallsOf, target: Any) -> bool:
        """Deliver what is due of one sender; return False when the work is to end."""
        now = clock.now()
        if sender.alone and not self._continues(sender) and sender.is_gone:
            self._settle_without_key(sender)
            return True
        for share in sender.shares(self._outbox).filter(introduce=True).order_by("pk"):
            calls.of(sender).introduce(share)
        problem = self._objection(target)
        while self._round(sender, calls, target, continuous=self._continues(sender) and not problem):
            if self._stop() or not self._lease.hold():
                return False
            problem = self._objection(target)
        if problem and (not sender.alone or self._continues(sender)):
            raise Wait(now + LOOK_AGAIN, problem, needs_person=not self._outbox.pause)
        return True

    def _settle_without_key(self, sender: Sender) -> None:
        """Settle what a deleted user left open: nobody has the key with which to send or ask."""
        gone = "the user who shared it was deleted"
        mine = self._outbox.deliveries.filter(sender.rows(self._outbox))
        here = mine.filter(state__in=(State.PENDING, State.TO_APPROVE), one_time_share__isnull=False)
        transitions.apply(here, delivery.cancel(gone))
        transitions.apply(mine, delivery.undecidable(f"{gone}, and nobody else can ask with their key"))
        transitions.apply(mine, leave_there(f"{gone} before it was withdrawn"), withdrawal_reason="")
        sender.shares(self._outbox).filter(introduce=True).update(introduce=False, problem=gone)

    def _continues(self, sender: Sender) -> bool:
        """Return True when a sender sends the continuous share, which another user may have adopted."""
        return self._outbox.share_id is not None and sender.is_creator(self._outbox)

    def _objection(self, target: Any) -> str:
        """Return the reason why the continuous share sends nothing now; empty when it sends.

        Read it anew between batches: a person may pause, limit or delete the share during a long backlog.
        """
        self._outbox.refresh_from_db(
            fields=["paused", "creator_id", "filter", "release_days", "not_before", "rule", "share_id"]
        )
        outbox = self._outbox
        return (
            outbox.pause
            or access.creator_objection(outbox.creator_id, target, outbox.destination)
            or rule_scope.left_objection(outbox)
        )

    def _open(self, now: datetime) -> tuple[Address, Destination, Adapter]:
        try:
            address, destination = site.destinations().resolve(str(self._outbox.address))
            return address, destination, site.adapters.get(destination)
        except (ConfigurationError, DeliveryError) as error:
            self._register(now)  # so that the pages count what waits for the destination
            raise Wait(now + LOOK_AGAIN, str(error), needs_person=True) from None

    def _close(self) -> None:
        """Cancel open deliveries of a deleted target, but for data that moved to another target."""
        moved_reports.follow_data(self._outbox.target_id)
        for name, model in SHARED_MODELS.items():
            pointers = self._outbox.deliveries.filter(model=name).values("datum_pk")
            left = model._default_manager.filter(pk__in=pointers).values_list("target_id", "pk")
            for target_id, pks in groupby(left.order_by("target_id"), key=itemgetter(0)):
                ledger.name(target_id, name, [pk for _, pk in pks])
        free = ~Q(state=State.SENDING) | Q(pk__in=[row.pk for row in self._abandoned()])
        gone = delivery.cancel("the target was deleted")
        transitions.apply(self._outbox.deliveries.filter(free), gone, lease="")
        stays = leave_there("the target was deleted before it was withdrawn")
        transitions.apply(self._outbox.deliveries.all(), stays, withdrawal_reason="")

    def _abandoned(self) -> list[Delivery]:
        """Return the deliveries in state `sending` whose worker has lost its lease.

        Deliveries that followed their data here are left out during the call for the other target.
        """
        rows = list(self._outbox.deliveries.filter(state=State.SENDING).exclude(lease=self._lease.token))
        others = leases.alive(row.lease for row in rows) if rows else {}
        self._others_until = min(others.values(), default=None)
        return [row for row in rows if row.lease not in others]

    def _recover(self, adapter: Adapter, now: datetime) -> None:
        """Make the deliveries of a lost worker `unconfirmed`, so that they are looked up."""
        for row in self._abandoned():
            since = self._lease.previous_until if row.lease == self._lease.previous else None
            state = delivery.abandoned(
                transitions.state_of(row), sent_at=since or now, settle_time=adapter.settle_time
            )
            transitions.settle([row], {row.pk: state}, token=row.lease)

    def _register(self, next_at: datetime) -> None:
        """Write the backlog to the ledger."""
        if self._outbox.takes_up(clock.now()):
            promise = DeliveryState(state=State.PENDING, next_at=next_at)
            register(self._outbox, promise, selection=limits.of_outbox(self._outbox).selection)

    def _take_up(self, destination: Destination, adapter: Adapter, now: datetime) -> None:
        """Write the backlog to the ledger; make due what may succeed under settings that have changed."""
        digest = site.settings_digest(destination)
        changed = self._outbox.settings_digest != digest
        if changed and self._outbox.settings_digest and self._outbox.existing_to:
            # A wider filter lets data through that were there before the share, which nobody asked for.
            before = limits.from_before(self._outbox, limits.of_outbox(self._outbox))
            register(self._outbox, DeliveryState(state=State.BASELINE), selection=before)
        self._register(now + timedelta(seconds=adapter.batch_window_seconds if self._batch_window else 0))
        if changed:
            kept = self._outbox.deliveries.filter(state__in=(State.WITHHELD, State.UNSUPPORTED))
            transitions.apply(kept.exclude(field=DECLINED), delivery.replay(now=now))
            transitions.apply(self._outbox.deliveries.all(), delivery.ask_anew(now=now))
            put_off = self._outbox.deliveries.filter(state=State.PENDING, failures__gt=0, next_at__gt=now)
            transitions.apply(put_off, delivery.hurry(now=now))
            mine = Outbox.objects.filter(pk=self._outbox.pk, lease=self._lease.token)
            # Limits that were changed since this look began are looked at again.
            mine.filter(settings_digest=self._outbox.settings_digest).update(settings_digest=digest)

    def _round(self, sender: Sender, all_calls: CallsOf, target: Any, *, continuous: bool) -> bool:
        """Ask for outcomes, and send or look up one batch; return False when nothing is left to do now."""
        now, origin, of = clock.now(), site.origin(), sender.rows(self._outbox)
        limit = all_calls.largest(sender)
        changes.compare_named(self._outbox, origin=origin, now=now)
        submitted = ledger.submitted(self._outbox, now=now, limit=limit, of=of)
        withdrawing = ledger.withdrawing(self._outbox, now=now, limit=limit, of=of)
        due = self._due[sender].batch(now=now, limit=limit, continuous=continuous, of=of)
        # Look up last: deduplication recognises a datum that was made again when it is prepared for sending.
        doubtful = [] if due else ledger.unconfirmed(self._outbox, now=now, limit=limit, of=of)
        if not doubtful and not due and not submitted and not withdrawing:
            return False
        calls = all_calls.of(sender)
        calls.check_breaker()
        if withdrawing:
            # Before all else: it should not be there.
            withdraw(calls, withdrawing[: calls.allowance(len(withdrawing))])
        if submitted:
            # Before sending: a long backlog must not keep the page from telling what arrived.
            follow(calls, submitted[: calls.allowance(len(submitted))])
        if doubtful:
            look_up(calls, doubtful[: calls.allowance(len(doubtful))], now)
            return True
        if not due or ask_first(due, now):
            return True
        due = due[: calls.allowance(len(due))]
        preparer = Preparer(
            self._outbox,
            target,
            origin=origin,
            policy=calls.policy,
            can_update=calls.can_update,
            takes_records=calls.adapter.takes_records,
            now=now,
        )
        calls.send(preparer.prepare(due))
        return True

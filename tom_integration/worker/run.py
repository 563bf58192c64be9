"""Bring one outbox up to date, from its backlog to its deliveries.

lease (clears the mark) -> read the backlog, the edited, the submitted and the unconfirmed records
      -> write them as `sending` -> dispatch, with no transaction open -> settle -> ... -> release
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sharecore.adapter import Adapter
from sharecore.addresses import Address
from sharecore.destination import Destination
from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.texts import one_line
from tom_integration import clock, conf, signals, site
from tom_integration.mapping.target_fields import find_target
from tom_integration.models import Outbox
from tom_integration.outbox import changes, due_deliveries, open_outboxes, replays
from tom_integration.signals import Event
from tom_integration.worker import deleted_target, leases, lost_worker
from tom_integration.worker.calls_by_sender import CallsBySender
from tom_integration.worker.rounds import Rounds
from tom_integration.worker.senders import Sender, joined, senders
from tom_integration.worker.take_up import take_up, take_up_backlog
from tom_integration.worker.waits import LOOK_AGAIN, Wait
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
        self._calls: CallsBySender | None = None
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
                due_deliveries.bring_near(self._outbox, furthest, settle_time=self._calls.adapter.settle_time)
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
            self._others_until = deleted_target.close(self._lease)
            return ""
        due_deliveries.close_orphans(self._outbox)
        address, destination, adapter = self._open(now)
        self._others_until = lost_worker.take_over(self._lease, adapter, now)
        if self._outbox.replay:
            with leases.keep_alive(self._lease):
                replays.carry_out(self._outbox)
        window = timedelta(seconds=adapter.batch_window_seconds if self._batch_window else 0)
        take_up(self._lease, destination, now=now, due_at=now + window)
        self._calls = calls = CallsBySender(
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
                if not Rounds(sender, calls).run():
                    return ""
            except Wait as wait:
                if not sender.alone:
                    raise
                self._waits[sender] = wait
        changes.learn(self._outbox, origin=site.origin(), now=now)
        if self._waits:
            raise joined(self._waits, self._outbox)
        return ""

    def _open(self, now: datetime) -> tuple[Address, Destination, Adapter]:
        try:
            address, destination = site.destinations().resolve(str(self._outbox.address))
            return address, destination, site.adapters.get(destination)
        except (ConfigurationError, DeliveryError) as error:
            # The pages count what waits for the destination. Its limits may have changed since the last look.
            take_up_backlog(self._lease, now, changed=True)
            raise Wait(now + LOOK_AGAIN, str(error), needs_person=True) from None

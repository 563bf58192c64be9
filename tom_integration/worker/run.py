"""One outbox from difference to delivery.

lease (clears the mark) -> read: what is missing, what was edited, what nobody knows the fate of
      -> write intents -> dispatch, with no transaction open -> settle -> ... -> release
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db.models import Q

from sharecore import delivery
from sharecore.adapter import Adapter
from sharecore.addresses import Address
from sharecore.delivery import DeliveryState, State
from sharecore.destinations import Destination
from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.texts import one_line
from tom_integration import access, clock, conf, signals, site
from tom_integration.mapping.data_files import SHARED_MODELS
from tom_integration.mapping.target_fields import find_target
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import changes, ledger, opening, transitions
from tom_integration.outbox.backlog import register
from tom_integration.outbox.prepare import Preparer
from tom_integration.signals import Event
from tom_integration.worker import leases
from tom_integration.worker.before_a_call import Wait
from tom_integration.worker.deliver import Calls
from tom_integration.worker.look_up import ask_first, look_up
from tom_integration.worker.persist import persist

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(seconds=300)
"""When an outbox that cannot act (no such destination, no rights) is looked at again."""
AFTER_AN_ERROR = timedelta(seconds=30)
"""When an outbox is looked at again after an error that is not the destination's (a busy database, a bug)."""


def reconcile(outbox_id: int, *, stop: Callable[[], bool] = lambda: False, batch_window: bool = True) -> int:
    """Bring an outbox up to date; return how many records arrived.

    Does nothing while all sharing is paused or a required plugin is missing. Never raises because of a
    destination.

    Args:
        stop: asked between batches; True leaves the rest to the next look.
        batch_window: False where nobody looks again soon, so that new data do not wait for others.
    """
    if site.halted():
        return 0  # the marks stay for the time after
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
    """The work on one leased outbox."""

    def __init__(self, lease: leases.Lease, stop: Callable[[], bool], batch_window: bool) -> None:
        self._lease = lease
        self._stop = stop
        self._batch_window = batch_window
        self._outbox: Outbox = lease.outbox
        self._due = ledger.Due(lease.outbox)
        self._calls: Calls | None = None
        self._others_until: datetime | None = None

    @property
    def objection(self) -> str:
        """Why what the adapter noted last cannot be kept."""
        return self._calls.objection if self._calls else ""

    @property
    def arrived(self) -> int:
        """How many records have arrived."""
        return self._calls.arrived if self._calls else 0

    def next_look(self, until: datetime | None) -> datetime | None:
        """When the outbox is to be looked at again. until: not before, unless somebody asks for it."""
        next_at = opening.next_look(self._outbox)
        furthest = clock.now() + conf.settings().retry_policy.longest
        if next_at is not None and next_at > furthest:
            if self._calls is not None:
                ledger.bring_near(self._outbox, furthest, settle_time=self._calls.adapter.settle_time)
            next_at = None if self._calls is None else opening.next_look(self._outbox)
        if until is not None:
            next_at = max(next_at, until) if next_at else until
        return min(filter(None, (next_at, self._others_until)), default=None)

    def run(self) -> str:
        """Everything that is due now; what people should know afterwards, or an empty text."""
        now = clock.now()
        target = find_target(self._outbox.target_id)
        if target is None:
            self._close()
            return ""
        ledger.close_orphans(self._outbox)
        address, destination, adapter = self._open(now)
        self._recover(adapter, now)
        self._take_up(destination, adapter, now)
        self._calls = calls = Calls(
            lease=self._lease,
            target=target,
            address=address,
            destination=destination,
            adapter=adapter,
            policy=conf.settings().retry_policy,
            stop=self._stop,
        )
        for share in self._outbox.one_time_shares.filter(introduce=True).order_by("pk"):
            calls.introduce(share)
        problem = self._objection(target)
        while self._round(calls, target, continuous=self._outbox.share_id is not None and not problem):
            if self._stop() or not self._lease.hold():
                return ""
            problem = self._objection(target)
        changes.learn(self._outbox, origin=site.origin(), now=now)
        if problem:
            raise Wait(now + LOOK_AGAIN, problem, needs_person=not self._outbox.paused)
        return ""

    def _objection(self, target: Any) -> str:
        """Why the continuous share sends nothing now.

        A person may pause, limit or delete it while it has much to send.
        """
        self._outbox.refresh_from_db(fields=["paused", "creator_id", "kinds", "share_id"])
        return self._outbox.paused or access.creator_objection(self._outbox.creator_id, target)

    def _open(self, now: datetime) -> tuple[Address, Destination, Adapter]:
        try:
            address, destination = site.destinations().resolve(str(self._outbox.address))
            return address, destination, site.adapters.get(destination)
        except (ConfigurationError, DeliveryError) as error:
            self._register(now)  # what waits for the destination is counted
            raise Wait(now + LOOK_AGAIN, str(error), needs_person=True) from None

    def _close(self) -> None:
        """The target is gone: what is open goes with its data, to another target or nowhere."""
        for name, model in SHARED_MODELS.items():
            pointers = self._outbox.deliveries.filter(model=name).values("datum_pk")
            left = model._default_manager.filter(pk__in=pointers).values_list("target_id", "pk")
            for target_id, pks in groupby(left.order_by("target_id"), key=itemgetter(0)):
                ledger.name(target_id, name, [pk for _, pk in pks])
        free = ~Q(state=State.SENDING) | Q(pk__in=[row.pk for row in self._abandoned()])
        gone = delivery.cancel("the target was deleted")
        transitions.apply(self._outbox.deliveries.filter(free), gone, lease="")

    def _abandoned(self) -> list[Delivery]:
        """What senders that are gone had in hand.

        Not what has followed its data to this target while a call for the other one is under way.
        """
        rows = list(self._outbox.deliveries.filter(state=State.SENDING).exclude(lease=self._lease.token))
        others = leases.alive(row.lease for row in rows) if rows else {}
        self._others_until = min(others.values(), default=None)
        return [row for row in rows if row.lease not in others]

    def _recover(self, adapter: Adapter, now: datetime) -> None:
        """What a sender that is gone had in hand: nobody knows its fate before it is looked up."""
        for row in self._abandoned():
            since = self._lease.previous_until if row.lease == self._lease.previous else None
            standing = delivery.abandoned(
                transitions.state_of(row), sent_at=since or now, settle_time=adapter.settle_time
            )
            transitions.settle([row], {row.pk: standing}, token=row.lease)

    def _register(self, next_at: datetime) -> None:
        """Write down what is missing in the ledger."""
        if self._outbox.takes_up(clock.now()):
            register(self._outbox, DeliveryState(state=State.PENDING, next_at=next_at))

    def _take_up(self, destination: Destination, adapter: Adapter, now: datetime) -> None:
        """What is missing in the ledger, and what may be looked at again since the rules changed."""
        self._register(now + timedelta(seconds=adapter.batch_window_seconds if self._batch_window else 0))
        rules = site.rules_digest(destination)
        if self._outbox.rules != rules:
            kept = self._outbox.deliveries.filter(state__in=(State.WITHHELD, State.UNSUPPORTED))
            transitions.apply(kept, delivery.replay(now=now))
            put_off = self._outbox.deliveries.filter(state=State.PENDING, failures__gt=0, next_at__gt=now)
            transitions.apply(put_off, delivery.hurry(now=now))
            Outbox.objects.filter(pk=self._outbox.pk, lease=self._lease.token).update(rules=rules)

    def _round(self, calls: Calls, target: Any, *, continuous: bool) -> bool:
        """One batch; False when nothing is left to do now."""
        now, origin, limit = clock.now(), site.origin(), calls.adapter.max_batch
        changes.compare_named(self._outbox, origin=origin, now=now)
        due = self._due.batch(now=now, limit=limit, continuous=continuous)
        # Last, since a datum that was made again is recognised among those that are due.
        doubtful = [] if due else ledger.unconfirmed(self._outbox, now=now, limit=limit)
        if not doubtful and not due:
            return False
        calls.check_breaker()
        if doubtful:
            look_up(calls, doubtful[: calls.allowance(len(doubtful))], now)
            return True
        if ask_first(due, now):
            return True
        due = due[: calls.allowance(len(due))]
        preparer = Preparer(
            self._outbox,
            target,
            origin=origin,
            policy=calls.policy,
            can_update=calls.can_update,
            now=now,
        )
        calls.send(preparer.prepare(due))
        return True

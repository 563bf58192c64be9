"""Work on what is due of one sender in a leased outbox, in rounds of one batch each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db.models import Q

from sharecore import delivery
from sharecore.delivery import State
from sharecore.withdrawals import leave_there
from tom_integration import access, clock, site
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import changes, due_deliveries, rule_scope, transitions
from tom_integration.outbox.prepare import Preparer
from tom_integration.worker.calls import Calls
from tom_integration.worker.calls_by_sender import CallsBySender
from tom_integration.worker.deliver import Sendable, deliver
from tom_integration.worker.follow import follow
from tom_integration.worker.look_up import ask_first, look_up
from tom_integration.worker.make_known import introduce
from tom_integration.worker.senders import Sender
from tom_integration.worker.waits import LOOK_AGAIN, Wait
from tom_integration.worker.withdraw import withdraw


@dataclass(slots=True)
class Rounds:
    """Withdraw, follow, look up and deliver the records of one sender until nothing is left to do now."""

    sender: Sender
    all_calls: CallsBySender
    outbox: Outbox = field(init=False)
    due: due_deliveries.Due = field(init=False)
    problem: str = field(default="", init=False)
    """The reason why the continuous share sends nothing now; empty when it sends."""
    round_done: bool = field(default=False, init=False)
    """True when a round was done since the problem was read."""

    def __post_init__(self) -> None:
        self.outbox = self.all_calls.lease.outbox
        self.due = due_deliveries.Due(self.outbox)

    def run(self) -> bool:
        """Do all rounds; return False when the work on the outbox is to end.

        Raises:
            Wait: the destination takes nothing of this sender now, or the continuous share sends nothing.
        """
        now, all_calls = clock.now(), self.all_calls
        if self.sender.alone and not self._continues() and self.sender.is_gone:
            self._settle_without_key()
            return True
        for share in self.sender.shares(self.outbox).filter(introduce=True).order_by("pk"):
            introduce(all_calls.of(self.sender), share)
        self.problem = self._objection()
        while self.round():
            if all_calls.stop() or not all_calls.lease.hold():
                return False
            self.round_done = True
        if self.problem and (not self.sender.alone or self._continues()):
            raise Wait(now + LOOK_AGAIN, self.problem, needs_person=not self.outbox.pause)
        return True

    def round(self) -> bool:
        """Ask for outcomes, and send or look up one batch; return False when nothing is left to do now."""
        now, origin, of = clock.now(), site.origin(), self.sender.rows(self.outbox)
        limit = self.all_calls.largest(self.sender)
        changes.compare_named(self.outbox, origin=origin, now=now)
        asking = partial(due_deliveries.asking, outbox=self.outbox, now=now, limit=limit, of=of)
        ask = due_deliveries.is_asking(self.outbox, now=now)
        submitted, withdrawing = (asking(State.SUBMITTED), asking(State.WITHDRAWING)) if ask else ([], [])
        due = self._due(now, limit, of)
        # Look up last: deduplication recognises a datum that was made again when it is prepared for sending.
        doubtful = asking(State.UNCONFIRMED) if ask and not due else []
        if not doubtful and not due and not submitted and not withdrawing:
            return False
        calls = self.all_calls.of(self.sender)
        calls.check_breaker()
        if withdrawing:
            # Before all else: it should not be there.
            withdraw(calls, withdrawing[: calls.allowance(len(withdrawing))])
        if submitted:
            # Before sending: a long backlog must not keep the page from telling what arrived.
            follow(calls, submitted[: calls.allowance(len(submitted))])
        if doubtful:
            look_up(calls, doubtful[: calls.allowance(len(doubtful))])
            return True
        if not due or ask_first(due, now):
            return True
        due = due[: calls.allowance(len(due))]
        anew, prepared_at = partial(self._prepare_anew, calls), clock.now()
        # A call may take minutes.
        sendable = anew(due) if withdrawing or submitted else self._prepare(calls, due)
        deliver(calls, sendable, prepared_at, anew)
        return True

    def _prepare(self, calls: Calls, due: list[Delivery]) -> Sendable:
        """Return what is to be sent of these deliveries, and settle the others."""
        preparer = Preparer(
            self.outbox,
            calls.target,
            origin=site.origin(),
            retry=calls.retry(),
            can_update=calls.can_update,
            takes_records=calls.adapter.takes_records,
            permitted=frozenset() if self.problem else frozenset({self.outbox.creator_id}),
        )
        return preparer.prepare(due)

    def _prepare_anew(self, calls: Calls, before: list[Delivery]) -> Sendable:
        """Return what is still to be sent of deliveries that were read some time ago."""
        self.problem = self._objection()
        due = self.due.again(before, continuous=self._sends_share())
        return self._prepare(calls, due)

    def _due(self, now: datetime, limit: int, of: Q) -> list[Delivery]:
        """Return the next batch; of one-time shares alone while the continuous share sends nothing.

        Read the share anew between batches: a person may pause, limit, adopt or delete it during a long
        backlog.
        """
        batch = partial(self.due.batch, now=now, limit=limit, of=of)
        due = batch(continuous=self._sends_share())
        if due and self.round_done:
            self.problem, self.round_done = self._objection(), False
            if not self._sends_share():
                return batch(continuous=False)
        return due

    def _sends_share(self) -> bool:
        return self._continues() and not self.problem

    def _settle_without_key(self) -> None:
        """Settle what a deleted user left open: nobody has the key with which to send or ask."""
        gone = "the user who shared it was deleted"
        mine = self.outbox.deliveries.filter(self.sender.rows(self.outbox))
        here = mine.filter(state__in=(State.PENDING, State.TO_APPROVE), one_time_share__isnull=False)
        transitions.apply(here, delivery.cancel(gone))
        transitions.apply(mine, delivery.undecidable(f"{gone}, and nobody else can ask with their key"))
        transitions.apply(mine, leave_there(f"{gone} before it was withdrawn"), withdrawal_reason="")
        self.sender.shares(self.outbox).filter(introduce=True).update(introduce=False, problem=gone)

    def _continues(self) -> bool:
        """Return True when the sender sends the continuous share, which another user may have adopted."""
        return self.outbox.share_id is not None and self.sender.is_creator(self.outbox)

    def _objection(self) -> str:
        """Return the reason why the continuous share sends nothing now; empty when it sends."""
        outbox = self.outbox
        outbox.refresh_from_db(
            fields=["paused", "creator_id", "filter", "release_days", "not_before", "rule", "share_id"]
        )
        return (
            outbox.pause
            or access.creator_objection(outbox.creator_id, self.all_calls.target, outbox.destination)
            or rule_scope.left_objection(outbox)
        )

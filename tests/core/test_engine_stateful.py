"""Any order of events: the pure engine loses nothing and sends nothing twice.

The clock is one that the test moves. The destination keeps what reaches it, twice if it comes twice; what was
sent may reach it late, but not after its settle time, and it tells truly what it has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sharecore import delivery, later_answers
from sharecore.delivery import LEFT, OPEN, DeliveryState, State
from sharecore.outcomes import (
    Absent,
    Accepted,
    Deferred,
    Found,
    Outcome,
    Present,
    Rejected,
    Submitted,
    Unconfirmed,
)
from sharecore.retry_schedule import Retry, RetryPolicy

SETTLE_TIME = 60.0
LEASE = 20.0
POLICY = RetryPolicy((5.0, 30.0, 120.0))
WAITING = frozenset({State.PENDING, State.SUBMITTED, State.UNCONFIRMED})
REPLAYED = (State.FAILED, State.WITHHELD, State.DELIVERED, State.NEEDS_REVIEW)
LOSABLE = (State.PENDING, State.TO_APPROVE, State.UNCONFIRMED, State.FAILED, State.DELIVERED)

fractions = st.floats(0, 1)
choices = st.integers(0, 1)


@dataclass(eq=False)
class Item:
    """One record. reaches: when what was sent reaches the destination. lease: under which it is sent.

    gated: a person approves it first. allowed: what persons have approved. left: the content of each sending.
    taken: how often the destination is processing it.
    """

    standing: DeliveryState
    leased_until: datetime
    gated: bool = False
    content: int = 0
    asked: int = -1
    approved: int = -1
    allowed: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    attempts: int = 0
    reaches: list[datetime] = field(default_factory=list)
    there: int = 0
    taken: int = 0
    lease: int = 0


class Engine(RuleBasedStateMachine):
    """Deliveries of one destination, their senders, and the destination."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.all: list[Item] = []
        self.calls: list[tuple[Item, int]] = []

    def _write(self, item: Item, standing: DeliveryState) -> None:
        assert standing.attempts >= item.attempts, "attempts only grow"
        item.standing, item.attempts = standing, standing.attempts

    def _arrive(self) -> None:
        for item in self.all:
            item.there += sum(when <= self.now for when in item.reaches)
            item.reaches = [when for when in item.reaches if when > self.now]

    def _in(self, *states: State) -> list[Item]:
        return [item for item in self.all if item.standing.state in states]

    def _ripe(self, state: State) -> list[Item]:
        return [
            each for each in self._in(state) if each.standing.next_at and each.standing.next_at <= self.now
        ]

    def _left_behind(self) -> list[Item]:
        return [each for each in self._in(State.SENDING) if each.leased_until <= self.now]

    @precondition(lambda self: len(self.all) < 2)
    @rule(gated=st.booleans())
    def save(self, gated: bool) -> None:
        due = DeliveryState(state=State.PENDING, next_at=self.now)
        self.all.append(Item(due, leased_until=self.now, gated=gated))

    @precondition(lambda self: self._unsent())
    @rule(choice=choices, noticed=st.booleans())
    def edit(self, choice: int, noticed: bool) -> None:
        """The datum is edited before it is sent; change detection may be late."""
        item = _chosen(self._unsent(), choice)
        item.content += 1
        if noticed:
            self._write(item, delivery.ask_anew(now=self.now)(item.standing))

    @precondition(lambda self: self._in(State.TO_APPROVE))
    @rule(choice=choices)
    def approve(self, choice: int) -> None:
        """A person approves what was asked for, perhaps twice."""
        item = _chosen(self._in(State.TO_APPROVE), choice)
        item.allowed.add(item.asked)
        item.approved = item.asked
        for _ in range(2):
            self._write(item, delivery.approve(now=self.now)(item.standing))

    @precondition(lambda self: self._in(State.TO_APPROVE))
    @rule(choice=choices)
    def decline(self, choice: int) -> None:
        item = _chosen(self._in(State.TO_APPROVE), choice)
        self._write(item, delivery.decline("not ours")(item.standing))

    def _unsent(self) -> list[Item]:
        waiting = self._in(State.PENDING, State.TO_APPROVE)
        return [item for item in waiting if not (item.there or item.reaches)]

    def _stopped(self, item: Item) -> bool:
        """Return True when the item needs approval first."""
        if not item.gated or item.approved == item.content:
            return False
        item.asked = item.content
        self._write(item, delivery.STOP(item.standing))
        return True

    @rule(seconds=st.sampled_from([0.5, LEASE, LEASE, SETTLE_TIME, 200.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self._arrive()

    @precondition(lambda self: self._ripe(State.PENDING))
    @rule(choice=choices, delay=fractions)
    def send(self, choice: int, delay: float) -> None:
        """A sender takes one in hand; the request may take a while to arrive, or never do."""
        item = _chosen(self._ripe(State.PENDING), choice)
        if self._stopped(item):
            return
        item.left.add(item.content)
        item.lease += 1
        item.leased_until = self.now + timedelta(seconds=LEASE)
        self._write(item, delivery.START(item.standing))
        if delay < 0.8:
            item.reaches.append(self.now + timedelta(seconds=delay * SETTLE_TIME))
        self.calls.append((item, item.lease))
        self._arrive()

    @precondition(lambda self: self.calls)
    @rule(
        choice=choices,
        failure=st.sampled_from([Deferred(reason="busy"), Deferred(reason="later", retry_after=90.0)]),
        rejected=st.booleans(),
        lost=st.booleans(),
        later=st.booleans(),
        chance=fractions,
    )
    def answer(
        self, choice: int, failure: Deferred, rejected: bool, lost: bool, later: bool, chance: float
    ) -> None:
        """A call is over: stored, to be processed, not taken, or nobody knows; perhaps its sender is stale by
        now, and the answer to a destination's processing is lost.
        """
        item, lease = self.calls.pop(choice % len(self.calls))
        if later and item.there and not item.standing.remote_id:
            item.there, item.taken = item.there - 1, item.taken + 1
        if item.standing.state is not State.SENDING or item.lease != lease:
            return
        outcome: Outcome
        if item.reaches or lost:
            outcome = Unconfirmed(reason="no answer")
        elif item.taken:
            outcome = Submitted(ticket="t", ask_after=30.0)
        elif item.there:
            outcome = Accepted(remote_id="7")
        else:
            outcome = Rejected(reason="no") if rejected else failure
        self._write(item, self._settled(item, outcome, chance))

    def _retry(self, chance: float) -> Retry:
        return Retry(now=self.now, policy=POLICY, chance=chance)

    def _settled(self, item: Item, outcome: Outcome, chance: float) -> DeliveryState:
        return delivery.settle(item.standing, outcome, self._retry(chance), settle_time=SETTLE_TIME)

    @precondition(lambda self: self._left_behind())
    @rule(choice=choices)
    def take_over(self, choice: int) -> None:
        """The lease of a sender has run out with one in hand."""
        item = _chosen(self._left_behind(), choice)
        self._write(
            item, delivery.abandoned(item.standing, sent_at=item.leased_until, settle_time=SETTLE_TIME)
        )

    @precondition(lambda self: self._ripe(State.UNCONFIRMED))
    @rule(choice=choices, chance=fractions, fails=st.sampled_from([False, False, True]))
    def look_up(self, choice: int, chance: float, fails: bool) -> None:
        item = _chosen(self._ripe(State.UNCONFIRMED), choice)
        if fails:
            standing = later_answers.unanswered(item.standing, "down", self._retry(chance))
        else:
            found: Found = Present(content="it", remote_id="7") if item.there else Absent()
            if item.taken:
                found = Deferred(reason="being processed")
            standing = later_answers.looked_up(item.standing, found, self._retry(chance), content="it")
        self._write(item, standing)

    @precondition(lambda self: any(item.taken for item in self.all))
    @rule(stored=st.sampled_from([True, True, False]))
    def process(self, stored: bool) -> None:
        """The destination stores what it has taken, or throws it away."""
        for item in self.all:
            item.there += item.taken if stored else 0
            item.taken = 0

    @precondition(lambda self: self._ripe(State.SUBMITTED))
    @rule(choice=choices, chance=fractions, silent=st.sampled_from([False, False, True]))
    def follow(self, choice: int, chance: float, silent: bool) -> None:
        item = _chosen(self._ripe(State.SUBMITTED), choice)
        answer: Outcome | None = Deferred(reason="thrown away")
        if silent:
            answer = None
        elif item.there:
            answer = Accepted(remote_id="7")
        elif item.taken:
            answer = Submitted(ticket="u", ask_after=30.0)
        standing = later_answers.followed(
            item.standing,
            answer,
            self._retry(chance),
            sent_at=self.now,
            settle_time=SETTLE_TIME,
        )
        self._write(item, standing)

    @precondition(lambda self: self._in(*REPLAYED))
    @rule(choice=choices)
    def replay(self, choice: int) -> None:
        """A person asks for another try; where it is there already, or may be, nothing comes of it."""
        item = _chosen(self._in(*REPLAYED), choice)
        self._write(item, delivery.replay(now=self.now)(item.standing))

    @precondition(lambda self: self._in(*LOSABLE))
    @rule(choice=choices, wanted=st.integers(0, 9))
    def cancel(self, choice: int, wanted: int) -> None:
        if not wanted:
            item = _chosen(self._in(*LOSABLE), choice)
            self._write(item, delivery.cancel("gone")(item.standing))

    @invariant()
    def nothing_is_there_twice(self) -> None:
        assert all(item.there + item.taken + len(item.reaches) <= 1 for item in self.all)

    @invariant()
    def a_ticket_is_kept_while_somebody_may_ask(self) -> None:
        for item in self.all:
            assert not item.standing.ticket or item.standing.state in LEFT
            assert item.standing.ticket or item.standing.state is not State.SUBMITTED

    @invariant()
    def what_waits_has_a_time_and_what_does_not_has_none(self) -> None:
        for item in self.all:
            assert (item.standing.next_at is not None) == (item.standing.state in WAITING)

    @invariant()
    def only_approved_content_leaves(self) -> None:
        assert all(item.left <= item.allowed for item in self.all if item.gated)

    @invariant()
    def delivered_means_there(self) -> None:
        assert all(item.there for item in self.all if item.standing.state is State.DELIVERED)

    def teardown(self) -> None:
        """Everything ends: with a destination that works, nothing stays open, and what was failed arrives."""
        for _ in range(60):
            self.now += timedelta(days=1)
            self._arrive()
            while self._left_behind():
                self.take_over(0)
            self.process(True)
            while self._ripe(State.SUBMITTED):
                self.follow(0, 0.0, False)
            while self._ripe(State.UNCONFIRMED):
                self.look_up(0, 0.0, False)
            for item in self._in(State.FAILED, State.WITHHELD):
                self._write(item, delivery.replay(now=self.now)(item.standing))
            while self._in(State.TO_APPROVE):
                self.approve(0)
            for item in self._ripe(State.PENDING):
                if self._stopped(item):
                    continue
                self._write(item, delivery.START(item.standing))
                item.there += 1
                self._write(item, self._settled(item, Accepted(), 0.0))
        assert not self._in(*OPEN, State.TO_APPROVE)
        for item in self.all:
            assert item.there <= 1
            assert item.there or item.standing.state in (State.CANCELLED, State.NEEDS_REVIEW)


def _chosen(items: list[Item], choice: int) -> Item:
    return items[choice % len(items)]


Engine.TestCase.settings = settings(
    max_examples=300, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEngine = Engine.TestCase

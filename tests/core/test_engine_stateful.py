"""Any order of events: the pure engine loses nothing and sends nothing twice.

The clock is one that the test moves. The destination keeps what reaches it, twice if it comes twice; what was
sent may reach it late, but not after its settle time, and it tells truly what it has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from sharecore import delivery
from sharecore.delivery import OPEN, Standing, State
from sharecore.outcomes import Accepted, Deferred, Duplicate, Outcome, Rejected, Unconfirmed
from sharecore.retry import RetryPolicy

SETTLE_TIME = 60.0
LEASE = 60.0
POLICY = RetryPolicy((5.0, 30.0, 120.0))
WAITING = frozenset({State.DUE, State.UNCONFIRMED})

fractions = st.floats(0, 1)


@dataclass(eq=False)
class Item:
    """One record. reaches: when what was sent reaches the destination. lease: under which it is sent."""

    standing: Standing
    attempts: int = 0
    reaches: list[datetime] = field(default_factory=list)
    there: int = 0
    lease: int = 0
    leased_until: datetime | None = None


@dataclass(frozen=True)
class Call:
    """A sender at work on an item, under a lease."""

    item: Item
    lease: int


class Engine(RuleBasedStateMachine):
    """Deliveries of one destination, their senders, and the destination."""

    calls = Bundle("calls")
    items = Bundle("items")

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.all: list[Item] = []
        self.leases = 0

    def _write(self, item: Item, standing: Standing) -> None:
        assert standing.attempts >= item.attempts, "attempts only grow"
        item.standing, item.attempts = standing, standing.attempts

    def _arrive(self) -> None:
        for item in self.all:
            item.there += sum(when <= self.now for when in item.reaches)
            item.reaches = [when for when in item.reaches if when > self.now]

    def _ripe(self, state: State) -> list[Item]:
        return [
            item
            for item in self.all
            if item.standing.state is state and item.standing.next_at and item.standing.next_at <= self.now
        ]

    @rule(target=items)
    def save(self) -> Item:
        item = Item(Standing(state=State.DUE, next_at=self.now))
        self.all.append(item)
        return item

    @rule(seconds=st.sampled_from([0.5, 4.0, 29.0, 61.0, 200.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self._arrive()

    @rule(target=calls, item=items, delay=fractions)
    def send(self, item: Item, delay: float) -> Call | None:
        """A sender takes it in hand; the request may take a while to arrive, or never do."""
        if item not in self._ripe(State.DUE):
            return None
        self.leases += 1
        item.lease, item.leased_until = self.leases, self.now + timedelta(seconds=LEASE)
        self._write(item, delivery.start(item.standing))
        if delay < 0.8:
            item.reaches.append(self.now + timedelta(seconds=delay * SETTLE_TIME))
        self._arrive()
        return Call(item, item.lease)

    @rule(
        call=consumes(calls),
        failure=st.sampled_from([Deferred(reason="busy"), Deferred(reason="later", retry_after=90.0)]),
        rejected=st.booleans(),
        chance=fractions,
    )
    def answer(self, call: Call | None, failure: Deferred, rejected: bool, chance: float) -> None:
        """It is over: the destination stored it and says so, or an answer is lost, or it was not taken."""
        if call is None or call.lease != call.item.lease:
            return  # a stale sender
        item = call.item
        outcome: Outcome
        if item.there:
            outcome = Accepted(remote_id="7") if item.there == 1 else Duplicate()
        elif item.reaches:
            outcome = Unconfirmed(reason="no answer")
        else:
            outcome = Rejected(reason="no") if rejected else failure
        item.lease = 0
        self._write(item, self._settled(item, outcome, chance))

    def _settled(self, item: Item, outcome: Outcome, chance: float) -> Standing:
        return delivery.settle(
            item.standing, outcome, now=self.now, policy=POLICY, settle_time=SETTLE_TIME, chance=chance
        )

    @rule(item=items)
    def the_claim_of_a_dead_sender_is_taken_over(self, item: Item) -> None:
        if item.standing.state is State.SENDING and item.leased_until and item.leased_until <= self.now:
            item.lease = 0
            self._write(
                item, delivery.abandoned(item.standing, sent_at=item.leased_until, settle_time=SETTLE_TIME)
            )

    @rule(item=items, chance=fractions, fails=st.booleans())
    def look_up(self, item: Item, chance: float, fails: bool) -> None:
        if item not in self._ripe(State.UNCONFIRMED):
            return
        if fails:
            self._write(
                item,
                delivery.not_looked_up(item.standing, "down", now=self.now, policy=POLICY, chance=chance),
            )
            return
        found = Duplicate() if item.there else None
        self._write(
            item,
            delivery.looked_up(
                item.standing, found, can_tell=True, now=self.now, policy=POLICY, chance=chance
            ),
        )

    @rule(item=items)
    def replay(self, item: Item) -> None:
        if item.standing.state is not State.CANCELLED:  # "retry" leaves out what belongs to nothing any more
            self._write(item, delivery.replay(item.standing, now=self.now))

    @rule(item=items)
    def cancel(self, item: Item) -> None:
        if item.standing.state is not State.SENDING:
            self._write(item, delivery.cancel(item.standing, "gone"))

    @invariant()
    def nothing_is_there_twice(self) -> None:
        assert all(item.there + len(item.reaches) <= 1 for item in self.all)

    @invariant()
    def what_waits_has_a_time_and_what_does_not_has_none(self) -> None:
        for item in self.all:
            assert (item.standing.next_at is not None) == (item.standing.state in WAITING)

    @invariant()
    def delivered_means_there(self) -> None:
        assert all(item.there for item in self.all if item.standing.state is State.DELIVERED)

    def teardown(self) -> None:
        """Everything ends: with a destination that works, nothing stays open, and what was parked arrives."""
        for _ in range(60):
            self.now += timedelta(days=1)
            self._arrive()
            for item in self.all:
                self.the_claim_of_a_dead_sender_is_taken_over(item)
                self.look_up(item, 0.0, False)
                if item.standing.state is State.PARKED:
                    self.replay(item)
                if item in self._ripe(State.DUE):
                    self._write(item, delivery.start(item.standing))
                    item.there += 1
                    self._write(item, self._settled(item, Accepted(), 0.0))
        for item in self.all:
            assert item.standing.state not in OPEN
            assert item.there <= 1
            assert item.there or item.standing.state in (State.CANCELLED, State.HELD)


Engine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEngine = Engine.TestCase

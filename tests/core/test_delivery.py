"""The state machine of one delivery: every state, every result, and what must never happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharecore import Accepted, Deferred, Duplicate, Rejected, Result, Unconfirmed, Unsupported, Withheld
from sharecore import delivery as machine
from sharecore.delivery import CANCELLABLE, NEEDS_PERSON, OPEN, REPLAYABLE, Standing, State
from sharecore.retry import DEFAULT_SCHEDULE, RetryPolicy

NOW = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = RetryPolicy(jitter=0.0)

RESULTS: list[tuple[Result, State]] = [
    (Accepted(remote_id="7"), State.DELIVERED),
    (Duplicate(), State.DELIVERED),
    (Rejected(reason="no", field="band"), State.PARKED),
    (Unsupported(reason="no", feature="limit"), State.UNSUPPORTED),
    (Withheld(reason="secret"), State.WITHHELD),
    (Deferred(reason="busy"), State.DUE),
    (Unconfirmed(reason="silence"), State.UNCONFIRMED),
]

standings = st.builds(
    Standing,
    state=st.sampled_from(State),
    attempts=st.integers(0, 50),
    failures=st.integers(0, 50),
    next_at=st.none() | st.just(NOW),
    reason=st.sampled_from(["", "busy"]),
    field=st.sampled_from(["", "band"]),
    remote_id=st.sampled_from(["", "7"]),
)
results = st.sampled_from([result for result, _ in RESULTS])
chances = st.floats(0, 1)


def settle(standing: Standing, result: Result, *, chance: float = 0, settle_time: float = 60) -> Standing:
    return machine.settle(standing, result, now=NOW, policy=POLICY, settle_time=settle_time, chance=chance)


@pytest.mark.parametrize(("result", "state"), RESULTS, ids=lambda value: type(value).__name__)
@given(standing=standings)
def test_a_result_leads_to_its_state_from_wherever_it_was(
    standing: Standing, result: Result, state: State
) -> None:
    after = settle(standing, result)
    exhausted = isinstance(result, Deferred) and standing.failures >= len(DEFAULT_SCHEDULE)
    assert after.state is (State.PARKED if exhausted else state)
    assert after.attempts == standing.attempts
    # What is to be done again has a time, what is done or waits for somebody has none.
    assert (after.next_at is not None) == (after.state in (State.DUE, State.UNCONFIRMED))
    assert after.next_at is None or after.next_at > NOW
    if after.state is State.DELIVERED:
        assert (after.failures, after.reason, after.field) == (0, "", "")
        assert after.remote_id == (getattr(result, "remote_id", None) or standing.remote_id)
    else:
        assert after.reason


@given(standing=standings)
def test_to_start_is_the_only_thing_that_counts_as_an_attempt(standing: Standing) -> None:
    started = machine.start(standing)
    assert (started.state, started.attempts, started.next_at) == (State.SENDING, standing.attempts + 1, None)
    others = [
        machine.unsent(standing, "down", now=NOW),
        machine.abandoned(standing, sent_at=NOW, settle_time=60),
        machine.looked_up(standing, None, can_tell=True, now=NOW, policy=POLICY, chance=0),
        machine.not_looked_up(standing, "bug", now=NOW, policy=POLICY, chance=0),
        machine.undecidable(standing, "edited"),
        machine.replay(standing, now=NOW),
        machine.cancel(standing, "gone"),
    ]
    assert {other.attempts for other in others} == {standing.attempts}


@given(standing=standings)
def test_a_call_that_was_stopped_before_it_was_sent_costs_nothing(standing: Standing) -> None:
    after = machine.unsent(standing, "down", now=NOW)
    assert after == replace(standing, state=State.DUE, next_at=NOW, reason="down")


def test_deferred_again_and_again_it_is_tried_for_days_and_then_parked() -> None:
    standing, waits = Standing(state=State.DUE), []
    while standing.state is State.DUE:
        standing = settle(machine.start(standing), Deferred(reason="busy"))
        if standing.next_at:
            waits.append((standing.next_at - NOW).total_seconds())
    assert waits == list(DEFAULT_SCHEDULE)
    assert (standing.state, standing.reason) == (State.PARKED, "given up: busy")
    assert standing.attempts == len(DEFAULT_SCHEDULE) + 1


def test_the_destinations_own_wait_counts() -> None:
    after = settle(Standing(state=State.SENDING), Deferred(reason="busy", retry_after=5000))
    assert after.next_at == NOW + timedelta(seconds=5000)


def test_an_unknown_fate_waits_for_the_destination_to_be_done() -> None:
    after = settle(Standing(state=State.SENDING), Unconfirmed(reason="silence"), settle_time=300)
    assert (after.next_at, after.failures) == (NOW + timedelta(seconds=300), 1)
    sent_at = NOW - timedelta(seconds=100)
    lost = machine.abandoned(Standing(state=State.SENDING), sent_at=sent_at, settle_time=300)
    assert (lost.state, lost.next_at) == (State.UNCONFIRMED, sent_at + timedelta(seconds=300))


class TestLookUp:
    STANDING = Standing(state=State.UNCONFIRMED, failures=1, reason="silence", next_at=NOW, remote_id="7")

    def look(
        self, standing: Standing, found: Accepted | Duplicate | None, *, can_tell: bool = True
    ) -> Standing:
        return machine.looked_up(standing, found, can_tell=can_tell, now=NOW, policy=POLICY, chance=0)

    @pytest.mark.parametrize("found", [Accepted(remote_id="8"), Duplicate(remote_id="8")])
    def test_found(self, found: Accepted | Duplicate) -> None:
        after = self.look(self.STANDING, found)
        assert after == Standing(state=State.DELIVERED, remote_id="8")

    def test_found_without_a_name_keeps_the_one_known(self) -> None:
        assert self.look(self.STANDING, Accepted()).remote_id == "7"

    def test_not_there_is_sent_again_at_once_the_first_time_and_later_the_next(self) -> None:
        assert self.look(self.STANDING, None).next_at == NOW
        again = self.look(replace(self.STANDING, failures=3), None)
        assert again.state is State.DUE
        assert again.next_at == NOW + timedelta(seconds=DEFAULT_SCHEDULE[1])

    def test_a_destination_that_cannot_tell_needs_a_person(self) -> None:
        after = self.look(self.STANDING, None, can_tell=False)
        assert (after.state, after.next_at, after.reason) == (State.HELD, None, "silence")

    def test_after_too_many_it_is_parked(self) -> None:
        after = self.look(replace(self.STANDING, failures=len(DEFAULT_SCHEDULE) + 1), None)
        assert (after.state, after.reason) == (State.PARKED, "given up: silence")

    def test_a_look_up_that_fails_is_repeated_and_then_left_to_a_person(self) -> None:
        standing, looks = self.STANDING, 0
        while standing.state is State.UNCONFIRMED:
            standing = machine.not_looked_up(standing, "bug", now=NOW, policy=POLICY, chance=0)
            looks += 1
        assert (standing.state, standing.next_at, looks) == (State.HELD, None, len(DEFAULT_SCHEDULE))


@pytest.mark.parametrize("state", State)
def test_replay(state: State) -> None:
    standing = Standing(state=state, attempts=3, failures=9, reason="no", field="band", remote_id="7")
    after = machine.replay(standing, now=NOW)
    if state in REPLAYABLE or state is State.BEFORE:
        assert after == Standing(state=State.DUE, attempts=3, next_at=NOW, remote_id="7")
    else:
        assert after == standing


def test_what_may_have_arrived_cannot_be_replayed() -> None:
    assert not REPLAYABLE & {State.SENDING, State.UNCONFIRMED, State.HELD, State.DELIVERED}


@pytest.mark.parametrize("state", State)
def test_cancel(state: State) -> None:
    after = machine.cancel(Standing(state=state, next_at=NOW), "gone")
    if state in CANCELLABLE:
        assert after == Standing(state=State.CANCELLED, reason="gone")
    else:
        assert after == Standing(state=state, next_at=NOW)


def test_the_sets_of_states_fit_together() -> None:
    assert OPEN | NEEDS_PERSON <= CANCELLABLE
    assert not CANCELLABLE & {State.DELIVERED, State.BEFORE, State.CANCELLED}


@given(story=st.lists(st.tuples(results, chances), max_size=60), can_tell=st.booleans())
def test_every_story_ends(story: list[tuple[Result, float]], can_tell: bool) -> None:
    """Whatever a destination answers: no delivery is tried without end, and none is forgotten."""
    standing = Standing(state=State.DUE)
    for result, chance in story:
        if standing.state is not State.DUE:
            break
        before = standing
        standing = settle(machine.start(standing), result, chance=chance)
        assert standing.attempts == before.attempts + 1
        if standing.state is State.UNCONFIRMED:
            standing = machine.looked_up(
                standing, None, can_tell=can_tell, now=NOW, policy=POLICY, chance=chance
            )
        assert standing.failures > before.failures or standing.state is not State.DUE
    assert standing.attempts <= len(DEFAULT_SCHEDULE) + 1
    assert standing.state is not State.SENDING

"""The state machine of one delivery: every state, every result, and what must never happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharecore import (
    Absent,
    Accepted,
    Deferred,
    Duplicate,
    Found,
    Outcome,
    Present,
    Rejected,
    Result,
    Submitted,
    Unconfirmed,
    Unsupported,
    Withheld,
    later_answers,
)
from sharecore import delivery as machine
from sharecore.delivery import CANCELLABLE, NEEDS_PERSON, OPEN, REPLAYABLE, DeliveryState, State
from sharecore.retry_schedule import DEFAULT_SCHEDULE, Retry, RetryPolicy

NOW = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = RetryPolicy(jitter=0.0)
RETRY = Retry(now=NOW, policy=POLICY, chance=0)

RESULTS: list[tuple[Result, State]] = [
    (Accepted(remote_id="7"), State.DELIVERED),
    (Duplicate(), State.DELIVERED),
    (Rejected(reason="no", field="band"), State.FAILED),
    (Unsupported(reason="no", feature="limit"), State.UNSUPPORTED),
    (Withheld(reason="secret"), State.WITHHELD),
    (Withheld(reason="secret", until=NOW + timedelta(days=400)), State.WITHHELD),
    (Deferred(reason="busy"), State.PENDING),
    (Unconfirmed(reason="silence"), State.UNCONFIRMED),
    (Submitted(ticket="t1", ask_after=60), State.SUBMITTED),
]
TICKETED = frozenset({State.SUBMITTED, State.UNCONFIRMED, State.NEEDS_REVIEW})
"""States in which a delivery may have a ticket."""

delivery_states = st.builds(
    DeliveryState,
    state=st.sampled_from(State),
    attempts=st.integers(0, 50),
    failures=st.integers(0, 50),
    next_at=st.none() | st.just(NOW),
    reason=st.sampled_from(["", "busy"]),
    field=st.sampled_from(["", "band"]),
    remote_id=st.sampled_from(["", "7"]),
    ticket=st.sampled_from(["", "t0"]),
).map(lambda current: current if current.state in TICKETED else replace(current, ticket=""))
results = st.sampled_from([result for result, _ in RESULTS])
contents = st.sampled_from(["", "old", "new"])
answers: st.SearchStrategy[Found | None] = st.one_of(
    st.none(),
    st.builds(Present, content=contents, remote_id=st.sampled_from([None, "8"])),
    st.just(Absent()),
    st.builds(Deferred, reason=st.just("busy"), retry_after=st.none() | st.floats(0, 1e6)),
    st.sampled_from([Rejected(reason="no"), Unsupported(reason="no", feature="x"), Unconfirmed(reason="?")]),
)
chances = st.floats(0, 1)


def settle(
    current: DeliveryState, result: Result, *, chance: float = 0, settle_time: float = 60
) -> DeliveryState:
    return machine.settle(current, result, replace(RETRY, chance=chance), settle_time=settle_time)


def follow(
    current: DeliveryState, answer: Outcome | None, *, sent_at: datetime = NOW, chance: float = 0
) -> DeliveryState:
    return later_answers.followed(
        current, answer, replace(RETRY, chance=chance), sent_at=sent_at, settle_time=60
    )


@pytest.mark.parametrize(("result", "state"), RESULTS, ids=lambda value: type(value).__name__)
@given(current=delivery_states)
def test_a_result_leads_to_its_state_from_wherever_it_was(
    current: DeliveryState, result: Result, state: State
) -> None:
    after = settle(current, result)
    exhausted = isinstance(result, Deferred) and current.failures >= len(DEFAULT_SCHEDULE)
    assert after.state is (State.FAILED if exhausted else state)
    assert after.attempts == current.attempts
    # What is to be done again has a time, what is done or waits for somebody has none.
    ends = isinstance(result, Withheld) and result.until is not None
    assert (after.next_at is not None) == (after.state in OPEN or ends)
    assert after.next_at is None or after.next_at > NOW
    if after.state is State.DELIVERED:
        assert (after.failures, after.reason, after.field) == (0, "", "")
        assert after.remote_id == (getattr(result, "remote_id", None) or current.remote_id)
    else:
        assert after.reason or after.state is State.SUBMITTED
    assert not after.ticket or after.state in TICKETED
    assert (after.ticket == "t1") == (after.state is State.SUBMITTED)


@given(current=delivery_states, days=st.integers(1, 4000))
def test_a_record_that_waits_for_its_release_is_looked_at_then(current: DeliveryState, days: int) -> None:
    until = NOW + timedelta(days=days)
    waits = settle(current, Withheld(reason="secret", until=until))
    assert (waits.state, waits.next_at, waits.field) == (State.WITHHELD, until, machine.RELEASE)
    assert (waits.reason, waits.failures) == ("secret", 0)
    for sendable in machine.SENDABLE:
        before = replace(current, state=sendable)
        kept = replace(waits, remote_id=before.remote_id, ticket=before.ticket)
        assert machine.embargo(until, "secret")(before) == kept
    for state in set(State) - machine.SENDABLE:
        before = replace(current, state=state)
        assert machine.embargo(until, "secret")(before) == before
    # What it waited for says nothing of what comes after.
    assert machine.START(waits).field == ""
    assert machine.replay(now=NOW)(waits).field == ""
    assert machine.cancel("gone")(waits).field == ""


def test_an_end_that_has_passed_is_asked_about_again_soon_and_not_for_ever() -> None:
    current, waits = DeliveryState(state=State.PENDING), []
    while current.next_at or not waits:
        current = settle(machine.START(current), Withheld(reason="secret", until=NOW))
        assert (current.state, current.field) == (State.WITHHELD, "")
        if current.next_at:
            waits.append((current.next_at - NOW).total_seconds())
    assert waits == list(DEFAULT_SCHEDULE)


@given(current=delivery_states)
def test_to_start_is_the_only_thing_that_counts_as_an_attempt(current: DeliveryState) -> None:
    started = machine.START(replace(current, state=State.PENDING))
    assert (started.state, started.attempts, started.next_at) == (State.SENDING, current.attempts + 1, None)
    others = [
        machine.unsent(current, "down", now=NOW),
        machine.abandoned(current, sent_at=NOW, settle_time=60),
        later_answers.looked_up(current, Absent(), RETRY, content=""),
        later_answers.unanswered(current, "bug", RETRY),
        follow(current, Submitted(ticket="t1", ask_after=60)),
        follow(current, Accepted()),
        machine.undecidable("edited")(current),
        machine.replay(now=NOW)(current),
        machine.cancel("gone")(current),
    ]
    assert {other.attempts for other in others} == {current.attempts}


@given(current=delivery_states)
def test_a_call_that_was_stopped_before_it_was_sent_costs_nothing(current: DeliveryState) -> None:
    after = machine.unsent(current, "down", now=NOW)
    assert after == replace(current, state=State.PENDING, next_at=NOW, reason="down")


def test_deferred_again_and_again_it_is_tried_for_days_and_then_fails() -> None:
    current, waits = DeliveryState(state=State.PENDING), []
    while current.state is State.PENDING:
        current = settle(machine.START(current), Deferred(reason="busy"))
        if current.next_at:
            waits.append((current.next_at - NOW).total_seconds())
    assert waits == list(DEFAULT_SCHEDULE)
    assert (current.state, current.reason) == (State.FAILED, "given up: busy")
    assert current.attempts == len(DEFAULT_SCHEDULE) + 1


def test_the_destinations_own_wait_counts() -> None:
    after = settle(DeliveryState(state=State.SENDING), Deferred(reason="busy", retry_after=5000))
    assert after.next_at == NOW + timedelta(seconds=5000)


def test_an_unknown_fate_waits_for_the_destination_to_be_done() -> None:
    after = settle(DeliveryState(state=State.SENDING), Unconfirmed(reason="silence"), settle_time=300)
    assert (after.next_at, after.failures) == (NOW + timedelta(seconds=300), 1)
    sent_at = NOW - timedelta(seconds=100)
    lost = machine.abandoned(DeliveryState(state=State.SENDING), sent_at=sent_at, settle_time=300)
    assert (lost.state, lost.next_at) == (State.UNCONFIRMED, sent_at + timedelta(seconds=300))


class TestLookUp:
    CURRENT = DeliveryState(state=State.UNCONFIRMED, failures=1, reason="silence", next_at=NOW, remote_id="7")

    def look(self, current: DeliveryState, found: Found | None, *, can_tell: bool = True) -> DeliveryState:
        return later_answers.looked_up(current, found, RETRY, content="new", can_tell=can_tell)

    def test_found(self) -> None:
        after = self.look(self.CURRENT, Present(content="new", remote_id="8"))
        assert after == DeliveryState(state=State.DELIVERED, remote_id="8")

    def test_found_without_a_name_keeps_the_one_known(self) -> None:
        assert self.look(self.CURRENT, Present(content="new")).remote_id == "7"

    @pytest.mark.parametrize("content", ["old", ""])
    def test_found_with_other_content_it_is_still_due(self, content: str) -> None:
        after = self.look(self.CURRENT, Present(content=content, remote_id="8"))
        assert (after.state, after.next_at, after.remote_id) == (State.PENDING, NOW, "8")

    def test_not_there_is_sent_again_at_once_the_first_time_and_later_the_next(self) -> None:
        assert self.look(self.CURRENT, Absent()).next_at == NOW
        again = self.look(replace(self.CURRENT, failures=3), Absent())
        assert again.state is State.PENDING
        assert again.next_at == NOW + timedelta(seconds=DEFAULT_SCHEDULE[1])

    def test_refused_at_a_look_up_it_is_not_sent_again(self) -> None:
        after = self.look(self.CURRENT, Rejected(reason="no", field="band"))
        assert (after.state, after.reason, after.field) == (State.FAILED, "no", "band")
        assert self.look(self.CURRENT, Unsupported(reason="no", feature="x")).state is State.UNSUPPORTED

    @pytest.mark.parametrize("found", [Unconfirmed(reason="?"), Deferred(reason="?"), None])
    def test_what_nobody_can_tell_yet_is_asked_for_again_and_in_the_end_left_to_a_person(
        self, found: Found | None
    ) -> None:
        current, looks = self.CURRENT, 0
        while current.state is State.UNCONFIRMED:
            current = self.look(current, found)
            looks += 1
        assert (current.state, current.next_at, looks) == (State.NEEDS_REVIEW, None, len(DEFAULT_SCHEDULE))

    def test_a_destination_that_asks_for_time_gets_it(self) -> None:
        after = self.look(self.CURRENT, Deferred(reason="busy", retry_after=5000))
        assert (after.state, after.next_at) == (State.UNCONFIRMED, NOW + timedelta(seconds=5000))

    def test_a_destination_that_cannot_tell_needs_a_person(self) -> None:
        after = self.look(self.CURRENT, None, can_tell=False)
        assert (after.state, after.next_at, after.reason) == (State.NEEDS_REVIEW, None, "silence")

    def test_after_too_many_it_fails(self) -> None:
        after = self.look(replace(self.CURRENT, failures=len(DEFAULT_SCHEDULE) + 1), Absent())
        assert (after.state, after.reason) == (State.FAILED, "given up: silence")

    def test_a_look_up_that_fails_is_repeated_and_then_left_to_a_person(self) -> None:
        current, looks = self.CURRENT, 0
        while current.state is State.UNCONFIRMED:
            current = later_answers.unanswered(current, "bug", RETRY)
            looks += 1
        assert (current.state, current.next_at, looks) == (State.NEEDS_REVIEW, None, len(DEFAULT_SCHEDULE))


class TestFollow:
    CURRENT = DeliveryState(state=State.SUBMITTED, attempts=1, ticket="t0", next_at=NOW)

    def test_not_yet_is_asked_again_under_the_ticket_that_it_names(self) -> None:
        after = follow(self.CURRENT, Submitted(ticket="t1", ask_after=90))
        assert after == replace(self.CURRENT, ticket="t1", next_at=NOW + timedelta(seconds=90))

    @pytest.mark.parametrize(("asked", "wait"), [(0, 1), (1e9, 86400)])
    def test_a_question_is_never_asked_at_once_nor_in_a_distant_future(self, asked: float, wait: int) -> None:
        after = follow(self.CURRENT, Submitted(ticket="t1", ask_after=asked))
        assert after.next_at == NOW + timedelta(seconds=wait)
        first = settle(DeliveryState(state=State.SENDING), Submitted(ticket="t1", ask_after=asked))
        assert first.next_at == NOW + timedelta(seconds=wait)

    def test_not_yet_for_more_than_a_week_needs_a_person(self) -> None:
        week = NOW - later_answers.LONGEST_PROCESSING
        not_yet = Submitted(ticket="t1", ask_after=90)
        assert follow(self.CURRENT, not_yet, sent_at=week).state is State.SUBMITTED
        after = follow(self.CURRENT, not_yet, sent_at=week - timedelta(seconds=1))
        assert (after.state, after.next_at, after.ticket) == (State.NEEDS_REVIEW, None, "t1")
        assert "7 days" in after.reason

    def test_silence_is_asked_again_on_the_schedule_and_then_needs_a_person(self) -> None:
        current, waits = self.CURRENT, []
        while current.state is State.SUBMITTED:
            current = follow(current, None)
            if current.next_at:
                waits.append((current.next_at - NOW).total_seconds())
        assert waits == list(DEFAULT_SCHEDULE)
        assert (current.state, current.ticket) == (State.NEEDS_REVIEW, "t0")

    def test_what_was_thrown_away_is_sent_again_later_and_not_without_end(self) -> None:
        current, submitted = self.CURRENT, 1
        while current.state is State.SUBMITTED:
            current = follow(current, Deferred(reason="thrown away"))
            if current.state is State.PENDING:
                assert current.ticket == ""
                current = settle(machine.START(current), Submitted(ticket="t1", ask_after=60))
                submitted += 1
        assert current.state is State.FAILED
        assert submitted == len(DEFAULT_SCHEDULE) + 1

    def test_what_the_destination_does_not_know_is_looked_up_and_keeps_its_ticket(self) -> None:
        after = follow(self.CURRENT, Unconfirmed(reason="no such ticket"))
        assert (after.state, after.ticket) == (State.UNCONFIRMED, "t0")
        assert after.next_at == NOW + timedelta(seconds=60)

    @given(answer=st.none() | results, chance=chances, days=st.integers(0, 20), failures=st.integers(0, 20))
    def test_it_is_sent_again_only_where_it_is_certainly_not_there(
        self, answer: Outcome | None, chance: float, days: int, failures: int
    ) -> None:
        if isinstance(answer, Withheld):
            return  # no answer of an adapter
        current = replace(self.CURRENT, failures=failures)
        after = follow(current, answer, sent_at=NOW - timedelta(days=days), chance=chance)
        if after.state in REPLAYABLE | {State.PENDING}:
            assert isinstance(answer, Deferred | Rejected | Unsupported)
        assert (after.next_at is not None) == (after.state in OPEN)
        assert not after.ticket or after.state in TICKETED


@pytest.mark.parametrize("state", State)
def test_replay(state: State) -> None:
    current = DeliveryState(state=state, attempts=3, failures=9, reason="no", field="band", remote_id="7")
    after = machine.replay(now=NOW)(current)
    if state in REPLAYABLE or state is State.BASELINE:
        assert after == DeliveryState(state=State.PENDING, attempts=3, next_at=NOW, remote_id="7")
    else:
        assert after == current


def test_what_may_have_arrived_cannot_be_replayed_nor_asked_for() -> None:
    assert not machine.ASKABLE & (machine.LEFT | {State.DELIVERED})


@given(current=delivery_states)
def test_only_a_person_sends_again_what_was_submitted(current: DeliveryState) -> None:
    """Not even a person while the destination still owes an answer: `resend` is for records in doubt."""
    submitted = replace(current, state=State.SUBMITTED)
    for step in (
        machine.START,
        machine.SET_ASIDE,
        machine.replay(now=NOW),
        machine.revise(now=NOW),
        machine.hurry(now=NOW),
        machine.restart(now=NOW),
        machine.bring_near(now=NOW),
        machine.doubt("a backup", look_at=NOW),
        machine.lost_there("a backup", now=NOW, can_tell=False),
        machine.confirm("ada found it"),
        machine.resend(now=NOW),
        machine.keep_there(),
        machine.embargo(NOW, "proprietary"),
    ):
        assert step(submitted) == submitted


@pytest.mark.parametrize("state", State)
def test_cancel(state: State) -> None:
    after = machine.cancel("gone")(DeliveryState(state=state, next_at=NOW))
    if state in CANCELLABLE:
        assert after == DeliveryState(state=State.CANCELLED, reason="gone")
    else:
        assert after == DeliveryState(state=state, next_at=NOW)


def test_the_sets_of_states_fit_together() -> None:
    assert OPEN | NEEDS_PERSON <= CANCELLABLE
    assert not CANCELLABLE & {State.DELIVERED, State.BASELINE, State.CANCELLED}


@given(current=delivery_states, found=answers, content=contents, chance=chances)
def test_a_look_up_calls_delivered_only_what_is_there_with_its_content(
    current: DeliveryState, found: Found | None, content: str, chance: float
) -> None:
    current = replace(current, state=State.UNCONFIRMED)
    after = later_answers.looked_up(current, found, replace(RETRY, chance=chance), content=content)
    there = isinstance(found, Present) and found.content == content
    assert (after.state is State.DELIVERED) == there
    if after.state is State.PENDING:
        assert isinstance(found, Present | Absent), "sent again only where that is known to be right"
    assert (after.next_at is not None) == (after.state in OPEN)
    assert after.attempts == current.attempts


@given(
    story=st.lists(st.tuples(results, results | st.none(), answers, chances), max_size=60),
    can_tell=st.booleans(),
)
def test_every_story_ends(
    story: list[tuple[Result, Outcome | None, Found | None, float]], can_tell: bool
) -> None:
    """Whatever a destination answers: no delivery is tried without end, and none is forgotten."""
    current = DeliveryState(state=State.PENDING)
    for result, answer, found, chance in story:
        if current.state is not State.PENDING:
            break
        before = current
        current = settle(machine.START(current), result, chance=chance)
        assert current.attempts == before.attempts + 1
        while current.state is State.SUBMITTED:
            silent = answer is None or isinstance(answer, Submitted | Withheld)
            current = follow(current, None if silent else answer, chance=chance)
        if current.state is State.UNCONFIRMED:
            current = later_answers.looked_up(
                current, found, replace(RETRY, chance=chance), content="", can_tell=can_tell
            )
        assert current.failures > before.failures or current.state is not State.PENDING
    assert current.attempts <= len(DEFAULT_SCHEDULE) + 1
    assert current.state is not State.SENDING

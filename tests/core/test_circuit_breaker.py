"""The circuit breaker and the pause of a destination."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sharecore import circuit_breaker
from sharecore.circuit_breaker import FIRST_WAIT, LONGEST_WAIT, SECOND_WAIT, Health

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WELL = Health()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def failed(state: Health = WELL, *, at: float = 0, **more: object) -> Health:
    given = {"retry_after": None, "chance": 0.0} | more
    return circuit_breaker.failed(state, now=after(at), **given)


def wait(state: Health, *, at: float = 0) -> float:
    assert state.open_until is not None
    return (state.open_until - after(at)).total_seconds()


def tries(until: float, *, answered: bool = False) -> list[float]:
    """When an outage that begins now is probed, in seconds from its start."""
    state, at, times = Health(), 0.0, []
    while at < until:
        state = failed(state, at=at, answered=answered)
        at += wait(state, at=at)
        times.append(at)
    return times


def test_a_destination_that_is_well_takes_calls() -> None:
    assert Health().wait_until(NOW) is None
    assert not Health().is_paused("any")


def test_an_outage_is_probed_often_at_first_and_rarely_in_the_end() -> None:
    times = tries(3 * DAY)
    gaps = [(later, later - earlier) for earlier, later in itertools.pairwise(times)]
    assert {gap for at, gap in gaps if at <= 10 * MINUTE} == {FIRST_WAIT}
    assert {gap for at, gap in gaps if 11 * MINUTE < at <= DAY} == {SECOND_WAIT}
    assert {gap for at, gap in gaps if at > DAY + MINUTE} == {LONGEST_WAIT}


def test_a_destination_that_answers_and_takes_nothing_is_left_alone_ever_longer() -> None:
    state, waits = failed(), []
    for _ in range(9):
        state = failed(state, answered=True)
        waits.append(wait(state))
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert wait(failed(state)) == FIRST_WAIT, "once it answers nothing at all, each probe is cheap again"
    assert len(tries(DAY, answered=True)) < 300


@given(
    outage=st.lists(st.tuples(st.floats(0, 2 * DAY), st.booleans()), min_size=1, max_size=30),
    chance=st.floats(0, 1),
)
def test_however_it_fails_the_next_try_is_neither_at_once_nor_out_of_reach(
    outage: list[tuple[float, bool]], chance: float
) -> None:
    state, at = Health(), 0.0
    for pause, answered in outage:
        at += pause
        state = failed(state, at=at, chance=chance, answered=answered)
        assert FIRST_WAIT <= wait(state, at=at) <= 1.1 * LONGEST_WAIT + 1e-5
        assert state.down_since == after(outage[0][0])
        assert 0 < state.patience(after(at)) <= 30
    assert state.failures == len(outage)
    assert circuit_breaker.failed(replace(state, refusals=2000), now=after(at), retry_after=None, chance=1)


def test_it_can_ask_for_more_up_to_a_day() -> None:
    assert wait(failed(retry_after=4000)) == 4000
    assert wait(failed(retry_after=1)) == FIRST_WAIT
    assert wait(failed(retry_after=1e9)) == DAY
    assert wait(failed(retry_after=float("inf"))) == DAY
    assert FIRST_WAIT <= wait(failed(retry_after=float("nan"))) <= DAY


def test_the_wait_ends_and_a_success_forgets_it() -> None:
    state = failed(failed())
    assert state.wait_until(after(4)) == after(5)
    assert state.wait_until(after(5)) is None
    assert circuit_breaker.succeeded() == Health()


def test_a_time_that_only_a_wrong_clock_can_have_set_does_not_count() -> None:
    assert failed(at=2 * DAY).wait_until(NOW) is None
    assert failed(retry_after=DAY, chance=1).wait_until(NOW) is not None


def test_refused_credentials_pause_until_they_change() -> None:
    state = circuit_breaker.refused(failed(), reason="401", credentials="old")
    assert state.is_paused("old")
    assert not state.is_paused("new")
    assert not circuit_breaker.succeeded().is_paused("old")


def test_a_pause_outlives_further_failures() -> None:
    state = circuit_breaker.refused(Health(), reason="401", credentials="old")
    assert failed(state, credentials="old").is_paused("old")


def test_what_was_learnt_under_other_settings_does_not_count() -> None:
    state = failed(credentials="old", retry_after=HOUR)
    assert state.under("old").wait_until(NOW)
    assert state.under("new") == Health()
    again = failed(state, at=60, credentials="new")
    assert (again.failures, again.down_since, again.credentials) == (1, after(60), "new")


@given(down_for=st.floats(0, 3 * DAY), since=st.floats(0, LONGEST_WAIT))
def test_a_new_start_waits_no_longer_than_the_shortest_wait(down_for: float, since: float) -> None:
    state = failed(failed(), at=down_for)
    now = after(down_for + since)
    resumed = state.resumed(now, failed_at=after(down_for))
    assert resumed.open_until is not None
    assert (resumed.open_until - now).total_seconds() <= FIRST_WAIT
    assert (resumed.open_until - after(down_for)).total_seconds() >= FIRST_WAIT, "however often it starts"


def test_a_new_start_keeps_to_what_the_destination_asked_for() -> None:
    state = failed(retry_after=HOUR)
    assert state.resumed(after(60), failed_at=NOW) == state
    assert Health().resumed(NOW, failed_at=None) == Health()

"""The circuit breaker and the pause of a destination."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sharecore import health
from sharecore.health import FIRST_WAIT, LONGEST_WAIT, Health

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def failed(times: int, *, retry_after: float | None = None, chance: float = 0) -> Health:
    state = Health()
    for _ in range(times):
        state = health.failed(state, now=NOW, retry_after=retry_after, chance=chance)
    return state


def wait(state: Health) -> float:
    assert state.open_until is not None
    return (state.open_until - NOW).total_seconds()


def test_a_destination_that_is_well_takes_calls() -> None:
    assert Health().wait_until(NOW) is None
    assert not Health().is_paused("any")


def test_each_failure_doubles_the_wait_up_to_five_minutes() -> None:
    waits = [wait(failed(times)) for times in range(1, 10)]
    assert waits[:6] == [5, 10, 20, 40, 80, 160]
    assert waits[6:] == [LONGEST_WAIT] * 3


@given(times=st.integers(1, 2000), chance=st.floats(0, 1))
def test_however_long_it_is_down_the_wait_stays_within_bounds(times: int, chance: float) -> None:
    state = health.failed(Health(failures=times - 1), now=NOW, retry_after=None, chance=chance)
    assert FIRST_WAIT <= wait(state) <= 1.1 * LONGEST_WAIT + 1e-5
    assert state.failures == times


def test_it_can_ask_for_more_up_to_a_day() -> None:
    assert wait(failed(1, retry_after=4000)) == 4000
    assert wait(failed(1, retry_after=1)) == FIRST_WAIT
    assert wait(failed(1, retry_after=1e9)) == 86400
    assert wait(failed(1, retry_after=float("inf"))) == 86400
    assert FIRST_WAIT <= wait(failed(1, retry_after=float("nan"))) <= 86400


def test_the_wait_ends_and_a_success_forgets_it() -> None:
    state = failed(3)
    assert state.wait_until(NOW + timedelta(seconds=19)) == NOW + timedelta(seconds=20)
    assert state.wait_until(NOW + timedelta(seconds=20)) is None
    assert health.succeeded() == Health()


def test_refused_credentials_pause_until_they_change() -> None:
    state = health.refused(failed(2), reason="401", credentials="old")
    assert state.is_paused("old")
    assert not state.is_paused("new")
    assert not health.succeeded().is_paused("old")


def test_a_pause_outlives_further_failures() -> None:
    state = health.refused(Health(), reason="401", credentials="old")
    assert health.failed(state, now=NOW, retry_after=None, chance=0).is_paused("old")

"""The schedule of tries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharecore.retry_schedule import DAY, DEFAULT_SCHEDULE, RetryPolicy


def test_by_default_it_goes_from_five_seconds_to_a_day_over_about_three_days() -> None:
    assert (DEFAULT_SCHEDULE[0], DEFAULT_SCHEDULE[-1]) == (5, DAY)
    assert list(DEFAULT_SCHEDULE) == sorted(DEFAULT_SCHEDULE)
    assert 2.5 * DAY <= sum(DEFAULT_SCHEDULE) <= 3.3 * DAY


@given(failures=st.integers(1, len(DEFAULT_SCHEDULE)), chance=st.floats(0, 1))
def test_the_jitter_only_lengthens_and_at_most_by_a_tenth(failures: int, chance: float) -> None:
    wait = RetryPolicy().wait(failures, retry_after=None, chance=chance)
    assert wait is not None
    seconds = DEFAULT_SCHEDULE[failures - 1]
    assert seconds <= wait.total_seconds() <= 1.1 * seconds + 1e-5


def test_many_records_do_not_come_back_in_one_moment() -> None:
    waits = {RetryPolicy().wait(3, retry_after=None, chance=chance / 10) for chance in range(10)}
    assert len(waits) == 10


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [(None, 5), (1.0, 5), (0.0, 5), (-3.0, 5), (100.0, 100), (10 * DAY, DAY)]
)
def test_a_longer_wait_that_the_destination_asks_for_counts_up_to_a_day(
    retry_after: float | None, seconds: float
) -> None:
    wait = RetryPolicy(jitter=0).wait(1, retry_after=retry_after, chance=0)
    assert wait == timedelta(seconds=seconds)


@pytest.mark.parametrize("retry_after", [float("nan"), float("inf")])
def test_a_wait_that_is_no_number_of_seconds_is_survived(retry_after: float) -> None:
    wait = RetryPolicy(jitter=0).wait(1, retry_after=retry_after, chance=0)
    assert wait is not None
    assert timedelta(seconds=5) <= wait <= timedelta(days=1)


def test_it_ends() -> None:
    assert RetryPolicy((1, 2)).wait(2, retry_after=None, chance=0) == timedelta(seconds=2)
    assert RetryPolicy((1, 2)).wait(3, retry_after=None, chance=0) is None
    assert RetryPolicy(()).wait(1, retry_after=50, chance=0) is None

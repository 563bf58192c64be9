"""The limit of records per second."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharecore.token_bucket import Bucket

RATES = st.floats(min_value=0.01, max_value=1000)


def test_a_seconds_worth_goes_at_once_and_then_as_much_each_second() -> None:
    bucket = Bucket.full(10, now=0)
    taken, bucket = bucket.take(25, now=0)
    assert taken == 10
    assert bucket.take(15, now=0.5)[0] == 0
    assert bucket.wait(15, now=0.5) == pytest.approx(0.5)
    taken, bucket = bucket.take(15, now=1)
    assert taken == 10
    assert bucket.take(5, now=1.5)[0] == 5, "the rest need not wait for a full portion"


def test_a_slow_one_lets_one_go_at_a_time() -> None:
    taken, bucket = Bucket.full(0.1, now=100).take(5, now=100)
    assert taken == 1
    assert bucket.wait(5, now=100) == pytest.approx(10)
    assert bucket.take(5, now=110)[0] == 1


def test_a_long_silence_saves_up_no_burst() -> None:
    _, bucket = Bucket.full(10, now=0).take(10, now=0)
    assert bucket.take(1000, now=86400 * 30)[0] == 10


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    _, bucket = Bucket.full(10, now=1000).take(10, now=1000)
    assert bucket.take(10, now=0)[0] == 0


@given(
    rate=RATES,
    steps=st.lists(st.tuples(st.integers(1, 500), st.floats(min_value=0, max_value=100)), max_size=40),
)
def test_never_more_than_the_limit_and_whoever_waits_as_told_gets_something(
    rate: float, steps: list[tuple[int, float]]
) -> None:
    now, sent, bucket = 0.0, 0, Bucket.full(rate, now=0.0)
    for wanted, pause in steps:
        now += pause
        taken, bucket = bucket.take(wanted, now=now)
        if not taken:
            now += bucket.wait(wanted, now=now) + 1e-6
            taken, bucket = bucket.take(wanted, now=now)
            assert taken
        assert taken <= wanted
        sent += taken
        assert sent <= rate * now + max(rate, 1.0) + 1e-3

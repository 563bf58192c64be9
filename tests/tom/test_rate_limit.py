"""'RATE_LIMIT' of a destination: how fast a backlog drains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings

from sharecore import DestinationError
from sharecore.testing import FakeClock
from tom_integration import site
from tom_integration.worker import rate_limit

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeClock]:
    seconds = FakeClock()
    monkeypatch.setattr(rate_limit, "clock", seconds)
    monkeypatch.setattr(rate_limit, "sleep", seconds.sleep)
    yield seconds
    rate_limit._buckets.clear()


def limited(rate: object) -> Any:
    limit = {"ADAPTER": "memory", "RATE_LIMIT": rate, "USER_TOPICS": ["red", "blue"]}
    return override_settings(DATA_SHARING={"x": limit, "y": {"ADAPTER": "memory"}})


def test_after_an_outage_a_backlog_drains_without_a_burst(tom: Tom, seconds: FakeClock) -> None:
    with limited(10):
        target = tom.target()
        tom.share(target)
        tom.x.will(DestinationError("down"), times=1)
        tom.data(target, 45)
        tom.deliver()
        tom.clock.forward(days=3)
        seconds.advance(3 * 86400)
        begun = seconds()
        assert tom.deliver() == 45
        assert [len(call.records) for call in tom.x.calls[1:]] == [10, 10, 10, 10, 5]
        assert seconds() - begun == pytest.approx(3.5)
        assert not tom.x.repeated


def test_topics_and_targets_of_a_destination_have_one_limit_and_others_none(
    tom: Tom, seconds: FakeClock
) -> None:
    with limited(2):
        for address in ("x:red", "x:blue", "y"):
            target = tom.target()
            tom.share(target, address)
            tom.data(target, 4)
        begun = seconds()
        assert tom.deliver() == 12
        assert seconds() - begun == pytest.approx(3)
        assert [len(call.records) for call in tom.y.calls] == [4]


def test_a_very_slow_one_is_looked_at_again_later(tom: Tom, seconds: FakeClock) -> None:
    with limited(0.1):
        target = tom.target()
        tom.share(target)
        tom.data(target, 3)
        assert tom.deliver() == 1
        assert not seconds.slept
        outbox = tom.outbox(target)
        assert outbox.next_at is not None
        assert 9 < (outbox.next_at - tom.clock.now).total_seconds() < 11
        assert outbox.problem == ""
        for _ in range(2):
            seconds.advance(10.1)
            assert tom.deliver(after=10.1) == 1


def test_without_one_a_batch_goes_as_it_is(tom: Tom, seconds: FakeClock) -> None:
    target = tom.target()
    tom.share(target)
    tom.data(target, 150)
    assert tom.deliver() == 150
    assert len(tom.x.calls) == 1
    assert not seconds.slept


@pytest.mark.parametrize("wrong", [0, -1, "10", True, float("inf")])
def test_what_is_no_limit_is_a_problem_of_the_setting(tom: Tom, wrong: object) -> None:
    with limited(wrong):
        (problem,) = site.destinations().problems
        assert problem.where == "DATA_SHARING['x']['RATE_LIMIT']"
        assert "0.001" in problem.what
        assert "y" in site.destinations()

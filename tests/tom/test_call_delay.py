"""A destination that is well may ask for no other call for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sharecore import Unconfirmed
from sharecore.addresses import Address
from tom_integration.models import DestinationHealth
from tom_integration.worker import breaker

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


def test_no_call_of_any_share_goes_out_before_and_nothing_counts_as_failed(tom: Tom, shared: Any) -> None:
    tom.x.delay = 40
    other = tom.target()
    tom.share(other)
    row = tom.datum(shared)
    assert tom.deliver() == 1
    assert tom.state(row) == "delivered"
    late = tom.datum(other)
    tom.deliver(after=1)
    assert len(tom.x.calls) == 1
    assert (tom.state(late), tom.row(late).failures, tom.row(late).attempts) == ("pending", 0, 0)
    assert tom.outbox(other).next_at - tom.clock.now < timedelta(seconds=40)
    assert tom.outbox(other).problem == ""
    health = DestinationHealth.objects.get(destination="x", topic=None)
    assert (health.failures, health.down_since, health.last_error) == (0, None, "")
    tom.deliver(after=40)
    assert tom.state(late) == "delivered"


def test_the_batches_of_one_backlog_keep_to_it(tom: Tom, shared: Any) -> None:
    tom.x.delay, tom.x.max_batch = 40, 2
    tom.data(shared, 4)
    assert tom.deliver() == 2
    assert tom.deliver(after=30) == 0
    assert tom.deliver(after=11) == 2


def test_a_question_and_a_look_up_keep_to_it(tom: Tom, shared: Any) -> None:
    tom.x.answers_later, tom.x.ask_after, tom.x.delay = True, 1, 40
    tom.datum(shared)
    tom.deliver()
    tom.deliver(after=30)
    assert tom.x.followed == []
    tom.x.delay = 0
    tom.x.process()
    assert tom.deliver(after=11) == 1
    tom.x.answers_later, tom.x.delay = False, 400
    tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
    row = tom.datum(shared)
    tom.deliver()
    tom.deliver(after=100)
    assert (tom.state(row), tom.x.looked_up) == ("unconfirmed", [])
    tom.deliver(after=400)
    assert tom.state(row) == "delivered"


def test_another_destination_is_not_delayed(tom: Tom, shared: Any) -> None:
    tom.x.delay = 40
    tom.share(shared, "y")
    row = tom.datum(shared)
    tom.deliver()
    assert (tom.state(row), tom.state(row, "y")) == ("delivered", "delivered")
    again = tom.datum(shared)
    tom.deliver(after=1)
    assert (tom.state(again), tom.state(again, "y")) == ("pending", "delivered")


@pytest.mark.parametrize("seconds", [1e12, 86400.0])
def test_it_lasts_a_day_at_the_most(tom: Tom, shared: Any, seconds: float) -> None:
    tom.x.delay = seconds
    tom.datum(shared)
    tom.deliver()
    obstacle = breaker.obstacle(Address("x"), credentials="", now=tom.clock.now)
    assert obstacle is not None
    assert obstacle.until - tom.clock.now <= timedelta(days=1)


@pytest.mark.parametrize("seconds", [-1, "soon", float("nan")])
def test_a_delay_that_is_none_is_left_out(tom: Tom, shared: Any, seconds: Any) -> None:
    tom.x.delay = seconds
    row = tom.datum(shared)
    tom.deliver()
    assert tom.state(row) == "delivered"
    assert breaker.obstacle(Address("x"), credentials="", now=tom.clock.now) is None


def test_a_clock_that_was_wrong_delays_nothing(tom: Tom, shared: Any) -> None:
    tom.datum(shared)
    tom.deliver()
    DestinationHealth.objects.update(next_call_at=tom.clock.now + timedelta(days=400))
    row = tom.datum(shared)
    tom.deliver(after=1)
    assert tom.state(row) == "delivered"

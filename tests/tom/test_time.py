"""Outages of days, restarts, and a clock that is set: what waits goes on waiting, and then arrives once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sharecore import DestinationError
from sharecore.outcomes import Deferred, Unconfirmed
from tom.deaths import Died
from tom_integration import site
from tom_integration.models import Delivery

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


def test_an_outage_of_days_parks_nothing_and_then_everything_arrives(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.x.will(DestinationError("down for the week"))
    for _ in range(7):
        tom.data(target, 3)
        tom.deliver_until_quiet(hours=24)
    assert tom.states() == ["pending"] * 21
    assert not tom.x.received
    tom.x.recover()
    tom.deliver_until_quiet(hours=1)
    assert tom.states() == ["delivered"] * 21
    assert not tom.x.repeated


def test_when_to_try_again_outlives_the_process(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.x.will(Deferred(reason="not before an hour has passed", retry_after=3600.0), times=1)
    tom.deliver()
    then = tom.row(datum).next_at
    assert then is not None
    site.adapters.close()
    assert tom.deliver(after=3000) == 0
    assert tom.row(datum).next_at == then
    tom.deliver_until_quiet(hours=3)
    assert tom.state(datum) == "delivered"


@pytest.mark.parametrize("step", [-86400, -3600, 3600, 30 * 86400])
def test_a_clock_that_is_set_loses_nothing_and_doubles_nothing(tom: Tom, step: int) -> None:
    target = tom.target()
    tom.share(target)
    tom.x.max_batch = 1
    tom.x.will(Deferred(reason="busy"), times=1)
    tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
    tom.x.will(Died(), times=1, stores=True)
    tom.data(target, 5)
    with pytest.raises(Died):
        tom.deliver()
    assert set(tom.states()) == {"pending", "unconfirmed", "sending"}
    tom.clock.forward(seconds=step)
    tom.data(target, 1)
    tom.deliver_until_quiet(hours=max(24, -2 * step / 3600))
    assert tom.states() == ["delivered"] * 6
    assert not tom.x.repeated
    assert not Delivery.objects.exclude(lease="").exists()

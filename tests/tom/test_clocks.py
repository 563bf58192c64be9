"""Clocks that are wrong: of one machine beside another, and of the database, until somebody sets it right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from tom_dataproducts.models import PhotometryReducedDatum

from sharecore import DestinationError
from sharecore.outcomes import Deferred, Outcome, Unconfirmed
from sharecore.records import Record
from tom.deaths import Died
from tom_integration import clock
from tom_integration.clock import now as database_time
from tom_integration.models import DestinationHealth, Outbox
from tom_integration.worker import leases, offered_topics
from tom_integration.worker.scan import Scan

if TYPE_CHECKING:
    from tom.conftest import Tom

Machine = Callable[[float], None]


@pytest.fixture
def machine(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Work at a machine whose clock is so many seconds ahead of that of the database."""
    monkeypatch.setattr(clock, "now", database_time)
    first = timezone.now()

    def ahead(seconds: float) -> None:
        monkeypatch.setattr(timezone, "now", lambda: first + timedelta(seconds=seconds))

    return ahead


def test_a_worker_whose_clock_is_ahead_takes_nothing_from_one_that_works(tom: Tom, machine: Machine) -> None:
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)

    def meanwhile(record: Record) -> Outcome:
        machine(120)
        assert tom.deliver() == 0
        assert tom.state(datum) == "sending"
        machine(0)
        return tom.x.store(record)

    tom.x.will(meanwhile, times=1)
    assert tom.deliver() == 1
    assert tom.state(datum) == "delivered"
    assert len(tom.x.received) == 1


def test_a_worker_whose_clock_is_ahead_asks_for_nothing_that_may_be_on_its_way(
    tom: Tom, machine: Machine
) -> None:
    """What the destination is still at work on, it would send again."""
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.x.will(Unconfirmed(reason="no answer"), times=1)
    tom.deliver()
    machine(3600)
    tom.deliver()
    assert tom.state(datum) == "unconfirmed"
    assert not tom.x.received


@pytest.mark.parametrize("days", [2, 30, 4000])
def test_a_clock_far_ahead_that_is_set_right_puts_nothing_off(tom: Tom, days: int) -> None:
    target, other = tom.target(), tom.target()
    tom.share(target)
    tom.share(other)
    tom.deliver()
    tom.clock.forward(days=days)
    tom.x.max_batch = 1
    tom.x.will(Deferred(reason="busy"), times=1)
    tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
    tom.data(target, 2)
    tom.deliver()
    assert sorted(tom.states()) == ["pending", "unconfirmed"]
    tom.x.will(Died(), times=1, stores=True)
    tom.data(other, 1)
    with pytest.raises(Died):
        tom.deliver()
    tom.clock.forward(days=-days)
    for _ in range(30):
        tom.deliver(after=20)
    assert tom.states() == ["delivered"] * 3
    assert not tom.x.repeated


def test_a_destination_that_was_down_then_is_tried_when_the_clock_is_right(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.clock.forward(days=2)
    tom.x.will(DestinationError("out of order"), times=1)
    tom.deliver()
    tom.clock.forward(days=-2)
    for _ in range(2):
        tom.deliver(after=60)
    assert tom.state(datum) == "delivered"


def test_whoever_holds_a_lease_while_the_clock_is_set_right_keeps_it(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    pk = tom.outbox(target).pk
    tom.clock.forward(days=2)
    held = leases.acquire(pk)
    assert held is not None
    tom.clock.forward(days=-2)
    assert pk in Scan.waiting()
    assert leases.acquire(pk) is None
    tom.clock.forward(seconds=40)
    assert held.renew(), "it was alive all the time"
    tom.clock.forward(seconds=40)
    assert leases.acquire(pk) is None
    assert Outbox.objects.get(pk=pk).lease == held.token


def test_a_destination_is_not_reserved_for_days(tom: Tom) -> None:
    tom.share(target := tom.target())
    datum = tom.datum(target)
    DestinationHealth.objects.create(destination="x", exclusive_until=tom.clock.now + timedelta(days=2))
    tom.deliver()
    assert tom.state(datum) == "delivered"


@pytest.mark.parametrize("compared", [True, False])
@pytest.mark.parametrize("days", [30, 4000])
def test_edits_by_sql_are_found_once_a_clock_that_was_ahead_is_right(
    tom: Tom, days: int, compared: bool
) -> None:
    tom.x.can_update = True
    tom.clock.forward(days=days)
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.deliver()
    if compared:
        tom.clock.forward(days=2)
        Scan().rescan()
    tom.clock.forward(days=-days)
    PhotometryReducedDatum.objects.filter(pk=datum.pk).update(brightness=11.0)
    tom.clock.forward(days=3)
    for _ in range(3):
        Scan().rescan()
        tom.deliver(after=30)
    assert [record.brightness for record in tom.x.received][1:] == [11.0]


def test_topics_are_asked_for_once_a_clock_that_was_ahead_is_right(tom: Tom) -> None:
    tom.clock.forward(days=30)
    for destination in offered_topics.stale():
        offered_topics.ask(destination)
    assert not offered_topics.stale()
    tom.clock.forward(days=-30)
    assert {each.name for each in offered_topics.stale()} == {"x", "y"}

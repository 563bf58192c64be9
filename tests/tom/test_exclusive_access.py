"""A call that a destination can take only by itself: the other workers wait for it, and it for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sharecore.addresses import Address
from sharecore.delivery import State
from sharecore.records import Record
from tom_integration.models import Delivery, DestinationHealth, Outbox
from tom_integration.outbox import ledger
from tom_integration.worker import exclusive_access, leases

if TYPE_CHECKING:
    from tom.conftest import Tom


def _in_hand(tom: Tom) -> tuple[leases.Lease, Delivery]:
    """Another worker, in the middle of a call for another target."""
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.deliver()
    row = tom.row(datum)
    Delivery.objects.filter(pk=row.pk).update(state=State.PENDING)
    claim = leases.claim(tom.outbox(target).pk)
    assert claim is not None
    ledger.write_intents([row], claim.token)
    tom.x.received.clear()
    return claim, row


def _paused(monkeypatch: pytest.MonkeyPatch, then: Callable[[], Any]) -> list[float]:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        assert len(pauses) < 100, "it waits for ever"
        then()

    monkeypatch.setattr("time.sleep", sleep)
    return pauses


def test_it_waits_until_calls_of_other_workers_are_over(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, row = _in_hand(tom)
    tom.x.alone = True
    target = tom.target()
    tom.share(target)
    tom.datum(target)

    def over() -> None:
        assert not tom.x.received
        assert "sharecore-claim" in {thread.name for thread in threading.enumerate()}, "its claim may run out"
        if len(pauses) == 3:
            Delivery.objects.filter(pk=row.pk).update(state=State.DELIVERED)

    pauses = _paused(monkeypatch, over)
    assert tom.deliver() == 1
    assert len(pauses) == 3
    assert claim.renew(), "the other one was not disturbed"


def test_it_does_not_wait_for_a_worker_that_is_gone(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, _ = _in_hand(tom)
    Outbox.objects.filter(pk=claim.outbox.pk).update(lease_until=tom.clock.now, look_now=False)
    tom.x.alone = True
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    pauses = _paused(monkeypatch, lambda: None)
    tom.deliver()
    assert tom.state(datum) == State.DELIVERED
    assert not pauses


def test_nor_for_one_that_calls_another_destination(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    _in_hand(tom)
    tom.y.alone = True
    target = tom.target()
    tom.share(target, "y")
    tom.datum(target)
    pauses = _paused(monkeypatch, lambda: None)
    assert tom.deliver() == 1
    assert not pauses


@pytest.mark.parametrize("alone", [False, True])
def test_meanwhile_nobody_else_calls(tom: Tom, alone: bool) -> None:
    tom.x.alone = alone
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    DestinationHealth.objects.create(address="x", exclusive_until=tom.clock.now + timedelta(seconds=60))
    assert tom.deliver() == 0
    assert not tom.x.calls
    assert tom.state(datum) == State.PENDING
    assert tom.outbox(target).problem == ""
    DestinationHealth.objects.update(exclusive_until=None)
    assert tom.deliver(after=1.1) == 1


def test_whoever_reserves_it_and_dies_holds_nobody_up_for_ever(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    DestinationHealth.objects.create(address="x", exclusive_until=tom.clock.now + timedelta(seconds=60))
    assert tom.deliver() == 0
    assert tom.deliver(after=61) == 1


def test_the_destination_is_given_back_also_when_the_call_fails(tom: Tom) -> None:
    tom.x.alone = True
    tom.x.will(RuntimeError("a bug"), times=1)
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.deliver()
    assert tom.state(datum) != State.DELIVERED
    assert DestinationHealth.objects.get(address="x").exclusive_until is None


def test_of_two_that_meet_one_withdraws(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker reserves the destination after we looked, before we announce what we have in hand."""
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    real = ledger.write_intents

    def late(rows: Iterable[Delivery], token: str) -> list[Delivery]:
        DestinationHealth.objects.create(address="x", exclusive_until=tom.clock.now + timedelta(seconds=60))
        return real(rows, token)

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "write_intents", late)
        assert tom.deliver() == 0
    assert not tom.x.calls
    assert tom.state(datum) == State.PENDING
    DestinationHealth.objects.update(exclusive_until=None)
    assert tom.deliver(after=1.1) == 1


def test_the_destination_is_reserved_while_the_call_lasts(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    address = Address(name="x", topic="")
    seen: list[bool] = []

    def look(record: Record) -> Any:
        seen.append(exclusive_access.reserved(address))
        return tom.x._store(record)

    tom.x.alone = True
    tom.x.will(look, times=1)
    assert tom.deliver() == 1
    assert seen == [True]
    assert not exclusive_access.reserved(address)


def test_an_adapter_that_fails_to_say_is_called_as_usual(
    tom: Tom, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)

    def fails(adapter: object, batch: object) -> bool:
        raise RuntimeError("a bug")

    monkeypatch.setattr("sharecore.testing.memory.MemoryAdapter.alone", fails)
    assert tom.deliver() == 1
    assert "in alone" in caplog.text

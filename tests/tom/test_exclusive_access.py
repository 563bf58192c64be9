"""A target is made known with the destination for itself: the other workers wait for it, and it for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sharecore.addresses import Address
from sharecore.delivery import State
from sharecore.exceptions import ConfigurationError, DestinationError, Problem, TargetRefused
from sharecore.filters import Filter
from sharecore.records import Kind
from sharecore.testing.memory_adapter import MemoryAdapter
from tom.conftest import edit
from tom_integration.models import Delivery, DestinationHealth, Outbox, write_filter
from tom_integration.outbox import transitions, versions
from tom_integration.worker import exclusive_access, leases

if TYPE_CHECKING:
    from tom.conftest import Tom

SPECTRA = write_filter(Filter(kinds=(Kind.SPECTRUM,)))


def _in_hand(tom: Tom) -> tuple[leases.Lease, Delivery]:
    """Another worker, in the middle of a call for another target."""
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.deliver()
    row = tom.row(datum)
    Delivery.objects.filter(pk=row.pk).update(state=State.PENDING)
    lease = leases.acquire(tom.outbox(target).pk)
    assert lease is not None
    transitions.start([row], lease.token)
    tom.x.received.clear()
    return lease, row


def _paused(monkeypatch: pytest.MonkeyPatch, then: Callable[[], Any]) -> list[float]:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        assert len(pauses) < 100, "it waits for ever"
        then()

    monkeypatch.setattr("time.sleep", sleep)
    return pauses


def test_it_waits_until_calls_of_other_workers_are_over(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    lease, row = _in_hand(tom)
    tom.x.makes_targets = True
    target = tom.target()
    tom.share(target)
    tom.datum(target)

    def over() -> None:
        assert not tom.x.introduced
        assert "sharecore-lease" in {thread.name for thread in threading.enumerate()}, "its lease may run out"
        if len(pauses) == 3:
            versions.update(Delivery.objects.filter(pk=row.pk), state=State.DELIVERED)

    pauses = _paused(monkeypatch, over)
    assert tom.deliver() == 1
    assert len(pauses) == 3
    assert lease.renew(), "the other one was not disturbed"


def test_it_makes_no_target_beside_a_call_that_does_not_end(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, row = _in_hand(tom)
    tom.x.makes_targets = True
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)

    def still_at_work() -> None:
        tom.clock.forward(seconds=20)
        assert lease.renew()

    pauses = _paused(monkeypatch, still_at_work)
    assert tom.deliver() == 0
    assert pauses
    assert not tom.x.introduced
    assert not exclusive_access.reserved(Address(name="x")), "others go on meanwhile"
    versions.update(Delivery.objects.filter(pk=row.pk), state=State.DELIVERED)
    tom.deliver(after=1.1)
    assert tom.state(datum) == State.DELIVERED


def test_it_does_not_wait_for_a_worker_that_is_gone(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    lease, _ = _in_hand(tom)
    Outbox.objects.filter(pk=lease.outbox.pk).update(lease_until=tom.clock.now, look_now=False)
    tom.x.makes_targets = True
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    pauses = _paused(monkeypatch, lambda: None)
    tom.deliver()
    assert tom.state(datum) == State.DELIVERED
    assert not pauses


def test_nor_for_one_that_calls_another_destination(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    _in_hand(tom)
    tom.y.makes_targets = True
    target = tom.target()
    tom.share(target, "y")
    tom.datum(target)
    pauses = _paused(monkeypatch, lambda: None)
    assert tom.deliver() == 1
    assert not pauses


@pytest.mark.parametrize("makes", [False, True])
def test_meanwhile_nobody_else_calls(tom: Tom, makes: bool) -> None:
    tom.x.makes_targets = makes
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    DestinationHealth.objects.create(destination="x", exclusive_until=tom.clock.now + timedelta(seconds=60))
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
    DestinationHealth.objects.create(destination="x", exclusive_until=tom.clock.now + timedelta(seconds=60))
    assert tom.deliver() == 0
    assert tom.deliver(after=61) == 1


def test_the_destination_is_given_back_also_when_the_call_fails(tom: Tom) -> None:
    tom.x.makes_targets = True
    tom.x.target_fails = RuntimeError("a bug")
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.deliver()
    assert tom.state(datum) != State.DELIVERED
    assert DestinationHealth.objects.get(destination="x").exclusive_until is None


def test_of_two_that_meet_one_withdraws(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker reserves the destination after we looked, before we announce what we have in hand."""
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    real = transitions.start

    def late(rows: Iterable[Delivery], token: str) -> list[Delivery]:
        DestinationHealth.objects.create(
            destination="x", exclusive_until=tom.clock.now + timedelta(seconds=60)
        )
        return real(rows, token)

    with monkeypatch.context() as patch:
        patch.setattr(transitions, "start", late)
        assert tom.deliver() == 0
    assert not tom.x.calls
    assert tom.state(datum) == State.PENDING
    DestinationHealth.objects.update(exclusive_until=None)
    assert tom.deliver(after=1.1) == 1


def test_the_destination_is_reserved_while_the_target_is_made_and_not_while_data_go(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tom.target()
    tom.share(target)
    tom.data(target, 3)
    address, seen = Address(name="x", topic=""), []
    make, take = tom.x.make_known, tom.x.take

    def look(real: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda batch: (seen.append(exclusive_access.reserved(address)), real(batch))[1]

    tom.x.makes_targets, tom.x.max_batch = True, 2
    monkeypatch.setattr(tom.x, "make_known", look(make))
    monkeypatch.setattr(tom.x, "take", look(take))
    assert tom.deliver() == 3
    assert seen == [True, False, False], "made once, and two batches"
    assert not exclusive_access.reserved(address)


def test_the_destination_stays_reserved_while_making_the_target_takes_long(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    make, renewals = tom.x.make_known, []

    @contextmanager
    def kept(lease: leases.Lease, also: Callable[[], Any] = lambda: None) -> Iterator[None]:
        renewals.append(also)
        yield

    def slow(batch: Any) -> None:
        for _ in range(9):
            tom.clock.forward(seconds=20)
            assert exclusive_access.reserved(Address(name="x"))
            renewals[0]()
        make(batch)

    tom.x.makes_targets = True
    monkeypatch.setattr(exclusive_access, "keep_alive", kept)
    monkeypatch.setattr(tom.x, "make_known", slow)
    tom.deliver()
    assert tom.x.introduced
    assert not exclusive_access.reserved(Address(name="x"))


def test_whoever_made_the_target_has_the_data_in_hand_before_others_may_make_theirs(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise many that make targets would keep each other from sending anything."""
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    tom.x.makes_targets = True
    real, seen = transitions.start, []

    def look(rows: Iterable[Delivery], token: str) -> list[Delivery]:
        seen.append(exclusive_access.reserved(Address(name="x", topic="")))
        return real(rows, token)

    monkeypatch.setattr(transitions, "start", look)
    assert tom.deliver() == 1
    assert seen == [True]


@pytest.mark.parametrize("slow", ["ensure_target", "follow", "ready"])
@pytest.mark.parametrize(
    ("change", "state"),
    [({}, "delivered"), ({"paused": "by amy"}, "pending"), ({"filter": SPECTRA}, "withheld")],
    ids=["none", "pause", "filter"],
)
def test_what_a_person_changes_during_a_slow_call_counts_for_what_leaves_after_it(
    tom: Tom, monkeypatch: pytest.MonkeyPatch, slow: str, change: dict[str, str], state: str
) -> None:
    target = tom.target()
    tom.share(target)
    tom.x.makes_targets, tom.x.answers_later = slow == "ensure_target", slow == "follow"
    tom.x.can_update = slow == "ready"
    if not tom.x.makes_targets:
        datum = tom.datum(target)
        tom.deliver()
        tom.x.answers_later = False
    if slow == "ready":
        edit(datum, brightness_error=0.5)
    else:
        datum = tom.datum(target)
    real = getattr(MemoryAdapter, slow)

    def meanwhile(*args: Any) -> Any:
        tom.clock.forward(seconds=40)
        Outbox.objects.update(**change)
        return real(*args)

    monkeypatch.setattr(MemoryAdapter, slow, meanwhile)
    tom.x.calls.clear()
    tom.deliver(after=61)
    assert tom.state(datum) == state
    assert len(tom.x.calls) == (state == "delivered")


class TestMakingATargetKnown:
    """What becomes of the records that wait for it."""

    @pytest.fixture
    def datum(self, tom: Tom) -> Any:
        tom.x.makes_targets = True
        target = tom.target()
        tom.share(target)
        return tom.datum(target)

    def test_it_is_noted_at_once_whatever_becomes_of_the_delivery(self, tom: Tom, datum: Any) -> None:
        """Else the target might be made twice."""
        kept: list[Any] = []

        def take(batch: Any) -> Any:
            kept.append(Outbox.objects.get(destination="x").adapter_state)
            raise SystemExit

        real = tom.x.take
        tom.x.take = take  # type: ignore[method-assign]
        tom.deliver()
        assert kept == [{"known": True}]
        assert tom.state(datum) == State.UNCONFIRMED
        tom.x.take = real  # type: ignore[method-assign]
        tom.deliver(after=100)
        assert tom.state(datum) == State.DELIVERED
        assert len(tom.x.introduced) == 1

    def test_a_target_that_is_refused_refuses_its_records(self, tom: Tom, datum: Any) -> None:
        tom.x.target_fails = TargetRefused("no stars here")
        tom.deliver()
        assert (tom.state(datum), tom.row(datum).reason) == (State.FAILED, "no stars here")
        assert not tom.x.calls

    def test_a_destination_that_is_down_costs_no_try(self, tom: Tom, datum: Any) -> None:
        tom.x.target_fails = DestinationError("down")
        tom.deliver()
        row = tom.row(datum)
        assert (row.state, row.failures, row.attempts) == (State.PENDING, 0, 0)
        assert DestinationHealth.objects.get(destination="x").failures == 1
        tom.x.target_fails = None
        assert tom.deliver(after=10) == 1

    def test_after_a_bug_they_are_tried_again_later(self, tom: Tom, datum: Any) -> None:
        tom.x.target_fails = SystemExit()
        tom.deliver()
        row = tom.row(datum)
        assert (row.state, row.failures) == (State.PENDING, 1)
        assert "failed: SystemExit" in row.reason
        tom.x.target_fails = None
        assert tom.deliver(after=100) == 1

    def test_settings_that_turn_out_wrong_are_told(self, tom: Tom, datum: Any) -> None:
        wrong = Problem(where="DATA_SHARING['x']", what="is odd", hint="Mend it.")
        tom.x.target_fails = ConfigurationError([wrong])
        tom.deliver()
        assert tom.state(datum) == State.PENDING
        assert "is odd" in Outbox.objects.get(destination="x").problem


def test_an_adapter_that_fails_to_say_is_called_as_usual(
    tom: Tom, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)

    def fails(adapter: object, batch: object) -> bool:
        raise RuntimeError("a bug")

    monkeypatch.setattr("sharecore.testing.memory_adapter.MemoryAdapter.knows_target", fails)
    assert tom.deliver() == 1
    assert "in knows_target" in caplog.text

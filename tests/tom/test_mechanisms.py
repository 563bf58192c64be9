"""Each mechanism that delivery stands on is needed: without it, the test of what it is for fails.

A test that passes with and without a mechanism guards nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from sharecore import delivery
from sharecore.delivery import DeliveryState, State
from sharecore.outcomes import Outcome
from sharecore.records import Record
from tom.deaths import Died
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import open_outboxes, sent_before, transitions
from tom_integration.worker import leases, run

if TYPE_CHECKING:
    from tom.conftest import Tom


def one_sender_at_a_time(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tom.target()
    tom.share(target)
    seen = tom.outbox(target)
    assert leases.acquire(seen.pk) is not None

    class Earlier:
        """What a second sender read before the first one wrote."""

        def first(self) -> Outbox:
            return seen

    real, reads = Outbox.objects.filter, iter([Earlier()])
    with monkeypatch.context() as patch:
        patch.setattr(Outbox.objects, "filter", lambda **wanted: next(reads, None) or real(**wanted))
        assert leases.acquire(seen.pk) is None


def without_the_compare(patch: pytest.MonkeyPatch) -> None:
    class Blind:
        class objects:
            select_related = Outbox.objects.select_related

            @staticmethod
            def filter(**wanted: Any) -> Any:
                return Outbox.objects.filter(pk=wanted["pk"])

    patch.setattr(leases, "Outbox", Blind)


def a_stale_sender_changes_nothing(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.x.will(Died(), times=1)
    with pytest.raises(Died):
        tom.deliver()
    stale = tom.row(datum)
    tom.deliver(after=100)

    def meanwhile(record: Record) -> Outcome:
        """Another sender has it in hand by now; then the first one wakes up."""
        transitions.settle([stale], {stale.pk: DeliveryState(state=State.FAILED)}, token=stale.lease)
        return tom.x.store(record)

    tom.x.will(meanwhile, times=1)
    tom.deliver(after=100)
    assert len(tom.x.received) == 1
    assert tom.state(datum) == State.DELIVERED


def without_the_token(patch: pytest.MonkeyPatch) -> None:
    real = transitions.settle

    def settle(
        rows: Iterable[Delivery], states: Mapping[int, DeliveryState], *, token: str, **more: Any
    ) -> int:
        rows = list(rows)
        held = Delivery.objects.filter(pk__in=[row.pk for row in rows]).first()
        return real(rows, states, token=held.lease if held else token, **more)

    patch.setattr(transitions, "settle", settle)


def a_request_that_is_still_on_its_way_is_not_repeated(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    sent: list[Record] = []

    def dies(record: Record) -> Outcome:
        sent.append(record)
        raise Died

    tom.x.will(dies, times=1)
    with pytest.raises(Died):
        tom.deliver()
    tom.deliver(after=61)
    tom.x.store(sent[0])  # the destination was still at work on it
    tom.deliver(after=100)
    tom.deliver(after=100)
    assert len(tom.x.received) == 1


def without_the_quarantine(patch: pytest.MonkeyPatch) -> None:
    real = delivery.abandoned
    patch.setattr(delivery, "abandoned", lambda standing, **more: real(standing, **more | {"settle_time": 0}))


def a_mark_that_comes_during_the_work_is_not_lost(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)

    def meanwhile(record: Record) -> Outcome:
        open_outboxes.look_at(target.pk)
        return tom.x.store(record)

    tom.x.will(meanwhile, times=1)
    assert run.reconcile(tom.outbox(target).pk) == 1
    assert tom.outbox(target).look_now


def without_clearing_before_reading(patch: pytest.MonkeyPatch) -> None:
    real = leases.Lease.release
    patch.setattr(leases.Lease, "release", lambda self, **columns: real(self, **columns, look_now=False))


def what_is_made_again_is_not_sent_again(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.deliver()
    datum.delete()
    datum.pk = None
    datum.save(force_insert=True)
    tom.deliver_until_quiet()
    assert len(tom.x.received) == 1


def without_adoption(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sent_before.Deduplication, "settle", lambda self, row, *, now: None)


MECHANISMS: Mapping[str, tuple[Callable[..., None], Callable[[pytest.MonkeyPatch], None]]] = {
    "the compare in the lease": (one_sender_at_a_time, without_the_compare),
    "the token of the lease": (a_stale_sender_changes_nothing, without_the_token),
    "the quarantine": (a_request_that_is_still_on_its_way_is_not_repeated, without_the_quarantine),
    "clearing the mark before reading": (
        a_mark_that_comes_during_the_work_is_not_lost,
        without_clearing_before_reading,
    ),
    "adoption by content": (what_is_made_again_is_not_sent_again, without_adoption),
}


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_with_it_the_promise_holds(mechanism: str, tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    check, _ = MECHANISMS[mechanism]
    check(tom, monkeypatch)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_without_it_the_promise_is_broken(mechanism: str, tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    check, remove = MECHANISMS[mechanism]
    remove(monkeypatch)
    with pytest.raises(AssertionError):
        check(tom, monkeypatch)

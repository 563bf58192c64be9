"""One sender at a time; a sender that dies loses nothing and sends nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sharecore.delivery import DeliveryState, State
from tom.deaths import POINTS, Died
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import attempts, transitions
from tom_integration.worker import leases, run

if TYPE_CHECKING:
    from tom.conftest import Tom


class TestLeases:
    def test_there_is_one_for_each_outbox(self, tom: Tom, shared: Any) -> None:
        pk = tom.outbox(shared).pk
        first = leases.acquire(pk)
        assert first is not None
        assert leases.acquire(pk) is None
        first.release(next_at=None)
        assert leases.acquire(pk) is not None

    def test_it_ends_when_it_is_not_renewed(self, tom: Tom, shared: Any) -> None:
        pk = tom.outbox(shared).pk
        first = leases.acquire(pk)
        assert first is not None
        tom.clock.forward(seconds=50)
        assert first.renew()
        tom.clock.forward(seconds=50)
        assert leases.acquire(pk) is None
        tom.clock.forward(seconds=20)
        second = leases.acquire(pk)
        assert second is not None
        assert second.previous_until is not None

    def test_whoever_lost_it_can_neither_renew_nor_give_it_back(self, tom: Tom, shared: Any) -> None:
        pk = tom.outbox(shared).pk
        stale = leases.acquire(pk)
        assert stale is not None
        tom.clock.forward(seconds=100)
        fresh = leases.acquire(pk)
        assert fresh is not None
        assert not stale.renew()
        stale.release(next_at=None, problem="I am stale")
        outbox = Outbox.objects.get(pk=pk)
        assert (outbox.lease, outbox.problem) == (fresh.token, "")

    def test_of_two_who_saw_it_free_one_gets_it(self, tom: Tom, shared: Any, monkeypatch: Any) -> None:
        """Both read the row before either writes."""
        pk = tom.outbox(shared).pk
        seen = Outbox.objects.get(pk=pk)
        assert leases.acquire(pk) is not None

        class Late:
            def first(self) -> Outbox:
                return seen

        real = Outbox.objects.filter
        answers = iter([Late()])
        monkeypatch.setattr(
            Outbox.objects, "filter", lambda *args, **kwargs: next(answers, None) or real(*args, **kwargs)
        )
        assert leases.acquire(pk) is None

    def test_a_mark_that_comes_after_the_lease_means_another_look(self, tom: Tom, shared: Any) -> None:
        from tom_integration.outbox import open_outboxes

        lease = leases.acquire(tom.outbox(shared).pk)
        assert lease is not None
        assert not tom.outbox(shared).look_now
        open_outboxes.look_at(shared.pk)
        lease.release(next_at=None)
        assert tom.outbox(shared).look_now

    def test_what_a_stale_sender_brings_is_dropped(self, tom: Tom, shared: Any) -> None:
        row = tom.datum(shared)

        def slow(record: Any) -> Any:
            outcome = tom.x.store(record)
            tom.clock.forward(seconds=100)
            run.reconcile(tom.outbox(shared).pk)  # another worker, since the lease is over
            assert tom.state(row) == "unconfirmed"
            return outcome

        tom.x.will(slow, times=1)
        tom.deliver()
        assert tom.state(row) == "unconfirmed"
        tom.deliver(after=100)
        assert tom.state(row) == "delivered"
        assert len(tom.x.received) == 1

    def test_a_token_that_is_not_the_rows_settles_nothing(self, tom: Tom, shared: Any) -> None:
        tom.datum(shared)
        tom.x.will(Died(), times=1)
        with pytest.raises(Died):
            tom.deliver()
        row = Delivery.objects.get()
        done = {row.pk: DeliveryState(state=State.DELIVERED)}
        assert transitions.settle([row], done, token="another") == 0
        assert transitions.settle([row], done, token=row.lease) == 1


@pytest.mark.parametrize("can_tell", [True, False])
@pytest.mark.parametrize("point", POINTS)
def test_a_sender_dies(tom: Tom, shared: Any, point: str, can_tell: bool, monkeypatch: Any) -> None:
    tom.x.can_tell = can_tell
    tom.x.max_batch = 2
    rows = tom.data(shared, 5)
    how, where, name = POINTS[point]
    with monkeypatch.context() as patch:
        patch.setattr(where, name, how(getattr(where, name)))
        with pytest.raises(Died):
            tom.deliver()
    arrived_then = len(tom.x.received)
    # Another worker, at once: the lease still holds.
    assert tom.deliver(after=1) == 0
    tom.deliver_until_quiet(hours=3)
    assert len(tom.x.received) <= 5
    assert not tom.x.repeated
    states = [tom.state(row) for row in rows]
    if can_tell or point in (
        "when it has leased",
        "when it has registered",
        "before it writes intents",
        "when it has settled",
        "before it notes the attempts",
        "before it gives the lease back",
    ):
        assert states == ["delivered"] * 5
    else:
        # Nobody can say what became of the batch in hand: a person decides, the others are there.
        assert states == ["needs_review", "needs_review", "delivered", "delivered", "delivered"]
        assert len(tom.x.received) == arrived_then + 3


def test_a_dead_senders_records_are_looked_up_when_the_destination_is_surely_done(
    tom: Tom, shared: Any
) -> None:
    row = tom.datum(shared)
    tom.x.settle_time = 300
    tom.x.will(Died(), times=1, stores=True)
    with pytest.raises(Died):
        tom.deliver()
    assert tom.state(row) == "sending"
    tom.deliver(after=61)
    assert tom.state(row) == "unconfirmed"
    tom.deliver(after=250)
    assert not tom.x.looked_up
    tom.deliver(after=60)
    assert tom.state(row) == "delivered"
    assert len(tom.x.received) == 1


def test_an_error_of_ours_loses_nothing(tom: Tom, shared: Any, monkeypatch: Any) -> None:
    rows = tom.data(shared, 3)

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(attempts, "write", broken)
        tom.deliver(fails=True)
        patch.undo()
        patch.setattr(transitions, "settle", broken)
        tom.data(shared, 1)
        tom.deliver(after=100, fails=True)
    assert "log of the TOM" in tom.outbox(shared).problem
    tom.deliver_until_quiet(hours=3)
    assert tom.outbox(shared).problem == ""
    assert {tom.state(row) for row in rows} == {"delivered"}
    assert len(tom.x.received) == 4
    assert not tom.x.repeated


def test_the_target_of_a_dead_sender_is_deleted(tom: Tom, shared: Any) -> None:
    tom.datum(shared)
    tom.x.will(Died(), times=1)
    with pytest.raises(Died):
        tom.deliver()
    shared.delete()
    tom.deliver_until_quiet(hours=3)
    assert tom.states() == ["cancelled"]

"""An adapter that does what it must not: the others deliver, commands end, and the ledger tells the truth."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command

from patience import hanging
from sharecore import Accepted, ConfigurationError, PluginError, Present, Problem, Unconfirmed
from sharecore.guarded_calls import CALL_SECONDS
from tom_integration.models import Delivery, DestinationHealth, Outbox

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

ENDS = [SystemExit, KeyboardInterrupt, GeneratorExit]


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """What hangs comes back when this is set, at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("end", ENDS)
def test_what_is_meant_to_end_a_process_ends_one_call(tom: Tom, shared_to_both: Any, end: Any) -> None:
    row = tom.datum(shared_to_both)
    tom.x.will(end(), times=1)
    tom.deliver()
    assert (tom.state(row), tom.state(row, "y")) == ("unconfirmed", "delivered")
    assert f"failed: {end.__name__}" in tom.row(row).reason
    tom.deliver(after=100)
    assert tom.state(row) == "delivered"


@pytest.mark.parametrize("end", ENDS)
def test_a_look_up_that_ends_in_that_way_is_made_again(tom: Tom, shared_to_both: Any, end: Any) -> None:
    row = tom.datum(shared_to_both)
    tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
    tom.deliver()
    tom.x.find_fails = end()
    tom.deliver(after=100)
    assert tom.state(row) == "unconfirmed"
    tom.x.recover()
    tom.deliver(after=1000)
    assert tom.state(row) == "delivered"
    assert len(tom.x.received) == 1


def test_what_fails_while_a_message_is_built_was_not_sent(tom: Tom, shared_to_both: Any) -> None:
    row = tom.datum(shared_to_both)
    tom.x.will(PluginError("the message could not be built: ValueError"), times=1)
    tom.deliver()
    assert (tom.state(row), tom.row(row).reason) == ("pending", "the message could not be built: ValueError")
    assert tom.deliver(after=100) == 1


def test_what_an_adapter_notes_is_kept_with_the_outcomes_of_its_call(tom: Tom, shared_to_both: Any) -> None:
    """Whatever happens in the next call, even the end of the process, it is not lost."""
    tom.x.max_batch = 1
    kept: list[Any] = []

    def deliver(batch: Any) -> Any:
        kept.append(Outbox.objects.get(destination="x").adapter_state)
        batch.state["calls"] = len(kept)
        return ((record.key, Accepted()) for record in batch.records)

    tom.x.take = deliver  # type: ignore[method-assign]
    tom.data(shared_to_both, 3)
    tom.deliver()
    assert kept == [{}, {"calls": 1}, {"calls": 2}]
    assert Outbox.objects.get(destination="x").adapter_state == {"calls": 3}


def test_what_an_adapter_notes_in_a_look_up_is_kept_with_what_it_found(tom: Tom, shared_to_both: Any) -> None:
    row = tom.datum(shared_to_both)
    tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
    tom.deliver()

    def find(batch: Any) -> Any:
        batch.state["seen"] = True
        return {record.key: Present(content=record) for record in batch.records}

    tom.x.find = find  # type: ignore[method-assign]
    tom.deliver(after=100)
    assert tom.state(row) == "delivered"
    assert tom.outbox(shared_to_both).adapter_state == {"seen": True}


@pytest.mark.parametrize(
    ("notes", "why"),
    [({"x": object()}, "not JSON"), ({"x": "\ud800"}, "Unicode"), ({"x": "y" * 200_000}, "bytes")],
)
def test_notes_that_cannot_be_kept_cost_nothing_else(
    tom: Tom, shared_to_both: Any, notes: Any, why: str
) -> None:
    row = tom.datum(shared_to_both)

    def deliver(batch: Any) -> Any:
        batch.state.update(notes)
        return ((record.key, Accepted()) for record in batch.records)

    tom.x.take = deliver  # type: ignore[method-assign]
    tom.deliver()
    assert tom.state(row) == "delivered"
    assert why in tom.outbox(shared_to_both).problem
    assert tom.outbox(shared_to_both).adapter_state == {}


def test_a_whole_number_for_a_name_is_kept_as_text(tom: Tom, shared_to_both: Any) -> None:
    row = tom.datum(shared_to_both)
    tom.x.will(Accepted(remote_id=5))  # type: ignore[arg-type]
    tom.deliver()
    assert (tom.state(row), tom.row(row).remote_id) == ("delivered", "5")


@pytest.mark.parametrize(
    "limits", [{"max_batch": 0}, {"batch_window_seconds": float("inf")}, {"settle_time": None}]
)
def test_limits_out_of_contract_hold_nothing_up(
    tom: Tom, shared_to_both: Any, limits: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in limits.items():
        setattr(tom.x, name, value)
    rows = tom.data(shared_to_both, 3)
    tom.deliver()
    assert {tom.state(row) for row in rows} == {"delivered"}
    (name,) = limits
    assert f"{name} of adapter 'memory' of plugin" in caplog.text
    assert caplog.text.count(f"{name} of adapter") == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("looked_at_often")
class TestInThreads:
    """As a worker does it: the calls are in threads of their own."""

    def once(self) -> None:
        call_command("sharing", "deliver", "--once", stdout=StringIO())

    def test_a_delivery_that_hangs_is_given_up(
        self, tom: Tom, shared_to_both: Any, over: threading.Event
    ) -> None:
        row = tom.datum(shared_to_both)
        hang = hanging(over.wait, CALL_SECONDS)
        tom.x.will(lambda record: hang() and Accepted(), times=1)
        self.once()
        assert (tom.state(row), tom.state(row, "y")) == ("unconfirmed", "delivered")
        assert "did not come back from deliver" in tom.row(row).reason
        assert DestinationHealth.objects.get(destination="x").failures == 1

    @pytest.mark.parametrize("method", ["find", "take", "make_known"])
    def test_a_round_ends_whatever_hangs(
        self,
        tom: Tom,
        shared_to_both: Any,
        over: threading.Event,
        method: str,
    ) -> None:
        tom.datum(shared_to_both)
        tom.x.settle_time = 0.01
        tom.x.will(Unconfirmed(reason="no answer"), times=1)
        tom.x.makes_targets = method == "make_known"
        tom.x.__dict__[method] = hanging(over.wait, CALL_SECONDS)
        self.once()
        assert Delivery.objects.get(destination="y").state == "delivered"

    def test_a_check_that_hangs_is_given_up(self, tom: Tom, over: threading.Event, monkeypatch: Any) -> None:
        monkeypatch.setattr("sharecore.testing.MemoryAdapter.check", hanging(over.wait, CALL_SECONDS))
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("sharing", "check", stdout=out, stderr=out)
        assert "did not come back from check" in out.getvalue()

    @pytest.mark.parametrize("end", ENDS)
    def test_a_check_that_exits_ends_in_a_problem(self, tom: Tom, end: Any, monkeypatch: Any) -> None:
        def check(self: Any) -> Any:
            raise end

        monkeypatch.setattr("sharecore.testing.MemoryAdapter.check", check)
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("sharing", "check", stdout=out, stderr=out)
        assert f"failed: {end.__name__}" in out.getvalue()

    @pytest.mark.parametrize("end", ENDS)
    def test_the_thread_of_a_destination_goes_on(self, tom: Tom, shared_to_both: Any, end: Any) -> None:
        tom.x.max_batch = 1
        first, second = tom.datum(shared_to_both), tom.datum(shared_to_both)
        tom.x.will(end(), times=1)
        self.once()
        assert sorted({tom.state(first), tom.state(second)}) == ["delivered", "unconfirmed"]


def test_settings_that_are_found_wrong_in_a_call_leave_nothing_in_hand(tom: Tom, shared_to_both: Any) -> None:
    row = tom.datum(shared_to_both)
    tom.x.will(ConfigurationError([Problem(where="a", what="b", hint="c")]), times=1)
    tom.deliver()
    assert tom.state(row) == "unconfirmed"
    assert tom.row(row).reason == "a: b. c"
    tom.deliver(after=100)
    assert tom.state(row) == "delivered"

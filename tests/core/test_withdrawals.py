"""The steps by which a delivered record is withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sharecore import (
    Accepted,
    Adapter,
    Batch,
    Deferred,
    Preview,
    Rejected,
    Unconfirmed,
    Unsupported,
    Withdrawn,
    delivery,
    dispatch,
    withdrawals,
)
from sharecore.delivery import DeliveryState, State
from sharecore.exceptions import DestinationError
from sharecore.retry_schedule import Retry, RetryPolicy
from sharecore.testing import MemoryDestination, example_batch, example_record
from sharecore.testing.memory_adapter import MemoryAdapter

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DELIVERED = DeliveryState(state=State.DELIVERED, attempts=2, remote_id="there-1", reason="old", failures=3)
ASKED = withdrawals.withdraw(now=NOW)(DELIVERED)
POLICY = RetryPolicy()


def answered(state: DeliveryState, answer: Any) -> DeliveryState:
    return withdrawals.answered(state, answer, Retry(now=NOW, policy=POLICY, chance=0))


def test_a_delivered_record_is_asked_for_at_once() -> None:
    assert replace(DELIVERED, state=State.WITHDRAWING, next_at=NOW, reason="", failures=0) == ASKED


@pytest.mark.parametrize("state", sorted(set(State) - {State.DELIVERED}))
def test_only_what_is_there_is_withdrawn(state: State) -> None:
    other = replace(DELIVERED, state=state)
    assert withdrawals.withdraw(now=NOW)(other) == other


def test_what_is_withdrawn_keeps_its_name_there() -> None:
    assert answered(ASKED, Withdrawn()) == replace(ASKED, state=State.WITHDRAWN, next_at=None)


@pytest.mark.parametrize("answer", [Rejected(reason="no"), Unsupported(reason="no", feature="withdraw")])
def test_what_is_refused_stays_delivered_with_the_reason(answer: Any) -> None:
    left = answered(ASKED, answer)
    assert (left.state, left.next_at, left.reason) == (State.DELIVERED, None, "not withdrawn: no")


@pytest.mark.parametrize("answer", [Deferred(reason="busy"), Unconfirmed(reason="busy"), None])
def test_without_an_answer_it_is_asked_for_again_and_not_for_ever(answer: Any) -> None:
    state, tries = ASKED, 0
    while state.state is State.WITHDRAWING:
        state, tries = answered(state, answer), tries + 1
        assert tries < 30
    assert state.state is State.DELIVERED
    assert "given up" in state.reason
    assert tries == len(POLICY.schedule) + 1


def test_a_destination_says_when_to_come_back() -> None:
    later = answered(ASKED, Deferred(reason="busy", retry_after=5000))
    assert later.next_at is not None
    assert later.next_at - NOW >= timedelta(seconds=5000)


@pytest.mark.parametrize("state", [State.WITHDRAWING, State.WITHDRAWN])
def test_nothing_but_a_person_sends_it_again(state: State) -> None:
    gone = replace(ASKED, state=state)
    for step in (
        delivery.replay(now=NOW),
        delivery.revise(now=NOW),
        delivery.hurry(now=NOW),
        delivery.restart(now=NOW),
        delivery.bring_near(now=NOW),
        delivery.lost_there("x", now=NOW, can_tell=False),
        delivery.doubt("x", look_at=NOW),
        delivery.cancel("x"),
        delivery.resend(now=NOW),
        delivery.SET_ASIDE,
        delivery.START,
    ):
        assert step(gone) == gone
    anew = withdrawals.send_anew(now=NOW)(gone)
    assert (anew.state, anew.remote_id) == (
        (State.PENDING, "") if state is State.WITHDRAWN else (state, "there-1")
    )


class Fixed(Adapter):
    """Answers a withdrawal as it is told."""

    def __init__(self, said: Any) -> None:
        self._said = said

    def deliver(self, batch: Batch) -> Iterator[Any]:
        raise NotImplementedError

    def preview(self, batch: Batch) -> Preview:
        raise NotImplementedError

    def withdraw(self, batch: Batch, reason: str) -> Any:
        if isinstance(self._said, BaseException):
            raise self._said
        return self._said(batch)


RECORD, OTHER = example_record(), example_record()
BATCH = example_batch(previous={RECORD.key: "there-1", OTHER.key: None})


def asked(adapter: Adapter, memory: Any) -> tuple[Any, Any]:
    return dispatch.withdraw(memory, adapter, BATCH, "wrong")


@pytest.fixture
def destination() -> Any:
    from sharecore import Destinations, Registry
    from sharecore.testing import MemoryPlugin

    registry = Registry.load()
    registry.register(MemoryPlugin(), name="memory")
    return Destinations.parse({"x": {"ADAPTER": "memory"}}, registry)["x"]


def test_an_adapter_without_it_answers_that_it_cannot(destination: Any) -> None:
    answers, stop = asked(MemoryAdapter(MemoryDestination()), destination)
    assert {type(each) for each in answers.values()} == {Unsupported}
    assert stop is None


@pytest.mark.parametrize(
    ("said", "valid"),
    [
        (lambda batch: iter([(RECORD.key, Withdrawn()), (OTHER.key, Rejected(reason="no"))]), 2),
        (lambda batch: iter([(RECORD.key, Withdrawn()), (OTHER.key, Accepted())]), 1),
        (lambda batch: iter([(RECORD.key, Withdrawn()), (RECORD.key, Rejected(reason="no"))]), 0),
        (lambda batch: [(RECORD.key, Withdrawn()), ("x", Withdrawn())], 1),
        (lambda batch: None, 0),
        (lambda batch: iter(()), 0),
    ],
)
def test_answers_out_of_contract_count_as_none(destination: Any, said: Any, valid: int) -> None:
    answers, stop = asked(Fixed(said), destination)
    assert len(answers) == valid
    assert stop is None


@pytest.mark.parametrize("error", [DestinationError("down"), RuntimeError("bug"), SystemExit()])
def test_what_it_raises_stops_the_call_and_nothing_else(destination: Any, error: BaseException) -> None:
    answers, stop = asked(Fixed(error), destination)
    assert answers == {}
    assert stop is not None

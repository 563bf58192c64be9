"""A destination that answers later: what it has taken is asked about, and never sent a second time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from guardian.shortcuts import remove_perm

from sharecore import (
    AuthenticationFailed,
    Batch,
    DeliveredReport,
    DestinationError,
    Duplicate,
    Outcome,
    PluginError,
    RecordKey,
    Rejected,
    Submitted,
    Unconfirmed,
    Unsupported,
    hookimpl,
)
from sharecore.later_answers import LONGEST_PROCESSING
from sharecore.retry_schedule import DEFAULT_SCHEDULE
from sharecore.testing.memory_adapter import MemoryAdapter
from tom.deaths import POINTS, QUESTIONS, Died
from tom_integration import site
from tom_integration.models import Attempt, Delivery
from tom_integration.services import resolve, shares

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

NOT_YET = Submitted(ticket="another", ask_after=60)


class Observer:
    """Keeps what observers are told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, Any]] = []

    @hookimpl
    def sharecore_delivered(self, report: DeliveredReport) -> None:
        self.told += [(record.key.id, report.results[record.key]) for record in report.records]


def test_what_was_taken_is_asked_about_and_arrives(tom: Tom, later: Any) -> None:
    rows = tom.data(later, 3)
    assert tom.deliver() == 0
    assert tom.states() == ["submitted"] * 3
    assert {tom.row(row).ticket for row in rows} == {"ticket-1"}
    tom.deliver(after=30)
    assert tom.x.followed == [], "not before the destination may have an answer"
    tom.deliver(after=31)
    assert tom.states() == ["submitted"] * 3, "not yet"
    tom.x.process()
    assert tom.deliver(after=61) == 3
    assert tom.states() == ["delivered"] * 3
    assert [set(asked.values()) for asked in tom.x.followed] == [{"ticket-1"}] * 2
    row = tom.row(rows[0])
    assert (row.ticket, row.remote_id, row.arrived) == ("", "memory-1", row.fingerprint)
    assert row.delivered_at is not None
    assert len(tom.x.received) == 3


def test_a_worker_wakes_when_an_answer_may_be_there(tom: Tom, later: Any) -> None:
    tom.datum(later)
    tom.deliver()
    assert tom.outbox(later).next_at - tom.clock.now < timedelta(seconds=61)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Duplicate(remote_id="7"), "delivered"),
        (Rejected(reason="no", field="ra"), "failed"),
        (Unsupported(reason="no", feature="band"), "unsupported"),
    ],
)
def test_a_final_answer_is_final_and_told(tom: Tom, later: Any, answer: Outcome, state: str) -> None:
    observer = Observer()
    site.registry().register(observer, name="observer", distribution="dist", version="1")
    row = tom.datum(later)
    tom.deliver()
    tom.x.follow_answers = [NOT_YET, answer]
    tom.deliver(after=61)
    assert tom.row(row).ticket == "another"
    tom.deliver(after=61)
    assert (tom.state(row), tom.row(row).ticket) == (state, "")
    told = [result for _, result in observer.told]
    assert told == [Submitted(ticket="ticket-1", ask_after=60), answer]
    outcomes = [each.outcome for each in Attempt.objects.order_by("pk")]
    assert outcomes == ["submitted", type(answer).__name__.lower()]
    assert len(tom.x.calls) == 1


def test_what_was_thrown_away_is_sent_again_on_the_schedule(tom: Tom, later: Any) -> None:
    row = tom.datum(later)
    tom.deliver()
    tom.x.throw_away()
    tom.deliver(after=61)
    assert (tom.state(row), tom.row(row).ticket, tom.row(row).failures) == ("pending", "", 1)
    tom.deliver(after=10)
    assert (tom.state(row), tom.row(row).ticket) == ("submitted", "ticket-2")
    tom.x.process()
    tom.deliver(after=61)
    assert tom.state(row) == "delivered"


def test_a_destination_that_throws_away_everything_is_not_tried_without_end(tom: Tom, later: Any) -> None:
    row = tom.datum(later)
    for _ in range(3 * len(DEFAULT_SCHEDULE)):
        tom.deliver(after=90_000)
        tom.x.throw_away()
    assert tom.state(row) == "failed"
    assert len(tom.x.calls) == len(DEFAULT_SCHEDULE) + 1


@pytest.mark.parametrize("can_tell", [True, False])
def test_what_the_destination_does_not_know_any_more_is_looked_up(
    tom: Tom, later: Any, can_tell: bool
) -> None:
    row = tom.datum(later)
    tom.deliver()
    tom.x.process()
    tom.x.can_tell = can_tell
    tom.x.follow_answers = [Unconfirmed(reason="no such ticket")]
    tom.deliver(after=61)
    assert tom.state(row) == "unconfirmed"
    tom.deliver(after=61)
    assert tom.state(row) == ("delivered" if can_tell else "needs_review")
    assert tom.row(row).ticket == ("" if can_tell else "ticket-1")
    assert len(tom.x.received) == 1


@pytest.mark.parametrize("arrived", [True, False])
def test_silence_is_asked_again_on_the_schedule_and_a_person_decides_in_the_end(
    tom: Tom, later: Any, arrived: bool
) -> None:
    row = tom.datum(later)
    tom.deliver()
    tom.x.follow_answers = [None] * 100
    tom.deliver(after=61)
    assert (tom.state(row), tom.row(row).failures) == ("submitted", 1)
    assert "did not say" in tom.row(row).reason
    tom.deliver_until_quiet(hours=24 * 8)
    assert (tom.state(row), tom.row(row).ticket) == ("needs_review", "ticket-1")
    assert len(tom.x.followed) == len(DEFAULT_SCHEDULE) + 1
    assert len(tom.x.received) == 1
    tom.x.answers_later = False
    resolve.resolve(tom.row(row), arrived=arrived, by="ada")
    tom.deliver()
    assert (tom.state(row), tom.row(row).ticket) == ("delivered", "")
    assert len(tom.x.received) == (1 if arrived else 2)


def test_not_yet_costs_no_failure_but_has_an_end(tom: Tom, later: Any) -> None:
    row = tom.datum(later)
    tom.x.ask_after = 6 * 3600
    tom.deliver()
    for _ in range(LONGEST_PROCESSING.days * 4 - 1):
        tom.deliver(after=6 * 3600 + 1)
    assert (tom.state(row), tom.row(row).failures) == ("submitted", 0)
    tom.deliver(after=12 * 3600)
    assert tom.state(row) == "needs_review"
    assert "7 days" in tom.row(row).reason
    assert len(tom.x.received) == 1


def test_a_wait_of_no_time_makes_no_endless_round(tom: Tom, later: Any) -> None:
    row = tom.datum(later)
    tom.x.ask_after = 0
    tom.deliver()
    tom.deliver(after=2)
    assert (tom.state(row), len(tom.x.followed)) == ("submitted", 1)


@pytest.mark.parametrize("error", [DestinationError("down"), AuthenticationFailed("refused")])
def test_a_destination_that_takes_no_question_costs_nothing(tom: Tom, later: Any, error: Exception) -> None:
    rows = tom.data(later, 2)
    tom.deliver()
    tom.x.process()
    tom.x.follow_fails = error
    tom.deliver(after=61)
    assert tom.states() == ["submitted"] * 2
    assert {tom.row(row).failures for row in rows} == {0}
    assert str(error) in tom.outbox(later).problem
    tom.x.recover()
    shares.check(site.destinations()["x"])
    tom.deliver_until_quiet(hours=1)
    assert tom.states() == ["delivered"] * 2
    assert len(tom.x.received) == 2


def test_what_was_said_before_a_question_is_stopped_counts(tom: Tom, later: Any, monkeypatch: Any) -> None:
    tom.data(later, 3)
    tom.deliver()

    def stops(batch: Any, tickets: Any) -> Any:
        yield next(iter(tickets)), Duplicate(remote_id="7")
        raise DestinationError("down")

    with monkeypatch.context() as patch:
        patch.setattr(tom.x, "follow", stops)
        assert tom.deliver(after=61) == 1
    assert sorted(tom.states()) == ["delivered", "submitted", "submitted"]


@pytest.mark.parametrize("error", [RuntimeError("a bug"), PluginError("a bug")])
def test_a_bug_of_the_adapter_puts_nothing_in_doubt_and_is_asked_again(
    tom: Tom, later: Any, error: Exception
) -> None:
    row = tom.datum(later)
    tom.deliver()
    tom.x.process()
    tom.x.follow_fails = error
    tom.deliver(after=61)
    assert (tom.state(row), tom.row(row).failures) == ("submitted", 1)
    assert "a bug" in tom.row(row).reason or "RuntimeError" in tom.row(row).reason
    tom.x.recover()
    tom.deliver(after=61)
    assert tom.state(row) == "delivered"
    assert len(tom.x.received) == 1


@pytest.mark.parametrize("answer", ["ok", Submitted(ticket="", ask_after=1)])
def test_an_answer_out_of_contract_does_not_lead_to_a_second_delivery(
    tom: Tom, later: Any, answer: Any
) -> None:
    row = tom.datum(later)
    tom.deliver()
    tom.x.process()
    tom.x.follow_answers = [answer]
    tom.deliver(after=61)
    assert tom.state(row) == ("submitted" if answer == "ok" else "unconfirmed")
    tom.deliver_until_quiet(hours=1)
    assert tom.state(row) == "delivered"
    assert len(tom.x.received) == 1


def test_a_ticket_that_cannot_be_kept_leaves_the_record_in_doubt(tom: Tom, shared: Any) -> None:
    row = tom.datum(shared)
    tom.x.will(Submitted(ticket="x" * 300, ask_after=60), times=1, stores=True)
    tom.deliver()
    assert (tom.state(row), tom.row(row).ticket) == ("unconfirmed", "")
    tom.deliver(after=61)
    assert tom.state(row) == "delivered"
    assert len(tom.x.received) == 1


@pytest.mark.parametrize("can_tell", [True, False])
@pytest.mark.parametrize("point", POINTS | QUESTIONS)
def test_a_worker_dies(tom: Tom, later: Any, point: str, can_tell: bool, monkeypatch: Any) -> None:
    """Whenever it dies, nothing is submitted a second time; where nothing can tell, a person decides."""
    tom.x.can_tell = can_tell
    tom.x.max_batch = 2
    tom.data(later, 3)
    how, where, name = (POINTS | QUESTIONS)[point]
    for _ in range(2):  # at the delivery, and at the question
        with monkeypatch.context() as patch:
            patch.setattr(where, name, how(getattr(where, name)))
            for _ in range(4):
                try:
                    tom.deliver(after=61)
                except Died:
                    break
        tom.x.process()
    tom.x.answers_later = False
    tom.deliver_until_quiet(hours=3)
    assert not tom.x.repeated
    states = set(tom.states())
    if can_tell:
        assert states == {"delivered"}
    else:
        assert states <= {"delivered", "needs_review"}
        assert tom.states().count("needs_review") <= 3
    assert all(row.ticket == "" or row.state == "needs_review" for row in Delivery.objects.all())


def test_the_ticket_is_kept_with_the_outcome(tom: Tom, later: Any, monkeypatch: Any) -> None:
    """What comes after the outcomes of a call may fail: the ticket is not lost."""
    row = tom.datum(later)
    how, where, name = POINTS["before it notes the attempts"]
    with monkeypatch.context() as patch:
        patch.setattr(where, name, how(getattr(where, name)))
        with pytest.raises(Died):
            tom.deliver()
    assert (tom.state(row), tom.row(row).ticket) == ("submitted", "ticket-1")
    tom.x.process()
    tom.deliver_until_quiet(hours=1)
    assert tom.state(row) == "delivered"
    assert len(tom.x.received) == 1


def test_of_a_long_backlog_what_arrived_is_told_meanwhile(tom: Tom, later: Any) -> None:
    tom.x.max_batch = 2
    tom.data(later, 2)
    tom.deliver()
    tom.x.process()
    tom.data(later, 6)
    tom.deliver(after=61)
    assert tom.states().count("delivered") == 2
    assert tom.states().count("submitted") == 6
    order = [len(tom.x.followed), len(tom.x.calls)]
    assert order == [1, 4]


def test_rights_that_end_while_it_is_asked_end_what_is_sent_after(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    tom.x.answers_later = True
    target = tom.target()
    creator = tom.user(target)
    tom.share(target, user=creator)
    tom.datum(target)
    tom.deliver()
    assert tom.states() == ["submitted"]
    follow = MemoryAdapter.follow

    def end_rights(adapter: MemoryAdapter, batch: Batch, tickets: Mapping[RecordKey, str]) -> Any:
        remove_perm("tom_targets.change_target", creator, target)
        return follow(adapter, batch, tickets)

    monkeypatch.setattr(MemoryAdapter, "follow", end_rights)
    tom.datum(target)
    tom.deliver(after=61)
    assert tom.states() == ["submitted", "pending"]

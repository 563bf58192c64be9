"""What a destination says of a record that was sent without an answer, and what follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sharecore import (
    Deferred,
    DeliveredReport,
    Duplicate,
    Present,
    Rejected,
    Unconfirmed,
    Unsupported,
    fingerprint,
    hookimpl,
)
from tom.conftest import Tom, edit
from tom_integration import site
from tom_integration.outbox import restored

pytestmark = pytest.mark.any_database

LOST = Unconfirmed(reason="no answer")


class Observer:
    """Keeps what observers are told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    @hookimpl
    def sharecore_delivered(self, report: DeliveredReport) -> None:
        self.told += [(record, report.results[record.key]) for record in report.records]


def test_an_edit_whose_answer_is_lost_is_not_taken_for_the_old_record(tom: Tom, shared: Any) -> None:
    tom.x.can_update = True
    row = tom.datum(shared)
    tom.deliver()
    edit(row, brightness=21.5)
    tom.x.will(LOST, times=1)
    tom.deliver()
    assert tom.state(row) == "unconfirmed"
    assert tom.deliver(after=100) == 1
    assert tom.x.records[0].brightness == 21.5  # type: ignore[union-attr]
    assert tom.state(row) == "delivered"
    assert list(tom.x.calls[-1].previous.values()) == ["memory-1"], "it goes as an edit"


def test_only_other_content_that_is_delivered_after_a_look_up_counts_as_a_revision(
    tom: Tom, shared: Any
) -> None:
    tom.x.can_update = True
    row = tom.datum(shared)
    tom.x.will(LOST, times=1, stores=True)
    tom.deliver()
    tom.deliver(after=100)
    first = tom.row(row)
    assert (first.state, first.revision) == ("delivered", 0)
    edit(row, brightness=21.5)
    tom.x.will(LOST, times=1, stores=True)
    tom.deliver()
    tom.deliver(after=100)
    second = tom.row(row)
    assert (second.state, second.revision) == ("delivered", 1)
    assert second.delivered_at > first.delivered_at


@pytest.mark.parametrize("can_update", [True, False])
@pytest.mark.parametrize("content", ["of before", ""])
def test_edited_while_nobody_knew_it_is_due_as_an_edit(
    tom: Tom, shared: Any, can_update: bool, content: str
) -> None:
    """The old content is there, or one that the destination does not show."""
    tom.x.can_update = can_update
    row = tom.datum(shared)
    tom.x.will(LOST, times=1, stores=True)
    tom.deliver()
    edit(row, brightness=21.5)
    if not content:
        tom.x.find_answers = [Present(content="", remote_id="memory-1")]
    tom.deliver(after=100)
    tom.deliver()
    there = tom.x.records[0].brightness  # type: ignore[union-attr]
    assert tom.state(row) == "delivered"
    assert len(tom.x.records) == 1
    if can_update:
        assert there == 21.5
        assert list(tom.x.calls[-1].previous.values()) == ["memory-1"]
        assert tom.row(row).reason == ""
    else:
        assert there != 21.5
        assert "cannot change what it has" in tom.row(row).reason
        assert tom.row(row).arrived != tom.row(row).fingerprint


@pytest.mark.parametrize("answer", [Unconfirmed(reason="still busy"), Deferred(reason="still busy")])
def test_while_the_destination_does_not_know_nothing_is_sent(tom: Tom, shared: Any, answer: Any) -> None:
    row = tom.datum(shared)
    tom.x.will(LOST, times=1, stores=True)
    tom.deliver()
    tom.x.find_answers = [answer] * 3
    tom.deliver(after=100)
    assert (tom.state(row), tom.row(row).reason) == ("unconfirmed", "still busy")
    for _ in range(3):
        tom.deliver(after=1000)
    assert tom.state(row) == "delivered"
    assert len(tom.x.received) == 1


def test_a_look_up_waits_as_long_as_the_destination_asks(tom: Tom, shared: Any) -> None:
    row = tom.datum(shared)
    tom.x.will(LOST, times=1, stores=True)
    tom.deliver()
    tom.x.find_answers = [Deferred(reason="busy", retry_after=5000)]
    tom.deliver(after=100)
    assert tom.row(row).next_at - tom.clock.now > timedelta(seconds=4900)


@pytest.mark.parametrize(
    ("answer", "state"),
    [(Rejected(reason="refused there"), "failed"), (Unsupported(reason="no", feature="x"), "unsupported")],
)
def test_what_is_refused_at_a_look_up_is_not_sent_again(
    tom: Tom, shared: Any, answer: Any, state: str
) -> None:
    row = tom.datum(shared)
    tom.x.will(LOST, times=1)
    tom.deliver()
    tom.x.find_answers = [answer]
    tom.deliver(after=100)
    assert (tom.state(row), tom.row(row).reason) == (state, answer.reason)
    assert len(tom.x.calls) == 1


@pytest.mark.parametrize("answer", [{}, {"all": Duplicate()}])
def test_what_the_answer_leaves_out_or_says_in_no_valid_way_is_asked_for_again(
    tom: Tom, shared: Any, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = tom.datum(shared)
    tom.x.will(LOST, times=1, stores=True)
    tom.deliver()

    def said(batch: Any) -> Any:
        return {record.key: each for record in batch.records for each in answer.values()}

    with monkeypatch.context() as patch:
        patch.setattr(tom.x, "find", said)
        tom.deliver(after=100)
    assert tom.state(row) == "unconfirmed"
    tom.deliver(after=1000)
    assert tom.state(row) == "delivered"
    assert len(tom.x.received) == 1


def test_observers_are_told_once_of_what_a_look_up_settled(tom: Tom, shared: Any) -> None:
    observer = Observer()
    site.registry().register(observer, name="observer")
    found, refused, absent = tom.datum(shared), tom.datum(shared), tom.datum(shared)
    tom.x.will(LOST, times=2, stores=True)
    tom.x.will(LOST, times=1)
    tom.deliver()
    assert {type(result) for _, result in observer.told} == {Unconfirmed}
    observer.told.clear()
    first = tom.x.records[0]
    tom.x.find_answers = [Present(content=first, remote_id="memory-1"), Rejected(reason="no")]
    tom.deliver(after=100)
    tom.deliver_until_quiet()
    told = [(record.key.id, type(result).__name__) for record, result in observer.told]
    assert told == [
        (tom.row(found).record_id, "Duplicate"),
        (tom.row(refused).record_id, "Rejected"),
        (tom.row(absent).record_id, "Accepted"),
    ]


def test_what_a_restored_ledger_finds_again_is_known_as_if_it_had_been_sent(tom: Tom, shared: Any) -> None:
    tom.x.can_update = True
    row = tom.datum(shared)
    tom.deliver()
    sent = tom.row(row)
    sent.delete()
    restored.doubt()
    tom.deliver()
    again = tom.row(row)
    assert (again.state, again.arrived) == ("delivered", fingerprint(tom.x.records[0]))
    assert (again.record_id, again.identity, again.kind) == (sent.record_id, sent.identity, sent.kind)
    edit(row, brightness=21.5)
    assert tom.deliver() == 1
    assert [record.brightness for record in tom.x.records] == [21.5]  # type: ignore[union-attr]

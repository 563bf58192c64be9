"""What happens to a datum, its target or its share between a delivery and the answer that comes later."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tom_targets.models import PersistentShare

from sharecore.delivery import State
from tom.conftest import edit
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import restored, retention
from tom_integration.services import resolve, retry, shares

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


def test_an_edit_waits_for_the_answer_and_goes_as_an_edit(tom: Tom, later: Any) -> None:
    tom.x.can_update = True
    row = tom.datum(later)
    tom.deliver()
    edit(row, brightness=21.5)
    tom.deliver(after=61)
    assert (tom.state(row), len(tom.x.calls)) == ("submitted", 1)
    tom.x.process()
    tom.deliver(after=61)
    assert tom.x.records[0].brightness != 21.5  # type: ignore[union-attr]
    tom.x.process()
    tom.deliver(after=61)
    tom.x.process()
    tom.deliver(after=61)
    assert (tom.state(row), tom.x.records[0].brightness) == ("delivered", 21.5)  # type: ignore[union-attr]
    assert list(tom.x.calls[-1].previous.values()) == ["memory-1"]
    assert len(tom.x.received) == 2


@pytest.mark.parametrize("answer", ["process", "throw_away"])
def test_a_deleted_datum_is_followed_all_the_same(tom: Tom, later: Any, answer: str) -> None:
    tom.datum(later).delete()
    row = tom.datum(later)
    tom.deliver()
    row.delete()
    getattr(tom.x, answer)()
    tom.deliver_until_quiet(hours=1)
    assert tom.states() == ["delivered" if answer == "process" else "cancelled"]


def test_a_datum_made_again_is_the_one_that_was_sent(tom: Tom, later: Any) -> None:
    row = tom.datum(later)
    tom.deliver()
    row.delete()
    row.pk = None
    row.save(force_insert=True)
    tom.deliver(after=10)
    assert tom.states() == ["submitted"]
    tom.x.process()
    tom.deliver(after=61)
    assert tom.state(row) == "delivered"
    assert len(tom.x.received) == 1


def test_data_that_moved_are_asked_about_under_their_earlier_target(tom: Tom, later: Any) -> None:
    other = tom.target()
    tom.share(other)
    rows = tom.data(later, 2)
    tom.deliver()
    for row in rows:
        row.target = other
        row.save()
    asked: list[Any] = []
    real = tom.x.follow
    tom.x.follow = lambda batch, tickets: asked.append(batch) or real(batch, tickets)  # type: ignore[method-assign, func-returns-value]
    tom.x.process()
    tom.deliver_until_quiet(hours=1)
    assert [tom.row(row).outbox.target_id for row in rows] == [other.pk] * 2
    assert [tom.state(row) for row in rows] == ["delivered"] * 2
    assert {each.target.name for each in asked} == {later.name}
    assert all(each.moved for each in asked)
    assert len(tom.x.received) == 2


def test_data_that_moved_and_were_thrown_away_leave_under_their_present_target(tom: Tom, later: Any) -> None:
    other = tom.target()
    tom.share(other)
    row = tom.datum(later)
    tom.x.can_tell = False
    tom.deliver()
    row.target = other
    row.save()
    tom.deliver(after=1)
    tom.x.throw_away()
    tom.x.answers_later = False
    tom.deliver_until_quiet(hours=1)
    assert tom.state(row) == "delivered"
    assert tom.x.calls[-1].target.name == other.name


@pytest.mark.parametrize("again", [True, False])
def test_the_share_ends_and_nothing_is_sent_again(tom: Tom, later: Any, again: bool) -> None:
    row = tom.datum(later)
    tom.deliver()
    PersistentShare.objects.all().delete()
    tom.deliver(after=1)
    assert tom.state(row) == "submitted"
    if again:
        tom.share(later)
        tom.share_existing(later)
        tom.deliver(after=1)
    tom.x.process()
    tom.deliver(after=61)
    assert tom.state(row) == "delivered"
    assert len(tom.x.received) == 1


def test_the_target_is_deleted_and_nothing_is_asked_any_more(tom: Tom, later: Any) -> None:
    tom.datum(later)
    tom.deliver()
    later.delete()
    tom.deliver_until_quiet(hours=3)
    assert tom.states() == ["cancelled"]
    assert Delivery.objects.get().ticket == ""


def test_a_share_that_moves_to_another_destination_sends_nothing_in_doubt(tom: Tom, later: Any) -> None:
    """The new address may be a new name of the old one."""
    row = tom.datum(later)
    tom.deliver()
    share = PersistentShare.objects.get()
    tom.y.can_tell = False
    share.destination = "y"
    share.save()
    tom.x.process()
    tom.deliver_until_quiet(hours=1)
    assert tom.state(row) == "delivered"
    assert tom.state(row, "y") == "needs_review"
    assert not tom.y.received


def test_a_pause_stops_no_question(tom: Tom, later: Any) -> None:
    row = tom.datum(later)
    tom.deliver()
    share = PersistentShare.objects.get()
    shares.pause(share, by=tom.user(later))
    tom.x.process()
    tom.deliver(after=61)
    assert tom.state(row) == "delivered"


def test_a_person_cannot_send_it_again_before_there_is_an_answer(tom: Tom, later: Any) -> None:
    row = tom.datum(later)
    tom.deliver()
    with pytest.raises(shares.NotPossible, match="answers later"):
        retry.retry_one(tom.row(row))
    with pytest.raises(shares.NotPossible):
        resolve.resolve(tom.row(row), arrived=False, by="ada")
    assert retry.retry() == 0
    assert tom.state(row) == "submitted"


def test_a_restored_backup_and_the_upkeep_keep_the_ticket(tom: Tom, later: Any) -> None:
    row = tom.datum(later)
    tom.deliver()
    restored.doubt()
    tom.clock.forward(days=1)
    retention.everything()
    assert (tom.state(row), tom.row(row).ticket) == (State.SUBMITTED, "ticket-1")
    tom.x.process()
    tom.deliver()
    assert tom.state(row) == "delivered"


def test_a_clock_that_was_wrong_puts_no_question_off_for_long(tom: Tom, later: Any) -> None:
    row = tom.datum(later)
    tom.deliver()
    Delivery.objects.update(next_at=tom.clock.now + timedelta(days=400))
    Outbox.objects.update(look_now=True)
    tom.deliver(after=1)
    tom.x.process()
    tom.deliver(after=61)
    assert tom.state(row) == "delivered"

"""A share that is given another destination or target takes along what it has promised and not delivered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings
from tom_targets.models import PersistentShare

from sharecore import DestinationError
from sharecore.outcomes import Deferred, Outcome, Rejected, Unconfirmed
from sharecore.records import Record
from tom_integration.outbox import open_outboxes

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

RENAMED = {"renamed": {"ADAPTER": "memory"}}


def by_a_person(share: PersistentShare, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(share, name, value)
    share.save()


def in_the_database(share: PersistentShare, **changes: Any) -> None:
    PersistentShare.objects.filter(pk=share.pk).update(**changes)
    open_outboxes.match_shares()


Move = Callable[..., None]
move = pytest.mark.parametrize("move", [by_a_person, in_the_database])


@move
def test_what_waits_goes_to_the_new_destination(tom: Tom, move: Move) -> None:
    target = tom.target()
    before = tom.datum(target)
    share = tom.share(target)
    delivered = tom.datum(target)
    tom.deliver()
    tom.x.will(Deferred(reason="busy"), times=1)
    tom.x.will(Rejected(reason="no such filter", field="bandpass"), times=1)
    waiting = tom.data(target, 2)
    tom.deliver()
    unseen = tom.data(target, 1)
    move(share, destination="y")
    tom.deliver_until_quiet(hours=1)
    assert {tom.state(datum, "y") for datum in (*waiting, *unseen)} == {"delivered"}
    assert tom.state(before, "y") == tom.state(delivered, "y") == "baseline"
    assert len(tom.y.received) == 3
    assert len(tom.x.received) == 1
    assert {tom.state(datum) for datum in (*waiting, *unseen)} == {"cancelled"}


@move
def test_a_destination_that_is_renamed_in_the_settings_gets_what_was_saved_meanwhile(
    tom: Tom, move: Move
) -> None:
    target = tom.target()
    share = tom.share(target)
    tom.x.will(DestinationError("out of order"))
    early = tom.datum(target)
    tom.deliver()
    with override_settings(DATA_SHARING=RENAMED):
        late = tom.datum(target)
        tom.deliver()
        move(share, destination="renamed")
        tom.deliver_until_quiet(hours=1)
        assert tom.state(early, "renamed") == tom.state(late, "renamed") == "delivered"


@move
@pytest.mark.parametrize("there", [True, False])
def test_what_may_have_arrived_is_looked_up_under_the_new_name(tom: Tom, move: Move, there: bool) -> None:
    """The new address may be another name of the same place."""
    target = tom.target()
    share = tom.share(target)
    sent: list[Record] = []

    def lost(record: Record) -> Outcome:
        sent.append(record)
        return Unconfirmed(reason="no answer")

    tom.x.will(lost, times=1)
    datum = tom.datum(target)
    tom.deliver()
    if there:
        tom.y.store(sent[0])
    move(share, destination="y")
    tom.deliver_until_quiet(hours=2)
    assert tom.state(datum, "y") == "delivered"
    assert len(tom.y.received) == 1


@move
def test_to_a_destination_and_back(tom: Tom, move: Move) -> None:
    target = tom.target()
    share = tom.share(target)
    tom.x.will(DestinationError("out of order"))
    tom.y.will(DestinationError("out of order"))
    datum = tom.datum(target)
    tom.deliver()
    for destination in ("y", "x"):
        move(share, destination=destination)
        tom.deliver()
        share.refresh_from_db()
    tom.x.recover()
    tom.deliver_until_quiet(hours=2)
    assert tom.state(datum) == "delivered"
    assert not tom.y.received


@move
def test_to_another_target_with_its_data(tom: Tom, move: Move) -> None:
    """As a merge by hand does it: the data first, without a signal, then the share."""
    target, other = tom.target(), tom.target()
    share = tom.share(target)
    tom.x.will(Deferred(reason="busy"), times=1)
    datum = tom.datum(target)
    stays = tom.datum(target)
    tom.deliver()
    type(datum).objects.filter(pk=datum.pk).update(target=other)
    move(share, target_id=other.pk)
    tom.deliver_until_quiet(hours=1)
    assert tom.state(datum) == "delivered"
    assert len(tom.x.received) == 2, stays


@move
def test_what_was_asked_for_by_hand_stays_where_it_was_asked_for(tom: Tom, move: Move) -> None:
    from tom_integration.models import OneTimeShare

    target = tom.target()
    datum = tom.datum(target)
    share = tom.share(target)
    outbox = tom.outbox(target)
    open_outboxes.ask_for(outbox, one_time_share=OneTimeShare.objects.create(outbox_id=outbox.pk))
    move(share, destination="y")
    tom.deliver()
    assert tom.state(datum) == "delivered"
    assert tom.state(datum, "y") == "baseline"

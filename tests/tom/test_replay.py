"""A destination lost what it had: send again everything since a time, and nothing twice."""

from __future__ import annotations

import re
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from sharecore import DestinationError
from sharecore.addresses import Address
from tom_integration.models import OneTimeShare
from tom_integration.outbox import open_outboxes
from tom_integration.services.replay_lost import Replay

if TYPE_CHECKING:
    from tom.conftest import Tom


class Backup:
    """Three data that are in the backup of x, and then four that are not."""

    def __init__(self, tom: Tom) -> None:
        self.tom = tom
        tom.x.can_update = True
        self.target = tom.target()
        self.share = tom.share(self.target)
        self.early = tom.data(self.target, 3)
        tom.deliver()
        stored = dict(tom.x._stored)
        tom.clock.forward(hours=1)
        self.since: datetime = tom.clock.now
        tom.clock.forward(hours=1)
        self.late = tom.data(self.target, 4)
        tom.deliver()
        tom.x._stored.clear()
        tom.x._stored.update(stored)

    def there(self) -> set[float]:
        return {record.brightness for record in self.tom.x.records}  # type: ignore[union-attr]

    def everything(self) -> set[float]:
        return {datum.brightness for datum in (*self.early, *self.late)}


@pytest.fixture
def backup(tom: Tom) -> Backup:
    return Backup(tom)


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("sharing", "replay", *arguments, stdout=out)
    return out.getvalue()


def test_what_is_missing_is_sent_again_and_nothing_else(tom: Tom, backup: Backup) -> None:
    assert len(backup.there()) == 3
    assert Replay(since=backup.since).send_again() == 4
    tom.deliver_until_quiet(hours=1)
    assert backup.there() == backup.everything()
    assert tom.states() == ["delivered"] * 7
    received = len(tom.x.received)
    assert received == 7 + 4
    # Asked for too much, and again: what is there is found there.
    assert Replay(since=datetime.min.replace(tzinfo=backup.since.tzinfo)).send_again() == 7
    tom.deliver_until_quiet(hours=1)
    assert len(tom.x.received) == received
    assert tom.states() == ["delivered"] * 7


def test_it_goes_as_what_was_never_there_and_edits_follow(tom: Tom, backup: Backup) -> None:
    Replay(since=backup.since).send_again()
    tom.deliver_until_quiet(hours=1)
    assert not tom.x.calls[-1].previous, "the names of before may be those of other records now"
    assert tom.row(backup.late[0]).remote_id
    backup.late[0].brightness_error = 0.25
    backup.late[0].save()
    assert tom.deliver() == 1
    assert len(tom.x.records) == 7


@pytest.mark.parametrize("chosen", ["share", "destination", "until"])
def test_only_what_is_chosen(tom: Tom, backup: Backup, chosen: str) -> None:
    other = tom.target()
    tom.share(other)
    tom.data(other, 1)
    tom.share(backup.target, "y")
    open_outboxes.ask_for(tom.outbox(backup.target, "y"))
    tom.deliver()
    only: dict[str, Any] = {
        "share": {"share_id": backup.share.pk},
        "destination": {"destination": "y"},
        "until": {"until": tom.row(backup.late[0]).delivered_at},
    }
    assert Replay(since=backup.since, **only[chosen]).counts() == {
        "share": {Address("x"): 4},
        "destination": {Address("y"): 7},
        "until": {},
    }.get(chosen)


def test_where_a_destination_cannot_be_asked_somebody_says_that_doubles_are_harmless(
    tom: Tom, backup: Backup
) -> None:
    tom.x.can_tell = False
    since = ("--since", backup.since.isoformat(), "--yes")
    with pytest.raises(CommandError, match="x cannot be asked"):
        command(*since)
    assert tom.states() == ["delivered"] * 7
    assert "4 records will be sent again" in command(*since, "--doubles")
    tom.deliver_until_quiet(hours=1)
    assert backup.there() == backup.everything()


def test_a_destination_that_is_down_is_asked_when_it_is_back(tom: Tom, backup: Backup) -> None:
    tom.x.find_fails = DestinationError("down")
    assert Replay(since=backup.since).send_again() == 4
    tom.deliver()
    tom.x.find_fails = None
    tom.deliver_until_quiet(hours=6)
    assert backup.there() == backup.everything()


def test_of_a_share_that_is_gone_only_what_was_asked_for_by_hand(tom: Tom, backup: Backup) -> None:
    backup.share.delete()
    outbox = tom.outbox(backup.target)
    request = OneTimeShare.objects.create(outbox_id=outbox.pk)
    by_hand = tom.datum(backup.target)
    open_outboxes.ask_for(outbox, one_time_share=request)
    tom.deliver()
    assert tom.state(by_hand) == "delivered"
    assert Replay(since=backup.since).counts() == {Address("x"): 1}


class TestCommand:
    def test_it_says_how_many_first_and_does_as_it_is_told(self, tom: Tom, backup: Backup) -> None:
        since = backup.since.isoformat()
        assert "x: 4 records, looked up" in command("--since", since, "--dry-run")
        with pytest.raises(CommandError, match="--yes"):
            command("--since", since)
        assert tom.states() == ["delivered"] * 7
        assert "4 records will be sent again" in command("--since", since, "--yes")
        tom.deliver_until_quiet(hours=1)
        assert backup.there() == backup.everything()

    def test_doubles_need_a_word_of_their_own(self, tom: Tom, backup: Backup) -> None:
        tom.x.can_tell = False
        with pytest.raises(CommandError, match="--doubles"):
            command("--since", backup.since.isoformat(), "--yes")
        assert "4 records" in command("--since", backup.since.isoformat(), "--yes", "--doubles")

    def test_what_is_wrong_is_said(self, tom: Tom, backup: Backup) -> None:
        with pytest.raises(CommandError, match="no share 999"):
            command("--since", backup.since.isoformat(), "--share", "999")
        with override_settings(DATA_SHARING={}), pytest.raises(CommandError, match="x"):
            command("--since", backup.since.isoformat())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--destination", "z"), "There is no destination 'z'; there are x, y."),
        (("--destination", "x:red"), "There is no destination 'x:red'"),
        (("--until", "2019-01-01T00:00:00Z"), "must be after"),
        (("--until", "0001-01-01T00:00:00+14:00"), "must be a time"),
        (("--until", "9999-12-31T23:00:00-14:00"), "must be a time"),
    ],
)
def test_what_cannot_be_meant_is_refused(backup: Backup, arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(CommandError, match=re.escape(reason)):
        command("--since", "2020-01-01T00:00:00Z", "--dry-run", *arguments)


def test_a_destination_without_anything_to_send_again_is_no_mistake(backup: Backup) -> None:
    answer = command("--since", "2020-01-01T00:00:00Z", "--dry-run", "--destination", "y")
    assert answer == "0 records would be sent again.\n"

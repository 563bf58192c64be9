"""A destination lost what it had: send again everything since a time, and nothing twice."""

from __future__ import annotations

import re
import threading
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.urls import reverse
from guardian.shortcuts import assign_perm, remove_perm
from tom_dataproducts.models import PhotometryReducedDatum

from sharecore import DestinationError, Rejected
from sharecore.addresses import Address
from tom.conftest import edit
from tom.reading import text, told
from tom_integration.models import Activity, OneTimeShare, Outbox, ShareRule
from tom_integration.outbox import open_outboxes, replays
from tom_integration.pages import replay_results
from tom_integration.pages.share_status import summaries
from tom_integration.services import replay_lost
from tom_integration.services.replay_lost import Replay
from tom_integration.worker import leases

if TYPE_CHECKING:
    from tom.conftest import Tom


def lose(tom: Tom, *kept: Any) -> None:
    """Let x lose all records but these."""
    for record in tom.x.records:
        if record not in kept:
            tom.x.delete(record)


class Backup:
    """Three data that are in the backup of x, and then four that are not."""

    def __init__(self, tom: Tom) -> None:
        self.tom = tom
        tom.x.can_update = True
        self.target = tom.target()
        self.share = tom.share(self.target)
        self.early = tom.data(self.target, 3)
        tom.deliver()
        kept = tom.x.records
        tom.clock.forward(hours=1)
        self.since: datetime = tom.clock.now
        tom.clock.forward(hours=1)
        self.late = tom.data(self.target, 4)
        tom.deliver()
        lose(tom, *kept)

    def rule(self) -> ShareRule:
        """A rule that made the share."""
        maker = User.objects.create_superuser("maker")
        rule = ShareRule.objects.create(
            name="All", destination="x", scope=ShareRule.Scope.ALL, creator_id=maker.pk
        )
        Outbox.objects.filter(share_id=self.share.pk).update(rule=rule)
        return rule

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
    assert Replay(since=backup.since).send_again().number == 4
    tom.deliver_until_quiet(hours=1)
    assert backup.there() == backup.everything()
    assert tom.states() == ["delivered"] * 7
    received = len(tom.x.received)
    assert received == 7 + 4
    # Asked for too much, and again: what is there is found there.
    assert Replay().send_again().number == 7
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


def test_a_long_one_does_not_lose_its_lease(
    tom: Tom, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, kept = replays.carry_out, []

    def carry_out(outbox: Outbox) -> None:
        kept.append("sharecore-lease" in {thread.name for thread in threading.enumerate()})
        real(outbox)

    monkeypatch.setattr(replays, "carry_out", carry_out)
    Replay(since=backup.since).send_again()
    tom.deliver_until_quiet(hours=1)
    assert kept == [True]
    assert backup.there() == backup.everything()


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
    assert Replay(since=backup.since, **only[chosen]).plan().counts == {
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
    assert Replay(since=backup.since).send_again().number == 4
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
    assert Replay(since=backup.since).plan().counts == {Address("x"): 1}


def test_an_edit_that_a_destination_does_not_take_is_left(tom: Tom, shared: Any) -> None:
    """Its old values may be there: the new ones would stand beside them."""
    first, *_ = tom.data(shared, 3)
    tom.deliver()
    edit(first, brightness=20.5)
    tom.deliver(after=1)
    assert tom.row(first).is_outdated
    lose(tom)
    plan = Replay().send_again()
    assert (plan.number, plan.edited) == (2, 1)
    tom.deliver_until_quiet(hours=1)
    assert len(tom.x.records) == 2


def test_a_rule_is_replayed_with_all_its_shares_and_no_other(tom: Tom, backup: Backup) -> None:
    rule = backup.rule()
    other = tom.target()
    tom.share(other)
    tom.data(other, 1)
    tom.deliver()
    assert Replay(rule_id=rule.pk).send_again().number == 7
    tom.deliver_until_quiet(hours=1)
    assert backup.there() > backup.everything()
    with pytest.raises(CommandError, match="no rule 999"):
        command("--rule", "999", "--dry-run")


def test_orders_of_two_people_are_both_carried_out(tom: Tom, backup: Backup) -> None:
    """A second one, for less, comes before a worker has looked at the first."""
    assert Replay().send_again().number == 7
    assert Replay(since=backup.since).send_again().number == 4
    lose(tom)
    tom.deliver_until_quiet(hours=1)
    assert backup.there() == backup.everything()
    assert Outbox.objects.exclude(replay="").count() == 0


def test_a_worker_that_has_lost_its_lease_takes_no_later_order_away(tom: Tom, backup: Backup) -> None:
    Replay(since=backup.since).send_again()
    lost = leases.acquire(tom.outbox(backup.target).pk)
    assert lost is not None
    tom.clock.forward(hours=1)
    tom.deliver_until_quiet(hours=1)
    lose(tom)
    Replay().send_again()
    replays.carry_out(lost.outbox)
    tom.deliver_until_quiet(hours=1)
    assert backup.there() == backup.everything()


def test_a_worker_that_stands_still_sends_nothing_again_that_another_one_has_sent(
    tom: Tom, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    Replay(since=backup.since).send_again()
    real = replays.delivery.lost_there

    def stand_still(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(replays.delivery, "lost_there", real)
        tom.clock.forward(hours=1)
        tom.deliver_until_quiet(hours=1)
        return real(*args, **options)

    monkeypatch.setattr(replays.delivery, "lost_there", stand_still)
    lost = leases.acquire(tom.outbox(backup.target).pk)
    assert lost is not None
    replays.carry_out(lost.outbox)
    assert set(tom.states()) == {"delivered"}


def test_a_request_marks_any_number_of_shares_by_the_same_few_statements(
    tom: Tom, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_lost, "HINTED", 0)
    for _ in range(30):
        target = tom.target()
        tom.share(target)
        tom.data(target, 1)
    tom.deliver()
    with django_assert_max_num_queries(15):
        assert Replay(destination="x").send_again().number == 30
    assert set(tom.states()) == {"delivered"}
    lose(tom)
    tom.deliver_until_quiet(hours=1)
    assert len(tom.x.records) == 30


def test_the_share_is_not_up_to_date_until_it_is_carried_out(tom: Tom, backup: Backup) -> None:
    def status() -> str:
        outbox = Outbox.objects.get(share_id=backup.share.pk)
        return str(summaries([outbox], None)[outbox.pk].status)

    assert status() == "ok"
    Replay().send_again()
    Outbox.objects.update(look_now=False)
    assert status() != "ok"
    tom.deliver_until_quiet(hours=1)
    assert status() == "ok"


class TestRights:
    """Somebody who may change one of two shares, and see both."""

    @pytest.fixture
    def somebody(self, tom: Tom, backup: Backup) -> Any:
        other = tom.target()
        share = tom.share(other)
        tom.data(other, 2)
        tom.deliver()
        user = tom.user(backup.target, other)
        assign_perm("tom_targets.view_persistentshare", user)
        assign_perm("tom_targets.change_persistentshare", user, share)
        self.share = share
        return user

    def test_the_number_is_of_what_the_user_may_change(self, tom: Tom, somebody: Any) -> None:
        plan = Replay(destination="x", by=somebody).send_again()
        assert (plan.number, plan.left) == (2, 1)
        assert Outbox.objects.exclude(replay="").get().share_id == self.share.pk

    def test_without_the_target_there_is_nothing(self, tom: Tom, somebody: Any) -> None:
        remove_perm("tom_targets.change_target", somebody, self.share.target)
        plan = Replay(destination="x", by=somebody).send_again()
        assert (plan.number, plan.left) == (0, 1)

    def test_a_rule_of_somebody_else(self, backup: Backup, somebody: Any) -> None:
        rule = backup.rule()
        client = Client()
        client.force_login(somebody)
        remove_perm("tom_targets.view_persistentshare", somebody)
        assert client.post(reverse("sharing:rule-replay", args=[rule.pk])).status_code == 404
        assert client.post(f"/targets/sharerule/{rule.pk}/replay/").status_code == 404

    def test_data_with_rights_of_their_own(self, tom: Tom, somebody: Any) -> None:
        seen = PhotometryReducedDatum.objects.filter(target=self.share.target).first()
        with override_settings(TARGET_PERMISSIONS_ONLY=False):
            assign_perm("tom_dataproducts.view_photometryreduceddatum", somebody, seen)
            assert Replay(destination="x", by=somebody).send_again().number == 1
            received = len(tom.x.looked_up)
            tom.deliver()
        asked = [record for batch in tom.x.looked_up[received:] for record in batch.records]
        assert len(asked) == 1


class TestPage:
    def test_it_says_how_many_first_and_one_button_sends(
        self, tom: Tom, backup: Backup, admin: Client
    ) -> None:
        url = reverse("sharing:destination-replay") + "?name=x"
        shown = text(admin.get(url))
        assert "<strong>7 records</strong> were delivered so far" in shown
        assert "<strong>4 records</strong>" in text(admin.get(f"{url}&since={backup.since:%Y-%m-%dT%H:%M}"))
        assert told(admin.post(url)) == "7 records will be looked up at x, and sent if missing there."
        tom.deliver_until_quiet(hours=1)
        assert backup.there() == backup.everything()

    @pytest.mark.parametrize("scope", ["share", "rule", "destination"])
    def test_where_doubles_may_come_it_asks_twice(
        self, tom: Tom, backup: Backup, admin: Client, scope: str
    ) -> None:
        tom.x.can_tell = False
        rule = backup.rule()
        url = {
            "share": reverse("sharing:replay", args=[backup.share.pk]),
            "rule": reverse("sharing:rule-replay", args=[rule.pk]),
            "destination": reverse("sharing:destination-replay") + "?name=x",
        }[scope]
        since = {"since": f"{backup.since:%Y-%m-%dT%H:%M}"}
        asked = text(admin.post(url, since))
        assert "<h1>Send 4 records a second time?</h1>" in asked
        assert "x cannot be asked which records it has" in asked
        assert set(tom.states()) == {"delivered"}
        assert told(admin.post(url, {**since, "doubles": "on"})) == "4 records will be sent again."
        tom.deliver_until_quiet(hours=1)
        assert backup.there() == backup.everything()

    def test_what_cannot_be_meant_is_refused(self, tom: Tom, backup: Backup, admin: Client) -> None:
        url = reverse("sharing:replay", args=[backup.share.pk])
        assert "Enter a valid date" in text(admin.post(url, {"since": "yesterday"}))
        assert admin.get(reverse("sharing:destination-replay") + "?name=z").status_code == 404
        with override_settings(DATA_SHARING={}):
            assert 'role="alert"' in text(admin.get(url))


class TestRest:
    def test_it_counts_then_sends(self, tom: Tom, backup: Backup, admin: Client) -> None:
        def post(**body: Any) -> Any:
            return admin.post(url, body, content_type="application/json")

        url = f"/targets/persistentshare/{backup.share.pk}/replay/"
        since = backup.since.isoformat()
        counted = {"number": 4, "counts": {"x": 4}, "may_double": 0, "edited": 0, "left": 0, "sent": False}
        assert post(since=since).json() == counted
        assert set(tom.states()) == {"delivered"}
        tom.x.can_tell = False
        refused = post(since=since, send=True)
        assert refused.status_code == 409
        assert "cannot be asked" in refused.json()["detail"]
        assert post(since=since, send=True, doubles=True).json()["may_double"] == 4
        assert post(since=since, until="2020-01-01T00:00:00Z").status_code == 400
        tom.deliver_until_quiet(hours=1)
        assert backup.there() == backup.everything()

    def test_a_destination_is_named(self, tom: Tom, backup: Backup, admin: Client) -> None:
        url = "/targets/persistentshare/replay/"
        ask = {"content_type": "application/json"}
        assert admin.post(url, {"destination": "x"}, **ask).json()["number"] == 7
        assert admin.post(url, {"destination": "z"}, **ask).status_code == 404
        assert admin.post(url, {}, **ask).status_code == 400


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


def outcome(client: Client, page: str) -> str:
    """What the activity says of the last replay."""
    shown = text(client.get(page))
    found = re.search('To be sent again</strong>.*?s-detail">(.*?)</span>', shown)
    assert found
    return found[1].strip()


def test_the_activity_says_what_came_of_it(tom: Tom, backup: Backup, admin: Client) -> None:
    page = reverse("sharing:share-page", args=[backup.share.pk])
    Replay(since=backup.since, share_id=backup.share.pk).send_again()
    assert outcome(admin, page) == "4 records. A worker begins when it looks next."
    tom.x.will(Rejected(reason="no"), times=1)
    tom.deliver()
    tom.deliver_until_quiet(hours=1)
    assert outcome(admin, page) == "4 records. 3 of 4 are there, action needed for 1."
    call_command("sharing", "activity", stdout=(out := StringIO()))
    assert "4 records: 3 of 4 are there, action needed for 1" in out.getvalue()
    call_command("sharing", "retry", stdout=StringIO())
    tom.deliver_until_quiet(hours=1)
    assert outcome(admin, page) == "4 records. 4 of 4 are there."
    viewer = tom.user(name="viewer")
    assert replay_results.results(Activity.objects.filter(what="replayed"), viewer) == {
        Activity.objects.get(what="replayed").pk: ""
    }


def test_a_second_replay_has_a_result_of_its_own(tom: Tom, backup: Backup, admin: Client) -> None:
    for _ in range(2):
        Replay(destination="x").send_again()
        tom.deliver_until_quiet(hours=1)
    shown = text(admin.get(reverse("sharing:activity")))
    assert shown.count("7 of 7 are there.") == 1, "the records count once, for the last one"

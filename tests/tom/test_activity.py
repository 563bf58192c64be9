"""Who did what: it is written whoever acts and how, it outlives its subject, and tells of no hidden share."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm
from rest_framework.test import APIClient
from tom_targets.models import PersistentShare, Target, TargetList

from sharecore.addresses import Address
from sharecore.delivery import State
from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.outcomes import Rejected
from tom_integration.models import Activity, Delivery, ShareRule
from tom_integration.outbox import retention, rules
from tom_integration.pages.activity import actions, told
from tom_integration.services import rules as rule_services
from tom_integration.services import shares

if TYPE_CHECKING:
    from conftest import Tom

What = Activity.What
SHARES = "/targets/persistentshare/manage/"
ACTIVITY = "/targets/persistentshare/activity/"
REST = "/targets/shareactivity/"


def written() -> list[tuple[str, str, str]]:
    """Who, what and the detail, the oldest first."""
    return list(Activity.objects.order_by("pk").values_list("user_name", "what", "detail"))


def a_rule(tom: Tom, *targets: Target, creator: User | None = None, name: str = "Supernovae") -> ShareRule:
    group = TargetList.objects.create(name=name)
    group.targets.add(*targets)
    return rule_services.make(
        name=name,
        address=Address("x"),
        creator=creator or User.objects.create_superuser("maker"),
        scope=ShareRule.Scope.LIST,
        target_list_id=group.pk,
    )


class TestEveryRoad:
    def test_pages(self, tom: Tom, admin: Client, target: Any) -> None:
        admin.post(f"{SHARES}create", {"destination": "y", "target": target.pk, "kinds": ["photometry"]})
        share = PersistentShare.objects.get()
        for act in ("pause", "resume", "resume"):
            admin.post(f"{SHARES}{share.pk}/{act}")
        admin.post(f"{SHARES}{share.pk}/change", {"kinds": ["spectrum"], "release_days": "3"})
        admin.post(f"{SHARES}{share.pk}/delete")
        assert written() == [
            ("admin", "made", ""),
            ("admin", "paused", ""),
            ("admin", "resumed", ""),
            ("admin", "changed", "what is shared and its release dates"),
            ("admin", "deleted", ""),
        ]
        assert set(Activity.objects.values_list("target_name", "destination")) == {("SN 2026abc", "y")}

    def test_many_at_once_are_one_action(self, tom: Tom, admin: Client) -> None:
        made = [tom.share(tom.target()) for _ in range(3)]
        for act in ("pause", "delete"):
            admin.post(
                f"{SHARES}many", {"share": [each.pk for each in made], "action": act, "confirmed": "1"}
            )
        page = admin.get(ACTIVITY).content.decode()
        assert page.count("3 shares to x") >= 1
        newest = told(actions(Activity.objects.all()), None)[0]
        assert (newest.who, newest.about) == ("admin", "3 shares to x")

    def test_rest_by_token(self, tom: Tom, target: Any) -> None:
        api = APIClient()
        user = User.objects.create_superuser("program", password="of-a-test")
        api.credentials(HTTP_AUTHORIZATION="Basic cHJvZ3JhbTpvZi1hLXRlc3Q=")
        made = api.post("/targets/persistentshare/", {"target": target.pk, "destination": "x"}, format="json")
        pk = made.json()["id"]
        api.post(f"/targets/persistentshare/{pk}/pause/")
        api.patch(f"/targets/persistentshare/{pk}/", {"destination": "y"}, format="json")
        api.delete(f"/targets/persistentshare/{pk}/")
        assert [row[:2] for row in written()] == [
            ("program", what) for what in ("made", "paused", "moved", "moved", "deleted")
        ]
        assert set(Activity.objects.values_list("user_id", flat=True)) == {user.pk}

    def test_the_admin_and_the_deletion_of_a_target_by_tomtoolkit(self, tom: Tom, admin: Client) -> None:
        first, second = tom.target("First"), tom.target("Second")
        shares_ = [tom.share(first), tom.share(second)]
        admin.post(f"/admin/tom_targets/persistentshare/{shares_[0].pk}/delete/", {"post": "yes"})
        admin.post(f"/targets/{second.pk}/delete/")
        assert not PersistentShare.objects.exists()
        deleted = Activity.objects.filter(what=What.DELETED).order_by("pk")
        assert list(deleted.values_list("user_name", "target_name")) == [
            ("admin", "First"),
            ("admin", "Second"),
        ]

    def test_a_program_that_saves_and_deletes(self, tom: Tom) -> None:
        ada = tom.user(name="ada")
        share = tom.share(tom.target(), user=ada)
        share.save()
        share.user = tom.user(name="bob")
        share.save()
        share.delete()
        assert [row[:2] for row in written()] == [("ada", "made"), ("bob", "adopted"), ("", "deleted")]

    def test_shares_made_and_deleted_in_bulk(self, tom: Tom) -> None:
        ada = tom.user(name="ada")
        PersistentShare.objects.bulk_create(
            [PersistentShare(target=tom.target(), destination="x", user=ada) for _ in range(3)]
        )
        tom.deliver()
        PersistentShare.objects.all()._raw_delete("default")
        tom.deliver()
        assert [row[:2] for row in written()] == [("ada", "made")] * 3 + [("", "deleted")] * 3

    def test_sent_again_from_a_page_by_rest_and_by_the_command(self, tom: Tom, admin: Client) -> None:
        ada = User.objects.create_superuser("ada")
        rule = a_rule(tom, tom.target(), creator=ada)
        rules.apply_rules()
        share = PersistentShare.objects.get()
        tom.data(share.target, 2)
        tom.deliver()
        before = Activity.objects.count()
        admin.post(f"{SHARES}{share.pk}/replay", {})
        api = APIClient()
        api.force_authenticate(ada)
        api.post(f"/targets/sharerule/{rule.pk}/replay/", {"send": True}, format="json")
        api.post(f"/targets/sharerule/{rule.pk}/replay/", {"send": False}, format="json")
        call_command("sharing", "replay", "--destination", "x", "--yes", stdout=StringIO())
        call_command("sharing", "replay", "--destination", "x", "--dry-run", stdout=StringIO())
        rows = Activity.objects.order_by("pk")[before:]
        assert [(row.user_name, row.what, row.detail, row.target_id, row.rule_id) for row in rows] == [
            ("admin", "replayed", "2 records", share.target_id, None),
            ("ada", "replayed", "2 records", None, rule.pk),
            ("the operator", "replayed", "2 records", None, None),
        ]
        viewer = tom.user(share.target, name="viewer")
        assign_perm("tom_targets.view_persistentshare", viewer, share)
        client = Client()
        client.force_login(viewer)
        seen = client.get(ACTIVITY).content.decode()
        assert seen.count("To be sent again") == 1  # that of the share, not the numbers of all shares

    def test_retried_and_resolved_and_shared_once(self, tom: Tom, admin: Client, shared: Any) -> None:
        share = PersistentShare.objects.get()
        tom.x.will(Rejected(reason="no", field=""), times=2)
        rows = tom.data(shared, 2)
        tom.deliver()
        admin.post(f"{SHARES}{share.pk}/retry")
        Delivery.objects.update(state=State.NEEDS_REVIEW)
        admin.post(f"{SHARES}records/{tom.row(rows[0]).pk}/arrived")
        call_command("sharing", "resolve", share.pk, "--resend", stdout=StringIO())
        admin.post(f"/targets/{shared.pk}/share/", {"share_destination": "y", "kinds": ["photometry"]})
        assert written()[1:] == [
            ("admin", "retried", "2 records"),
            ("admin", "resolved", "1 record arrived"),
            ("the operator", "resolved", "1 record to be sent again"),
            ("admin", "shared-once", "2 records"),
        ]

    def test_no_number_where_single_data_have_rights(self, tom: Tom, admin: Client, shared: Any) -> None:
        tom.x.will(Rejected(reason="no", field=""))
        tom.datum(shared)
        tom.deliver()
        with override_settings(TARGET_PERMISSIONS_ONLY=False):
            admin.post(f"{SHARES}{PersistentShare.objects.get().pk}/retry")
        assert written()[-1] == ("admin", "retried", "")

    def test_looking_at_a_share_that_was_made_in_bulk_makes_nobody_its_maker(
        self, tom: Tom, admin: Client
    ) -> None:
        share = PersistentShare(target=tom.target(), destination="x", user=tom.user(name="ada"))
        PersistentShare.objects.bulk_create([share])
        admin.get(f"{SHARES}{share.pk}/")
        assert written() == [("ada", "made", "")]


class TestRules:
    def test_who_made_and_changed_the_rule_and_what_the_rule_made(self, tom: Tom, admin: Client) -> None:
        targets = [tom.target() for _ in range(3)]
        rule = a_rule(tom, *targets)
        rules.apply_rules()
        admin.post(f"/targets/persistentshare/rules/{rule.pk}/pause")
        admin.post(f"/targets/persistentshare/rules/{rule.pk}/resume")
        TargetList.objects.get().targets.remove(targets[0])
        rules.apply_rules()
        admin.post(f"/targets/persistentshare/rules/{rule.pk}/end")
        rules.apply_rules()
        said = [
            f"{each.who}: {each.what} {each.about}" for each in told(actions(Activity.objects.all()), None)
        ]
        assert said[::-1] == [
            "maker: Made the rule Supernovae",
            "the rule Supernovae: Made 3 shares to x",
            "admin: Paused the rule Supernovae",
            "admin: Resumed the rule Supernovae",
            f"the rule Supernovae: Deleted {targets[0].name} to x",
            "admin: Ended the rule Supernovae",
            "the rule Supernovae: Deleted 2 shares to x",
        ]

    def test_the_page_of_a_share_names_its_rule(self, tom: Tom, admin: Client) -> None:
        rule = a_rule(tom, tom.target())
        rules.apply_rules()
        share = PersistentShare.objects.get()
        assert "the rule Supernovae" in admin.get(f"{SHARES}{share.pk}/").content.decode()
        page = admin.get(f"/targets/persistentshare/rules/{rule.pk}/").content.decode()
        assert "Made</strong>" in page

    def test_it_costs_as_many_queries_for_ten_shares_as_for_forty(self, tom: Tom) -> None:
        def cost(number: int) -> int:
            a_rule(tom, *[tom.target() for _ in range(number)], creator=maker, name=f"{number}")
            with CaptureQueriesContext(
                connection,
            ) as asked:
                rules.apply_rules()
            return sum("sharecore_activity" in each["sql"] for each in asked)

        maker = User.objects.create_superuser("maker")
        assert (cost(10), cost(40)) == (1, 1)


class TestDestinations:
    def test_a_refusal_and_its_end(self, tom: Tom, admin: Client, shared: Any) -> None:
        tom.x.will(AuthenticationFailed("wrong password"))
        tom.datum(shared)
        tom.deliver()
        tom.x.recover()
        admin.post("/targets/persistentshare/destinations/check", {"name": "x"})
        assert written()[1:] == [
            ("", "paused", "it refuses us: wrong password"),
            ("admin", "resumed", "it takes our data again"),
        ]

    def test_an_outage_that_was_long(self, tom: Tom, shared: Any) -> None:
        tom.x.will(DestinationError("down"))
        tom.datum(shared)
        tom.deliver()
        tom.deliver(after=3600)
        tom.x.recover()
        tom.deliver_until_quiet()
        assert [row[:2] for row in written()[1:]] == [("", "resumed")]

    def test_settings_that_changed(self, tom: Tom, shared: Any) -> None:
        tom.datum(shared)
        tom.deliver()
        tom.deliver()
        with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "PASSWORD": "another-one"}}):
            tom.deliver()
            tom.deliver()
        assert written()[1:] == [("", "settings-changed", "")]


class TestRights:
    def test_nothing_tells_of_a_share_that_is_hidden(self, tom: Tom) -> None:
        mine, theirs = tom.target("Mine"), tom.target("Theirs")
        rule = a_rule(tom, mine, theirs)
        rules.apply_rules()
        viewer = tom.user(mine, name="viewer")
        assign_perm("tom_targets.view_persistentshare", viewer)
        client = Client()
        client.force_login(viewer)
        page = client.get(ACTIVITY).content.decode()
        assert "Mine to x" in page
        assert "Theirs" not in page
        assert "2 shares" not in page
        answer = client.get(REST, {"rule": rule.pk}).json()
        assert [each["target_name"] for each in answer["results"] if each["target"]] == ["Mine"]
        hidden = PersistentShare.objects.get(target=theirs)
        assert client.get(f"/targets/persistentshare/{hidden.pk}/activity/").status_code == 404

    def test_the_former_target_of_a_share_stays_hidden(self, tom: Tom) -> None:
        mine, theirs = tom.target("Mine"), tom.target("Theirs")
        share = tom.share(theirs)
        share.target = mine
        share.save()
        viewer = tom.user(mine, name="viewer")
        assign_perm("tom_targets.view_persistentshare", viewer)
        client = Client()
        client.force_login(viewer)
        for path in (f"{REST}?share={share.pk}", f"/targets/persistentshare/{share.pk}/activity/"):
            answer = client.get(path)
            assert "Theirs" not in answer.content.decode()
            assert answer.json()["count"] == 1
        assert "Theirs" not in client.get(f"{ACTIVITY}?share={share.pk}").content.decode()

    def test_a_destination_for_others(self, tom: Tom, admin: Client) -> None:
        closed = {"x": {"ADAPTER": "memory", "GROUPS": ["inner"]}, "y": {"ADAPTER": "memory"}}
        tom.share(tom.target("Mine"))
        viewer = tom.user(name="viewer")
        for right in ("tom_targets.view_persistentshare", "tom_targets.change_target"):
            assign_perm(right, viewer)
        client = Client()
        client.force_login(viewer)
        assert client.get(REST).json()["count"] == 1
        with override_settings(DATA_SHARING=closed):
            assert client.get(REST).json()["count"] == 0
            assert admin.get(REST).json()["count"] == 1

    def test_a_rule_is_for_its_creator_and_for_who_sees_all(self, tom: Tom) -> None:
        maker = tom.user(name="maker")
        assign_perm("tom_targets.add_persistentshare", maker)
        rule = a_rule(tom, creator=maker)
        own = tom.share(target := tom.target())
        other = tom.user(target, name="other")
        assign_perm("tom_targets.view_persistentshare", other, own)
        client = Client()
        client.force_login(maker)
        page = client.get(f"/targets/persistentshare/rules/{rule.pk}/").content.decode()
        assert "Made</strong>" in page
        client.force_login(other)
        assert [each["share"] for each in client.get(REST).json()["results"]] == [own.pk]


def test_it_outlives_share_target_user_and_rule(tom: Tom, admin: Client) -> None:
    ada = User.objects.create_superuser("ada")
    target = tom.target("SN 1987A")
    rule = a_rule(tom, target, creator=ada)
    rules.apply_rules()
    rule_services.end(rule)
    rules.apply_rules()
    target.delete()
    ada.delete()
    found = admin.get(REST, {"destination": "x"}).json()["results"]
    assert [(each["user_name"], each["rule_name"], each["target_name"], each["what"]) for each in found] == [
        ("", "Supernovae", "SN 1987A", "deleted"),
        ("", "Supernovae", "", "ended"),
        ("", "Supernovae", "SN 1987A", "made"),
        ("ada", "Supernovae", "", "made"),
    ]
    assert "SN 1987A to x" in admin.get(f"{ACTIVITY}?destination=x").content.decode()


def test_filters_of_rest(tom: Tom, admin: Client, shared: Any) -> None:
    share = PersistentShare.objects.get()
    shares.pause(share, by=tom.user(name="ada"))
    since = tom.clock().isoformat()
    shares.resume(share)

    def count(**chosen: Any) -> int:
        number: int = admin.get(REST, chosen).json()["count"]
        return number

    assert count(share=share.pk) == count(target=shared.pk) == count(destination="x") == 3
    assert count(what="paused") == count(since=since) == count(user=User.objects.get(username="ada").pk) == 1
    assert count(destination="y") == count(rule=1) == 0
    assert admin.get(REST, {"since": "yesterday"}).status_code == 400


def test_long_lists_have_pages(tom: Tom, admin: Client) -> None:
    share = tom.share(tom.target())
    for number in range(30):
        shares.pause(share, by=tom.user(name=f"ada-{number}"))
        shares.resume(share)
    page = admin.get(f"{SHARES}{share.pk}/").content.decode()
    assert "All activity" in page
    assert "ada-29" in page
    assert "ada-20" not in page
    assert "ada-10" in admin.get(f"{ACTIVITY}?share={share.pk}&page=2").content.decode()


def test_it_is_kept_for_a_time(tom: Tom, admin: Client) -> None:
    tom.share(tom.target())
    Activity.objects.update(time=tom.clock() - timedelta(days=3))
    tom.share(tom.target())
    retention.everything()
    assert Activity.objects.count() == 2
    with override_settings(SHARECORE_KEEP_ACTIVITY_DAYS=2):
        assert retention.everything()["activity"] == 1
    assert Activity.objects.count() == 1

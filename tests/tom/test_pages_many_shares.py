"""Many shares at once: those that are ticked, or all that fit the filter, with the rights on each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm
from tom_targets.models import PersistentShare

from sharecore.outcomes import Rejected
from tom.reading import text, told
from tom_integration.models import Outbox, ShareRule

if TYPE_CHECKING:
    from conftest import Tom

SHARES = "/targets/persistentshare/manage/"
MANY = f"{SHARES}many"


@pytest.fixture
def shares(tom: Tom) -> list[PersistentShare]:
    """More than a page of shares."""
    return [tom.share(tom.target(f"SN {number:02}")) for number in range(30)]


def paused() -> int:
    return Outbox.objects.exclude(paused="").count()


def test_those_that_are_ticked_are_paused_and_go_on(admin: Client, shares: list[PersistentShare]) -> None:
    page = text(admin.get(SHARES))
    assert 'aria-label="Select SN 29 to x"' in page
    assert "All 30, over all pages" in page
    some = [shares[0].pk, shares[1].pk]
    assert told(admin.post(MANY, {"action": "pause", "share": some})) == "2 shares paused."
    assert set(Outbox.objects.exclude(paused="").values_list("share_id", flat=True)) == set(some)
    again = told(admin.post(MANY, {"action": "pause", "share": [*some, shares[2].pk]}))
    assert again == "1 share paused. 2 were so already."
    answer = admin.post(MANY, {"action": "resume", "share": some, "next": f"{SHARES}?page=2"})
    assert answer.url == f"{SHARES}?page=2"
    assert told(answer) == "2 shares going on."
    assert paused() == 1


def test_all_that_fit_the_filter_are_meant_over_all_pages(
    admin: Client, shares: list[PersistentShare]
) -> None:
    assert told(admin.post(MANY, {"action": "pause", "all": "1", "q": "SN 1"})) == "10 shares paused."
    assert paused() == 10
    Outbox.objects.update(paused="")
    admin.post(MANY, {"action": "pause", "all": "1", "target": shares[3].target_id})
    assert paused() == 1
    # The filter does not find those again that go on.
    admin.post(MANY, {"action": "resume", "all": "1", "state": "paused"})
    assert (paused(), Outbox.objects.filter(share_id=shares[3].pk, look_now=True).count()) == (0, 1)


def test_what_did_not_arrive_is_tried_again(tom: Tom, admin: Client) -> None:
    tom.x.will(Rejected(reason="no"), times=4)
    for target in (tom.target(), tom.target()):
        tom.share(target)
        tom.data(target, 2)
    tom.deliver(after=60)
    assert tom.states() == ["failed"] * 4
    pks = list(PersistentShare.objects.values_list("pk", flat=True))
    assert told(admin.post(MANY, {"action": "retry", "share": pks})) == (
        "4 records of 2 shares will be tried again."
    )
    assert tom.deliver(after=60) == 4


def test_shares_are_deleted_after_a_question(tom: Tom, admin: Client, shares: list[PersistentShare]) -> None:
    tom.data(shares[5].target, 3)
    tom.deliver()
    rule = ShareRule.objects.create(name="r", scope=ShareRule.Scope.ALL, destination="x", ends=False)
    Outbox.objects.filter(share_id=shares[5].pk).update(rule=rule)
    question = text(admin.post(MANY, {"action": "delete", "all": "1"}))
    assert "Delete 30 shares?" in question
    assert "1 of them was made by a rule" in question
    assert f'name="newest" value="{shares[-1].pk}"' in question
    assert PersistentShare.objects.count() == 30
    later = tom.share(tom.target())
    form = {"action": "delete", "all": "1", "newest": shares[-1].pk, "confirmed": "1"}
    assert told(admin.post(MANY, form)) == "30 shares deleted."
    assert list(PersistentShare.objects.all()) == [later]
    assert Outbox.objects.filter(share_id__isnull=False).count() == 1


def test_shares_without_the_right_are_left_and_told(tom: Tom, shares: list[PersistentShare]) -> None:
    user = tom.user(*(share.target for share in shares[:5]))
    for right in ("view", "change"):
        assign_perm(f"tom_targets.{right}_persistentshare", user)
    client = Client()
    client.force_login(user)
    pks = [share.pk for share in shares]
    assert told(client.post(MANY, {"action": "pause", "share": pks})) == "5 shares paused."
    assert "you may not delete them" in told(client.post(MANY, {"action": "delete", "share": pks}))
    assign_perm("tom_targets.delete_persistentshare", user, shares[0])
    assert "4 more are left out" in text(client.post(MANY, {"action": "delete", "all": "1"}))
    client.post(MANY, {"action": "delete", "all": "1", "confirmed": "1"})
    assert PersistentShare.objects.count() == 29
    assert (paused(), PersistentShare.objects.filter(pk=shares[0].pk).exists()) == (4, False)


def test_shares_that_their_rule_pauses_are_told(
    tom: Tom, admin: Client, shares: list[PersistentShare]
) -> None:
    rule = ShareRule.objects.create(
        name="r", scope=ShareRule.Scope.ALL, destination="x", ends=False, paused="the rule r is paused"
    )
    Outbox.objects.filter(share_id__in=[shares[0].pk, shares[1].pk]).update(rule=rule)
    Outbox.objects.filter(share_id__in=[shares[1].pk, shares[2].pk]).update(paused="paused by admin")
    said = told(admin.post(MANY, {"action": "resume", "share": [share.pk for share in shares[:3]]}))
    assert said == ("2 shares going on. 1 was so already. 2 of them stay paused by a rule: resume that.")


def test_nothing_chosen_and_unknown_actions_are_said(tom: Tom, admin: Client) -> None:
    assert told(admin.post(MANY, {"action": "pause"})) == "Choose at least one share."
    assert told(admin.post(MANY, {"action": "delete", "share": ["x"]})) == "Choose at least one share."
    assert admin.post(MANY, {"action": "explode"}).status_code == 404
    assert admin.get(MANY).status_code == 405
    client = Client()
    client.force_login(User.objects.create_user("nobody"))
    tom.share(tom.target())
    assert "/login/" in client.post(MANY, {"action": "pause", "all": "1"}).url
    assert paused() == 0


def test_shares_that_were_made_in_bulk_are_paused_too(tom: Tom, admin: Client) -> None:
    made = PersistentShare.objects.bulk_create([PersistentShare(target=tom.target(), destination="x")])
    admin.post(MANY, {"action": "pause", "share": made[0].pk})
    assert paused() == 1


@pytest.mark.parametrize("action", ["pause", "resume", "retry"])
def test_many_shares_take_as_many_queries_as_few(
    tom: Tom, admin: Client, shares: list[PersistentShare], action: str
) -> None:
    def asked(pks: list[int]) -> int:
        with CaptureQueriesContext(connection) as queries:
            told(admin.post(MANY, {"action": action, "share": pks}))
        return len(queries)

    few = asked([share.pk for share in shares[:2]])
    assert asked([share.pk for share in shares]) == few


@pytest.mark.parametrize("name", ["target", "rule", "newest"])
def test_a_filter_that_cannot_be_read_chooses_nothing(
    admin: Client, shares: list[PersistentShare], name: str
) -> None:
    answer = admin.post(MANY, {"action": "pause", "all": "1", name: "SN 1"})
    assert answer.status_code == 400
    assert paused() == 0

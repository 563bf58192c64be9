"""Destinations that are open to the members of some groups only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client, override_settings
from rest_framework.test import APIClient
from tom_targets.models import PersistentShare

from tom.clients import browser
from tom.conftest import Tom
from tom_integration.models import OneTimeShare
from tom_integration.tomtoolkit import functions

pytestmark = pytest.mark.django_db
API = "/targets/persistentshare/"
PAGES = "/targets/persistentshare/manage/"
CLOSED = {
    "x": {"ADAPTER": "memory", "GROUPS": ["Observers", "Staff"], "DISPLAY_NAME": "Secret partner"},
    "y": {"ADAPTER": "memory"},
}


@pytest.fixture(autouse=True)
def closed(tom: Tom) -> Iterator[None]:
    with override_settings(DATA_SHARING=CLOSED):
        yield


def person(tom: Tom, target: Any, *groups: str) -> User:
    """Somebody with every right on shares, and on this target."""
    user = tom.user(target)
    for action in ("view", "add", "change", "delete"):
        right = f"{action}_persistentshare"
        user.user_permissions.add(Permission.objects.get(codename=right))
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    return User.objects.get(pk=user.pk)


def rest(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


class TestSomebodyOutside:
    def test_cannot_make_a_share_there(self, tom: Tom) -> None:
        target = tom.target()
        user = person(tom, target, "Students")
        refused = rest(user).post(API, {"target": target.pk, "destination": "x"}, format="json")
        assert refused.status_code == 400
        assert "to which you may share" in str(refused.json())
        form = {"target": target.pk, "destination": "x", "kinds": ["photometry"]}
        browser(user).post(f"{PAGES}create", form)
        assert PersistentShare.objects.count() == 0
        assert (
            rest(user).post(API, {"target": target.pk, "destination": "y"}, format="json").status_code == 201
        )

    def test_keeps_the_shares_to_a_destination_whose_name_differs_only_in_case(self, tom: Tom) -> None:
        target = tom.target()
        user = person(tom, target)
        with override_settings(DATA_SHARING=CLOSED | {"X": {"ADAPTER": "memory", "USER_TOPICS": ["red"]}}):
            share = tom.share(target, "X:red", user=user)
            (seen,) = rest(user).get(API).json()["results"]
            assert seen["id"] == share.pk
            assert rest(user).get(f"{API}?destination=x").json()["count"] == 0

    def test_is_not_told_of_it(self, tom: Tom) -> None:
        target = tom.target()
        tom.datum(target)
        user = person(tom, target)
        wrong = rest(user).post(API, {"target": target.pk, "destination": "z"}, format="json")
        assert "'x'" not in str(wrong.json())
        pages = (
            PAGES,
            "/targets/persistentshare/destinations/",
            f"/targets/{target.pk}/share/",
            f"/targets/{target.pk}/persistentshare/manage/",
        )
        for page in pages:
            assert "Secret partner" not in browser(user).get(page).content.decode()
        check = browser(user).post("/targets/persistentshare/destinations/check", {"name": "x"})
        assert check.status_code == 404
        form = {"target": target.pk, "destination": "x", "kinds": ["photometry"]}
        preview = browser(user).post(f"{PAGES}preview", form).content.decode()
        assert "Secret partner" not in preview
        assert "destination" in preview

    def test_neither_sees_nor_changes_shares_there(self, tom: Tom) -> None:
        target = tom.target()
        share = tom.share(target, "x", user=person(tom, target, "Staff"))
        user = person(tom, target)
        assert rest(user).get(API).json()["count"] == 0
        assert rest(user).get(f"{API}{share.pk}/").status_code == 404
        assert rest(user).delete(f"{API}{share.pk}/").status_code == 404
        assert browser(user).post(f"{PAGES}{share.pk}/pause").status_code == 404
        assert browser(user).get(f"/targets/{target.pk}/share/{tom.outbox(target).pk}/").status_code == 404
        assert PersistentShare.objects.filter(pk=share.pk).exists()

    def test_cannot_share_there_once(self, tom: Tom) -> None:
        target = tom.target()
        tom.datum(target)
        user = person(tom, target)
        form = {"share_destination": "x", "kinds": ["photometry"]}
        browser(user).post(f"/targets/{target.pk}/share/", form)
        said = functions.share_target_and_all_data("x", target, user)
        assert said.startswith("ERROR")
        assert functions.share_data_with_tom("x", {}, target_id=target.pk)["message"].startswith("ERROR")
        assert functions.share_target_with_tom("x", {"target": target})["message"].startswith("ERROR")
        assert OneTimeShare.objects.count() == 0


class TestAMember:
    def test_shares_there(self, tom: Tom) -> None:
        target = tom.target()
        user = person(tom, target, "Observers")
        assert (
            rest(user).post(API, {"target": target.pk, "destination": "x"}, format="json").status_code == 201
        )
        tom.datum(target)
        assert tom.deliver() == 1
        assert "Secret partner" in browser(user).get(PAGES).content.decode()

    def test_who_leaves_the_group_stops_the_share_visibly(self, tom: Tom) -> None:
        target = tom.target()
        user = person(tom, target, "Observers")
        tom.share(target, "x", user=user)
        user.groups.clear()
        tom.datum(target)
        assert tom.deliver() == 0
        outbox = tom.outbox(target)
        assert outbox.needs_person
        assert "the group Observers or Staff" in outbox.problem
        user.groups.set([Group.objects.get(name="Observers")])
        assert tom.deliver(after=600) == 1

    def test_can_adopt_a_share_of_somebody_who_left(self, tom: Tom) -> None:
        target = tom.target()
        gone = person(tom, target, "Observers")
        share = tom.share(target, "x", user=gone)
        gone.groups.clear()
        tom.datum(target)
        tom.deliver()
        member = person(tom, target, "Staff")
        assert rest(member).post(f"{API}{share.pk}/adopt/").status_code == 200
        assert tom.deliver() == 1


def test_a_share_for_which_nobody_answers_sends_nothing(tom: Tom) -> None:
    target = tom.target()
    tom.share(target, "x")
    tom.datum(target)
    assert tom.deliver() == 0
    assert "must adopt it" in tom.outbox(target).problem


def test_a_superuser_may_use_every_destination(tom: Tom, admin: Client) -> None:
    assert "Secret partner" in admin.get("/targets/persistentshare/destinations/").content.decode()

"""The REST API and the command of rules: what they show, what they take, and who may do what."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import override_settings
from guardian.shortcuts import assign_perm
from rest_framework.test import APIClient
from tom_targets.models import PersistentShare, TargetList

from tom.clients import rest_client
from tom_integration.models import ShareRule

if TYPE_CHECKING:
    from tom.conftest import Tom

URL = "/targets/sharerule/"
PREVIEW = f"{URL}preview/"


def person(tom: Tom, name: str, *codenames: str) -> User:
    user = tom.user(name=name)
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return user


@pytest.fixture
def listed(tom: Tom) -> TargetList:
    return TargetList.objects.create(name="Supernovae")


@pytest.fixture
def maker(tom: Tom, listed: TargetList) -> User:
    maker = person(tom, "maker", "add_persistentshare", "change_target")
    assign_perm("tom_targets.view_targetlist", maker, listed)
    return maker


@pytest.fixture
def api(maker: User) -> APIClient:
    return rest_client(maker)


def given(listed: TargetList, **others: Any) -> dict[str, Any]:
    return {"name": "All", "scope": "list", "target_list": listed.pk, "destination": "x"} | others


def made(api: APIClient, listed: TargetList, **others: Any) -> dict[str, Any]:
    answer = api.post(URL, given(listed, **others), format="json")
    assert answer.status_code == 201, answer.json()
    shown: dict[str, Any] = answer.json()
    return shown


def test_a_rule_is_made_read_changed_and_ended(tom: Tom, api: APIClient, listed: TargetList) -> None:
    target = tom.target()
    listed.targets.add(target)
    only = {"version": 1, "own": True, "kinds": ["photometry"]}
    rule = made(api, listed, destination="x:red", filter=only, release_days=30, existing=True)
    assert (rule["filter"], rule["destination"], rule["release_days"]) == (only, "x:red", 30)
    assert (rule["shares"], rule["applied_at"], rule["problem"]) == (0, None, "")
    tom.deliver()
    url = f"{URL}{rule['id']}/"
    shown = api.get(url).json()
    assert (shown["shares"], shown["skipped"]) == (1, 0)
    assert api.get(URL).json()["results"] == [shown]
    answer = api.patch(url, {"filter": {"kinds": ["spectrum"]}, "ends": False}, format="json")
    assert (answer.json()["filter"]["kinds"], answer.json()["ends"]) == (["spectrum"], False)
    answer = api.delete(url)
    assert (answer.status_code, answer.json()["ending"]) == (202, True)
    assert api.get(url).json()["ending"]
    assert api.delete(url).status_code == 202
    assert api.patch(url, {"name": "B"}, format="json").status_code == 409
    assert api.post(f"{url}resume/").status_code == 409
    tom.deliver()
    assert not ShareRule.objects.exists()
    assert not PersistentShare.objects.exists()


def test_pause_and_resume(api: APIClient, listed: TargetList) -> None:
    url = f"{URL}{made(api, listed)['id']}/"
    assert api.post(f"{url}pause/").json()["paused"] == "the rule All is paused by maker"
    assert api.post(f"{url}resume/").json()["paused"] == ""


def test_a_preview_makes_nothing(tom: Tom, api: APIClient, listed: TargetList) -> None:
    targets = [tom.target() for _ in range(3)]
    listed.targets.add(*targets)
    tom.share(targets[0])
    for target in targets:
        tom.datum(target)
        tom.datum(target, bandpass="g")
    answer = api.post(PREVIEW, given(listed, filter={"bandpasses": {"only": ["r"]}}), format="json")
    assert answer.json() == {
        "targets": 3,
        "shared_already": 1,
        "by_rules": [],
        "ended": 0,
        "skipped": 0,
        "shares": 2,
        "data": 2,
        "all_data": 4,
        "filter_text": "Only data, photometry and upper limits only in the bandpass r.",
    }
    assert not ShareRule.objects.exists()


def test_a_preview_names_the_rule_that_shares_a_target_already(
    tom: Tom, api: APIClient, listed: TargetList
) -> None:
    targets = [tom.target() for _ in range(3)]
    listed.targets.add(*targets)
    tom.share(targets[0])
    first = made(api, listed, name="First", filter={"own": True})
    tom.deliver()
    second = api.post(PREVIEW, given(listed), format="json").json()
    assert (second["shares"], second["shared_already"]) == (0, 3)
    assert second["by_rules"] == [{"rule": first["id"], "name": "First", "targets": 2}]
    other = person(tom, "other", "add_persistentshare", "change_target")
    assign_perm("tom_targets.view_targetlist", other, listed)
    assert rest_client(other).post(PREVIEW, given(listed), format="json").json()["by_rules"] == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("destination", "nowhere", "'nowhere'"),
        ("target_list", None, "Choose one of the target lists that you may view."),
        ("target_list", 10**30, "less than or equal"),
        ("filter", {"kind": ["spectrum"]}, "kind"),
        ("filter", [1], "filter"),
        ("scope", "some", "not a valid choice"),
        ("until", "2020-01-01T00:00:00Z", "This time is over. Give a later one, or none."),
        ("release_days", -1, "greater than or equal"),
        ("name", "", "blank"),
    ],
)
def test_a_mistake_is_named_beside_its_field(
    api: APIClient, listed: TargetList, field: str, value: Any, said: str
) -> None:
    for url in (URL, PREVIEW):
        answer = api.post(url, given(listed, **{field: value}), format="json")
        assert answer.status_code == 400
        assert said in str(answer.json()[field])
    assert not ShareRule.objects.exists()


def test_a_tag_needs_its_name(api: APIClient, listed: TargetList) -> None:
    answer = api.post(URL, {"name": "a", "scope": "extra", "destination": "x"}, format="json")
    assert "extra_key" in answer.json()


def test_a_list_that_the_user_may_not_view_cannot_be_chosen(tom: Tom, api: APIClient) -> None:
    hidden = TargetList.objects.create(name="Hidden")
    answer = api.post(URL, given(hidden), format="json")
    assert "target_list" in answer.json()


def test_a_rule_that_has_ended_can_be_renamed(tom: Tom, api: APIClient, listed: TargetList) -> None:
    rule = made(api, listed)
    ShareRule.objects.update(until=tom.clock.now)
    tom.clock.forward(hours=1)
    assert api.patch(f"{URL}{rule['id']}/", {"name": "Done"}, format="json").status_code == 200


def test_a_destination_of_a_group(tom: Tom, api: APIClient, listed: TargetList) -> None:
    rule = made(api, listed)
    with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "GROUPS": ["Members"]}}):
        assert "destination" in api.post(URL, given(listed), format="json").json()
        assert api.get(f"{URL}{rule['id']}/").status_code == 404
        assert api.get(URL).json()["results"] == []


READ, CHANGE, END, MAKE = "read", "change", "end", "make"
MAY = {
    "nobody": set[str](),
    "viewer": {READ},
    "changer": set[str](),
    "changer who adds": {READ, CHANGE, END, MAKE},  # who changes a rule becomes its creator
    "deleter": {END},
    "other maker": {MAKE},
    "maker": {READ, CHANGE, END, MAKE},
}
HOLDS = {
    "nobody": (),
    "viewer": ("view_persistentshare",),
    "changer": ("change_persistentshare",),
    "changer who adds": ("change_persistentshare", "add_persistentshare", "view_persistentshare"),
    "deleter": ("delete_persistentshare",),
    "other maker": ("add_persistentshare",),
}


@pytest.mark.parametrize("who", MAY)
def test_who_may_do_what(tom: Tom, api: APIClient, maker: User, listed: TargetList, who: str) -> None:
    url = f"{URL}{made(api, listed)['id']}/"
    user = maker if who == "maker" else person(tom, who, *HOLDS[who])
    assign_perm("tom_targets.view_targetlist", user, listed)
    client = rest_client(user)
    done = set()
    if client.get(url).status_code == 200:
        done.add(READ)
    assert len(client.get(URL).json()["results"]) == (READ in MAY[who])
    if client.post(URL, given(listed), format="json").status_code == 201:
        done.add(MAKE)
    assert (client.post(PREVIEW, given(listed), format="json").status_code == 200) == (MAKE in MAY[who])
    if client.patch(url, {"name": "new"}, format="json").status_code == 200:
        done.add(CHANGE)
        assert ShareRule.objects.get(name="new").creator_id == user.pk
    if client.delete(url).status_code == 202:
        done.add(END)
    assert done == MAY[who]


def test_a_user_who_may_only_change_pauses_without_seeing(
    tom: Tom, api: APIClient, listed: TargetList
) -> None:
    rule = made(api, listed)
    client = rest_client(person(tom, "changer", "change_persistentshare"))
    assert client.post(f"{URL}{rule['id']}/pause/").json() == {"id": rule["id"]}
    assert ShareRule.objects.get().paused


def test_without_a_login(listed: TargetList) -> None:
    client = APIClient()
    assert client.get(URL).status_code == 401
    assert client.post(PREVIEW, given(listed), format="json").status_code == 401


class TestCommand:
    def run(self, *arguments: str) -> str:
        written = StringIO()
        call_command("sharing", "rules", *arguments, stdout=written, no_color=True)
        return written.getvalue()

    def test_rules(self, tom: Tom, api: APIClient, listed: TargetList) -> None:
        listed.targets.add(tom.target())
        rule = made(api, listed, filter={"own": True})
        tom.deliver()
        api.post(f"{URL}{rule['id']}/pause/")
        listed.delete()
        tom.deliver()
        lines = self.run().splitlines()
        assert lines[0] == f"{rule['id']} All: a list that was deleted to x"
        assert lines[1] == "    1 share, by maker. Only data observed here."
        assert lines[2:] == [
            "    the rule All is paused by maker",
            "    its target list was deleted: choose another list, or end the rule; its shares go on",
        ]

    def test_other_scopes(self, api: APIClient, listed: TargetList) -> None:
        made(api, listed, scope="extra", extra_key="class", extra_value="KN")
        made(api, listed, scope="all")
        text = self.run()
        assert "targets with class = KN to x" in text
        assert "all targets of maker to x" in text

    def test_json_has_the_fields_of_the_rest_api(self, api: APIClient, listed: TargetList) -> None:
        made(api, listed)
        assert json.loads(self.run("--json")) == api.get(URL).json()["results"]

    def test_no_rule(self, tom: Tom) -> None:
        assert self.run() == "There is no rule.\n"

"""A destination that takes reports alone: no share of data is offered there, made there, or approved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client, override_settings
from django.urls import reverse
from tom_targets.models import PersistentShare, Target, TargetList

from sharecore import FieldType, ReportField, ReportForm
from sharecore.addresses import Address
from sharecore.delivery import State
from tom_integration import access, site
from tom_integration.models import Delivery, Outbox, ShareRule
from tom_integration.services import approval, rules
from tom_integration.tomtoolkit import functions

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

FIELD = ReportField(name="reporter", label="Reporter", type=FieldType.TEXT)
REFUSAL = "x: takes no data, only reports. Make a report on the page of the target."


@pytest.fixture(autouse=True)
def reports_alone(tom: Tom) -> Iterator[None]:
    """The destination x takes reports alone."""
    tom.x.takes_records = False
    tom.x.forms = [ReportForm(name="at-report", label="AT report", fields=(FIELD,))]
    with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory"}, "y": {"ADAPTER": "memory"}}):
        yield


def offered(page: Any) -> set[str]:
    """The destinations that a page offers for data."""
    tags = re.findall(r"<input[^>]*>", page.content.decode())
    named = (re.search(r'name="(?:share_)?destination" value="([^"]*)"', tag) for tag in tags)
    return {each[1] for each in named if each}


def test_no_form_for_data_offers_it(tom: Tom, target: Target, admin: Client) -> None:
    tom.datum(target)
    once = admin.get(f"/targets/{target.pk}/share/")
    assert offered(once) == {"y", "download"}
    assert "Report to x" in unescape(re.sub(r"<[^>]*>", "", once.content.decode()))
    assert offered(admin.get(f"/targets/{target.pk}/share/?tab=continuous")) == {"y"}
    members = TargetList.objects.create(name="Supernovae")
    members.targets.add(target)
    assert offered(admin.get(f"/targets/targetgrouping/{members.pk}/share/")) == {"y"}
    assert offered(admin.get(reverse("sharing:rule-new"))) == {"y"}
    ticked = {"selected-target": [target.pk]}
    assert offered(admin.post("/targets/persistentshare/targets/", ticked)) == {"y"}
    assert [each for each, _ in functions.get_sharing_destination_options()] == ["download", "y"]


def test_one_that_cannot_be_opened_stays_offered(
    tom: Tom, target: Target, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("sharecore.testing.memory_adapter.MemoryAdapter.__init__", fails)
    assert offered(admin.get(f"/targets/{target.pk}/share/?tab=continuous")) == {"x", "y"}


def test_rest_refuses_shares_and_rules(tom: Tom, target: Target, admin: Client) -> None:
    share = {"target": target.pk, "destination": "x"}
    answer = admin.post("/targets/persistentshare/", share, content_type="application/json")
    assert (answer.status_code, answer.json()) == (400, {"destination": [REFUSAL]})
    rule = {"name": "All", "scope": "all", "destination": "x"}
    answer = admin.post("/targets/sharerule/", rule, content_type="application/json")
    assert (answer.status_code, answer.json()["destination"]) == (400, [REFUSAL])
    there = tom.share(target, "y")
    moved = {"destination": "x"}
    answer = admin.patch(f"/targets/persistentshare/{there.pk}/", moved, content_type="application/json")
    assert (answer.status_code, answer.json()) == (400, {"destination": [REFUSAL]})
    assert list(PersistentShare.objects.values_list("destination", flat=True)) == ["y"]
    assert not ShareRule.objects.exists()


def test_the_functions_of_tomtoolkit_and_its_buttons_refuse_it(
    tom: Tom, target: Target, admin: Client
) -> None:
    datum = tom.datum(target)
    user = tom.user(target)
    said = [
        functions.share_data_with_tom("x", {}, target_id=target.pk)["message"],
        functions.share_data_with_tom("x", {}, selected_data=[datum.pk])["message"],
        functions.share_target_with_tom("x", {"target": target}, user=user)["message"],
        functions.share_target_and_all_data("x", target, user),
    ]
    assert said == [f"ERROR: {REFUSAL}"] * 4
    button = {"share_destination": "x", "share-box": [datum.pk]}
    answer = admin.post(f"/dataproducts/target/{target.pk}/share/", button)
    assert [str(each) for each in get_messages(answer.wsgi_request)] == [REFUSAL]
    assert not Outbox.objects.exists()


@override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "APPROVAL": True}})
def test_nobody_is_asked_to_approve_data_of_an_old_share(tom: Tom, target: Target) -> None:
    tom.x.takes_records = True
    tom.share(target)
    tom.datum(target)
    approver = tom.user(target)
    approver.user_permissions.add(Permission.objects.get(codename="approve_share"))
    approver = User.objects.get(pk=approver.pk)
    functions.share_data_with_tom("x", {}, target_id=target.pk)
    tom.x.takes_records = False
    site.adapters.close()
    tom.datum(target)
    tom.deliver()
    states = set(Delivery.objects.values_list("state", "reason", "field"))
    assert states == {(State.UNSUPPORTED, REFUSAL, "records")}
    assert approval.approve(approver, dict(access.approvable(approver).values_list("pk", "asked"))) == 0
    assert tom.x.calls == []


def test_an_old_rule_says_why_it_makes_no_shares(tom: Tom, target: Target) -> None:
    user = tom.user(target)
    user.user_permissions.add(Permission.objects.get(codename="add_persistentshare"))
    user = User.objects.get(pk=user.pk)
    rule = rules.make(name="Old", address=Address("x"), creator=user, scope=ShareRule.Scope.ALL)
    tom.deliver()
    assert ShareRule.objects.get(pk=rule.pk).problem == REFUSAL
    assert not PersistentShare.objects.exists()


def test_reports_go_there(tom: Tom, target: Target, admin: Client) -> None:
    asked = {"destination": "x", "form": "at-report", "values": {"reporter": "Eve"}, "send": True}
    answer = admin.post(f"/targets/{target.pk}/reports/", asked, content_type="application/json")
    assert answer.status_code == 201
    tom.deliver()
    assert len(tom.x.reports) == 1

"""The button for reports on tomtoolkit's page of a target."""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client, override_settings
from guardian.shortcuts import assign_perm

from sharecore import FieldType, ReportField, ReportForm
from tom.reading import text

if TYPE_CHECKING:
    from tom.conftest import Tom

# Of the form of a comment, on tomtoolkit's page.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The default scheme will be changed"),
    pytest.mark.any_database,
]

FORM = ReportForm(
    name="at", label="AT", fields=(ReportField(name="x", label="X", type=FieldType.TEXT),)
)  # fmt: skip


def button(client: Client, target: Any) -> tuple[str, str] | None:
    """Address and text of the button on the page of the target."""
    buttons = (
        text(client.get(f"/targets/{target.pk}/")).partition("target-button-group")[2].partition("</div>")[0]
    )
    for each in buttons.split("<a ")[1:]:
        told = each.partition(">")[2].partition("<")[0].strip()
        if told.startswith("Report"):
            return unescape(each.partition('href="')[2].partition('"')[0]), told
    return None


@pytest.fixture
def eve(tom: Tom, target: Any) -> Client:
    user = tom.user(target, name="eve")
    assign_perm("tom_targets.view_target", user, target)
    client = Client()
    client.force_login(user)
    return client


def test_it_leads_to_the_form_of_the_only_destination(tom: Tom, eve: Client, target: Any) -> None:
    assert button(eve, target) is None, "no destination takes reports"
    with override_settings(DATA_SHARING={"y": {"ADAPTER": "memory", "DISPLAY_NAME": "TNS & co"}}):
        tom.y.forms = [FORM]
        found = button(eve, target)
        assert found is not None
        assert unescape(found[1]) == "Report to TNS & co"
        assert eve.get(found[0]).status_code == 200


def test_several_destinations_are_chosen_on_the_share_page(tom: Tom, eve: Client, target: Any) -> None:
    with override_settings(DATA_SHARING={name: {"ADAPTER": "memory"} for name in ("y", "z")}):
        tom.y.forms = tom.plugin["z"].forms = [FORM]
        assert button(eve, target) == (f"/targets/{target.pk}/share/#reports", "Report")


def test_only_who_may_report_about_this_target_has_it(tom: Tom, eve: Client, target: Any) -> None:
    other = tom.target()
    groups = {"y": {"ADAPTER": "memory", "GROUPS": ["Classifiers"]}}
    with override_settings(DATA_SHARING=groups):
        tom.y.forms = [FORM]
        Group.objects.create(name="Classifiers")
        assert button(eve, target) is None, "the destination is for others"
    with override_settings(DATA_SHARING={"y": {"ADAPTER": "memory"}}):
        assert button(eve, target) is not None
        user = tom.user(name="reader")
        reader = Client()
        reader.force_login(user)
        for each in (target, other):
            assign_perm("tom_targets.view_target", user, each)
            assert button(reader, each) is None, "they may see it, and not change it"


def test_a_destination_that_cannot_be_opened_leaves_the_page_as_it_is(
    tom: Tom, eve: Client, target: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError("a bug of a plugin")

    monkeypatch.setattr("sharecore.testing.memory_adapter.MemoryAdapter.__init__", fail)
    assert button(eve, target) is None
    assert eve.get(f"/targets/{target.pk}/").status_code == 200

"""The pages of rules: made with one form, counted before, shown, changed, paused and ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm
from tom_targets.models import PersistentShare, TargetExtra, TargetList

from sharecore.filters import Filter
from sharecore.records import DATA_KINDS
from tom.reading import text, told
from tom_integration.models import Delivery, Outbox, ShareRule

if TYPE_CHECKING:
    from conftest import Tom

RULES = "/targets/persistentshare/rules/"
KINDS = [kind.value for kind in DATA_KINDS]


@pytest.fixture
def night(tom: Tom) -> TargetList:
    """A list of three targets, with four data."""
    made = TargetList.objects.create(name="Our night")
    targets = [tom.target() for _ in range(3)]
    made.targets.add(*targets)
    for target in (*targets, targets[0]):
        tom.datum(target, telescope="FTN")
    tom.datum(targets[0], source_name="ZTF", source_location="ztf.example")
    return made


def form(night: TargetList, **others: Any) -> dict[str, Any]:
    return {
        "scope": "list", "target_list": night.pk, "destination": "y", "kinds": KINDS, "ends": "on", **others
    }  # fmt: skip


def test_a_list_is_shared_with_one_form(tom: Tom, admin: Client, night: TargetList) -> None:
    page = text(admin.get(f"{RULES}new", {"list": night.pk}))
    assert f'<option value="{night.pk}" selected>Our night</option>' in page
    assert 'value="list" required checked' in page
    assert '<option value="FTN">' in page
    typed = form(night, kinds=["photometry"], own="on", release_days="30", existing="on")
    counted = text(admin.post(f"{RULES}new/counted", typed))
    assert "This shares 3 targets and 4 of their 5 data now" in counted
    assert "Only photometry observed here." in counted
    assert "This shares 3 targets" in text(admin.post(f"{RULES}new", typed | {"preview": "1"}))
    assert not ShareRule.objects.exists()
    answer = admin.post(f"{RULES}new", typed)
    assert told(answer) == "Our night to y: its targets will be shared in a moment."
    rule = ShareRule.objects.get()
    assert rule.chosen == Filter(kinds=("photometry",), own=True)
    assert (rule.release_days, rule.existing, rule.ends) == (30, True, True)
    tom.deliver(after=60)
    assert PersistentShare.objects.filter(destination="y").count() == 3
    page = text(admin.get(answer.url))
    assert "The targets of Our night, to" in page
    assert "Only photometry observed here. 30 days after observation." in page
    assert f'<a href="/targets/persistentshare/manage/?rule={rule.pk}">3 shares</a>' in page
    shares = text(admin.get("/targets/persistentshare/manage/", {"rule": rule.pk}))
    assert "Made by the rule" in shares
    assert shares.count('name="share"') == 3
    assert "Our night to y" in text(admin.get(RULES))


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ({"scope": ""}, "Choose which targets are to be shared."),
        ({"target_list": ""}, "Choose one of the target lists that you may view."),
        ({"target_list": "99999"}, "not one of the available choices"),
        ({"scope": "extra"}, "Name the tag or extra field that the targets have."),
        ({"destination": ""}, "Choose where the data are to go."),
        ({"destination": "z"}, "not one of the available choices"),
        ({"kinds": []}, "Choose at least one kind of data."),
        ({"until": "2020-01-01T00:00"}, "This time is over. Give a later one, or none."),
        ({"least_signal_to_noise": "-1"}, "Give a number above 0"),
    ],
)
def test_what_is_wrong_stands_in_the_form(
    tom: Tom, admin: Client, night: TargetList, typed: dict[str, Any], error: str
) -> None:
    assert error in text(admin.post(f"{RULES}new", form(night, **typed)))
    text(admin.post(f"{RULES}new/counted", form(night, **typed)))
    assert not ShareRule.objects.exists()


def test_a_rule_is_named_by_itself_and_changed(tom: Tom, admin: Client, night: TargetList) -> None:
    target = tom.target()
    TargetExtra.objects.create(target=target, key="class", value="SN Ia")
    typed = form(night, scope="extra", extra_key="class", extra_value="SN Ia")
    assert '<option value="class">' in text(admin.get(f"{RULES}new"))
    admin.post(f"{RULES}new", typed)
    rule = ShareRule.objects.get()
    assert (rule.name, rule.target_list_id) == ("class = SN Ia to y", None)
    tom.deliver(after=60)
    path = f"{RULES}{rule.pk}/"
    page = text(admin.get(f"{path}change"))
    assert 'value="SN Ia"' in page
    assert "This shares 1 target" in text(admin.post(f"{path}counted", typed))
    changed = typed | {"name": "Supernovae", "not_before": "2027-01-01T00:00", "telescopes": "FTN"}
    assert told(admin.post(f"{path}change", changed)) == "Supernovae is changed."
    rule.refresh_from_db()
    assert (rule.name, rule.not_before) == ("Supernovae", datetime(2027, 1, 1, tzinfo=UTC))
    assert PersistentShare.objects.count() == 1


def test_a_rule_is_paused_and_ended_after_a_question(tom: Tom, admin: Client, night: TargetList) -> None:
    admin.post(f"{RULES}new", form(night))
    tom.deliver(after=60)
    rule = ShareRule.objects.get()
    path = f"{RULES}{rule.pk}/"
    assert "is paused" in told(admin.post(f"{path}pause"))
    assert "The rule Our night to y is paused by admin." in text(admin.get(path))
    assert "goes on" in told(admin.post(f"{path}resume"))
    assert "<strong>3 shares</strong> to y will end." in text(admin.get(f"{path}end"))
    assert PersistentShare.objects.count() == 3
    late = tom.datum(night.targets.first())
    said = "Our night to y is being ended: nothing more is sent by it."
    assert told(admin.post(f"{path}end")) == said
    page = text(admin.get(path))
    assert ">Ending<" in page
    assert f"{path}resume" not in page
    assert told(admin.post(f"{path}resume")) == "The rule Our night to y is being ended."
    assert told(admin.post(f"{path}change", form(night))) == "The rule Our night to y is being ended."
    shown = text(admin.get("/targets/persistentshare/manage/table"))
    assert "The rule Our night to y is being ended." in shown
    assert tom.deliver(after=60) == 0
    assert not PersistentShare.objects.exists()
    assert not Delivery.objects.filter(datum_pk=late.pk, state="delivered").exists()
    assert "There is no rule" in text(admin.get(RULES))


def test_a_rule_says_which_targets_another_rule_shares_there(
    tom: Tom, admin: Client, night: TargetList
) -> None:
    admin.post(f"{RULES}new", form(night, name="Spectra", kinds=["spectrum"]))
    tom.deliver(after=60)
    first = ShareRule.objects.get()
    said = (
        f'3 are shared there already, by the rule <a href="{RULES}{first.pk}/">Spectra</a>: these shares '
        "stay as they are, and the filter and dates of this rule do not hold for them."
    )
    assert said in text(admin.post(f"{RULES}new/counted", form(night, name="All")))
    answer = admin.post(f"{RULES}new", form(night, name="All"))
    assert said in text(admin.get(answer.url))


def test_who_has_no_right_sees_and_makes_no_rules(tom: Tom, admin: Client, night: TargetList) -> None:
    admin.post(f"{RULES}new", form(night))
    rule = ShareRule.objects.get()
    user = tom.user()
    client = Client()
    client.force_login(user)
    for path in ("", "new", f"{rule.pk}/", f"{rule.pk}/change", f"{rule.pk}/end"):
        assert client.get(f"{RULES}{path}").status_code in (302, 404)
    for path in ("new", f"{rule.pk}/pause", f"{rule.pk}/end", "new/counted", f"{rule.pk}/counted"):
        assert client.post(f"{RULES}{path}", form(night)).status_code in (302, 404)
    assign_perm("tom_targets.add_persistentshare", user)
    # The list is not theirs, nor is a target of it.
    assert "not one of the available choices" in text(client.post(f"{RULES}new", form(night)))
    assign_perm("tom_targets.view_targetlist", user, night)
    assert "3 are left out" in text(client.post(f"{RULES}new/counted", form(night)))
    assert client.get(f"{RULES}{rule.pk}/").status_code == 404
    assert ShareRule.objects.get().paused == ""


def test_an_unreadable_filter_of_a_rule_stops_no_page(tom: Tom, admin: Client, night: TargetList) -> None:
    admin.post(f"{RULES}new", form(night))
    tom.deliver(after=60)
    rule = ShareRule.objects.get()
    ShareRule.objects.update(filter='{"version": 99}', target_list_id=99999)
    for path in ("", f"{rule.pk}/", f"{rule.pk}/change"):
        assert "was written by a newer sharecore" in text(admin.get(f"{RULES}{path}"))
    assert Outbox.objects.filter(share_id__isnull=False).count() == 3


def test_the_page_of_rules_asks_as_often_for_many_rules_as_for_few(
    tom: Tom, admin: Client, night: TargetList
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            text(admin.get(RULES))
        return len(queries)

    def make(number: int) -> None:
        for each in range(number):
            scope = {"scope": "all"} if each % 2 else {}
            admin.post(f"{RULES}new", form(night, name=f"rule {each}", **scope))

    make(2)
    few = asked()
    make(6)
    assert asked() == few

"""Lists and ticked targets on the pages of tomtoolkit lead to sharing, continuously and once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from django.test import Client, override_settings
from guardian.shortcuts import assign_perm
from tom_targets.models import PersistentShare, TargetList

from sharecore.filters import Filter
from sharecore.records import DATA_KINDS
from tom.reading import text, told
from tom_integration.models import Outbox
from tom_integration.services import many_shares

if TYPE_CHECKING:
    from conftest import Tom

OWN = "ours: {% load django_tables2 %}{% render_table table %}"
KINDS = [kind.value for kind in DATA_KINDS]
SELECTED = "/targets/persistentshare/targets/"


def test_the_list_of_targets_has_buttons_for_those_that_are_ticked(tom: Tom, admin: Client) -> None:
    target = tom.target()
    htmx = {"HX-Request": "true"}  # the whole page needs the Moon
    page = text(admin.get("/targets/", headers=htmx))
    assert f'formaction="{SELECTED}"' in page
    assert f'formaction="{SELECTED}once"' in page
    assert f'value="{target.pk}"' in page
    assert SELECTED not in text(Client().get("/targets/", headers=htmx))
    user = tom.user(target)
    client = Client()
    client.force_login(user)
    page = text(client.get("/targets/", headers=htmx))
    assert f'formaction="{SELECTED}"' not in page
    assert f'formaction="{SELECTED}once"' in page


def test_the_buttons_stand_in_a_template_of_a_toms_own(tom: Tom, admin: Client) -> None:
    tom.target()
    own = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.locmem.Loader",
                    {
                        "tom_targets/target_list.html": OWN,
                    },
                ),
                "django.template.loaders.app_directories.Loader",
            ],
            "context_processors": ["django.template.context_processors.request"],
        },
    }
    with override_settings(TEMPLATES=[own]):
        page = text(admin.get("/targets/"))
    assert page.startswith("ours:")
    assert f'formaction="{SELECTED}"' in page


@pytest.mark.filterwarnings("ignore:Calling format_html")
def test_the_page_of_lists_leads_to_a_rule_and_to_sharing_once(tom: Tom, admin: Client) -> None:
    made = TargetList.objects.create(name="Our night")
    page = text(admin.get("/targets/targetgrouping/"))
    assert f'href="/targets/persistentshare/rules/new?list={made.pk}"' in page
    assert f'href="/targets/targetgrouping/{made.pk}/share/"' in page
    page = text(admin.get("/targets/persistentshare/lists/"))
    assert f'href="/targets/persistentshare/rules/new?list={made.pk}"' in page


def test_ticked_targets_are_shared_with_one_form(tom: Tom, admin: Client) -> None:
    targets = [tom.target() for _ in range(3)]
    for target in targets:
        tom.datum(target)
    tom.share(targets[0], "y")
    ticked = {"selected-target": [target.pk for target in targets]}
    page = text(admin.post(SELECTED, ticked))
    assert "Share 3 targets continuously" in page
    assert page.count('type="hidden" name="selected-target"') == 3
    assert "Of 3 data now 3 pass." in page
    form = ticked | {"destination": "y", "kinds": ["photometry"], "release_days": "30"}
    assert "Of 3 data now 3 pass" in text(admin.post(f"{SELECTED}counted", form))
    assert "Choose where the data are to go." in text(admin.post(SELECTED, form | {"destination": ""}))
    assert told(admin.post(SELECTED, form)) == "2 targets are now shared with y. 1 target was already."
    assert PersistentShare.objects.filter(destination="y", user__username="admin").count() == 2
    made = Outbox.objects.filter(release_days=30)
    assert [each.chosen for each in made] == [Filter(kinds=("photometry",))] * 2


def test_many_ticked_targets_take_few_queries_and_existing_data_go(
    tom: Tom, admin: Client, django_assert_max_num_queries: Any
) -> None:
    targets = [tom.target() for _ in range(40)]
    for target in targets:
        tom.datum(target)
        tom.datum(target, bandpass="g")
    ended = tom.share(targets[0], "y")
    ended.delete()
    form = {
        "selected-target": [target.pk for target in targets], "destination": "y", "kinds": KINDS,
        "bandpasses": "r", "share_existing_data": "on",
    }  # fmt: skip
    with django_assert_max_num_queries(60):
        answer = admin.post(SELECTED, form)
    assert told(answer) == "40 targets are now shared with y."
    assert tom.deliver(after=60) == 40
    late = tom.datum(targets[0])
    assert tom.deliver(after=60) == 1
    assert tom.state(late, "y") == "delivered"


def test_a_target_that_somebody_shares_at_the_same_moment_is_left_alone(tom: Tom, admin: Client) -> None:
    targets = [tom.target() for _ in range(3)]
    tom.share(targets[1], "y")
    form = {"selected-target": [target.pk for target in targets], "destination": "y", "kinds": KINDS}
    with patch.object(many_shares, "shared_already", return_value=set()):
        answer = admin.post(SELECTED, form)
    assert told(answer) == "2 targets are now shared with y. 1 target was already."
    assert Outbox.objects.filter(share_id__isnull=False).count() == 3


def test_only_what_may_be_shared_is_shared_and_the_rest_is_said(tom: Tom) -> None:
    mine, theirs = tom.target(), tom.target()
    user = tom.user(mine)
    client = Client()
    client.force_login(user)
    ticked = {"selected-target": [mine.pk, theirs.pk]}
    assert client.post(SELECTED, ticked).status_code == 302
    assign_perm("tom_targets.add_persistentshare", user)
    assert "1 more that you chose is left out" in text(client.post(SELECTED, ticked))
    form = ticked | {"destination": "y", "kinds": ["photometry"]}
    assert told(client.post(SELECTED, form)) == "1 target is now shared with y. 1 target you may not share."
    assert list(PersistentShare.objects.values_list("target_id", flat=True)) == [mine.pk]
    assert (
        told(client.post(SELECTED, {"selected-target": theirs.pk})) == "You may share none of these targets."
    )


@pytest.mark.parametrize("path", [SELECTED, f"{SELECTED}once"])
def test_nothing_ticked_is_said(tom: Tom, admin: Client, path: str) -> None:
    assert told(admin.post(path, {"selected-target": "x"})) == "Choose at least one target."


def test_ticked_targets_are_shared_once(tom: Tom, admin: Client) -> None:
    targets = [tom.target() for _ in range(2)]
    tom.data(targets[0], 2)
    ticked = {"selected-target": [target.pk for target in targets]}
    page = text(admin.post(f"{SELECTED}once", ticked))
    assert "Share targets" in page
    assert page.count('name="selected-target"') == 2
    form = ticked | {"share_destination": "y", "share_title": "t", "dataSwitch": "on"}
    assert "2 targets with 2 records will be sent to y" in told(admin.post(f"{SELECTED}once", form))
    assert tom.deliver(after=60) == 2

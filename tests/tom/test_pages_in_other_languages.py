"""Pages of a TOM that writes numbers with separators: what a form sends back is a number all the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client, override_settings
from tom_targets.models import PersistentShare, Target, TargetList

from tom_integration.models import Delivery, Outbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Tom

pytestmark = pytest.mark.any_database

SHARES = "/targets/persistentshare/manage/"
FIRST = 12_345
SEPARATED = re.compile(r"(?<!:)12[.,\s\u00a0\u202f']34\d")


@pytest.fixture(params=["de", "fr", "en", "de-ch"])
def separators(request: Any) -> Iterator[None]:
    with override_settings(LANGUAGE_CODE=request.param, USE_THOUSAND_SEPARATOR=True):
        yield


def _target(name: str, pk: int) -> Any:
    return Target.objects.create(pk=pk, name=name, type=Target.SIDEREAL, ra=10.0, dec=-20.0)


def _attributes(page: str) -> list[str]:
    """The values of all attributes in our part of a page."""
    ours = page[page.index('class="sharing') :] if 'class="sharing' in page else page
    return re.findall(r'="([^"]*)"', ours)


@pytest.mark.usefixtures("separators")
def test_no_number_in_a_form_or_address_has_separators(tom: Tom, admin: Client) -> None:
    target = _target("SN 2026 large", FIRST)
    row = tom.unsaved(target)
    row.pk = FIRST
    row.save()
    share = PersistentShare.objects.create(pk=FIRST, target=target, destination="y")
    Delivery.objects.update(id=FIRST, state="needs_review", sent_at=tom.clock(), attempts=FIRST)
    outbox = Outbox.objects.get()
    once = Outbox.objects.create(pk=FIRST + 1, target_id=target.pk, destination="x:red")
    group = TargetList.objects.create(pk=FIRST, name="Tonight")
    group.targets.add(target)
    form = {"target": FIRST, "destination": "x:red", "kinds": ["photometry"]}
    pages = [
        admin.get(SHARES),
        admin.get(f"{SHARES}table"),
        admin.get(f"/targets/{FIRST}/persistentshare/manage/"),
        admin.get(f"{SHARES}{share.pk}/"),
        admin.get(f"{SHARES}{share.pk}/live"),
        admin.get(f"{SHARES}{share.pk}/delete"),
        admin.get(f"{SHARES}{share.pk}/change"),
        admin.get(f"{SHARES}targets?target_name=large"),
        admin.get(f"/targets/{FIRST}/share/"),
        admin.get(f"/targets/{FIRST}/share/?tab=continuous"),
        admin.get(f"/targets/{FIRST}/share/{once.pk}/"),
        admin.get(f"/targets/targetgrouping/{FIRST}/share/"),
        admin.get("/targets/persistentshare/lists/"),
        admin.get("/targets/persistentshare/destinations/"),
        admin.post(f"{SHARES}preview", form),
        admin.post(f"{SHARES}create", {**form, "destination": "y"}),
    ]
    assert outbox.share_id == FIRST
    for answer in pages:
        assert answer.status_code == 200
        for value in _attributes(answer.content.decode()):
            if value.startswith(("sharing-", "Delete ", "Pause ", "Show details ")):
                continue
            assert not SEPARATED.search(value), (answer.request["PATH_INFO"], value)


@pytest.mark.usefixtures("separators")
def test_what_the_search_and_the_list_offer_is_what_they_take(tom: Tom, admin: Client) -> None:
    target = _target("SN 2026 large", FIRST)
    group = TargetList.objects.create(pk=FIRST, name="Tonight")
    group.targets.add(target)
    found = admin.get(f"{SHARES}targets?target_name=large").content.decode()
    (value,) = re.findall(r'name="target" value="([^"]*)"', found)
    admin.post(f"{SHARES}create", {"target": value, "destination": "y", "kinds": ["photometry"]})
    assert PersistentShare.objects.get().target_id == FIRST
    page = admin.get(f"/targets/targetgrouping/{FIRST}/share/").content.decode()
    (value,) = re.findall(r'name="selected-target" value="([^"]*)"', page)
    form = {"share_destination": "x:red", "selected-target": value}
    answer = admin.post(f"/targets/targetgrouping/{FIRST}/share/", form)
    assert answer.status_code == 302
    assert answer.url.endswith(f"targetlist__name={FIRST}")

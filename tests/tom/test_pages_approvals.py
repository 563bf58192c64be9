"""The page of what waits for approval, the section on the page of a share, REST, and mails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.test import Client, override_settings
from django.urls import reverse
from guardian.shortcuts import assign_perm
from rest_framework.test import APIClient
from tom_targets.models import Target

from sharecore.delivery import State
from tom.clients import browser
from tom.conftest import Tom, edit
from tom.notices import Post, post, told
from tom.reading import text
from tom_integration.models import Delivery

__all__ = ["post"]
pytestmark = pytest.mark.django_db
PAGE = "/targets/persistentshare/approvals/"
API = "/targets/shareapproval/"
ASKS = {
    "x": {"ADAPTER": "memory", "APPROVAL": True, "DISPLAY_NAME": "The archive"},
    "y": {"ADAPTER": "memory", "APPROVAL": True},
}


@pytest.fixture(autouse=True)
def asks(tom: Tom) -> Iterator[None]:
    with override_settings(DATA_SHARING=ASKS):
        yield


def approver(tom: Tom, *targets: Any, name: str = "") -> User:
    user = tom.user(*targets, name=name)
    user.user_permissions.add(Permission.objects.get(codename="approve_share"))
    return User.objects.get(pk=user.pk)


def ticks(page: str) -> list[str]:
    return re.findall(r'name="chosen" value="([^"]+)"', page)


def button(page: str, action: str) -> str:
    """The value of the button for all of the first target."""
    (value, *_) = re.findall(rf'value="({action}:[^"]+)"', page)
    return str(value)


def test_it_shows_what_would_be_sent_and_sends_what_is_ticked(tom: Tom, shared: Any) -> None:
    first, second = tom.datum(shared, brightness=17.25), tom.datum(shared)
    tom.deliver()
    client = browser(approver(tom, shared, name="ada"))
    page = text(client.get(PAGE))
    assert "The archive" in page
    assert "17.25" in page
    assert "2 records" in page
    one, _ = ticks(page)
    answer = client.post(PAGE, {"action": "approve", "chosen": one}, follow=True)
    assert "1 record approved, and sent now." in text(answer)
    assert "1 record<" in text(answer)
    # A double click, and what another person has settled.
    again = client.post(PAGE, {"action": "approve", "chosen": one}, follow=True)
    assert "Nothing was done" in text(again)
    assert tom.deliver() == 1
    assert (tom.state(first), tom.state(second)) == (State.DELIVERED, State.TO_APPROVE)


def test_all_of_a_target_if_they_are_those_of_the_page(tom: Tom) -> None:
    targets = [tom.target("SN 1"), tom.target("SN 2")]
    for target in targets:
        tom.share(target)
        tom.data(target, 25)
    tom.deliver()
    client = browser(approver(tom, *targets))
    page = text(client.get(PAGE))
    assert len(ticks(page)) == 20
    whole = button(page, "approve")
    late = tom.datum(targets[0])
    tom.deliver()
    assert "has changed meanwhile" in text(client.post(PAGE, {"action": whole}, follow=True))
    assert set(tom.states()) == {"to_approve"}
    whole = button(text(client.get(PAGE)), "approve")
    assert "26 records approved" in text(client.post(PAGE, {"action": whole}, follow=True))
    tom.deliver()
    assert tom.state(late) is State.DELIVERED
    assert sorted(tom.states()) == ["delivered"] * 26 + ["to_approve"] * 25


def test_a_reason_for_declining(tom: Tom, shared: Any) -> None:
    tom.data(shared, 2)
    tom.deliver()
    user = approver(tom, shared, name="ada")
    client = browser(user)
    whole = button(text(client.get(PAGE)), "decline")
    assert "Give a reason" in text(client.post(PAGE, {"action": whole, "reason": " "}, follow=True))
    answer = text(client.post(PAGE, {"action": whole, "reason": "a <b>ghost</b>"}, follow=True))
    assert "2 records declined." in answer
    assert "Nothing waits for your approval." in answer
    root = browser(User.objects.create_superuser("root"))
    page = text(root.get(f"/targets/persistentshare/manage/{shared.persistentshare_set.get().pk}/"))
    assert "declined by ada: a &lt;b&gt;ghost" in page
    assert "<strong>declined:</strong>" not in page, "said once"
    assert "<strong>Declined</strong>" in page


def test_what_was_edited_since_is_not_approved(tom: Tom, shared: Any) -> None:
    datum = tom.datum(shared, brightness=17.25)
    tom.deliver()
    client = browser(approver(tom, shared))
    old = ticks(text(client.get(PAGE)))
    edit(datum, brightness=16.5)
    page = text(client.get(PAGE))
    assert "16.5" in page
    assert "This record has changed" in page
    # Seen after the edit but before it was asked for, and before the edit.
    for seen in (ticks(page), old):
        client.post(PAGE, {"action": "approve", "chosen": seen})
        tom.deliver()
        assert tom.x.calls == []
    page = text(client.get(PAGE))
    assert "changed since" not in page
    client.post(PAGE, {"action": "approve", "chosen": ticks(page)})
    tom.deliver()
    assert [each.brightness for each in tom.x.records] == [16.5]


def test_the_section_on_the_page_of_the_share(tom: Tom, shared: Any) -> None:
    tom.datum(shared, brightness=17.25)
    tom.deliver()
    share = shared.persistentshare_set.get()
    path = f"/targets/persistentshare/manage/{share.pk}/"
    root = browser(User.objects.create_superuser("root"))
    page = text(root.get(path))
    assert "17.25" in page.split('id="sharing-approvals"')[1]
    assert "Action needed" in page
    viewer = tom.user(shared)
    viewer.user_permissions.add(Permission.objects.get(codename="view_persistentshare"))
    seen = text(browser(viewer).get(path))
    assert 'id="sharing-approvals"' not in seen
    assert "1 record waits for approval" in seen
    assert "s-summary-waiting" in seen
    answer = root.post(PAGE, {"action": "approve", "chosen": ticks(page), "next": path}, follow=True)
    assert answer.redirect_chain == [(path, 302)]
    tom.deliver()
    assert "approved by root" in text(root.get(path))


def test_the_navigation_leads_those_who_may_approve(tom: Tom, shared: Any) -> None:
    tom.datum(shared)
    tom.deliver()
    page = text(browser(approver(tom, shared)).get("/users/"))
    assert f'href="{PAGE}"' in page
    assert re.search(r"data-sharing-needing><span>1<", page)
    assert PAGE not in text(browser(tom.user(shared)).get("/users/"))


def test_a_long_spectrum_has_a_page_of_its_own(tom: Tom, shared: Any) -> None:
    from tom_dataproducts.models import SpectroscopyReducedDatum

    wavelength = [float(each) for each in range(5000)]
    SpectroscopyReducedDatum.objects.create(
        target=shared, timestamp=tom.clock.now, flux=[1.5] * 5000, wavelength=wavelength
    )
    tom.deliver()
    client = browser(approver(tom, shared))
    row = Delivery.objects.get()
    assert f'href="{PAGE}{row.pk}/"' in text(client.get(PAGE))
    assert "4999.0" in text(client.get(f"{PAGE}{row.pk}/"))


def test_a_target_alone_is_refused_in_the_form(tom: Tom, admin: Client) -> None:
    target = tom.target()
    answer = admin.post(f"/targets/{target.pk}/share/", {"share_destination": "x"})
    assert "goes there with approved data only" in text(answer)
    tom.datum(target)
    answer = admin.post(
        f"/targets/{target.pk}/share/", {"share_destination": "x", "kinds": ["photometry"]}, follow=True
    )
    assert "It waits until somebody approves it." in text(answer)
    tom.deliver(after=60)
    assert (tom.states(), tom.x.calls, tom.x.introduced) == (["to_approve"], [], [])


def test_rest(tom: Tom, shared: Any) -> None:
    datum = tom.datum(shared, brightness=17.25)
    other = tom.datum(shared)
    tom.deliver()
    api = APIClient()
    user = approver(tom, shared)
    api.force_authenticate(user)
    listed = api.get(API).json()["results"]
    assert [each["datum_pk"] for each in listed] == [datum.pk, other.pk]
    assert api.get(f"{API}?destination=y").json()["count"] == 0
    one = api.get(f"{API}{listed[0]['id']}/").json()
    assert "17.25" in one["preview"]
    seen = {"deliveries": [{"id": one["id"], "content": one["content"]}]}
    assert api.post(f"{API}approve/", seen, format="json").json() == {"approved": 1, "left": 0}
    assert api.post(f"{API}approve/", seen, format="json").json() == {"approved": 0, "left": 1}
    seen = {"deliveries": [{"id": listed[1]["id"], "content": listed[1]["content"]}]}
    assert api.post(f"{API}decline/", seen, format="json").status_code == 400
    answer = api.post(f"{API}decline/", seen | {"reason": "a ghost"}, format="json")
    assert answer.json() == {"declined": 1, "left": 0}
    tom.deliver()
    assert (tom.state(datum), tom.state(other)) == (State.DELIVERED, State.WITHHELD)
    api.force_authenticate(User.objects.create_superuser("root"))
    share = api.get("/targets/persistentshare/").json()["results"][0]
    assert share["to_approve"] == 0
    deliveries = api.get(f"/targets/persistentshare/{share['id']}/deliveries/").json()["results"]
    assert {each["approved_by"] for each in deliveries} == {user.pk, None}


class TestMails:
    @pytest.fixture
    def waiting(self, tom: Tom) -> Target:
        target = tom.target("SN 2026abc")
        tom.share(target)
        tom.data(target, 3)
        tom.deliver()
        return target

    def test_approvers_and_operators_are_told_once(self, tom: Tom, waiting: Any, post: Post) -> None:
        for name, allowed in (("ada", waiting), ("bob", tom.target())):
            user = approver(tom, allowed, name=name)
            User.objects.filter(pk=user.pk).update(email=f"{name}@tom.test")
        post.person("eve", waiting)
        with override_settings(SHARECORE_NOTIFY=["ops@tom.test"], SHARECORE_SITE_URL="https://tom.test"):
            mails = told(post.look())
            assert set(mails) == {"ada@tom.test", "ops@tom.test"}
            for body in mails.values():
                assert "3 records of 1 target wait for approval to go to The archive." in body
                assert f"https://tom.test{PAGE}" in body
            assert post.look(after=7200) == []
            Delivery.objects.update(state=State.DELIVERED)
            assert post.look(after=7200) == []

    def test_nobody_is_told_where_nothing_is_approved(self, tom: Tom, waiting: Any, post: Post) -> None:
        with override_settings(DATA_SHARING={}, SHARECORE_NOTIFY=["ops@tom.test"]):
            post.look()
        assert not [each for each in mail.outbox if "approval" in each.body]


def test_what_waits_for_approval_stands_in_all_numbers(tom: Tom, shared: Any, admin: Client) -> None:
    tom.data(shared, 3)
    tom.deliver()
    row = text(admin.get("/targets/persistentshare/manage/"))
    assert 'data-label="Action needed">3</td>' in row, "who may approve has to"
    page = text(admin.get(reverse("sharing:destinations")))
    assert "<dt>Waiting for approval</dt><dd>3 records</dd>" in page
    viewer = tom.user(shared, name="viewer")
    assign_perm("tom_targets.view_persistentshare", viewer)
    client = Client()
    client.force_login(viewer)
    assert 'data-label="Action needed">0</td>' in text(client.get("/targets/persistentshare/manage/"))

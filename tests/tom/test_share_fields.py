"""Fields of an adapter beside a one-time share: on the pages, in the batch, and before approval."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client, override_settings
from django.urls import reverse
from tom_targets.models import Target

from sharecore import Deferred, FieldType, Problem, ReportField
from sharecore.exceptions import DestinationError
from tom_integration import access
from tom_integration.models import Delivery, OneTimeShare
from tom_integration.pages.destination_choices import Choice
from tom_integration.services import approval

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

FIELDS = (
    ReportField(name="reply_to", label="Replies to", type=FieldType.TEXT, help="Its id."),
    ReportField(name="urgent", label="Urgent", type=FieldType.YES_NO),
    ReportField(name="z", label="Redshift", type=FieldType.NUMBER),
)
PREFIX = Choice(address="y", label="y", fields=FIELDS).fields_id


@pytest.fixture
def eve(tom: Tom, target: Target) -> Client:
    tom.y.share_fields = FIELDS
    client = Client()
    client.force_login(tom.user(target, name="eve"))
    return client


def post(client: Client, target: Target, destination: str = "y", **values: Any) -> Any:
    given = {f"{PREFIX}-{name}": value for name, value in values.items()}
    form = {"share_destination": destination, "share_title": "Night", "kinds": ["photometry"], **given}
    return client.post(reverse("targets:share", args=[target.pk]), form)


def test_the_page_shows_the_fields_of_the_destination_that_has_some(
    tom: Tom, eve: Client, target: Target
) -> None:
    page = eve.get(reverse("targets:share", args=[target.pk])).content.decode()
    assert page.count("data-sharing-fields-of") == 1
    assert "For y" in page
    assert f'name="{PREFIX}-reply_to"' in page
    assert re.search(rf'value="y" required data-sharing-fields="{PREFIX}"', page)


def test_what_is_filled_in_reaches_the_adapter_and_its_retries(tom: Tom, eve: Client, target: Target) -> None:
    tom.data(target, 2)
    assert post(eve, target, reply_to="abc", urgent="on").status_code == 302
    assert OneTimeShare.objects.get().values == {"reply_to": "abc", "urgent": True}
    tom.y.will(Deferred(reason="busy"), times=2)
    assert tom.deliver() == 0
    assert tom.deliver_until_quiet() == 2
    assert len(tom.y.calls) > 1
    assert all(batch.values == {"reply_to": "abc", "urgent": True} for batch in tom.y.calls)


def test_fields_of_another_destination_do_not_count(tom: Tom, eve: Client, target: Target) -> None:
    tom.data(target, 1)
    assert post(eve, target, "x:red", reply_to="abc", z="far").status_code == 302
    assert OneTimeShare.objects.get().values == {}


def test_a_wrong_value_is_told_at_its_field_and_nothing_is_shared(
    tom: Tom, eve: Client, target: Target
) -> None:
    tom.data(target, 1)
    page = post(eve, target, reply_to="abc", z="far").content.decode()
    assert "Nothing has been shared. Correct what is marked." in page
    assert "Enter a number." in page
    assert 'value="abc"' in page, "what was filled in is kept"
    tom.y.value_problems = [Problem(where="reply_to", what="is not there yet", hint="Wait.")]
    page = post(eve, target, reply_to="abc").content.decode()
    assert page.count("Is not there yet. Wait.") == 1
    answer = eve.post(
        f"/dataproducts/target/{target.pk}/share/", {"share_destination": "y", f"{PREFIX}-reply_to": "abc"}
    )
    (told,) = get_messages(answer.wsgi_request)
    assert str(told) == "Replies to: Is not there yet. Wait.", "a page of tomtoolkit shows no fields"
    assert not OneTimeShare.objects.exists()
    assert not Delivery.objects.exists()


def test_a_destination_that_is_down_gets_the_share_later(tom: Tom, eve: Client, target: Target) -> None:
    tom.data(target, 1)
    tom.y.value_problems = DestinationError("it does not answer")
    answer = post(eve, target, reply_to="abc")
    assert answer.status_code == 302
    (told,) = get_messages(answer.wsgi_request)
    assert "y could not be asked about what you filled in: it does not answer." in str(told)
    assert tom.deliver() == 1


def test_chosen_targets_share_the_same_values(tom: Tom, eve: Client, target: Target) -> None:
    tom.data(target, 1)
    form = {
        "share_destination": "y",
        "share_title": "t",
        "selected-target": [target.pk],
        "dataSwitch": "on",
        f"{PREFIX}-reply_to": "abc",
    }
    url = "/targets/persistentshare/targets/once"
    tom.y.value_problems = [Problem(where="reply_to", what="is not there yet", hint="Wait.")]
    assert "Is not there yet" in eve.post(url, form).content.decode()
    tom.y.value_problems = ()
    assert eve.post(url, form).status_code == 302
    assert OneTimeShare.objects.get().values == {"reply_to": "abc", "urgent": False}


def test_what_was_filled_in_is_shown_with_the_earlier_shares(tom: Tom, eve: Client, target: Target) -> None:
    colours = ReportField(name="colour", label="Colour", type=FieldType.CHOICE, choices=(("r", "Red"),))
    tom.y.share_fields = (*FIELDS, colours)
    tom.data(target, 1)
    post(eve, target, reply_to="<abc>", urgent="on", z="0.03", colour="r")
    told = ("Replies to: &lt;abc&gt;", "Urgent: yes", "Redshift: 0.03", "Colour: Red")
    once = reverse("targets:share", args=[target.pk])
    history = reverse("sharing:history", args=[target.pk, tom.outbox(target, "y").pk])
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    for page in (eve.get(once), root.get(once), root.get(history)):
        listed = page.content.decode()
        assert [each for each in told if each not in listed] == []
    tom.y.share_fields = ()
    assert "reply_to: &lt;abc&gt;" in root.get(history).content.decode(), "the adapter knows it no more"


def test_who_approves_approves_the_values_too(tom: Tom, eve: Client, target: Target) -> None:
    sharing = {"y": {"ADAPTER": "memory", "APPROVAL": True}}
    with override_settings(DATA_SHARING=sharing):
        tom.data(target, 1)
        post(eve, target, reply_to="abc")
        tom.deliver()
        user = tom.user(target)
        user.user_permissions.add(Permission.objects.get(codename="approve_share"))
        approver = User.objects.get(pk=user.pk)
        assert approval.approve(approver, dict(access.approvable(approver).values_list("pk", "asked"))) == 1
        OneTimeShare.objects.update(values={"reply_to": "changed"})
        tom.deliver_until_quiet()
        assert (tom.states("y"), tom.y.calls) == (["to_approve"], [])


@pytest.mark.parametrize("bad", [[FIELDS[0], FIELDS[0]], ["text"]])
def test_an_adapter_with_wrong_fields_takes_shares_without_them(
    tom: Tom, eve: Client, target: Target, bad: Any
) -> None:
    tom.y.share_fields = bad
    page = eve.get(reverse("targets:share", args=[target.pk])).content.decode()
    assert "data-sharing-fields-of" not in page
    assert 'value="y"' in page

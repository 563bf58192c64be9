"""What may have arrived is settled message by message, record by record, or all at once, everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from sharecore.outcomes import Unconfirmed
from tom_integration.models import Delivery
from tom_integration.services import resolve

if TYPE_CHECKING:
    from tom.conftest import Tom

Two = tuple[Any, resolve.CallInReview, resolve.CallInReview]


@pytest.fixture
def two(tom: Tom) -> Two:
    """A share, and two messages of it whose answers were lost: of two records, and of three."""
    target = tom.target()
    share = tom.share(target)
    tom.x.can_tell = False
    tom.x.will(Unconfirmed(reason="no answer"))
    for number in (2, 3):
        tom.data(target, number)
        tom.deliver(after=60)
    tom.deliver(after=600)
    tom.x.recover()
    first, second = resolve.calls_in_review(Delivery.objects.all())
    assert (first.number, second.number) == (2, 3)
    return share, first, second


@pytest.fixture
def admin(tom: Tom) -> User:
    return User.objects.create_superuser("root")


def test_one_message_of_several_on_its_page(tom: Tom, two: Two, admin: User) -> None:
    share, first, second = two
    client = Client()
    client.force_login(admin)
    page = client.get(reverse("sharing:share-page", args=[share.pk])).content.decode()
    for call in (first, second):
        assert call.sent_at is not None
        assert f'value="{call.sent_at.isoformat()}"' in page
    assert second.sent_at is not None
    path = reverse("sharing:arrived", args=[share.pk])
    client.post(path, {"sent_at": second.sent_at.isoformat()})
    assert sorted(tom.states()) == ["delivered"] * 3 + ["needs_review"] * 2
    assert client.post(path, {"sent_at": "yesterday"}).status_code == 404
    client.post(reverse("sharing:resend", args=[share.pk]))
    assert tom.deliver(after=60) == 2


def test_one_message_or_single_records_by_rest(tom: Tom, two: Two, admin: User) -> None:
    share, first, _ = two
    api = APIClient()
    api.force_authenticate(admin)
    url = f"/targets/persistentshare/{share.pk}/"
    listed = api.get(f"{url}deliveries/").json()["results"]
    sent_at = next(each["sent_at"] for each in listed if each["state"] == "needs_review")
    answer = api.post(f"{url}resolve/", {"sent": False, "deliveries": [listed[0]["id"]]}, format="json")
    assert (answer.status_code, answer.json()["resolved"]) == (200, 1)
    assert first.sent_at is not None
    answer = api.post(f"{url}resolve/", {"sent": True, "sent_at": first.sent_at.isoformat()}, format="json")
    assert answer.json()["resolved"] == 2
    answer = api.post(f"{url}resolve/", {"sent": True}, format="json")
    assert (answer.json()["resolved"], answer.json()["needs_review"]) == (2, 0)
    assert sent_at
    for wrong in ({}, {"sent": True, "sent_at": "yesterday"}, {"sent": True, "deliveries": ["x"]}):
        assert api.post(f"{url}resolve/", wrong, format="json").status_code == 400
    assert tom.deliver(after=60) == 1


def test_one_message_or_single_records_by_command(tom: Tom, two: Two, capsys: Any) -> None:
    share, first, second = two
    call_command("sharing", "resolve")
    told = capsys.readouterr().out
    assert first.sent_at is not None
    assert second.sent_at is not None
    assert f"to x (share {share.pk}), sent {first.sent_at.isoformat()}:" in told
    assert "3 may have arrived (deliveries " in told
    one = Delivery.objects.filter(sent_at=second.sent_at)[0]
    call_command("sharing", "resolve", "--delivery", str(one.pk), "--resend")
    assert capsys.readouterr().out == "1 record is due again.\n"
    call_command("sharing", "resolve", str(share.pk), "--sent", first.sent_at.isoformat(), "--arrived")
    assert capsys.readouterr().out == "2 records count as arrived.\n"
    assert sorted(tom.states()) == ["delivered", "delivered", "needs_review", "needs_review", "pending"]
    for wrong in (["--arrived"], [str(share.pk), "--sent", "yesterday", "--arrived"], ["999", "--arrived"]):
        with pytest.raises(CommandError):
            call_command("sharing", "resolve", *wrong)


@pytest.mark.parametrize("number", ["9" * 20, "9" * 5000, "-1", "one"])
def test_what_is_no_number_of_a_delivery_is_refused(tom: Tom, number: str) -> None:
    with pytest.raises(CommandError, match=r"must be the number of a delivery|expected one argument"):
        call_command("sharing", "resolve", "--delivery", number, "--resend")

"""Somebody sends a test to a destination: it says what came back, and leaves no trace here."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.urls import reverse
from tom_targets.models import Target

from sharecore import AuthenticationFailed, Problem, SentTest
from tom.reading import text
from tom_integration import site
from tom_integration.models import Attempt, Delivery, Outbox
from tom_integration.services import shares

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

PROBLEM = Problem(where="x", what="the unit is not known", hint="Correct it.")


def press(admin: Client, name: str = "x", **fields: str) -> str:
    return text(admin.post(reverse("sharing:send-test"), {"name": name, **fields}))


def test_the_card_says_what_came_back_and_nothing_is_recorded(tom: Tom, admin: Client) -> None:
    tom.x.test_answer = SentTest(reply="It would take it.")
    assert "It would take it." in press(admin, topic="red")
    (batch,) = tom.x.tests
    (record,) = batch.records
    assert str(batch.address) == "x:red"
    assert batch.target.name == record.telescope == "sharecore test"
    for model in (Delivery, Attempt, Outbox, Target):
        assert model.objects.count() == 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "cannot take a test"),
        (SentTest(reply="It would not take it.", problems=(PROBLEM,)), "the unit is not known. Correct it."),
        (AuthenticationFailed("wrong token"), "No test arrived: wrong token"),
        (RuntimeError("a bug"), "No test arrived: adapter"),
    ],
)
def test_what_goes_wrong_is_said(tom: Tom, admin: Client, answer: object, said: str) -> None:
    tom.x.test_answer = answer  # type: ignore[assignment]
    assert said in press(admin)


def test_while_all_sending_is_stopped_no_test_goes(tom: Tom, admin: Client) -> None:
    with override_settings(SHARECORE_PAUSED=True):
        assert "No test arrived" in press(admin)
    assert tom.x.tests == []


def test_the_command_fails_with_the_test(tom: Tom) -> None:
    tom.x.test_answer = SentTest(reply="It would take it.")
    out = StringIO()
    call_command("sharing", "check", "--test", stdout=out)
    assert "It would take it." in out.getvalue()
    assert "cannot take a test" in out.getvalue()  # y
    tom.y.test_answer = SentTest(reply="It would not take it.", problems=(PROBLEM,))
    with pytest.raises(CommandError):
        call_command("sharing", "check", "--test", stdout=StringIO())


def offers(admin: Client) -> list[str]:
    page = admin.get(reverse("sharing:destinations")).content.decode()
    return re.findall(r'aria-label="Send a test to ([^"]+)"', page)


def test_a_test_is_offered_only_where_one_can_be_taken(tom: Tom, admin: Client) -> None:
    tom.x.test_answer = SentTest(reply="It would take it.")
    assert offers(admin) == ["x"]
    with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "APPROVAL": True}}):
        assert offers(admin) == []


def test_what_the_destination_said_last_decides(tom: Tom, admin: Client) -> None:
    """The page asks nobody: a check, or a delivery by a worker, has found out what runs there."""
    assert offers(admin) == []
    tom.x.test_answer = SentTest(reply="It would take it.")
    shares.check(site.destinations()["x"])
    tom.x.test_answer = None
    assert offers(admin) == ["x"]
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    tom.deliver()
    assert offers(admin) == []

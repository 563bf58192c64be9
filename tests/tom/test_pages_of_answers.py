"""What pages, REST and commands say of what was sent and is not answered, of delays, and of given names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from tom_targets.models import PersistentShare, TargetName

from sharecore import Accepted, Present, Unconfirmed
from tom.reading import text
from tom_integration.models import Activity, DestinationHealth, Worker
from tom_integration.pages.share_cause import Cause
from tom_integration.pages.share_status import ShareStatus, StatusSummary, summaries

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = [
    pytest.mark.filterwarnings("ignore:The default scheme will be changed"),
    pytest.mark.any_database,
]
AT = "AT 2026abc"


@pytest.fixture
def admin(tom: Tom) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def summary(tom: Tom, target: Any) -> StatusSummary:
    Worker.objects.update_or_create(name="w", defaults={"runner": "command", "seen": tom.clock.now})
    outbox = tom.outbox(target)
    return summaries([outbox], User.objects.get(username="root"))[outbox.pk]


def _pills(shown: str) -> set[str]:
    return set(re.findall(r'class="s-pill s-d-[a-z_]+"[^>]*>([^<]*)<', shown))


def page(client: Client) -> str:
    share = PersistentShare.objects.get()
    return text(client.get(reverse("sharing:share-page", args=[share.pk])))


def test_what_was_sent_and_not_answered_is_no_trouble_and_not_up_to_date(
    tom: Tom, later: Any, admin: Client
) -> None:
    tom.data(later, 2)
    tom.deliver()
    seen = summary(tom, later)
    assert (seen.status, seen.cause, seen.needing) == (ShareStatus.WAITING, Cause.ANSWER, 0)
    assert "2 records sent, waiting for an answer of x; it is asked at" in seen.text
    assert "wait; the next try" not in seen.text
    shown = page(admin)
    assert "Sent, waiting for an answer" in shown
    assert "Up to date" not in shown
    assert "Retry all" not in shown
    tom.clock.forward(seconds=61)
    assert summary(tom, later).cause is Cause.ANSWER, "a question that is due sends nothing"
    tom.x.process()
    tom.deliver()
    assert summary(tom, later).status is ShareStatus.OK


def test_beside_it_only_what_was_not_sent_waits_for_a_try(tom: Tom, later: Any, admin: Client) -> None:
    from sharecore import Deferred

    tom.data(later, 2)
    tom.deliver()
    tom.x.will(Deferred(reason="busy"), times=1)
    tom.datum(later)
    tom.deliver()
    seen = summary(tom, later)
    assert seen.cause is Cause.LATER
    assert "1 record waits; the next try is at" in seen.text
    assert "2 records sent, waiting for an answer" in seen.text


def test_a_lost_answer_is_looked_up_and_asks_nothing_of_a_person(
    tom: Tom, shared: Any, admin: Client
) -> None:
    tom.x.will(Unconfirmed(reason="the connection broke"), times=1)
    datum = tom.datum(shared)
    tom.deliver()
    assert tom.state(datum) == "unconfirmed"
    seen = summary(tom, shared)
    assert re.search(
        r"1 record sent, and no answer came; this TOM itself asks x at [-0-9: ]+ UTC whether it arrived",
        seen.text,
    )
    assert "waits" not in seen.text, "it is not sent again"
    shown = page(admin)
    assert "Being looked up" in shown
    assert "does not answer" not in shown
    assert "Mark as arrived" not in shown
    assert "Send again</button>" not in shown


def test_the_deliveries_can_be_filtered_by_it(tom: Tom, later: Any, admin: Client) -> None:
    tom.datum(later)
    tom.deliver()
    share = PersistentShare.objects.get()
    url = reverse("sharing:share-page", args=[share.pk])
    assert "Sent, waiting for an answer" in text(admin.get(url, {"state": "submitted"}))
    assert "Delivered" not in _pills(text(admin.get(url, {"state": "submitted"})))


def test_a_long_delay_is_told_and_is_no_outage(tom: Tom, shared: Any, admin: Client) -> None:
    tom.x.delay = 3600
    tom.datum(shared)
    tom.deliver()
    tom.datum(shared)
    tom.deliver(after=1)
    seen = summary(tom, shared)
    assert (seen.status, seen.cause) == (ShareStatus.WAITING, Cause.DELAYED)
    until = DestinationHealth.objects.get(destination="x", topic=None).next_call_at
    assert until is not None
    assert seen.own.startswith("1 record waits. The next call goes at ")
    assert f"{until:%H:%M} UTC, as x asked." in seen.own
    assert "does not answer" not in text(admin.get(reverse("sharing:destinations")))


def test_a_short_delay_and_one_with_nothing_to_send_are_not_told(
    tom: Tom, shared: Any, admin: Client
) -> None:
    tom.x.delay = 3600
    tom.datum(shared)
    tom.deliver()
    assert summary(tom, shared).status is ShareStatus.OK
    tom.deliver(after=3601)
    tom.x.delay = 30
    tom.datum(shared)
    tom.deliver()
    tom.datum(shared)
    tom.deliver(after=1)
    assert "The next call" not in summary(tom, shared).text


class TestTheNameOfTheTarget:
    def test_it_is_told_and_added_when_a_person_says_so(self, tom: Tom, shared: Any, admin: Client) -> None:
        tom.x.target_name = AT
        tom.datum(shared)
        tom.deliver()
        assert tom.outbox(shared).target_name == AT
        assert not TargetName.objects.exists(), "only a person adds it"
        shown = page(admin)
        assert f"Named <strong>{AT}</strong> by x" in shown
        assert f"Add {AT} as an alias" in shown
        url = reverse("targets:detail", args=[shared.pk])
        assert f"Named <strong>{AT}</strong> by x" in text(admin.get(url))
        add = reverse("sharing:add-alias", args=[shared.pk, tom.outbox(shared).pk])
        told = text(admin.post(add, follow=True))
        assert f"{AT} is an alias of {shared.name}" in told
        assert f"Add {AT} as an alias" not in told
        assert [each.name for each in shared.aliases.all()] == [AT]
        (written,) = Activity.objects.filter(what="alias-added")
        assert (written.user_name, written.target_id, written.detail) == ("root", shared.pk, AT)
        assert "has this name already" in text(admin.post(add, follow=True))

    def test_a_name_that_another_target_has_is_not_added(self, tom: Tom, shared: Any, admin: Client) -> None:
        tom.target("AT2026ABC")
        tom.x.target_name = AT
        tom.datum(shared)
        tom.deliver()
        add = reverse("sharing:add-alias", args=[shared.pk, tom.outbox(shared).pk])
        assert "Another target is named" in text(admin.post(add, follow=True))
        assert not TargetName.objects.exists()

    def test_a_user_without_the_right_on_the_target_adds_nothing(self, tom: Tom, shared: Any) -> None:
        tom.x.target_name = AT
        tom.datum(shared)
        tom.deliver()
        client = Client()
        client.force_login(tom.user())
        add = reverse("sharing:add-alias", args=[shared.pk, tom.outbox(shared).pk])
        assert client.post(add).status_code in (403, 404)
        assert not TargetName.objects.exists()

    @pytest.mark.parametrize("later", [True, False])
    def test_it_may_come_with_an_answer_that_comes_later(self, tom: Tom, shared: Any, later: bool) -> None:
        row = tom.datum(shared)
        tom.x.answers_later = later
        if not later:
            tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
        tom.deliver()
        assert tom.outbox(shared).target_name == ""
        tom.x.target_name = AT
        tom.x.process()
        tom.deliver(after=100)
        assert (tom.state(row), tom.outbox(shared).target_name) == ("delivered", AT)
        tom.x.target_name = None
        tom.datum(shared)
        tom.x.answers_later = False
        tom.deliver(after=100)
        assert tom.outbox(shared).target_name == AT, "an answer without a name takes none away"

    def test_it_is_in_rest(self, tom: Tom, shared: Any, admin: Client) -> None:
        tom.x.target_name = AT
        tom.datum(shared)
        tom.deliver()
        from tom_integration.api.share_serializers import read

        share = PersistentShare.objects.get()
        assert read([share], User.objects.get(username="root"))[share.pk]["named_there"] == AT


def test_a_name_that_repeats_a_secret_is_left_out() -> None:
    from sharecore import secrets

    secrets.register("AT-secret-name")
    try:
        assert Accepted(target_name="AT-secret-name").target_name is None
        assert Present(content="", target_name="AT-secret-name").target_name is None
    finally:
        secrets.forget()

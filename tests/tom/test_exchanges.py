"""What was sent and answered in the call of an attempt: kept once, for as long as asked, for nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm

from sharecore.delivery import State
from sharecore.secrets import HIDDEN
from sharecore.testing import FakeServer, answer
from tom_integration.mapping.shareable_rows import CHOSEN_MODELS
from tom_integration.models import Attempt, Call, Delivery
from tom_integration.outbox import retention

if TYPE_CHECKING:
    from tom.conftest import Tom

REPLY = "no such bandpass"
SECRET = f"whsec_{'A' * 32}"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.on("POST", "/hooks/T0123456789ab/", answer(400, {"detail": REPLY}))
        yield server


@pytest.fixture
def hook(tom: Tom, server: FakeServer) -> Iterator[Any]:
    """A target that is shared with a webhook that refuses everything."""
    entry = {
        "URL": f"{server.url}hooks/T0123456789ab/",
        "SECRET": SECRET,
        "ADAPTER": "webhook",
        "ALLOW_PRIVATE": True,
    }
    with override_settings(DATA_SHARING={"x": entry}):
        target = tom.target()
        tom.share(target)
        yield target


def failed(tom: Tom, target: Any, number: int = 1) -> list[Any]:
    rows = tom.data(target, number)
    tom.deliver()
    assert {tom.state(row) for row in rows} == {State.FAILED}
    return rows


def test_an_attempt_has_what_was_sent_and_answered(tom: Tom, hook: Any) -> None:
    (row,) = failed(tom, hook)
    call = Attempt.objects.get(delivery=tom.row(row)).call
    assert call is not None
    (exchange,) = call.exchanges
    assert (call.requests, exchange["method"], exchange["status"]) == (1, "POST", 400)
    assert exchange["url"].endswith(HIDDEN), "the address of a webhook is a credential"
    assert json.loads(exchange["sent"])["data"]["record"]["bandpass"] == "r"
    assert REPLY in exchange["answered"]
    assert exchange["seconds"] >= 0
    assert SECRET not in json.dumps(call.exchanges)


def test_a_call_is_stored_once_for_all_its_records(tom: Tom, hook: Any) -> None:
    failed(tom, hook, 30)
    call = Call.objects.get()
    assert Attempt.objects.filter(call=call).count() == 30
    assert (call.requests, len(call.exchanges)) == (30, 10)


def test_without_a_request_there_is_nothing_to_store(tom: Tom, shared: Any) -> None:
    tom.datum(shared)
    assert tom.deliver() == 1
    assert Attempt.objects.get().call is None
    assert not Call.objects.exists()


@override_settings(SHARECORE_KEEP_EXCHANGES=False)
def test_it_can_be_switched_off(tom: Tom, hook: Any) -> None:
    failed(tom, hook)
    assert Attempt.objects.get().call is None
    assert not Call.objects.exists()


def test_outcomes_and_attempts_are_kept_where_it_cannot_be_stored(
    tom: Tom, hook: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise DatabaseError("no space for this")

    monkeypatch.setattr(Call, "save", broken)
    failed(tom, hook, 2)
    assert Attempt.objects.filter(call=None, outcome="rejected").count() == 2
    assert "could not be stored" in caplog.text


class TestRetention:
    def test_it_goes_with_the_attempts(self, tom: Tom, hook: Any) -> None:
        failed(tom, hook)
        tom.clock.forward(days=29)
        assert not +retention.everything()
        tom.clock.forward(days=2)
        done = retention.everything()
        assert (done["attempts"], done["calls"]) == (1, 1)
        assert not Call.objects.exists()

    def test_it_goes_with_the_last_attempt_of_what_is_delivered(
        self, tom: Tom, hook: Any, server: FakeServer
    ) -> None:
        first, second = failed(tom, hook, 2)
        delivered = {"state": State.DELIVERED, "delivered_at": tom.clock()}
        Delivery.objects.filter(pk=tom.row(first).pk).update(**delivered)
        tom.clock.forward(days=2)
        with override_settings(SHARECORE_KEEP_DELIVERED_DAYS=1):
            retention.everything()
            assert Attempt.objects.get().delivery == tom.row(second)
            assert Call.objects.count() == 1, "another record was in the same call"
            Delivery.objects.filter(pk=tom.row(second).pk).update(**delivered)
            retention.everything()
        assert not Attempt.objects.exists()
        assert not Call.objects.exists()

    def test_switched_off_it_goes_at_once_and_the_attempts_stay(self, tom: Tom, hook: Any) -> None:
        (row,) = failed(tom, hook)
        with override_settings(SHARECORE_KEEP_EXCHANGES=False):
            assert retention.everything()["calls"] == 1
        assert not Call.objects.exists()
        (attempt,) = Attempt.objects.filter(delivery=tom.row(row)).select_related("call")
        assert attempt.call is None


def viewer(tom: Tom, *targets: Any) -> tuple[User, Client]:
    """Somebody who may view the shares of these targets, and the admin, and is no superuser."""
    user = tom.user(*targets)
    user.is_staff = True
    user.save()
    for right in ("tom_targets.view_persistentshare", "sharecore.view_attempt"):
        assign_perm(right, user)
    client = Client()
    client.force_login(user)
    return user, client


class Sights:
    """Where the exchanges of one attempt can be seen."""

    def __init__(self, tom: Tom, row: Any) -> None:
        delivery = tom.row(row)
        attempt = Attempt.objects.get(delivery=delivery)
        share = delivery.outbox.share_id
        self.share = f"/targets/persistentshare/manage/{share}/"
        self.page = f"/targets/persistentshare/manage/records/{delivery.pk}/attempts/{attempt.pk}/"
        self.rest = f"/targets/persistentshare/{share}/deliveries/{delivery.pk}/"
        self.admin = f"/admin/sharecore/attempt/{attempt.pk}/change/"

    def seen(self, client: Client) -> list[bool]:
        """Whether each shows them: the page, the link on the page of the share, REST, the admin."""
        page = client.get(self.page)
        assert page.status_code in (200, 404)
        assert (page.status_code == 200) is (REPLY in page.content.decode())
        links = [self.page in client.get(path).content.decode() for path in (self.share, self.admin)]
        (attempt,) = client.get(self.rest).json()["history"]
        assert attempt["outcome"] == "rejected", "the attempt itself is always shown"
        return [page.status_code == 200, links[0], attempt["exchanges"] is not None, links[1]]


class TestSeeing:
    def test_the_page_shows_requests_and_answers_and_runs_nothing_of_them(
        self, tom: Tom, hook: Any, server: FakeServer, admin: Client
    ) -> None:
        server.on("POST", "/hooks/T0123456789ab/", answer(400, {"detail": "<script>alert(1)</script>"}))
        sights = Sights(tom, failed(tom, hook)[0])
        page = admin.get(sights.page).content.decode()
        assert "<script>alert" not in page
        page = unescape(page)
        assert "<script>alert(1)</script>" in page
        assert "HTTP 400" in page
        assert '"bandpass":"r"' in page
        (attempt,) = admin.get(sights.rest).json()["history"]
        assert (attempt["requests"], attempt["exchanges"][0]["status"]) == (1, 400)
        assert datetime.fromisoformat(attempt["exchanges"][0]["started"]).tzinfo == UTC

    def test_of_a_long_call_the_page_says_how_much_is_kept(self, tom: Tom, hook: Any, admin: Client) -> None:
        rows = failed(tom, hook, 30)
        assert "10 of the 30 requests of this call" in admin.get(Sights(tom, rows[0]).page).content.decode()

    def test_whoever_sees_the_share_sees_them(self, tom: Tom, hook: Any) -> None:
        sights = Sights(tom, failed(tom, hook)[0])
        assert sights.seen(viewer(tom, hook)[1]) == [True] * 4
        assert viewer(tom, tom.target())[1].get(sights.page).status_code == 404

    def test_nobody_from_whom_single_data_may_be_hidden(self, tom: Tom, hook: Any, admin: Client) -> None:
        """Other records went in the same call."""
        row, _ = failed(tom, hook, 2)
        sights = Sights(tom, row)
        user, client = viewer(tom, hook)
        assign_perm("tom_dataproducts.view_photometryreduceddatum", user, row)
        with override_settings(TARGET_PERMISSIONS_ONLY=False):
            assert sights.seen(client) == [False] * 4
            assert sights.seen(admin) == [True] * 4
            for model in CHOSEN_MODELS:
                assign_perm(f"tom_dataproducts.view_{model}", user)
            client.force_login(User.objects.get(pk=user.pk))
            assert sights.seen(client) == [True] * 4

    def test_nobody_under_the_target_to_which_the_datum_was_moved(
        self, tom: Tom, hook: Any, admin: Client
    ) -> None:
        """The call holds data of the target from before, which they may not see."""
        row, _ = failed(tom, hook, 2)
        elsewhere = tom.target()
        tom.share(elsewhere)
        row.target = elsewhere
        row.save()
        tom.deliver()
        delivery = tom.row(row)
        assert delivery.outbox.target_id == elsewhere.pk
        first = Attempt.objects.filter(delivery=delivery).earliest("pk")
        page = f"/targets/persistentshare/manage/records/{delivery.pk}/attempts/{first.pk}/"
        assert first.call_id is not None
        assert admin.get(page).status_code == 404

    def test_the_page_of_a_share_asks_no_more_for_them(self, tom: Tom, hook: Any, admin: Client) -> None:
        sights = Sights(tom, failed(tom, hook, 20)[0])

        def asked() -> int:
            admin.get(sights.share)  # what is remembered from page to page is known by now
            with CaptureQueriesContext(connection) as queries:
                admin.get(sights.share)
            assert not any("exchanges" in each["sql"] for each in queries)
            return len(queries)

        known = asked()
        Attempt.objects.update(call=None)
        assert asked() == known

    def test_switched_off_nobody(self, tom: Tom, hook: Any, admin: Client) -> None:
        sights = Sights(tom, failed(tom, hook)[0])
        with override_settings(SHARECORE_KEEP_EXCHANGES=False):
            assert sights.seen(admin) == [False] * 4

    def test_what_is_not_kept_any_more_is_not_offered(self, tom: Tom, hook: Any, admin: Client) -> None:
        sights = Sights(tom, failed(tom, hook)[0])
        Call.objects.all().delete()
        assert sights.seen(admin) == [False] * 4

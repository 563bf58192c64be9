"""What was sent and answered in the call of an attempt: kept once, for as long as asked, for nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError
from django.test import override_settings

from sharecore.delivery import State
from sharecore.secrets import HIDDEN
from sharecore.testing import FakeServer, answer
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

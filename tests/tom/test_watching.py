"""Watching: the signal for alerts and metrics, the log of deliveries, the age of what waits."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.test import override_settings

from sharecore import AuthenticationFailed, Deferred, DestinationError, Rejected, Unconfirmed
from tom_integration import site
from tom_integration.models import Outbox
from tom_integration.services import shares
from tom_integration.signals import Alert, Event, sharing_alert
from tom_integration.tomtoolkit import functions

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


@pytest.fixture
def told() -> Iterator[list[Alert]]:
    """The alerts that were sent."""
    alerts: list[Alert] = []

    def receive(*, alert: Alert, **_: object) -> None:
        alerts.append(alert)

    sharing_alert.connect(receive)
    yield alerts
    sharing_alert.disconnect(receive)


def events(told: list[Alert]) -> list[Event]:
    return [alert.event for alert in told]


class TestAlerts:
    def test_nothing_is_told_when_all_is_well(self, tom: Tom, shared: Any, told: list[Alert]) -> None:
        tom.data(shared, 3)
        tom.deliver()
        assert not told

    def test_a_destination_that_is_down_and_up_again(self, tom: Tom, shared: Any, told: list[Alert]) -> None:
        tom.datum(shared)
        tom.x.will(DestinationError("no answer"), times=3)
        for _ in range(6):
            tom.deliver(after=1000)
        assert events(told) == [Event.DESTINATION_DOWN, Event.DESTINATION_UP]
        assert (told[0].destination, told[0].reason) == ("x", "no answer")

    def test_refused_credentials_are_told_once(self, tom: Tom, shared: Any, told: list[Alert]) -> None:
        other = tom.target()
        tom.share(other)
        tom.datum(shared)
        tom.datum(other)
        tom.x.will(AuthenticationFailed("wrong password"))
        for _ in range(4):
            tom.deliver(after=1000)
        assert events(told) == [Event.DESTINATION_PAUSED]
        tom.x.recover()
        shares.check(site.destinations()["x"])
        assert events(told) == [Event.DESTINATION_PAUSED, Event.DESTINATION_UP]

    def test_other_credentials_that_are_refused_too_are_told_again(
        self, tom: Tom, shared: Any, told: list[Alert]
    ) -> None:
        tom.datum(shared)
        tom.x.will(AuthenticationFailed("wrong password"))
        tom.deliver()
        with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "PASSWORD": "another"}}):
            tom.deliver(after=1000)
        assert events(told) == [Event.DESTINATION_PAUSED] * 2

    def test_records_that_failed(self, tom: Tom, shared: Any, told: list[Alert]) -> None:
        rows = [tom.datum(shared), tom.datum(shared)]
        tom.x.will(Rejected(reason="no such filter", field="bandpass"))
        tom.deliver()
        (alert,) = told
        assert alert.event is Event.RECORDS_FAILED
        assert alert.delivery_ids == tuple(tom.row(row).pk for row in rows)
        assert (alert.target_id, alert.share_id) == (shared.pk, tom.outbox(shared).share_id)
        assert alert.reason == "no such filter"

    def test_records_that_are_given_up(self, tom: Tom, shared: Any, told: list[Alert]) -> None:
        tom.datum(shared)
        tom.x.will(Deferred(reason="busy"))
        tom.deliver_until_quiet(hours=200)
        assert events(told) == [Event.RECORDS_FAILED]

    def test_a_record_that_waits_for_a_person(self, tom: Tom, shared: Any, told: list[Alert]) -> None:
        tom.x.can_tell = False
        tom.datum(shared)
        tom.x.will(Unconfirmed(reason="lost"), times=1)
        tom.deliver()
        assert not told
        tom.deliver(after=100)
        assert events(told) == [Event.RECORDS_NEED_REVIEW]

    def test_a_share_that_cannot_go_on_is_told_once(self, tom: Tom, told: list[Alert]) -> None:
        target = tom.target()
        user = tom.user(target)
        share = tom.share(target, user=user)
        user.is_active = False
        user.save()
        tom.datum(target)
        for _ in range(3):
            tom.deliver(after=1000)
        (alert,) = told
        assert (alert.event, alert.share_id) == (Event.SHARE_STOPPED, share.pk)
        assert user.username in alert.reason

    def test_a_share_that_a_person_paused_is_no_alert(self, tom: Tom, shared: Any, told: list[Alert]) -> None:
        Outbox.objects.update(paused="paused by rita")
        tom.datum(shared)
        tom.deliver()
        assert not told

    @pytest.mark.parametrize(
        "trouble", [ValueError("a bug of the site"), KeyError("x")], ids=["ValueError", "KeyError"]
    )
    def test_a_receiver_that_fails_changes_nothing(
        self, tom: Tom, shared: Any, told: list[Alert], trouble: Exception
    ) -> None:
        def fails(**_: object) -> None:
            raise trouble

        sharing_alert.connect(fails)
        try:
            tom.datum(shared)
            tom.x.will(Rejected(reason="no", field="bandpass"), times=1)
            tom.deliver()
        finally:
            sharing_alert.disconnect(fails)
        assert events(told) == [Event.RECORDS_FAILED]
        assert tom.states() == ["failed"]


class TestLog:
    @pytest.mark.parametrize("by_hand", [False, True])
    def test_a_program_can_find_a_delivery_in_it(
        self, tom: Tom, caplog: pytest.LogCaptureFixture, by_hand: bool
    ) -> None:
        target = tom.target()
        if by_hand:
            tom.data(target, 3)
            functions.share_target_and_all_data("x", target, None)
        else:
            tom.share(target)
            tom.data(target, 3)
        tom.x.will(Rejected(reason="no", field="bandpass"), times=1)
        with caplog.at_level(logging.INFO, logger="tom_integration.deliveries"):
            tom.deliver()
        (record,) = [each for each in caplog.records if each.name == "tom_integration.deliveries"]
        fields = vars(record)
        outbox = tom.outbox(target)
        assert fields["delivery_ids"] == sorted(tom.row(row).pk for row in target_rows(target))
        assert (fields["share_id"], fields["destination"]) == (outbox.share_id, "x")
        assert (fields["target_id"], fields["outcomes"]) == (target.pk, {"rejected": 1, "accepted": 2})
        assert "2 accepted" in record.getMessage()
        assert "1 rejected" in record.getMessage()

    def test_a_call_that_was_stopped_says_what_was_not_sent(
        self, tom: Tom, shared: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        tom.data(shared, 2)
        tom.x.will(DestinationError("down"), times=1)
        with caplog.at_level(logging.INFO, logger="tom_integration.deliveries"):
            tom.deliver()
        (record,) = [each for each in caplog.records if each.name == "tom_integration.deliveries"]
        assert vars(record)["outcomes"] == {"unsent": 2}


def target_rows(target: Any) -> list[Any]:
    return list(target.photometryreduceddatum_set.all())


class TestAge:
    @pytest.fixture
    def age(self) -> Callable[[], float | None]:
        def ask() -> float | None:
            out = StringIO()
            call_command("sharing", "status", "--json", stdout=out)
            return json.loads(out.getvalue())["oldest_seconds"]  # type: ignore[no-any-return]

        return ask

    def test_of_the_oldest_record_that_has_not_arrived(
        self, tom: Tom, shared: Any, age: Callable[[], float | None]
    ) -> None:
        assert age() is None
        tom.x.will(DestinationError("down"), times=2)
        tom.datum(shared)
        tom.deliver()
        tom.datum(shared)
        tom.deliver(after=600)
        assert age() == pytest.approx(600, abs=5)
        tom.deliver(after=600)
        assert age() is None

    def test_an_edit_of_an_old_datum_is_no_old_one(
        self, tom: Tom, shared: Any, age: Callable[[], float | None]
    ) -> None:
        tom.x.can_update = True
        row = tom.datum(shared)
        tom.deliver()
        tom.clock.forward(days=300)
        row.brightness = 12.0
        row.save()
        tom.x.will(DestinationError("down"), times=1)
        tom.deliver()
        assert tom.states() == ["pending"]
        assert age() is None

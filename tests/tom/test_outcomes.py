"""What each answer of a destination, and each way of not answering, leads to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings

from sharecore import (
    Accepted,
    AuthenticationFailed,
    ConfigurationError,
    Deferred,
    DestinationError,
    Duplicate,
    PluginError,
    Problem,
    Rejected,
    Unconfirmed,
    Unsupported,
)
from sharecore.retry_schedule import DEFAULT_SCHEDULE
from tom_integration import site
from tom_integration.models import Attempt, DestinationHealth
from tom_integration.pages.share_status import ShareStatus, summaries
from tom_integration.services import retry, shares
from tom_integration.worker.run import reconcile

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (Accepted(remote_id="7"), "delivered", ""),
        (Accepted(), "delivered", ""),
        (Duplicate(remote_id="7"), "delivered", ""),
        (Rejected(reason="no such band", field="bandpass"), "failed", "no such band"),
        (Unsupported(reason="no limits", feature="limit"), "unsupported", "no limits"),
        (Deferred(reason="busy"), "pending", "busy"),
        (Deferred(reason="busy", retry_after=7200), "pending", "busy"),
        (Unconfirmed(reason="no answer"), "unconfirmed", "no answer"),
    ],
)
def test_an_outcome_is_written_down(tom: Tom, shared: Any, outcome: Any, state: str, reason: str) -> None:
    row, other = tom.datum(shared), tom.datum(shared)
    tom.x.will(outcome, times=1)
    tom.deliver()
    kept = tom.row(row)
    assert (kept.state, kept.reason, kept.attempts) == (state, reason, 1)
    assert kept.remote_id == (getattr(outcome, "remote_id", "") or "")
    assert kept.field == (getattr(outcome, "field", "") or getattr(outcome, "feature", ""))
    assert (kept.next_at is None) == (state in ("delivered", "failed", "unsupported"))
    assert tom.state(other) == "delivered"
    attempt = Attempt.objects.get(delivery_id=kept.pk)
    assert (attempt.outcome, attempt.reason) == (type(outcome).__name__.lower(), reason)


def test_a_deferred_record_waits_as_long_as_it_was_asked_to(tom: Tom, shared: Any) -> None:
    row = tom.datum(shared)
    tom.x.will(Deferred(reason="busy", retry_after=7200), times=1)
    tom.deliver()
    assert tom.deliver(after=7100) == 0
    assert len(tom.x.calls) == 1
    assert tom.deliver(after=200) == 1
    assert tom.row(row).failures == 0


def test_a_record_that_never_gets_through_fails_and_can_be_tried_again(tom: Tom, shared: Any) -> None:
    row = tom.datum(shared)
    tom.x.will(Deferred(reason="busy"))
    for _ in range(20):
        tom.deliver(after=90000)
    assert tom.row(row).attempts == len(DEFAULT_SCHEDULE) + 1
    assert (tom.state(row), tom.row(row).reason) == ("failed", "given up: busy")
    tom.x.recover()
    assert retry.retry() == 1
    assert tom.deliver() == 1


def test_one_refused_record_does_not_hold_up_the_others(tom: Tom, shared: Any) -> None:
    tom.x.max_batch = 1
    tom.data(shared, 3)
    tom.x.will(Rejected(reason="no"), times=1)
    assert tom.deliver() == 2
    tom.data(shared, 1)
    assert tom.deliver() == 1


class TestUnknownFate:
    def test_what_arrived_is_found(self, tom: Tom, shared: Any) -> None:
        row = tom.datum(shared)
        tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
        tom.deliver()
        assert tom.deliver(after=50) == 0
        assert not tom.x.looked_up
        tom.deliver(after=20)
        assert (tom.state(row), tom.row(row).remote_id) == ("delivered", "memory-1")
        assert len(tom.x.received) == 1

    def test_what_did_not_arrive_is_sent_again(self, tom: Tom, shared: Any) -> None:
        row = tom.datum(shared)
        tom.x.will(Unconfirmed(reason="no answer"), times=1)
        tom.deliver()
        assert tom.deliver(after=70) == 1
        assert tom.state(row) == "delivered"

    def test_a_destination_that_cannot_be_asked_leaves_it_to_a_person(self, tom: Tom, shared: Any) -> None:
        row = tom.datum(shared)
        tom.x.can_tell = False
        tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
        tom.deliver()
        assert tom.deliver_until_quiet() == 0
        assert (tom.state(row), tom.row(row).reason) == ("needs_review", "no answer")
        assert retry.retry() == 0
        assert len(tom.x.received) == 1

    def test_for_ever_without_an_answer_ends_failed(self, tom: Tom, shared: Any) -> None:
        row = tom.datum(shared)
        tom.x.will(Unconfirmed(reason="no answer"))
        tom.x.settle_time = 0
        for _ in range(30):
            tom.deliver(after=30000)
        assert tom.state(row) == "failed"
        assert len(tom.x.calls) == len(DEFAULT_SCHEDULE) + 1

    def test_a_deleted_share_is_not_a_reason_to_send_twice(self, tom: Tom) -> None:
        target = tom.target()
        share = tom.share(target)
        row = tom.datum(target)
        tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
        tom.deliver()
        share.delete()
        tom.share(target)
        tom.share_existing(target)
        tom.deliver_until_quiet()
        assert tom.state(row) == "delivered"
        assert len(tom.x.received) == 1

    def test_after_its_share_is_deleted_it_is_looked_up_and_not_sent(self, tom: Tom) -> None:
        target = tom.target()
        share = tom.share(target)
        row = tom.datum(target)
        tom.x.will(Unconfirmed(reason="no answer"), times=1)
        tom.deliver()
        share.delete()
        tom.deliver_until_quiet()
        assert tom.state(row) == "cancelled"
        assert not tom.x.received

    @pytest.mark.parametrize("bug", [ValueError("oops"), PluginError("broken"), "no mapping"])
    def test_a_look_up_with_a_bug_holds_up_nothing_else(self, tom: Tom, shared: Any, bug: Any) -> None:
        row = tom.datum(shared)
        tom.x.will(Unconfirmed(reason="no answer"), times=1)
        tom.deliver()
        if isinstance(bug, Exception):
            tom.x.find_fails = bug
        else:
            tom.x.find = lambda batch: 17  # type: ignore[assignment,method-assign,return-value]
        tom.datum(shared)
        assert tom.deliver(after=100) == 1
        tom.datum(shared)
        assert tom.deliver(after=100) == 1
        assert tom.state(row) == "unconfirmed"
        for _ in range(16):
            tom.deliver(after=90000)
        assert tom.state(row) == "needs_review"

    def test_a_look_up_that_the_destination_cannot_take_waits_for_it(self, tom: Tom, shared: Any) -> None:
        row = tom.datum(shared)
        tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
        tom.deliver()
        tom.x.find_fails = DestinationError("down")
        tom.deliver_until_quiet(hours=100)
        assert tom.state(row) == "unconfirmed"
        tom.x.recover()
        tom.deliver(after=3600)
        assert tom.state(row) == "delivered"


class TestDestinationDown:
    def test_waiting_costs_no_attempts_and_everything_arrives_once_it_is_back(
        self, tom: Tom, shared: Any
    ) -> None:
        rows = tom.data(shared, 5)
        tom.x.will(DestinationError("connection refused"))
        for _ in range(25):
            tom.deliver(after=8 * 3600)
        assert {tom.state(row) for row in rows} == {"pending"}
        assert {tom.row(row).failures for row in rows} == {0}
        assert "refused" in tom.outbox(shared).problem
        tom.x.recover()
        assert tom.deliver(after=3600) == 5
        assert tom.outbox(shared).problem == ""

    def test_it_is_tried_often_at_first_and_rarely_in_the_end(self, tom: Tom, shared: Any) -> None:
        tom.datum(shared)
        tom.x.will(DestinationError("down"))
        tom.deliver()
        tom.deliver(after=4)
        assert len(tom.x.calls) == 1
        tom.deliver(after=3)
        assert len(tom.x.calls) == 2
        tom.deliver(after=3600)
        tom.x.calls.clear()
        for _ in range(30):
            tom.deliver(after=10)
        assert 7 <= len(tom.x.calls) <= 10

    def test_it_says_itself_when_to_come_back(self, tom: Tom, shared: Any) -> None:
        tom.datum(shared)
        tom.x.will(DestinationError("maintenance", retry_after=3000), times=1)
        tom.deliver()
        assert tom.deliver(after=2900) == 0
        assert len(tom.x.calls) == 1
        assert tom.deliver(after=200) == 1

    def test_of_many_shares_one_tries(self, tom: Tom) -> None:
        for _ in range(5):
            target = tom.target()
            tom.share(target)
            tom.datum(target)
        tom.x.will(DestinationError("down"))
        tom.deliver()
        assert len(tom.x.calls) == 1
        tom.deliver(after=10)
        assert len(tom.x.calls) == 2

    def test_a_batch_of_which_nothing_leaves_does_not_use_up_the_try(self, tom: Tom) -> None:
        first, second = tom.target(), tom.target()
        for target in (first, second):
            tom.share(target)
        tom.datum(second)
        tom.x.will(DestinationError("down"), times=1)
        tom.deliver()
        tom.datum(first, brightness=None)
        assert tom.deliver(after=10) == 1

    def test_another_destination_goes_on(self, tom: Tom, shared: Any) -> None:
        tom.share(shared, "y")
        tom.data(shared, 3)
        tom.x.will(DestinationError("down"))
        assert tom.deliver() == 3

    def test_what_was_decided_before_it_went_down_stays_decided(self, tom: Tom, shared: Any) -> None:
        rows = tom.data(shared, 4)
        tom.x.will(
            DestinationError("reset"), times=1, where=lambda record: record.brightness == rows[2].brightness
        )  # type: ignore[union-attr]
        assert tom.deliver() == 2
        assert [tom.state(row) for row in rows] == ["delivered", "delivered", "pending", "pending"]
        assert tom.deliver(after=10) == 2
        assert not tom.x.repeated

    def test_a_refusal_shows_that_it_is_back(self, tom: Tom, shared: Any) -> None:
        tom.x.max_batch = 1
        tom.data(shared, 3)
        tom.x.will(DestinationError("down"), times=1)
        tom.deliver()
        tom.x.will(Rejected(reason="no"), times=1)
        assert tom.deliver(after=10) == 2


class TestCredentialsRefused:
    def pause(self, tom: Tom, shared: Any, **kind: Any) -> None:
        tom.datum(shared)
        tom.x.will(AuthenticationFailed("401: bad token", **kind))
        tom.deliver()

    def test_it_pauses(self, tom: Tom, shared: Any) -> None:
        self.pause(tom, shared)
        for _ in range(20):
            tom.datum(shared)
            tom.deliver(after=3600)
        assert len(tom.x.calls) == 1
        assert "paused" in tom.outbox(shared).problem
        assert "401: bad token" in tom.outbox(shared).problem

    def test_new_credentials_end_it(self, tom: Tom, shared: Any) -> None:
        self.pause(tom, shared)
        tom.x.recover()
        with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "PASSWORD": "mended"}}):
            assert tom.deliver(after=400) == 1

    def test_a_check_that_succeeds_ends_it_at_once(self, tom: Tom, shared: Any) -> None:
        self.pause(tom, shared)
        tom.x.recover()
        tom.x.problems = [Problem(where="x", what="refuses us", hint="Ask.")]
        shares.check(site.destinations()["x"])
        assert tom.deliver() == 0
        tom.x.problems = ()
        shares.check(site.destinations()["x"])
        assert tom.deliver() == 1

    def test_a_refused_topic_pauses_that_topic_alone(self, tom: Tom) -> None:
        target = tom.target()
        for topic in ("red", "blue"):
            tom.share(target, f"x:{topic}")
        tom.datum(target)
        tom.x.will(AuthenticationFailed("not your topic", topic_only=True), times=1)
        tom.deliver()
        paused = str(DestinationHealth.objects.exclude(paused="").get())
        assert tom.deliver(after=1000) == 0
        outboxes = {call.address for call in tom.x.calls}
        assert len(tom.x.calls) == len(outboxes) == 2
        assert len(tom.x.received) == 1
        tom.x.problems = ()
        shares.check(site.destinations()["x"])
        assert paused in {"x:red", "x:blue"}
        assert tom.deliver() == 1

    @pytest.mark.parametrize("address", ["x", "x:red"])
    def test_the_pages_say_so_of_a_topic_that_is_named_and_of_one_that_is_not(
        self, tom: Tom, address: str
    ) -> None:
        target = tom.target()
        tom.share(target, address)
        tom.share(target, "x:blue")
        tom.datum(target)
        tom.x.will(AuthenticationFailed("not your topic", topic_only=True), times=1)
        reconcile(tom.outbox(target, address).pk)
        outbox, other = tom.outbox(target, address), tom.outbox(target, "x:blue")
        seen = summaries([outbox, other], None)
        assert seen[outbox.pk].status == ShareStatus.ACTION_NEEDED
        assert seen[outbox.pk].detail.startswith(f"{address} refuses what we send: not your topic. ")
        assert seen[other.pk].status != ShareStatus.ACTION_NEEDED


class TestFaultyAdapter:
    def test_a_bug_is_survived_and_the_batch_looked_up(self, tom: Tom, shared: Any) -> None:
        rows = tom.data(shared, 3)
        tom.x.will(KeyError("ra"), times=1)
        assert tom.deliver() == 0
        assert {tom.state(row) for row in rows} == {"unconfirmed"}
        assert tom.deliver(after=100) == 3
        assert not tom.x.repeated

    def test_a_broken_contract_does_not_loop(self, tom: Tom, shared: Any) -> None:
        rows = tom.data(shared, 3)
        tom.x.will(PluginError("gave no outcome"))
        for _ in range(30):
            tom.deliver(after=30000)
        assert {tom.state(row) for row in rows} == {"failed"}
        assert len(tom.x.calls) <= len(DEFAULT_SCHEDULE) + 1

    @pytest.mark.parametrize("answer", [None, 17, {}, {"a": 1}])
    def test_an_answer_that_is_none(self, tom: Tom, shared: Any, answer: Any) -> None:
        row = tom.datum(shared)
        tom.x.take = lambda batch: answer  # type: ignore[method-assign]
        tom.deliver()
        assert tom.state(row) == "unconfirmed"

    def test_settings_found_wrong_in_a_call_are_shown(self, tom: Tom, shared: Any) -> None:
        row = tom.datum(shared)
        problem = Problem(where="DATA_SHARING['x']['TOPIC']", what="is missing", hint="Add it.")
        tom.x.will(ConfigurationError([problem]), times=1)
        tom.deliver()
        assert "is missing" in tom.outbox(shared).problem
        tom.deliver_until_quiet(hours=2)
        assert tom.state(row) == "delivered"
        assert len(tom.x.received) == 1

    @pytest.mark.parametrize(
        "error", [DestinationError("no socket"), AuthenticationFailed("no key"), ValueError("oops")]
    )
    def test_an_adapter_that_does_not_open(
        self, tom: Tom, shared: Any, error: Exception, monkeypatch: Any
    ) -> None:
        from sharecore.testing import MemoryAdapter

        def broken(self: Any, destination: Any) -> None:
            raise error

        row = tom.datum(shared)
        with monkeypatch.context() as patch:
            patch.setattr(MemoryAdapter, "__init__", broken)
            assert tom.deliver() == 0
            assert tom.outbox(shared).problem
        assert tom.deliver(after=400) == 1
        assert tom.row(row).attempts == 1

    def test_odd_ids_and_long_ones_are_kept_as_far_as_they_fit(self, tom: Tom, shared: Any) -> None:
        row, other = tom.datum(shared), tom.datum(shared)
        tom.x.will(Accepted(remote_id="x\0" * 300), times=1)
        tom.x.will(Accepted(remote_id=17), times=1)  # type: ignore[arg-type]
        assert tom.deliver() == 2
        assert len(tom.row(row).remote_id) == 200
        assert tom.row(other).remote_id == "17"

    def test_a_reason_with_a_nul_is_kept_without_it(self, tom: Tom, shared: Any) -> None:
        tom.datum(shared)
        tom.x.will(DestinationError("a\0b" * 400), times=1)
        tom.deliver()
        assert tom.outbox(shared).problem.startswith("a b")
        assert tom.deliver(after=10) == 1


def test_the_wait_between_tries_of_one_record_is_that_of_the_schedule(tom: Tom, shared: Any) -> None:
    row = tom.datum(shared)
    tom.x.will(Deferred(reason="busy"))
    waits = []
    for _ in range(len(DEFAULT_SCHEDULE)):
        tom.deliver()
        next_at = tom.row(row).next_at
        waits.append(next_at - tom.clock.now)
        tom.clock.now = next_at
    for wait, seconds in zip(waits, DEFAULT_SCHEDULE, strict=True):
        assert timedelta(seconds=seconds * 0.99) <= wait <= timedelta(seconds=seconds * 1.1)

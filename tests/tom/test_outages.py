"""When a destination is back, or somebody mended something, what waits leaves within seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings

from sharecore import circuit_breaker as rules
from sharecore.addresses import Address
from sharecore.delivery import State
from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.outcomes import Deferred, Unconfirmed, Unsupported
from sharecore.testing.memory_adapter import MemoryAdapter
from tom.conftest import DATA_SHARING
from tom_integration import conf, site
from tom_integration.models import Activity, Delivery, DestinationHealth, Outbox
from tom_integration.outbox import open_outboxes
from tom_integration.services import shares, withdraw
from tom_integration.worker import breaker, end_waits, run
from tom_integration.worker.loop import Worker

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

MENDED = DATA_SHARING | {"x": {"ADAPTER": "memory", "PASSWORD": "mended"}}


@pytest.fixture
def shared(tom: Tom) -> Any:
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    return target


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], bool]]:
    """What the next probes do, one after the other; the last one for ever."""
    script: list[Callable[[], bool]] = []

    def probe(self: MemoryAdapter, seconds: float) -> bool:
        assert 0 < seconds <= 30
        return (script.pop(0) if len(script) > 1 else script[0])()

    monkeypatch.setattr(MemoryAdapter, "probe", probe)
    return script


def silent() -> bool:
    raise DestinationError("no connection")


def seconds_until(tom: Tom, arrived: int, *, most: int = 60) -> int:
    """How long it takes until so many records arrive; a worker looks each second."""
    for waited in range(1, most):
        arrived -= tom.deliver(after=1)
        if arrived <= 0:
            return waited
    pytest.fail(f"{arrived} records did not arrive within {most} s")


def test_after_an_outage_of_minutes_the_first_datum_leaves_within_seconds(tom: Tom, shared: Any) -> None:
    tom.x.will(DestinationError("connection refused"))
    for _ in range(40):
        tom.deliver(after=5)
    tom.x.recover()
    assert seconds_until(tom, 1) <= 7


def test_whoever_finds_it_well_wakes_all_that_wait(tom: Tom) -> None:
    for _ in range(5):
        target = tom.target()
        tom.share(target)
        tom.datum(target)
    tom.x.will(DestinationError("connection refused"))
    for _ in range(40):
        tom.deliver(after=5)
    tom.x.recover()
    assert seconds_until(tom, 5) <= 8


def test_a_probe_that_is_not_answered_spares_the_records(
    tom: Tom, shared: Any, probes: list[Callable[[], bool]]
) -> None:
    asked: list[float] = []

    def probe() -> bool:
        asked.append(tom.clock.now.timestamp())
        return silent()

    probes.append(probe)
    tom.x.will(DestinationError("connection refused"), times=1)
    for _ in range(100):
        tom.deliver(after=2)
    assert len(tom.x.calls) == 1
    assert 30 <= len(asked) <= 40
    probes[:] = [lambda: True]
    assert seconds_until(tom, 1) <= 7


def test_one_that_answers_and_takes_nothing_is_not_hammered(
    tom: Tom, shared: Any, probes: list[Callable[[], bool]]
) -> None:
    probes.append(lambda: True)
    tom.x.will(DestinationError("HTTP 500"))
    for _ in range(120):
        tom.deliver(after=30)
    assert 10 <= len(tom.x.calls) <= 20, "in an hour"
    assert tom.outbox(shared).needs_person is False
    tom.x.recover()
    assert seconds_until(tom, 1, most=400)


def test_a_probe_with_a_bug_leaves_it_to_a_delivery(
    tom: Tom, shared: Any, probes: list[Callable[[], bool]], caplog: pytest.LogCaptureFixture
) -> None:
    def bug() -> bool:
        raise RuntimeError("a bug")

    probes.append(bug)
    tom.x.will(DestinationError("down"), times=1)
    tom.deliver()
    assert tom.deliver(after=6) == 1
    assert "in probe" in caplog.text


def test_one_worker_of_the_site_probes(tom: Tom, shared: Any, probes: list[Callable[[], bool]]) -> None:
    other = tom.target()
    tom.share(other)
    tom.datum(other)
    asked: list[int] = []

    def probe() -> bool:
        asked.append(1)
        run.reconcile(tom.outbox(other).pk)  # another worker, at this moment
        return silent()

    probes.append(probe)
    tom.x.will(DestinationError("down"), times=1)
    tom.deliver()
    tom.deliver(after=6)
    assert asked == [1]
    assert len(tom.x.calls) == 1


def test_a_destination_that_asked_for_time_is_not_even_probed(
    tom: Tom, shared: Any, probes: list[Callable[[], bool]]
) -> None:
    probes.append(lambda: pytest.fail("it asked to be left alone"))
    tom.x.will(DestinationError("HTTP 429", retry_after=3000), times=1)
    tom.deliver()
    for _ in range(29):
        end_waits.after_a_start()
        tom.deliver(after=100)
    probes[:] = [lambda: True]
    assert tom.deliver(after=200) == 1


def test_what_waits_for_a_destination_is_not_looked_at_with_each_try(tom: Tom) -> None:
    targets = [tom.target() for _ in range(4)]
    for target in targets:
        tom.share(target)
        tom.datum(target)
    tom.x.will(DestinationError("down"))
    tom.deliver()
    looked: list[int] = []
    for _ in range(20):
        before = dict(Outbox.objects.values_list("pk", "scanned_at"))
        tom.deliver(after=1)
        looked += [each.pk for each in Outbox.objects.all() if each.scanned_at != before[each.pk]]
    assert 1 <= len(looked) <= 6, "one for each try"


@pytest.mark.parametrize(
    "answer",
    [
        DestinationError("HTTP 404: no such address", retry_after=86000),
        AuthenticationFailed("the key is wrong"),
        Deferred(reason="not now", retry_after=86000),
        Unsupported(feature="unit", reason="no unit"),
    ],
)
def test_mended_settings_let_everything_go(tom: Tom, shared: Any, answer: Any) -> None:
    tom.x.will(answer)
    for _ in range(10):
        tom.deliver(after=600)
    tom.x.recover()
    with override_settings(DATA_SHARING=MENDED):
        assert seconds_until(tom, 1, most=10) <= 2


def test_a_destination_that_returns_lets_everything_go(tom: Tom, shared: Any) -> None:
    tom.deliver()
    with override_settings(DATA_SHARING={"y": {"ADAPTER": "memory"}}):
        tom.datum(shared)
        tom.deliver(after=60)
        assert tom.outbox(shared).needs_person
    assert tom.deliver(after=1) == 1


@pytest.mark.parametrize(
    "answer",
    [DestinationError("HTTP 404", retry_after=86000), Deferred(reason="not now", retry_after=86000)],
)
def test_a_check_that_succeeds_lets_everything_go(tom: Tom, shared: Any, answer: Any) -> None:
    tom.x.will(answer)
    tom.deliver()
    tom.x.recover()
    assert tom.deliver(after=600) == 0
    shares.check(site.destinations()["x"])
    assert tom.deliver(after=1) == 1


def test_a_check_says_nothing_of_a_destination_whose_name_begins_alike(tom: Tom) -> None:
    settings = {"x": {"ADAPTER": "memory"}, "xy": {"ADAPTER": "memory"}}
    with override_settings(DATA_SHARING=settings):
        for name in settings:
            target = tom.target()
            tom.share(target, name)
            tom.datum(target)
            tom.plugin[name].will(AuthenticationFailed("the password is wrong"), times=1)
        tom.deliver()
        shares.check(site.destinations()["x"])
        paused = DestinationHealth.objects.exclude(paused="").values_list("destination", flat=True)
        assert set(paused) == {"xy"}
        assert tom.deliver(after=1) == 1
        assert tom.x.received


def test_a_failure_that_is_noted_late_does_not_bring_a_pause_back(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"paused": "the password is wrong", "credentials": "digest"}
    DestinationHealth.objects.create(destination="x", **known)
    failed, checks = rules.failed, iter([lambda: breaker.end_pauses("x")])

    def late(health: rules.Health, **told: Any) -> rules.Health:
        next(checks, lambda: None)()
        return failed(health, **told)

    monkeypatch.setattr(rules, "failed", late)
    breaker.stopped(Address("x"), DestinationError("no route"), credentials="digest", chance=0.5)
    row = DestinationHealth.objects.get()
    assert (row.paused, row.failures) == ("", 1)


def test_a_refusal_that_two_workers_meet_is_told_once(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    refused, met = rules.refused, iter(["by another worker"])

    def note() -> None:
        error = AuthenticationFailed("the password is wrong")
        breaker.stopped(Address("x"), error, credentials="digest", chance=0.5)

    def late(health: rules.Health, **told: Any) -> rules.Health:
        for _ in met:
            note()
        return refused(health, **told)

    monkeypatch.setattr(rules, "refused", late)
    note()
    assert Activity.objects.filter(what=Activity.What.PAUSED).count() == 1


@pytest.mark.parametrize("error", [DestinationError("down", retry_after=250), AuthenticationFailed("no")])
def test_a_share_whose_call_fails_just_before_it_is_back_leaves_in_a_second_too(
    tom: Tom, shared: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    stopped = breaker.stopped

    def just_before(*args: Any, **options: Any) -> Any:
        until = stopped(*args, **options)
        if isinstance(error, AuthenticationFailed):
            breaker.end_pauses("x")
        else:
            breaker.answered("x")
        return until

    monkeypatch.setattr(breaker, "stopped", just_before)
    tom.x.will(error, times=1)
    tom.deliver()
    assert tom.deliver(after=1) == 1


def test_a_restart_lets_everything_go(tom: Tom, shared: Any) -> None:
    other = tom.target()
    tom.share(other, "y")
    deferred = tom.datum(other)
    tom.x.will(DestinationError("no route"))
    tom.y.will(Deferred(reason="the disk is not there"))
    for _ in range(10):
        tom.deliver(after=10000)
    before = tom.row(deferred, "y").failures
    end_waits.after_a_start()
    assert tom.deliver() == 0
    assert tom.row(deferred, "y").failures == before, "a start costs none of its tries"
    for destination in (tom.x, tom.y):
        destination.recover()
    tom.clock.forward(seconds=90)
    end_waits.after_a_start()
    assert seconds_until(tom, 2) <= 6


def test_processes_that_start_all_the_time_hammer_nobody(tom: Tom, shared: Any) -> None:
    tom.datum(shared)
    tom.x.will(Deferred(reason="busy"), times=1)
    tom.x.will(DestinationError("down"))
    for _ in range(60):
        end_waits.after_a_start()
        tom.deliver(after=1)
    assert len(tom.x.calls) <= 15


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_starts_tries_what_was_put_off(tom: Tom, shared: Any) -> None:
    tom.x.will(Deferred(reason="the disk is not there", retry_after=80000), times=1)
    tom.deliver()
    tom.clock.forward(seconds=100)
    worker = Worker("command")
    worker.stop()  # after its first turn
    worker.run()
    assert tom.deliver() == 1


def test_what_an_adapter_knows_of_a_destination_that_failed_is_forgotten(tom: Tom, shared: Any) -> None:
    tom.x.will(DestinationError("it was another TOM before"), times=1)
    tom.deliver()
    opened = tom.x.opened
    assert tom.deliver(after=6) == 1
    assert tom.x.opened == opened + 1
    assert tom.x.closed == opened


def test_new_data_wait_quietly_too(tom: Tom, shared: Any) -> None:
    tom.x.will(DestinationError("down", retry_after=500))
    tom.deliver()
    for _ in range(3):
        row = tom.datum(shared)
        open_outboxes.look_at(shared.pk)
        tom.deliver(after=conf.settings().scan_seconds + 1)
        assert tom.state(row) == State.PENDING
    assert len(tom.x.calls) == 1


@pytest.mark.parametrize("answer", ["of a look-up", "of a withdrawal"])
def test_after_an_answer_to_a_question_the_next_datum_leaves_at_once(
    tom: Tom, shared: Any, answer: str
) -> None:
    tom.x.can_withdraw = True
    if answer == "of a look-up":
        tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
    tom.deliver()
    (row,) = Delivery.objects.all()
    gone = DestinationError("no connection")
    known = site.credentials_digest(site.destinations().resolve("x")[1])
    breaker.stopped(Address("x"), gone, credentials=known, chance=0.0)
    if answer == "of a withdrawal":
        pi = User.objects.create_superuser("pi")
        withdraw.withdraw(tom.outbox(shared), [row.pk], reason="a cosmic ray", by=pi)
    tom.deliver(after=100)
    row.refresh_from_db()
    assert row.state == ("delivered" if answer == "of a look-up" else "withdrawn")
    tom.datum(shared)
    assert tom.deliver() == 1

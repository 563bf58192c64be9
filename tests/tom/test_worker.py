"""The worker: one step that fails keeps none of the others from running."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sharecore import shutdown
from sharecore.exceptions import DestinationError
from tom_integration.models import DestinationHealth, Outbox, ShareRule
from tom_integration.outbox import rules
from tom_integration.worker import celery, quick_look
from tom_integration.worker.loop import Worker
from tom_integration.worker.run import reconcile
from tom_integration.worker.scan import Scan

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_scan_that_fails_does_not_stop_the_rescan(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(scan: Scan) -> list[int]:
        raise RuntimeError("the shares cannot be read")

    ran: list[str] = []
    monkeypatch.setattr(Scan, "outboxes", broken)
    monkeypatch.setattr(Scan, "rescan", lambda scan: ran.append("rescan"))
    Worker("command").run_once()
    assert ran == ["rescan"]
    assert "the scan failed" in caplog.text


def test_a_worker_that_is_to_stop_begins_no_batch(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.data(target, 5)
    outbox = tom.outbox(target)
    assert reconcile(outbox.pk, stop=lambda: True) == 0
    assert not tom.x.calls
    assert set(tom.states()) == {"pending"}
    assert tom.outbox(target).lease == ""
    assert tom.deliver() == 5


def test_a_call_that_the_end_of_the_process_stopped_says_nothing_of_the_destination(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.data(target, 5)
    tom.x.will(DestinationError("this process ends; it was not sent"), times=1)
    with shutdown.ending():
        tom.deliver()
    assert not DestinationHealth.objects.filter(failures__gt=0).exists()
    assert set(tom.states()) == {"pending"}
    assert tom.deliver() == 5


def test_a_task_begins_no_other_batch_for_ever(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    tom.x.max_batch = 1
    target = tom.target()
    tom.share(target)
    tom.data(target, 5)
    monkeypatch.setattr(celery, "LOOK_SECONDS", -1)
    celery.look(tom.outbox(target).pk)
    assert not tom.x.received
    monkeypatch.setattr(celery, "LOOK_SECONDS", 60)
    celery.look(tom.outbox(target).pk)
    assert len(tom.x.received) == 5


SOON, LATER, NEVER = timedelta(seconds=20), timedelta(hours=2), timedelta(days=4000)


@pytest.mark.parametrize(
    ("outbox", "there_is"),
    [
        ({}, False),
        ({"look_now": True}, True),
        ({"next_at": -SOON}, True),
        ({"next_at": LATER}, False),
        ({"next_at": NEVER}, True),
        ({"look_now": True, "lease": "another", "lease_until": SOON}, False),
        ({"look_now": True, "lease": "another", "lease_until": -SOON}, True),
        ({"lease": "another", "lease_until": -SOON}, True),
        ({"lease": "another", "lease_until": NEVER}, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("down", [None, -SOON, SOON], ids=str)
def test_the_look_of_each_second_sees_what_the_scan_would(
    tom: Tom, outbox: dict[str, Any], there_is: bool, down: timedelta | None
) -> None:
    target = tom.target()
    tom.share(target)
    tom.deliver()
    assert not quick_look.finds_work()
    now = tom.clock.now
    columns = {name: now + each if isinstance(each, timedelta) else each for name, each in outbox.items()}
    Outbox.objects.update(**columns)
    if down is not None:
        DestinationHealth.objects.create(destination="x", failures=1, open_until=now + down)
    assert bool(Scan.waiting()) is quick_look.finds_work()
    assert quick_look.finds_work() is there_is


def test_the_look_of_each_second_sees_who_may_try_a_destination_that_was_down(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.deliver()
    now = tom.clock.now
    Outbox.objects.update(next_at=now + SOON)
    DestinationHealth.objects.create(destination="x", failures=1, open_until=now - SOON)
    assert Scan.waiting()
    assert quick_look.finds_work()
    DestinationHealth.objects.update(paused="it refuses us")
    assert not Scan.waiting()
    assert not quick_look.finds_work()


def test_the_look_of_each_second_sees_a_new_rule(tom: Tom) -> None:
    rule = ShareRule.objects.create(name="all", destination="x", applied_at=tom.clock.now)
    assert not quick_look.finds_work()
    ShareRule.objects.filter(pk=rule.pk).update(applied_at=None)
    assert rules.asked()
    assert quick_look.finds_work()

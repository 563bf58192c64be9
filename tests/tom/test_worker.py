"""The worker: one step that fails keeps none of the others from running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connection
from tom_dataproducts.models import PhotometryReducedDatum

from sharecore import shutdown
from sharecore.exceptions import DestinationError
from tom_integration.models import DestinationHealth
from tom_integration.worker import celery
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


def test_an_edit_is_kept_in_mind_while_the_database_takes_nothing(
    tom: Tom, shared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tom.x.can_update = True
    row = tom.datum(shared)
    tom.deliver()
    PhotometryReducedDatum.objects.filter(pk=row.pk).update(brightness_error=0.5)
    worker = Worker("command")
    monkeypatch.setattr(worker, "_put", lambda *_: None)
    worker.wake(shared.pk, {"photometryreduceddatum": [row.pk]})

    def busy(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise OperationalError("database is locked")
        return execute(sql, *args)

    with connection.execute_wrapper(busy):
        worker._collect()
    worker.stop()  # so that it does not wait for a hint
    worker._collect()
    assert tom.deliver() == 1


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

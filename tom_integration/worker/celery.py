"""Run the worker on many machines: tasks of the TOM's own Celery app, on RabbitMQ or Redis.

A message says only "look at this outbox". The ledger decides what is done, so a message that is lost, doubled
or given to a second worker is harmless, and an outbox whose worker died is looked at again after its lease.
Saving data sends no message: it leaves a mark in the database, which `quick_scan` finds. The beat of the
TOM's Celery app sends `sharecore.quick_scan` every second and `sharecore.scan` every half minute
(docs/how-to/scale-out.md).
"""

from __future__ import annotations

import time

from celery import shared_task
from celery.signals import worker_ready

from tom_integration import polite_writes
from tom_integration.notices.look import Notices
from tom_integration.outbox.retention import Upkeep
from tom_integration.worker import end_waits, offered_topics
from tom_integration.worker.blocked import put_off
from tom_integration.worker.destination_thread import guarded
from tom_integration.worker.heartbeat import beat
from tom_integration.worker.run import reconcile
from tom_integration.worker.scan import Scan

STALE = 60
"""Seconds after which a message is dropped: the next `quick_scan` sends a new one."""

LOOK_SECONDS = 5.0
"""Seconds after which a task begins no other batch, so that Celery can stop a worker; the rest stays due."""

_scan = Scan()
_upkeep = Upkeep()
_notices = Notices()


@shared_task(name="sharecore.look", acks_late=True, reject_on_worker_lost=True, ignore_result=True)  # type: ignore[untyped-decorator]
@polite_writes.writes()
def look(outbox_id: int) -> None:
    """Bring one outbox up to date, unless another worker has done so since the message was sent."""
    ends_at = time.monotonic() + LOOK_SECONDS
    if outbox_id in Scan.waiting() and not put_off(outbox_id):
        reconcile(outbox_id, stop=lambda: time.monotonic() > ends_at)


@shared_task(name="sharecore.quick_scan", ignore_result=True)  # type: ignore[untyped-decorator]
@polite_writes.writes()
def quick_scan() -> None:
    """Send a message for each outbox that has a mark or whose time has come."""
    beat("celery")
    guarded(_scan.match_if_asked, "attaching shares")
    _put(Scan.waiting())


@shared_task(name="sharecore.scan", ignore_result=True)  # type: ignore[untyped-decorator]
@polite_writes.writes()
def scan() -> None:
    """Find the data that the marks missed, and do the upkeep of the ledger."""
    beat("celery")
    _put(_scan.outboxes())
    _scan.rescan()
    _upkeep.step()
    for destination in offered_topics.stale():
        offered_topics.ask(destination)
    notices.apply_async(expires=STALE)


@shared_task(name="sharecore.notices", ignore_result=True)  # type: ignore[untyped-decorator]
@polite_writes.writes()
def notices() -> None:
    """Send the mails that are due, in a task of their own: a mail server may hang."""
    _notices.step()


@worker_ready.connect(dispatch_uid="sharecore.celery")  # type: ignore[untyped-decorator]
def _started(**_: object) -> None:
    guarded(end_waits.after_a_start, "what was put off before the start")


def _put(outbox_ids: list[int]) -> None:
    for pk in outbox_ids:
        look.apply_async((pk,), expires=STALE)

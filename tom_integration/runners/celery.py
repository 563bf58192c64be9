"""The runner for many machines: tasks of the TOM's own Celery app, on RabbitMQ or Redis.

A message says only "look at this channel". The ledger decides what is done, so one that is lost, doubled or
given to a second worker is harmless, and one whose worker died is looked at again when its claim is over.
Saving data sends no message: it leaves a mark in the database, which `glance` finds. The beat of the TOM's
Celery app sends `sharecore.glance` every second and `sharecore.sweep` every half minute
(docs/how-to/scale-out.md).
"""

from __future__ import annotations

import time

from celery import shared_task
from celery.signals import worker_ready

from tom_integration import background
from tom_integration.promises.upkeep import Upkeep
from tom_integration.runners.heartbeat import beat
from tom_integration.runners.lane import guarded
from tom_integration.sending import resume, topics
from tom_integration.sending.reconciler import reconcile
from tom_integration.sending.resting import rests
from tom_integration.sending.sweep import Sweep

STALE = 60
"""Seconds after which a message is dropped: the next glance or sweep sends another one."""

LOOK_SECONDS = 5.0
"""Seconds after which a task begins no other batch, so that a worker that is to stop can; the rest is due."""

_sweep = Sweep()
_upkeep = Upkeep()


@shared_task(name="sharecore.look", acks_late=True, reject_on_worker_lost=True, ignore_result=True)  # type: ignore[untyped-decorator]
@background.writes()
def look(channel_id: int) -> None:
    """Bring one channel up to date, if nobody has done so since the message was sent."""
    ends_at = time.monotonic() + LOOK_SECONDS
    if channel_id in Sweep.waiting() and not rests(channel_id):
        reconcile(channel_id, stop=lambda: time.monotonic() > ends_at)


@shared_task(name="sharecore.glance", ignore_result=True)  # type: ignore[untyped-decorator]
@background.writes()
def glance() -> None:
    """Put channels with a mark, or whose time has come, to work."""
    beat("celery")
    _put(Sweep.waiting())


@shared_task(name="sharecore.sweep", ignore_result=True)  # type: ignore[untyped-decorator]
@background.writes()
def sweep() -> None:
    """Find what the marks missed, and do the upkeep of the ledger."""
    beat("celery")
    _put(_sweep.channels())
    _sweep.scrub()
    _upkeep.step()
    for destination in topics.stale():
        topics.ask(destination)


@worker_ready.connect(dispatch_uid="sharecore.celery")  # type: ignore[untyped-decorator]
def _started(**_: object) -> None:
    guarded(resume.after_a_start, "what was put off before the start")


def _put(channel_ids: list[int]) -> None:
    for pk in channel_ids:
        look.apply_async((pk,), expires=STALE)

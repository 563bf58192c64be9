"""Write heartbeats of the processes that deliver, so that checks and pages can say "nobody is delivering"."""

from __future__ import annotations

from django.db import transaction

from tom_integration import clock
from tom_integration.models import Worker
from tom_integration.worker import leases


def beat(runner: str) -> None:
    """Note that this process delivers."""
    # Write first: update_or_create reads first, and then fails on SQLite while another process writes.
    seen = {"runner": runner, "seen": clock.now()}
    with transaction.atomic():
        if not Worker.objects.filter(name=leases.worker_name()).update(**seen):
            Worker.objects.create(name=leases.worker_name(), **seen)


def end() -> None:
    """Remove the heartbeat of this process, which stops."""
    Worker.objects.filter(name=leases.worker_name()).delete()

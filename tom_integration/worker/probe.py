"""Choose the outbox that tries a destination which was down: one for all that wait for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, Q

from tom_integration import clock, conf
from tom_integration.models import DestinationHealth, Outbox


def outboxes() -> list[int]:
    """Return one outbox for each destination whose next try is due."""
    now = clock.now()
    down = DestinationHealth.objects.filter(failures__gt=0, open_until__lte=now, paused="")
    chosen = (_outbox(name, now) for name in down.values_list("destination", flat=True))
    return [pk for pk in chosen if pk is not None]


def _outbox(destination: str, now: datetime) -> int | None:
    """Return the outbox that has waited longest, without those whose records all wait for later times."""
    soon = now + timedelta(seconds=conf.settings().scan_seconds)
    waits = Outbox.objects.filter(Q(look_now=True) | Q(next_at__lte=soon), destination=destination)
    free = waits.filter(Q(lease="") | Q(lease_until__lte=now)).order_by(F("next_at").asc(nulls_last=True))
    return free.values_list("pk", flat=True).first()

"""Reserve a destination for one worker of this TOM: a lock for one call.

Two calls that make the same target at once can leave it twice or half made: two workers that started at once
did so at a stock TOM on SQLite in two chaos rounds of five, and its data stayed failed. One worker
alone needs no lock, since it makes one call of a destination after the other.

A worker that sends records writes them to the ledger as `sending` before it reads the reservation; a worker
that wants exclusive access writes the reservation before it reads the ledger. So of two workers that meet,
one sees the other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from sharecore import shutdown
from sharecore.addresses import Address
from sharecore.delivery import State
from tom_integration import clock, conf
from tom_integration.models import Delivery, DestinationHealth, Outbox
from tom_integration.worker import leases
from tom_integration.worker.leases import Lease, keep_alive

AGAIN = timedelta(seconds=1)
"""The time until the next look at a destination that is reserved."""
_PAUSE = 0.05


def reserved(address: Address) -> bool:
    """Return True when a worker has exclusive access to this destination, or waits for it."""
    health = DestinationHealth.objects.filter(destination=address.name, topic=None)
    now = clock.now()
    # A reservation lasts no longer than a lease: a later time was set by a clock that was wrong.
    return health.filter(exclusive_until__gt=now, exclusive_until__lte=leases.too_far(now)).exists()


@contextmanager
def alone(lease: Lease, address: Address) -> Iterator[bool]:
    """Hold exclusive access for one call, after the calls under way; yield False when another worker has it.

    Yield False, too, when calls are still under way after the time of a lease. A reservation ends after that
    time when it is not renewed, since the worker that made it may have died.
    """
    health, _ = DestinationHealth.objects.get_or_create(destination=address.name, topic=None)
    now = clock.now()
    free = health.exclusive_until is None or not now < health.exclusive_until <= leases.too_far(now)
    reservation = _Reservation(health.pk, health.exclusive_until)
    if not free or not reservation.renew():
        yield False
        return
    patience = now + timedelta(seconds=conf.settings().lease_seconds)
    try:
        with keep_alive(lease, also=reservation.renew):
            while (busy := _under_way(lease, address)) and clock.now() < patience and not shutdown.begun():
                time.sleep(_PAUSE)
            yield not (busy or shutdown.begun())
    finally:
        reservation.set(None)


@dataclass(slots=True)
class _Reservation:
    """Write the end of a reservation; nothing where another worker has written its own."""

    health_id: int
    until: datetime | None

    def renew(self) -> bool:
        return self.set(clock.now() + timedelta(seconds=conf.settings().lease_seconds))

    def set(self, until: datetime | None) -> bool:
        mine = DestinationHealth.objects.filter(pk=self.health_id, exclusive_until=self.until)
        if written := bool(mine.update(exclusive_until=until)):
            self.until = until
        return written


def _under_way(lease: Lease, address: Address) -> bool:
    """Return True when another worker is sending records to this destination."""
    others = Outbox.objects.filter(destination=address.name, lease_until__gt=clock.now())
    in_hand = Delivery.objects.filter(outbox=OuterRef("pk"), state=State.SENDING)
    return others.exclude(pk=lease.outbox.pk).filter(Exists(in_hand)).exists()

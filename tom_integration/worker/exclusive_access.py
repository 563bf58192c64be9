"""Per-destination exclusive lock among the workers of this TOM.

With one worker there are no others: it makes one call of a destination after the other.

Who has records in hand announces them in the ledger before it looks whether the destination is reserved; who
wants it alone reserves it before it looks what is in hand. So of two that meet, one sees the other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db.models import Exists, OuterRef

from sharecore import shutdown
from sharecore.addresses import Address
from sharecore.delivery import State
from tom_integration import clock, conf
from tom_integration.models import Delivery, DestinationHealth, Outbox
from tom_integration.worker import leases
from tom_integration.worker.leases import Lease, keep_alive

AGAIN = timedelta(seconds=1)
"""When to ask again for a destination that is reserved."""
_PAUSE = 0.05


def reserved(address: Address) -> bool:
    """Does some worker have this destination for a call of its own, or wait for that?"""
    health = DestinationHealth.objects.filter(destination=address.name, topic=None)
    now = clock.now()
    # No longer than a lease lasts: what is further away was set by a clock that was wrong.
    return health.filter(exclusive_until__gt=now, exclusive_until__lte=leases.too_far(now)).exists()


@contextmanager
def alone(lease: Lease, address: Address) -> Iterator[bool]:
    """Have a destination for one call, once those under way are over; False when another worker has it.

    At the longest for as long as a lease lasts: who reserved it may be gone.
    """
    health, _ = DestinationHealth.objects.get_or_create(destination=address.name, topic=None)
    now = clock.now()
    until = now + timedelta(seconds=conf.settings().lease_seconds)
    free = health.exclusive_until is None or not now < health.exclusive_until <= leases.too_far(now)
    before = DestinationHealth.objects.filter(pk=health.pk, exclusive_until=health.exclusive_until)
    if not free or not before.update(exclusive_until=until):
        yield False
        return
    try:
        with keep_alive(lease):
            while _under_way(lease, address) and clock.now() < until and not shutdown.begun():
                time.sleep(_PAUSE)
        yield not shutdown.begun()
    finally:
        DestinationHealth.objects.filter(pk=health.pk, exclusive_until=until).update(exclusive_until=None)


def _under_way(lease: Lease, address: Address) -> bool:
    """Has another worker records of this destination in hand?"""
    others = Outbox.objects.filter(destination=address.name, lease_until__gt=clock.now())
    in_hand = Delivery.objects.filter(outbox=OuterRef("pk"), state=State.SENDING)
    return others.exclude(pk=lease.outbox.pk).filter(Exists(in_hand)).exists()

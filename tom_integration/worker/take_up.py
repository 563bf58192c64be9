"""Take up what is new in a leased outbox: its backlog, and what may succeed under changed settings."""

from __future__ import annotations

from datetime import datetime

from sharecore import delivery
from sharecore.delivery import DECLINED, DeliveryState, State
from sharecore.destination import Destination
from tom_integration import clock, site
from tom_integration.models import Outbox
from tom_integration.outbox import limits, transitions
from tom_integration.outbox.backlog import register
from tom_integration.worker.leases import Lease


def take_up(lease: Lease, destination: Destination, *, now: datetime, due_at: datetime) -> None:
    """Write the backlog to the ledger; make due what may succeed under settings that have changed.

    Args:
        lease: the leased outbox.
        destination: its destination.
        now: the present time.
        due_at: the time at which the backlog is to be sent.
    """
    outbox = lease.outbox
    digest = site.settings_digest(destination)
    changed = outbox.settings_digest != digest
    if changed and outbox.settings_digest and outbox.existing_to:
        # A wider filter lets data through that were there before the share, which nobody asked for.
        before = limits.from_before(outbox, limits.of_outbox(outbox))
        register(outbox, DeliveryState(state=State.BASELINE), selection=before)
    take_up_backlog(outbox, due_at)
    if not changed:
        return
    kept = outbox.deliveries.filter(state__in=(State.WITHHELD, State.UNSUPPORTED))
    transitions.apply(kept.exclude(field=DECLINED), delivery.replay(now=now))
    transitions.apply(outbox.deliveries.all(), delivery.ask_anew(now=now))
    put_off = outbox.deliveries.filter(state=State.PENDING, failures__gt=0, next_at__gt=now)
    transitions.apply(put_off, delivery.hurry(now=now))
    mine = Outbox.objects.filter(pk=outbox.pk, lease=lease.token)
    # Limits that were changed since this look began are looked at again.
    mine.filter(settings_digest=outbox.settings_digest).update(settings_digest=digest)


def take_up_backlog(outbox: Outbox, due_at: datetime) -> None:
    """Write the backlog to the ledger, to be sent at `due_at`."""
    if outbox.takes_up(clock.now()):
        pending = DeliveryState(state=State.PENDING, next_at=due_at)
        register(outbox, pending, selection=limits.of_outbox(outbox).selection)

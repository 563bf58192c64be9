"""Take up what is new in a leased outbox: its backlog, and what may succeed under changed settings."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

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
    if not take_up_backlog(lease, due_at, changed=changed and outbox.settings_digest != "") or not changed:
        return
    kept = outbox.deliveries.filter(state__in=(State.WITHHELD, State.UNSUPPORTED))
    transitions.apply(kept.exclude(field=DECLINED), delivery.replay(now=now))
    transitions.apply(outbox.deliveries.all(), delivery.ask_anew(now=now))
    put_off = outbox.deliveries.filter(state=State.PENDING, failures__gt=0, next_at__gt=now)
    transitions.apply(put_off, delivery.hurry(now=now))
    # Limits that were changed since this look began are looked at again.
    _as_read(lease).update(settings_digest=digest)


def take_up_backlog(lease: Lease, due_at: datetime, *, changed: bool) -> bool:
    """Write the backlog to the ledger; return False when the limits were changed since this look began.

    Args:
        lease: the leased outbox.
        due_at: the time at which the backlog is to be sent.
        changed: False when the limits are those of the last look, whose data from before the share have rows.
    """
    outbox = lease.outbox
    if changed and outbox.existing_to and not _leave_out_existing(lease):
        return False  # The mark of the change leads to another look.
    if outbox.takes_up(clock.now()):
        pending = DeliveryState(state=State.PENDING, next_at=due_at)
        register(outbox, pending, selection=limits.of_outbox(outbox).selection)
    return True


def _leave_out_existing(lease: Lease) -> bool:
    """Write `baseline` rows for data from before the share that its filters let through now.

    Nobody asked for them. Return False, and write none, when somebody may have asked since this look began.
    """
    outbox = lease.outbox
    before = limits.from_before(outbox, limits.of_outbox(outbox))
    with transaction.atomic():
        # Write first: whoever changes the limits, or asks for these data, waits, and finds the rows.
        if not _as_read(lease).update(settings_digest=outbox.settings_digest):
            return False
        register(outbox, DeliveryState(state=State.BASELINE), selection=before)
    return True


def _as_read(lease: Lease) -> QuerySet[Outbox]:
    """Select the leased outbox while its limits are those that were read when this look began."""
    outbox = lease.outbox
    return Outbox.objects.filter(pk=outbox.pk, lease=lease.token, settings_digest=outbox.settings_digest)

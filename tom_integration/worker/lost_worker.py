"""Take over the deliveries that another worker had begun to send when it lost its lease."""

from __future__ import annotations

from datetime import datetime

from sharecore import delivery
from sharecore.adapter import Adapter
from sharecore.delivery import State
from tom_integration.models import Delivery
from tom_integration.outbox import transitions
from tom_integration.worker import leases


def take_over(lease: leases.Lease, adapter: Adapter, now: datetime) -> datetime | None:
    """Make the deliveries of a lost worker `unconfirmed`, so that they are looked up.

    Return the end of the first lease under which others of the outbox are still being sent.
    """
    rows, others_until = abandoned(lease)
    for row in rows:
        since = lease.previous_until if row.lease == lease.previous else None
        state = delivery.abandoned(
            transitions.state_of(row), sent_at=since or now, settle_time=adapter.settle_time
        )
        transitions.settle([row], {row.pk: state}, token=row.lease)
    return others_until


def abandoned(lease: leases.Lease) -> tuple[list[Delivery], datetime | None]:
    """Return the deliveries in state `sending` whose worker has lost its lease.

    Deliveries that followed their data here are left out during the call for the other target; return the end
    of the first lease of such a call, too.
    """
    rows = list(lease.outbox.deliveries.filter(state=State.SENDING).exclude(lease=lease.token))
    others = leases.alive(row.lease for row in rows) if rows else {}
    return [row for row in rows if row.lease not in others], min(others.values(), default=None)

"""After a restored backup: the destinations may have more than the ledger knows.

Whatever the ledger holds to be due, or does not know at all, may have been delivered after the backup was
made. It is looked up before anything is sent, as after a call that brought no answer; where a destination
cannot be asked, a person decides.
"""

from __future__ import annotations

from sharecore import delivery
from sharecore.delivery import DeliveryState, State
from tom_integration import clock
from tom_integration.models import Outbox
from tom_integration.outbox import opening, retention, transitions
from tom_integration.outbox.backlog import register

REASON = "a backup was restored; it may have arrived before"


def doubt() -> int:
    """Look up everything that is due before it is sent; how many records."""
    opening.match_shares()
    retention.everything()  # a key that the database gives again must not lead to what had it before
    number = 0
    for outbox in Outbox.objects.all():
        now = clock.now()
        doubted = delivery.doubt(REASON, look_at=now)
        if outbox.takes_up(now):
            number += register(outbox, doubted(DeliveryState(state=State.PENDING)))
        number += transitions.apply(outbox.deliveries.filter(state=State.PENDING), doubted)
        Outbox.objects.filter(pk=outbox.pk).update(look_now=True)
    return number

"""Look up all due records after a backup was restored: the destinations may have more than the ledger says.

Records that are due in the ledger, or missing in it, may have been delivered after the backup was made. They
are looked up before they are sent, as after a call without an answer; when a destination cannot be asked, a
person decides.
"""

from __future__ import annotations

from sharecore import delivery
from sharecore.delivery import DeliveryState, State
from tom_integration import clock
from tom_integration.models import Outbox
from tom_integration.outbox import open_outboxes, retention, transitions
from tom_integration.outbox.backlog import register
from tom_integration.outbox.limits import of_outbox

REASON = "a backup was restored; it may have arrived before"


def doubt() -> int:
    """Make all due records unconfirmed, so that they are looked up first; return how many."""
    open_outboxes.match_shares()
    retention.everything()  # so that a primary key that is given again leads to no row of the datum before
    number = 0
    for outbox in Outbox.objects.all():
        now = clock.now()
        doubted = delivery.doubt(REASON, look_at=now)
        if outbox.takes_up(now):
            in_doubt = doubted(DeliveryState(state=State.PENDING))
            number += register(outbox, in_doubt, selection=of_outbox(outbox).selection)
        open_ones = outbox.deliveries.filter(state__in=(State.PENDING, State.TO_APPROVE))
        number += transitions.apply(open_ones, doubted, sent_at=None)  # that of a call before the backup
        Outbox.objects.filter(pk=outbox.pk).update(look_now=True)
    return number

"""One round of delivery in the caller's thread, for `sharecore.testing.deliver_now`."""

from __future__ import annotations

from sharecore.call_thread import here
from tom_integration.worker.run import reconcile
from tom_integration.worker.scan import Scan


def deliver() -> int:
    """Scan, deliver what is due now, and return; how many records arrived."""
    with here():  # a test may have all of it in one transaction
        scan = Scan()
        scan.rescan()
        return sum(reconcile(outbox_id) for outbox_id in scan.outboxes())

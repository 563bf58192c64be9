"""Deliver once, in the caller's thread, for `sharecore.testing.deliver_now`."""

from __future__ import annotations

from sharecore.call_thread import here
from tom_integration.worker.run import reconcile
from tom_integration.worker.scan import Scan


def deliver() -> int:
    """Scan, deliver what is due now, and return the number of records that arrived."""
    with here():  # A test may run all of it in one transaction, which other threads cannot see.
        scan = Scan()
        scan.rescan()
        outboxes = scan.outboxes()
        while scan.more_shares:  # A look takes half a second at most, of which a busy machine does little.
            scan.match()
            outboxes = sorted({*outboxes, *scan.waiting()})
        return sum(map(reconcile, outboxes))

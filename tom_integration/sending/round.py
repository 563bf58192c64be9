"""One round of delivery in the caller's thread, for `sharecore.testing.deliver_now`."""

from __future__ import annotations

from sharecore.apart import here
from tom_integration.sending.reconciler import reconcile
from tom_integration.sending.sweep import Sweep


def deliver() -> int:
    """Sweep, deliver what is due now, and return; how many records arrived."""
    with here():  # a test may have all of it in one transaction
        sweep = Sweep()
        sweep.scrub()
        return sum(reconcile(channel_id) for channel_id in sweep.channels())

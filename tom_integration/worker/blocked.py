"""An outbox whose destination takes nothing now rests: between two scans it is not worth a look."""

from __future__ import annotations

from datetime import timedelta

from sharecore.exceptions import ConfigurationError
from tom_integration import clock, conf, site
from tom_integration.models import Outbox
from tom_integration.worker import breaker


def rests(outbox_id: int) -> bool:
    """Put an outbox off that can only wait; False where there may be something to do.

    So what is saved while a destination is down costs next to nothing, and holds up no other one. After
    `SHARECORE_SCAN_SECONDS` an outbox is looked at in full all the same: people want to see how much waits.
    """
    now = clock.now()
    # Where a destination took nothing, the last look has left a time to come; no other is asked for.
    outbox = Outbox.objects.filter(pk=outbox_id, lease="", next_at__gt=now).first()
    if outbox is None or outbox.scanned_at is None:
        return False
    again = outbox.scanned_at + timedelta(seconds=conf.settings().scan_seconds)
    if again <= now or outbox.scanned_at > now:
        return False
    try:
        address, destination = site.destinations().resolve(str(outbox.address))
    except ConfigurationError:
        return False
    until, _ = breaker.blocked_until(address, credentials=site.credentials_digest(destination), now=now)
    if until is None:
        return False
    untouched = Outbox.objects.filter(pk=outbox_id, lease="", scanned_at=outbox.scanned_at)
    return bool(untouched.update(look_now=False, next_at=again))

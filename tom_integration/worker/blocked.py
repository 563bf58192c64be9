"""Put off outboxes whose destination takes nothing now, until the next scan."""

from __future__ import annotations

from datetime import timedelta

from sharecore.exceptions import ConfigurationError
from tom_integration import clock, conf, site
from tom_integration.models import Outbox
from tom_integration.worker import breaker


def put_off(outbox_id: int) -> bool:
    """Put off an outbox that can only wait; return False when it may have something to do.

    Without this, each datum that is saved made some twenty statements for each destination that is down, and
    on SQLite they all want the one file. After `SHARECORE_SCAN_SECONDS` an outbox is looked at in full all
    the same, so that the pages count what waits.
    """
    now = clock.now()
    # A look at a destination that took nothing has left a time in the future; skip all other outboxes.
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
    obstacle = breaker.obstacle(address, credentials=site.credentials_digest(destination), now=now)
    if obstacle is None or not obstacle.reason:
        return False
    untouched = Outbox.objects.filter(pk=outbox_id, lease="", scanned_at=outbox.scanned_at)
    return bool(untouched.update(look_now=False, next_at=again))

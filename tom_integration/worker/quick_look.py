"""Ask by one small statement whether there is work.

A worker asks each second, in each server process, and most often nothing is due. On a machine whose caches
others have filled meanwhile, the queries of the scan and a new connection took a twelfth of a processor.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import connections, router

from tom_integration import clock, conf
from tom_integration.models import Outbox
from tom_integration.worker import leases

logger = logging.getLogger(__name__)

_WORK = """
SELECT 1 FROM (
  SELECT lease, lease_until FROM sharecore_outbox WHERE look_now
  UNION ALL
  SELECT lease, lease_until FROM sharecore_outbox WHERE next_at <= %(now)s OR next_at > %(furthest)s
  UNION ALL
  SELECT lease, lease_until FROM sharecore_outbox WHERE lease_until <= %(now)s OR lease_until > %(too_far)s
) waiting
WHERE lease = '' OR lease_until <= %(now)s OR lease_until > %(too_far)s
UNION ALL
SELECT 1 FROM sharecore_destinationhealth health
WHERE failures > 0 AND open_until <= %(now)s AND paused = '' AND EXISTS (
  SELECT 1 FROM sharecore_outbox
  WHERE destination = health.destination
    AND (look_now OR next_at <= %(soon)s) AND (lease = '' OR lease_until <= %(now)s)
)
UNION ALL
SELECT 1 FROM sharecore_sharerule WHERE applied_at IS NULL
LIMIT 1
"""
"""Find out whether `Scan.waiting` or `rules.asked` would find something. What is asked of every outbox each
second is in an index."""


def finds_work() -> bool:
    """Return True when an outbox, a destination or a rule waits for a look, and when the database fails: the
    look tells why.

    The connection stays open until the next look.
    """
    now = clock.now()
    times = {
        "now": now,
        "soon": now + timedelta(seconds=conf.settings().scan_seconds),
        "furthest": now + conf.settings().retry_policy.longest,
        "too_far": leases.too_far(now),
    }
    connection = connections[router.db_for_read(Outbox)]
    try:
        stored = {name: connection.ops.adapt_datetimefield_value(time) for name, time in times.items()}
        with connection.cursor() as cursor:
            cursor.execute(_WORK, stored)
            return cursor.fetchone() is not None
    except Exception:
        logger.debug("The database could not be asked for work", exc_info=True)
        return True

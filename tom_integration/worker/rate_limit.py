"""Keep this process to the `RATE_LIMIT` of destinations, by the rule of `sharecore.token_bucket`.

Each process counts for itself: a site with several workers divides the limit among them in its settings.
"""

from __future__ import annotations

import threading
import time

from sharecore.destination import Destination
from sharecore.token_bucket import Bucket

_buckets: dict[str, Bucket] = {}
_lock = threading.Lock()
clock, sleep = time.monotonic, time.sleep


def allowance(destination: Destination, wanted: int) -> tuple[int, float]:
    """Return how many of the wanted records may go now and, if none, the seconds until the next look.

    The records that are allowed count as sent.
    """
    rate = destination.rate_limit
    if rate is None:
        return wanted, 0.0
    with _lock:
        now = clock()
        bucket = _buckets.get(destination.name)
        if bucket is None or bucket.rate != rate:
            bucket = Bucket.full(rate, now=now)
        taken, _buckets[destination.name] = bucket.take(wanted, now=now)
        return taken, 0.0 if taken else bucket.wait(wanted, now=now)

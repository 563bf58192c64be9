"""How many batches an account may send."""

from __future__ import annotations

import time
from typing import Any

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

MAX_BATCHES = 6000
"""In a minute; several times what a sender with sharecore can make of small targets."""
_WINDOW = 60


class BatchRate(BaseThrottle):
    """Counts in the cache of the TOM: where each process has its own, each counts for itself."""

    def allow_request(self, request: Request, view: Any) -> bool:
        window = int(time.time()) // _WINDOW
        key = f"sharecore.batches.{request.user.pk}.{window}"
        cache.add(key, 0, timeout=2 * _WINDOW)
        try:
            return bool(cache.incr(key) <= MAX_BATCHES)
        except ValueError:  # a cache that keeps nothing
            return True

    def wait(self) -> float:
        return _WINDOW - time.time() % _WINDOW

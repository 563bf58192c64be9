"""Limit the number of batches that an account sends."""

from __future__ import annotations

import time
from typing import Any

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from tom_integration.inbox import batch_limits

_WINDOW = 60


class BatchRate(BaseThrottle):
    """Count batches in the cache of the TOM; with a cache for each process, each counts for itself."""

    def allow_request(self, request: Request, view: Any) -> bool:
        window = int(time.time()) // _WINDOW
        key = f"sharecore.batches.{request.user.pk}.{window}"
        cache.add(key, 0, timeout=2 * _WINDOW)
        try:
            return bool(cache.incr(key) <= batch_limits.MAX_BATCHES)
        except ValueError:  # The cache stores nothing (DummyCache), so nothing can be counted.
            return True

    def wait(self) -> float:
        return _WINDOW - time.time() % _WINDOW

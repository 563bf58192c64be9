"""Serve each destination in a thread of its own, so that no destination slows another."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Hashable

from django.db import close_old_connections, connections

from tom_integration import polite_writes, site

logger = logging.getLogger(__name__)

Work = Callable[[], object]


class DestinationThread:
    """Do pieces of work one after the other; queue the same piece only once.

    Once the event `stopping` is set, finish the present piece and leave the rest.
    """

    def __init__(self, name: str, stopping: threading.Event) -> None:
        self._queue: queue.Queue[tuple[Hashable, Work] | None] = queue.Queue()
        self._waiting: set[Hashable] = set()
        self._lock = threading.Lock()
        self._busy = 0
        self.stopping = stopping
        self._thread = threading.Thread(target=self._run, name=f"sharecore-{name}", daemon=True)
        self._thread.start()

    def put(self, key: Hashable, work: Work) -> None:
        """Queue a piece of work, unless one with the same key is waiting."""
        with self._lock:
            if key in self._waiting:
                return
            self._waiting.add(key)
            self._busy += 1
        self._queue.put((key, work))

    @property
    def busy(self) -> bool:
        """Return True while a piece of work waits or is under way."""
        return self._busy > 0

    def stop(self) -> None:
        """Begin no other piece of work."""
        self.stopping.set()
        self._queue.put(None)

    def join(self, timeout: float) -> bool:
        """Wait up to this many seconds; return True when the thread has stopped."""
        self._thread.join(max(timeout, 0.0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None and not self.stopping.is_set():
            key, work = item
            with self._lock:
                self._waiting.discard(key)
            try:
                guarded(work, str(key))
            except BaseException:  # No signal reaches this thread, and the next piece of work must be done.
                logger.exception("sharecore: %s ended in an unusual way; it will be tried again", key)
            finally:
                with self._lock:
                    self._busy -= 1
        site.adapters.close()
        connections.close_all()


def guarded(work: Work, what: str) -> None:
    """Do a piece of work on fresh connections; log an error, and leave the rest to the next scan."""
    close_old_connections()
    try:
        with polite_writes.writes():
            work()
    except Exception:
        logger.exception("sharecore: %s failed; it will be tried again", what)
    finally:
        close_old_connections()

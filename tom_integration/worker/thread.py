"""Run the worker in a thread of the server process, the default runner: nothing to install or start.

Data are sent here and not where they are saved: a save then takes 2 ms instead of half a second for each
share (docs/benchmarks.md). Server processes start the thread at their first request, and again after a fork,
which copies no threads. Management commands leave the work to the scan of a server; a test or in-memory
database has no thread.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401  (its exit hook must be registered before ours)
import logging
import os
import sys
import threading

from django.core.signals import request_started
from django.db import connection

from tom_integration import conf
from tom_integration.worker.loop import FINISH, GIVE_BACK, Worker

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_worker: Worker | None = None
_thread: threading.Thread | None = None


def chosen() -> bool:
    """Return True when this is the runner of the TOM."""
    return conf.settings().runner == "thread"


def running() -> bool:
    """Return True when the thread of this process runs."""
    return _thread is not None and _thread.is_alive()


def wake(target_id: int, named: dict[str, list[int]]) -> bool:
    """Hand a hint to the thread of this process, in memory only; return False when there is none."""
    if _worker is None or not running():
        return False
    _worker.wake(target_id, named)
    return True


def connect() -> None:
    """Start the thread with the first request of a server process."""
    request_started.connect(_on_request, dispatch_uid="sharecore.thread")
    os.register_at_fork(after_in_child=forget)
    # `atexit` would run after the thread pools were stopped, which calls of adapters may be using. The pools
    # themselves register in this way (concurrent/futures/thread.py).
    getattr(threading, "_register_atexit", atexit.register)(stop)


def _on_request(**_: object) -> None:
    if not running() and chosen() and not conf.settings().paused and not on_test_database():
        try:
            start()
        except RuntimeError:
            # The machine has no more threads, or the process is ending: the page must be served all the same.
            logger.exception("The thread that delivers could not be started; the next request tries again")


def on_test_database() -> bool:
    """Return True where no thread is started, since it would not see the data or outlive the database."""
    utils = sys.modules.get("django.test.utils")
    testing = hasattr(getattr(utils, "_TestState", None), "saved_data")
    name = str(connection.settings_dict["NAME"])
    return testing or (connection.vendor == "sqlite" and (name == ":memory:" or "mode=memory" in name))


def start() -> None:
    """Start the thread, once."""
    global _worker, _thread
    with _lock:
        if running():
            return
        _worker = Worker("thread")
        _thread = threading.Thread(target=_worker.run, name="sharecore-worker", daemon=True)
        _thread.start()


def stop() -> None:
    """Let the thread finish the calls under way."""
    if _worker is not None and _thread is not None and _thread.is_alive():
        _worker.stop()
        _thread.join(timeout=FINISH + GIVE_BACK + 1.0)


def forget() -> None:
    """Forget the thread in a forked process, since a fork copies no threads."""
    global _worker, _thread, _lock
    _worker = _thread = None
    _lock = threading.Lock()

"""The default runner: a thread of the server process. Nothing to install, nothing to start.

Server processes start it at their first request. It starts again after a fork; management commands never
start it, since they leave the work to the scan of a server; it never starts on a test or in-memory database.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401  (its pools are to stop after us)
import logging
import os
import sys
import threading
from typing import Any

from django.core.signals import request_started
from django.db import connection

from tom_integration import conf
from tom_integration.worker.loop import FINISH, GIVE_BACK, Worker

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_worker: Worker | None = None
_thread: threading.Thread | None = None


def chosen() -> bool:
    """Is this the runner of the TOM?"""
    return conf.settings().runner == "thread"


def running() -> bool:
    """Does this process deliver?"""
    return _thread is not None and _thread.is_alive()


def wake(target_id: int, named: dict[str, list[int]]) -> bool:
    """Hand a hint to the thread of this process, if it has one; memory only."""
    if _worker is None or not running():
        return False
    _worker.wake(target_id, named)
    return True


def connect() -> None:
    """Start with the first request of a server process."""
    request_started.connect(_on_request, dispatch_uid="sharecore.thread")
    os.register_at_fork(after_in_child=_forget)
    # What runs at `atexit` comes after pools of threads were stopped, which calls of adapters may be using.
    # Pools hook in like this themselves (concurrent/futures/thread.py).
    getattr(threading, "_register_atexit", atexit.register)(stop)


def _on_request(**_: object) -> None:
    if not running() and chosen() and not conf.settings().paused and not _on_test_database():
        try:
            start()
        except RuntimeError:
            # No more threads on this machine, or none any more in a process that ends: the page comes first.
            logger.exception("The thread that delivers could not be started; the next request tries again")


def _on_test_database() -> bool:
    utils = sys.modules.get("django.test.utils")
    testing = hasattr(getattr(utils, "_TestState", None), "saved_data")
    return testing or (connection.vendor == "sqlite" and _in_memory(connection))


def _in_memory(database: Any) -> bool:
    name = str(database.settings_dict["NAME"])
    return name == ":memory:" or "mode=memory" in name


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
    """Let the thread finish what it has in hand."""
    if _worker is not None and _thread is not None and _thread.is_alive():
        _worker.stop()
        _thread.join(timeout=FINISH + GIVE_BACK + 1.0)


def _forget() -> None:
    """A fork copies no threads."""
    global _worker, _thread, _lock
    _worker = _thread = None
    _lock = threading.Lock()

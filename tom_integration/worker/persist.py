"""What is known is written, whatever happens to the connection: an answer that was heard is not forgotten."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error, connections, router

from tom_integration import conf
from tom_integration.models import Delivery

logger = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_Written = TypeVar("_Written")


def persist(write: Callable[[], _Written]) -> _Written:
    """Do this write again, on a fresh connection, until it succeeds or a lease's time has passed.

    For connections that end, statements that time out, and a database that is read-only for a while. The
    write must be harmless when an earlier try was committed and only its answer was lost. Raises the last
    `django.db.Error`: from then on nobody knows what was to be written.
    """
    connection = connections[router.db_for_write(Delivery)]
    deadline, pause = time.monotonic() + conf.settings().lease_seconds, _FIRST_PAUSE
    while True:
        try:
            return write()
        except Error:
            if connection.in_atomic_block or time.monotonic() + pause > deadline:
                raise
            logger.warning("The outcome of a call could not be written; trying again", exc_info=True)
        connection.close()
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)

"""Write the outcomes of calls through errors of the database, so that no answer of a destination is lost."""

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
    """Repeat this write, on a fresh connection, until it succeeds or the time of a lease has passed.

    This covers connections that end, statements that time out, and a database that is read-only for a while.
    The write must be harmless when an earlier try was committed and only its answer was lost.

    Raises:
        django.db.Error: the last try failed, too; the outcomes are lost, and the next worker looks them up.
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

"""Let an adapter say that its destination takes no other call for some time, although all went well."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sharecore.exceptions import is_wait

logger = logging.getLogger(__name__)

_delays: contextvars.ContextVar[list[float] | None] = contextvars.ContextVar("delays", default=None)


def delay_next_call(seconds: float) -> None:
    """Keep the next call away from the destination for some time, as it asked: its rate limit is used up.

    Usable in each call of an adapter, whatever its outcome; of several delays the longest holds, up to a day.
    It costs no try, and the destination does not count as down. Does nothing outside of such a call, or in a
    thread that does not have its context.

    Args:
        seconds: seconds until the destination takes another call.
    """
    noted = _delays.get()
    if not is_wait(seconds):
        logger.error("delay_next_call: must be seconds, zero or more, got %r; ignored", seconds)
    elif noted is not None:
        noted.append(float(seconds))


@contextmanager
def delays() -> Iterator[list[float]]:
    """Yield the delays that adapters report inside, in seconds."""
    noted: list[float] = []
    token = _delays.set(noted)
    try:
        yield noted
    finally:
        _delays.reset(token)

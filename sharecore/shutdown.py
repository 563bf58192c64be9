"""End a process that delivers: work in hand is finished or given back, and nothing new leaves.

Clients ask here before each request, so that a call of many requests ends between two of them, and the
records that were not sent are known as not sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_begun = threading.Event()
_cuts: list[Callable[[], object]] = []


@contextmanager
def ending() -> Iterator[None]:
    """Mark the time inside as the end of this process."""
    _begun.set()
    try:
        yield
    finally:
        _begun.clear()


def begun() -> bool:
    """Return whether the process is ending, so that nothing new may leave."""
    return _begun.is_set()


def pause(seconds: float) -> None:
    """Wait so many seconds, or until the process ends."""
    _begun.wait(seconds)


def on_cut(function: Callable[[], object]) -> None:
    """Register a function that breaks off the requests of a transport when no time is left for them."""
    _cuts.append(function)


def cut() -> None:
    """Break off all requests: calls return, and know which one request is in doubt."""
    for function in _cuts:
        function()

"""The end of a process that delivers: what is in hand is finished or given back, and nothing new leaves.

Clients ask here before each request, so that a call of many requests ends between two of them, and what was
not sent is known as not sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_begun = threading.Event()
_cuts: list[Callable[[], object]] = []


@contextmanager
def ending() -> Iterator[None]:
    """Inside, this process ends."""
    _begun.set()
    try:
        yield
    finally:
        _begun.clear()


def begun() -> bool:
    """Must nothing new leave?"""
    return _begun.is_set()


def pause(seconds: float) -> None:
    """Wait so long, or until the process ends."""
    _begun.wait(seconds)


def on_cut(function: Callable[[], object]) -> None:
    """Let a transport break off what is under way, when there is no more time for it."""
    _cuts.append(function)


def cut() -> None:
    """Break off what is under way: calls return, and know which one request is in doubt."""
    for function in _cuts:
        function()

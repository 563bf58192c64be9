"""The moments of a delivery in which a process can die, each between two commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sharecore.plugin_errors import Escaped, contained
from tom_integration.outbox import attempts, transitions
from tom_integration.worker import deliver, follow, leases, take_up


class Died(BaseException):
    """The process is gone: nothing after this point runs."""


@contextmanager
def survived_by_nobody() -> Iterator[None]:
    """As `contained`: whatever an adapter raises is survived, but not that the process dies meanwhile."""
    try:
        with contained():
            yield
    except Escaped as escaped:
        if isinstance(escaped.__cause__, Died):
            raise escaped.__cause__ from None
        raise


def before(function: Callable[..., Any]) -> Callable[..., Any]:
    def dies(*args: Any, **kwargs: Any) -> Any:
        raise Died

    return dies


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    def dies(*args: Any, **kwargs: Any) -> Any:
        function(*args, **kwargs)
        raise Died

    return dies


POINTS = {
    "when it has leased": (after, leases, "acquire"),
    "when it has registered": (after, take_up, "register"),
    "before it writes intents": (before, transitions, "start"),
    "when intents are written": (after, transitions, "start"),
    "before the call": (before, deliver, "dispatch"),
    "when the destination has it": (after, deliver, "dispatch"),
    "before it settles": (before, transitions, "settle"),
    "when it has settled": (after, transitions, "settle"),
    "before it notes the attempts": (before, attempts, "write"),
    "before it gives the lease back": (before, leases.Lease, "release"),
}
"""How a process dies there, the place, and its name."""
QUESTIONS = {
    "before it asks what became of it": (before, follow.dispatch, "follow"),
    "when it has asked what became of it": (after, follow.dispatch, "follow"),
}
"""The same, for a destination that answers later."""

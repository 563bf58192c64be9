"""One round of delivery in the caller's thread, for the tests of a site."""

from __future__ import annotations

from collections.abc import Callable

_rounds: list[Callable[[], int]] = []


def register(deliver: Callable[[], int]) -> None:
    """Called by the integration of a site: how it delivers once what is due now."""
    _rounds[:] = [deliver]


def deliver_now() -> int:
    """Deliver what is due now, in this thread and on this database connection; how many records arrived.

    It does what the worker of the site would do: what waits for its next try, or is paused, goes on waiting.
    New data are found whether or not their transaction is committed. What only the hint of a save tells (an
    edit, or that data older than the share are wanted now) leaves with the commit, so a Django test of that
    needs `TransactionTestCase`, or `captureOnCommitCallbacks(execute=True)`.
    Raises RuntimeError when no integration is there, for example because `tom_integration` is not in
    `INSTALLED_APPS` or `django.setup()` was not called.
    """
    if not _rounds:
        raise RuntimeError("No integration of sharecore is active: is 'tom_integration' in INSTALLED_APPS?")
    return _rounds[0]()

"""Run one round of delivery in the thread of the caller, for the tests of a site."""

from __future__ import annotations

from collections.abc import Callable

_rounds: list[Callable[[], int]] = []


def register(deliver: Callable[[], int]) -> None:
    """Register the function of the integration of a site that delivers once all that is due now."""
    _rounds[:] = [deliver]


def deliver_now() -> int:
    """Deliver what is due now, in this thread and on this database connection; return the number of arrived
    records.

    Does what the worker of the site would do: a record that waits for its next try, or is paused, goes on
    waiting. New data are found whether or not their transaction is committed. The hint of a save alone tells
    of an edit, or that data older than the share are wanted now; it leaves with the commit, so a Django test
    of these needs `TransactionTestCase`, or `captureOnCommitCallbacks(execute=True)`.

    Raises RuntimeError when no integration is there, for example because `tom_integration` is not in
    `INSTALLED_APPS` or `django.setup()` was not called.
    """
    if not _rounds:
        raise RuntimeError("No integration of sharecore is active: is 'tom_integration' in INSTALLED_APPS?")
    return _rounds[0]()

"""Calls in threads of their own: whoever waits for one can give it up.

Python cannot end a thread. One that was given up stays until its call comes back, and its answer is dropped.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sharecore.faults import contained

Value = TypeVar("Value")
_current: contextvars.ContextVar[Call[Any] | None] = contextvars.ContextVar("current", default=None)
_LONGEST_WAIT = 60.0
_here: contextvars.ContextVar[bool] = contextvars.ContextVar("here", default=False)


def progress(seconds: float = 0.0) -> None:
    """Say that the call of an adapter in which this runs is getting on, so that it is not given up.

    seconds: what it does next may take so long, and ends by itself then. Requests of `sharecore_http` say so
    by themselves. Does nothing outside of such a call, or in a thread that does not have its context.
    """
    call = _current.get()
    if call is not None:
        call.extend(seconds)


@contextmanager
def here() -> Iterator[None]:
    """Inside, calls are made in the thread of the caller, without a limit: for tests, and for debuggers."""
    token = _here.set(True)
    try:
        yield
    finally:
        _here.reset(token)


class Call(Generic[Value]):
    """One call, and what became of it: `value`, or `error` where it raised one.

    seconds: how long it may say nothing. finish: called in its thread, at the end. thread: where it has one.
    """

    value: Value
    error: Exception | None = None
    thread: threading.Thread | None = None

    def __init__(self, call: Callable[[], Value], *, seconds: float, finish: Callable[[], object]) -> None:
        self._call = call
        self._seconds = seconds
        self._finish = finish
        self._deadline = 0.0

    def run(self, name: str) -> bool:
        """Make the call; False where it did not come back in time. name: of its thread."""
        if _here.get():
            self._make()
            return True
        self.extend(0.0)
        context = contextvars.copy_context()
        context.run(_current.set, self)
        thread = threading.Thread(target=context.run, args=(self._in_thread,), name=name, daemon=True)
        self.thread = thread
        try:
            thread.start()
        except RuntimeError:  # no more threads, or none any more in a process that ends: the call comes first
            self.thread = None
            self._make()
            return True
        while thread.is_alive() and (left := self._deadline - time.monotonic()) > 0:
            thread.join(min(left, _LONGEST_WAIT))
        return not thread.is_alive()

    def extend(self, seconds: float) -> None:
        """It may take so much longer, and the seconds that it has anyway."""
        self._deadline = max(self._deadline, time.monotonic() + self._seconds + seconds)

    def _in_thread(self) -> None:
        try:
            self._make()
        finally:
            self._finish()

    def _make(self) -> None:
        try:
            with contained():
                self.value = self._call()
        except Exception as error:
            self.error = error

"""Call plugins in threads of their own, so that a caller can give up a call that hangs.

Python cannot end a thread. A thread that was given up stays until its call comes back, and its answer is
dropped.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sharecore.plugin_errors import contained

LOCAL_SECONDS = 10.0
"""Seconds without progress allowed to a call that needs no network and makes nothing."""

Value = TypeVar("Value")
_current: contextvars.ContextVar[Call[Any] | None] = contextvars.ContextVar("current", default=None)
_LONGEST_WAIT = 60.0
_here: contextvars.ContextVar[bool] = contextvars.ContextVar("here", default=False)


def progress(seconds: float = 0.0) -> None:
    """Report that the current call of an adapter or hook makes progress, so that it is not given up.

    Requests of `sharecore_http` report it by themselves. Does nothing outside of such a call, or in a thread
    that does not have its context.

    Args:
        seconds: longest time that the next step may take; it must end by itself then.
    """
    call = _current.get()
    if call is not None:
        call.extend(seconds)


@contextmanager
def here() -> Iterator[None]:
    """Make the calls inside in the thread of the caller, without a limit: for tests, and for debuggers."""
    token = _here.set(True)
    try:
        yield
    finally:
        _here.reset(token)


class Late(Exception):
    """Raised when a call did not come back in time; the text names the call and the limit."""


class Call(Generic[Value]):
    """One call of the code of a plugin.

    Args:
        what: name of the function, for people.
        call: function to call.
        seconds: longest time without progress.
        finish: function called in the same thread, at the end.

    Attributes:
        given_up: True when the call did not come back, and still runs in its thread.
        thread: thread of the call.
    """

    given_up = False
    thread: threading.Thread | None = None
    _value: Value
    _error: Exception | None = None

    def __init__(
        self,
        what: str,
        call: Callable[[], Value],
        *,
        seconds: float,
        finish: Callable[[], object] = lambda: None,
    ) -> None:
        self._what = what
        self._call = call
        self._seconds = seconds
        self._finish = finish
        self._deadline = 0.0

    def run(self, place: str) -> Value:
        """Return the answer of the call. Raises `Late`, or the exception of the call, as `contained` does.

        Args:
            place: subject of the call, such as a destination, for the name of its thread.
        """
        if _here.get():
            self._make()
        else:
            self._make_apart(f"sharecore-{place}-{self._what}")
        if self._error is not None:
            raise self._error
        return self._value

    def extend(self, seconds: float) -> None:
        """Allow the call these seconds more, on top of its usual limit."""
        self._deadline = max(self._deadline, time.monotonic() + self._seconds + seconds)

    def _make_apart(self, name: str) -> None:
        self.extend(0.0)
        context = contextvars.copy_context()
        context.run(_current.set, self)
        self.thread = thread = threading.Thread(
            target=context.run, args=(self._in_thread,), name=name, daemon=True
        )
        back = False
        try:
            try:
                thread.start()
            except RuntimeError:  # no more threads, or a process that ends: the call comes first
                self._make()
            while thread.is_alive() and (left := self._deadline - time.monotonic()) > 0:
                thread.join(min(left, _LONGEST_WAIT))
            back = not thread.is_alive()
        finally:
            self.given_up = not back
        if self.given_up:
            raise Late(f"did not come back from {self._what} within {self._seconds:g} s")

    def _in_thread(self) -> None:
        try:
            self._make()
        finally:
            self._finish()

    def _make(self) -> None:
        try:
            with contained():
                self._value = self._call()
        except Exception as error:
            self._error = error

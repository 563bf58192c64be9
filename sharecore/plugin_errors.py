"""Describe the exception of a plugin without repeating its text.

The text of a foreign exception may hold anything, a password included (`int(password)` quotes it). People see
its type and place; the log gets the stack, which shows source lines but neither text nor values.
"""

from __future__ import annotations

import logging
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from types import FrameType

from sharecore.exceptions import SharecoreError, retold


class Escaped(Exception):
    """Raised in place of an exception of a plugin that is meant to end a thread or a process, which is its
    cause.
    """


@contextmanager
def contained() -> Iterator[None]:
    """Run code of a plugin inside, and let only ordinary exceptions leave.

    An exception that is no `Exception` (`SystemExit`, `KeyboardInterrupt`) is raised as `Escaped`, except
    where a person pressed Ctrl-C meanwhile: that passes. Our exceptions are raised as our own types, also
    where the plugin derived its own from them.
    """
    pressed: list[int] = []
    # Only the main thread is interrupted, and only there Python lets one listen.
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if in_main else None

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        if callable(before):
            before(number, frame)

    if callable(before):
        signal.signal(signal.SIGINT, note)
    try:
        try:
            yield
        except SharecoreError as error:
            raise retold(error).with_traceback(error.__traceback__) from error.__cause__
    except Exception:
        raise
    except BaseException as error:
        if pressed:
            raise
        raise Escaped from error
    finally:
        if callable(before):
            signal.signal(signal.SIGINT, before)


def kind(error: BaseException) -> str:
    """Return the name of the type of an exception."""
    return type(_real(error)).__name__


def describe(error: BaseException) -> str:
    """Return the type of an exception and the place that raised it: `ValueError at lamp.py:12`."""
    frames = traceback.extract_tb(_real(error).__traceback__)
    place = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{kind(error)}{place}"


def log_fault(logger: logging.Logger, message: str, error: BaseException) -> None:
    """Log a message with the stack of an exception and of those that led to it."""
    stacks: list[str] = []
    link: BaseException | None = _real(error)
    while link is not None and len(stacks) < 5:
        stacks.append("".join(traceback.format_tb(link.__traceback__)) + type(link).__name__)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    logger.error("%s\n%s", message, "\ncaused by\n".join(stacks))


def _real(error: BaseException) -> BaseException:
    return error.__cause__ or error if isinstance(error, Escaped) else error

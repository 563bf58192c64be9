"""Faults: what to say of a plugin's exception without repeating its text.

The text of a foreign exception may hold anything, a password included (`int(password)` quotes it). People
are told its type and place; the log gets the stack, which shows source lines but neither text nor values.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

from sharecore.exceptions import PluginError, SharecoreError


def describe(error: BaseException) -> str:
    """The type of an exception and where it was raised: `ValueError at lamp.py:12`."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def log_fault(logger: logging.Logger, message: str, error: BaseException) -> None:
    """Log a message with the stack of an exception and of those that led to it."""
    stacks: list[str] = []
    link: BaseException | None = error
    while link is not None and len(stacks) < 5:
        stacks.append("".join(traceback.format_tb(link.__traceback__)) + type(link).__name__)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    logger.error("%s\n%s", message, "\ncaused by\n".join(stacks))


@contextmanager
def as_plugin_error(logger: logging.Logger, doing: str) -> Iterator[None]:
    """What a plugin raises inside, beside our own exceptions, is logged and becomes a `PluginError`.

    doing: who fails at what, to be followed by "failed".
    """
    try:
        yield
    except SharecoreError:
        raise
    except Exception as error:
        log_fault(logger, f"{doing} failed: {describe(error)}", error)
        raise PluginError(f"{doing} failed ({type(error).__name__})") from None

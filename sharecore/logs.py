"""Remove credentials from log records."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from sharecore.secrets import HIDDEN, repeats_secret

LOGGERS = ("sharecore", "tom_integration", "urllib3", "requests", "apprise")
"""Beginnings of names of loggers whose records are searched at any level; others are searched from `LEVEL`
on.
"""

LEVEL = logging.WARNING


def install() -> None:
    """Search log records, whenever their loggers are made, before any handler gets them.

    Records of other software too, since an adapter logs under a name of its own, and Django logs exceptions
    of views.
    """
    make = logging.getLogRecordFactory()

    def make_clean(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if record.levelno >= LEVEL or record.name.startswith(LOGGERS):
            _clean(record)
        return record

    logging.setLogRecordFactory(make_clean)


def _clean(record: logging.LogRecord) -> None:
    if isinstance(record.args, tuple):
        # Often one argument alone repeats a credential, and the others say what happened.
        record.args = tuple(map(_clean_argument, record.args))
    elif record.args and _repeats(record.args):
        record.msg, record.args = HIDDEN, ()
    try:
        repeats = repeats_secret(record.getMessage())
    except Exception:  # its arguments do not fit: logging itself reports that, with its place
        repeats = _repeats(record.msg)
    if repeats:
        record.msg, record.args = HIDDEN, ()
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and repeats_secret("".join(traceback.format_exception(error))):
        record.exc_info = None
        record.exc_text = f"{type(error).__name__} {HIDDEN}"


def _clean_argument(value: Any) -> Any:
    return HIDDEN if not isinstance(value, int | float) and _repeats(value) else value


def _repeats(value: object) -> bool:
    try:
        return repeats_secret(str(value))
    except Exception as error:  # logging shows that failure in place of the text
        return repeats_secret(str(error))

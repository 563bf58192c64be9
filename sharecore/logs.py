"""Log records of sharecore, its adapters and the HTTP library, without credentials."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from sharecore.secrets import HIDDEN, repeats_secret

LOGGERS = ("sharecore", "tom_integration", "urllib3", "requests")
"""What the names of the loggers begin with."""


def install() -> None:
    """Look at each log record of these loggers, whenever they are made, before any handler gets it."""
    make = logging.getLogRecordFactory()

    def make_clean(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if record.name.startswith(LOGGERS):
            _clean(record)
        return record

    logging.setLogRecordFactory(make_clean)


def _clean(record: logging.LogRecord) -> None:
    try:
        repeats = repeats_secret(record.getMessage())
    except Exception:
        return  # its arguments do not fit: logging itself reports that, with its place
    if repeats and isinstance(record.args, tuple):
        # Often one argument alone does, and the others say what happened.
        record.args = tuple(HIDDEN if repeats_secret(str(each)) else each for each in record.args)
        repeats = repeats_secret(record.getMessage())
    if repeats:
        record.msg, record.args = HIDDEN, ()
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and repeats_secret("".join(traceback.format_exception(error))):
        record.exc_info = None
        record.exc_text = f"{type(error).__name__} {HIDDEN}"

"""Building what is to be sent: what fails here has not left, and costs the record that it is about alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sharecore.exceptions import PluginError, SharecoreError
from sharecore.outcomes import Deferred, Outcome
from sharecore.plugin_errors import contained, describe, log_fault
from sharecore.records import Record, RecordKey

Made = TypeVar("Made")
logger = logging.getLogger(__name__)


def build_each(
    records: Iterable[Record], build: Callable[[Record], Made | Outcome]
) -> tuple[dict[RecordKey, Made], dict[RecordKey, Outcome]]:
    """What `build` makes of each record, and the outcomes of those of which it makes nothing, by key.

    build: may answer with an outcome, such as `Unsupported`. A record that it fails at was not sent, so that
    it is tried again later; the log has the traceback, and the others go on.
    """
    made: dict[RecordKey, Made] = {}
    outcomes: dict[RecordKey, Outcome] = {}
    for record in records:
        try:
            with contained():
                answer = build(record)
        except SharecoreError:
            raise
        except Exception as error:
            reason = f"its message could not be built: {describe(error)}"
            log_fault(logger, f"{record.key}: {reason}", error)
            outcomes[record.key] = Deferred(reason=reason)
            continue
        if isinstance(answer, Outcome):
            outcomes[record.key] = answer
        else:
            made[record.key] = answer
    return made, outcomes


@contextmanager
def before_sending() -> Iterator[None]:
    """What fails inside fails before anything is sent: the records of the call are tried again later.

    For what concerns a whole call. What an adapter raises elsewhere may have been raised after its records
    had left, so that they count as sent without an answer.
    """
    try:
        with contained():
            yield
    except SharecoreError:
        raise
    except Exception as error:
        reason = f"the message could not be built: {describe(error)}"
        log_fault(logger, reason, error)
        raise PluginError(reason) from None

"""Build the content to send: a failure here costs only its own record, and nothing of that has left."""

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
    """Return the results of `build` by key of the record, and the outcomes of the records for which there is
    none.

    A record for which `build` raises was not sent, so it is tried again later (`Deferred`); the log has the
    traceback, and the other records go on.

    Args:
        records: records to send.
        build: return the content for a record, or an outcome such as `Unsupported`.
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
    """Mark code that runs before anything is sent: after an exception inside, the records are tried again
    later.

    For steps that concern a whole call. An exception anywhere else may have come after the records had left,
    so that they count as sent without an answer.
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

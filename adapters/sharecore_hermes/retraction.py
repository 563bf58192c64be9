"""Retract messages: those that a person withdraws, and those that edits have replaced.

HERMES retracts a message as a whole. So one is retracted only when each record in it was sent again with
other content; until then `Batch.state` remembers which ones were.
"""

from __future__ import annotations

import json
import logging
from collections.abc import MutableMapping
from hashlib import sha256

from sharecore.exceptions import DeliveryError
from sharecore.outcomes import Deferred, Rejected, Withdrawal, Withdrawn
from sharecore.records import JsonValue, RecordKey
from sharecore_hermes.archive import Archive, CannotTell, FailsNow, NotArchived
from sharecore_hermes.provenance import records_in

REPLACED = "replaced"
"""Key of `Batch.state`: for each message by id the marks of its records that were replaced."""
AGAIN = "to_retract"
"""Key of `Batch.state`: messages whose retraction failed."""
MOST_NOTED = 8000
"""Characters of JSON that are noted. Beyond that the oldest messages are forgotten: they stay."""
MOST_AGAIN = 10
"""Messages whose retraction is tried again."""

logger = logging.getLogger(__name__)


def withdrawn(archive: Archive, uuid: str) -> Withdrawal:
    """Retract a message that a person withdraws. Raises `AuthenticationFailed`, `DestinationError`.

    Args:
        archive: archive of HERMES.
        uuid: id of the message; empty for an unknown one.
    """
    if not uuid:
        return Rejected(reason="the ledger does not know in which message it went; retract it at HERMES")
    try:
        archive.retract(uuid)
    except NotArchived as error:
        return Deferred(reason=error.reason)
    except CannotTell as error:
        return Rejected(reason=f"{error.reason}. Only the user who published a message may retract it")
    except FailsNow as error:
        return Deferred(reason=error.reason, retry_after=error.retry_after)
    return Withdrawn()


class Replaced:
    """The messages that edits of one target replace.

    Args:
        state: notes about the target.
    """

    def __init__(self, state: MutableMapping[str, JsonValue]) -> None:
        noted, again = state.get(REPLACED), state.get(AGAIN)
        self._state = state
        self._marks: dict[str, list[str]] = (
            {uuid: [*map(str, marks)] for uuid, marks in noted.items() if isinstance(marks, list)}
            if isinstance(noted, dict)
            else {}
        )
        self._due = {str(uuid): None for uuid in again} if isinstance(again, list) else {}

    def add(self, uuid: str, key: RecordKey) -> None:
        """Note that another message replaces a record in this one."""
        marks = self._marks.pop(uuid, [])
        self._marks[uuid] = list(dict.fromkeys((*marks, _mark(str(key)))))
        self._due[uuid] = None
        while len(json.dumps(self._marks)) > MOST_NOTED:
            del self._marks[next(iter(self._marks))]
        self._write()

    def retract(self, archive: Archive, origin: str) -> None:
        """Retract the messages of which no record is left; what fails is tried in the next call.

        Raises nothing: the edits themselves have arrived.
        """
        for uuid in list(self._due):
            try:
                self._retract(uuid, archive, origin)
                del self._due[uuid]
            except CannotTell as error:
                logger.warning("The replaced message %s cannot be retracted: %s", uuid, error.reason)
                if not isinstance(error, NotArchived):
                    del self._due[uuid]
            except (FailsNow, DeliveryError) as error:
                logger.warning("The replaced message %s could not be retracted yet: %s", uuid, error)
        self._write()

    def _retract(self, uuid: str, archive: Archive, origin: str) -> None:
        replaced = self._marks.get(uuid, [])
        marks = [_mark(key) for key, _ in records_in(archive.message(uuid).content, origin)]
        if marks and all(mark in replaced for mark in marks):
            archive.retract(uuid)
            del self._marks[uuid]

    def _write(self) -> None:
        again = [uuid for uuid in self._due if uuid in self._marks][-MOST_AGAIN:]
        for key, value in ((REPLACED, self._marks), (AGAIN, again)):
            self._state.pop(key, None)
            if value:
                self._state[key] = value


def _mark(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:12]

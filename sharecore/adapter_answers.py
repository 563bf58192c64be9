"""Collect the answers of an adapter about its records, and hold each to the contract."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from sharecore.call_thread import progress
from sharecore.exceptions import (
    ConfigurationError,
    DeliveryError,
    DestinationError,
    PluginError,
    SharecoreError,
)
from sharecore.outcomes import Outcome, Unconfirmed, own, within_contract
from sharecore.plugin_errors import describe, log_fault
from sharecore.records import RecordKey

_SPARE = 10
"""Answers that are accepted beyond two for each record; an endless generator ends there."""

Stop = DeliveryError | ConfigurationError
"""The exceptions that stop a call of an adapter."""

logger = logging.getLogger(__name__)


class Broken(PluginError):
    """Raised when an adapter broke its contract: the records in hand may have been sent.

    Attributes:
        short: reason without the place.
    """

    def __init__(self, reason: str, short: str) -> None:
        super().__init__(reason)
        self.short = short


class GivenUp(DestinationError):
    """Raised when a call did not come back in time: the records in hand may have been sent."""


class Heard:
    """The answers of an adapter so far about the records with these keys.

    Args:
        keys: keys of the records.
        wanted: types of valid answers.

    Attributes:
        outcomes: valid outcomes, by key.
        doubtful: keys of records with an invalid answer.
        unclear: True after an answer that belongs to no record.
        complaints: breaches of the contract, with their number.
    """

    def __init__(self, keys: Iterable[RecordKey], wanted: Any = Outcome) -> None:
        self.keys = tuple(keys)
        self.outcomes: dict[RecordKey, Any] = {}
        self._wanted = wanted
        self.doubtful: set[RecordKey] = set()
        self.unclear = False
        self.complaints: Counter[str] = Counter()
        self._asked = frozenset(self.keys)

    def listen(self, answer: object) -> None:
        """Take in the answers that `deliver` yields."""
        if not isinstance(answer, Iterable):
            self._misunderstood(f"gave a {type(answer).__name__}, where each (key, outcome) is to be yielded")
            return
        for said in islice(answer, 2 * len(self.keys) + _SPARE):
            self.take(said)

    def take(self, said: object) -> None:
        """Take in one answer. A record with two outcomes that differ has none."""
        match said:
            case (RecordKey() as key, outcome):
                pass
            case _:
                self._misunderstood(f"yielded a {type(said).__name__}, not (key, outcome)")
                return
        if key not in self._asked:
            self._misunderstood("gave an outcome for a record that it was not given")
            return
        progress()
        valid, complaints = read(outcome, self._wanted)
        if valid is not None and self.outcomes.setdefault(key, valid) != valid:
            complaints.append("gave two outcomes for one record")
            valid = None
        self.complaints.update(complaints)
        if valid is None or key in self.doubtful:
            self.outcomes.pop(key, None)
            self.doubtful.add(key)

    def _misunderstood(self, complaint: str) -> None:
        self.complaints[complaint] += 1
        self.unclear = True


def read(said: object, wanted: Any) -> tuple[Any, list[str]]:
    """Return an answer in the form of the contract, and complaints; None for an invalid answer."""
    try:
        answer = own(said)
    except Exception as error:
        complaint = f"gave an outcome that cannot be read: {describe(error)}"
        log_fault(logger, complaint, error)
        return None, [complaint]
    if isinstance(answer, wanted):
        return within_contract(answer)
    return None, [f"gave a {type(said).__name__} for an outcome"]


def hear(
    who: str,
    keys: Iterable[RecordKey],
    call: Callable[[Heard], object],
    *,
    sends: bool = True,
    wanted: Any = Outcome,
) -> Iterator[tuple[RecordKey, Any]]:
    """Yield the answers of an adapter in a call, and `Unconfirmed` for each record that may have been sent.

    Records without an answer were certainly not sent. Raises the exception that stopped the call, or
    `PluginError` where it ended without an outcome for each record.

    Args:
        who: name of the adapter, for messages.
        keys: keys of the records.
        call: call the adapter, and put its answers into the `Heard`.
        sends: False for a call that sends nothing: it may leave out records, and puts none in doubt.
        wanted: types of valid answers.
    """
    heard = Heard(keys, wanted)
    stop: SharecoreError | None = None
    try:
        call(heard)
    except SharecoreError as error:
        stop = error
    # Copies: a call that was given up may go on to speak.
    said, complaints = dict(heard.outcomes), dict(heard.complaints)
    left = [key for key in heard.keys if key not in said]
    if complaints:
        listed = "; ".join(f"{what} ({times} times)" for what, times in complaints.items())
        logger.error("%s answered out of contract: %s", who, listed)
    if not sends:
        left = []
    reason = f"{who} gave no valid outcome"
    if stop is None and left:
        stop = Broken(f"{reason} for {len(left)} of {len(heard.keys)} records", reason)
        logger.error("%s", stop)
    if isinstance(stop, Broken | GivenUp | ConfigurationError):
        reason = stop.short if isinstance(stop, Broken) else str(stop)
    elif not heard.unclear:
        left = [key for key in left if key in heard.doubtful]
    yield from said.items()
    yield from ((key, Unconfirmed(reason=reason)) for key in left)
    if stop is not None:
        raise stop


_Answer = TypeVar("_Answer")


def said_until(end: Iterator[tuple[RecordKey, _Answer]]) -> tuple[dict[RecordKey, _Answer], Stop | None]:
    """Return the answers until the end, and the exception that stopped them, if any."""
    said: dict[RecordKey, _Answer] = {}
    try:
        for key, outcome in end:
            said[key] = outcome
    except (DeliveryError, ConfigurationError) as stop:
        return said, stop
    return said, None

"""Hearing an adapter out: what it says of its records, held to the contract while it says it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from sharecore.call_thread import progress
from sharecore.exceptions import (
    ConfigurationError,
    DeliveryError,
    DestinationError,
    PluginError,
    SharecoreError,
)
from sharecore.outcomes import Outcome, Unconfirmed, mended, own
from sharecore.plugin_errors import describe, log_fault
from sharecore.records import RecordKey

_SPARE = 10
"""So many answers more than two for each record are heard; an endless generator ends there."""

Stop = DeliveryError | ConfigurationError
"""What stops a call of an adapter."""

logger = logging.getLogger(__name__)


class Broken(PluginError):
    """The adapter did what its contract does not know: what it had in hand may have been sent.

    short: the reason without the place.
    """

    def __init__(self, reason: str, short: str) -> None:
        super().__init__(reason)
        self.short = short


class GivenUp(DestinationError):
    """A call did not come back in time: what it had in hand may have been sent."""


class Heard:
    """What an adapter has said so far of the records with these keys.

    outcomes: those that are valid. doubtful: the records of which it said what is not.
    unclear: it said something of which nobody can tell which record it is about.
    complaints: what was out of contract, and how often.
    """

    def __init__(self, keys: Iterable[RecordKey]) -> None:
        self.keys = tuple(keys)
        self.outcomes: dict[RecordKey, Outcome] = {}
        self.doubtful: set[RecordKey] = set()
        self.unclear = False
        self.complaints: Counter[str] = Counter()
        self._asked = frozenset(self.keys)

    def listen(self, answer: object) -> None:
        """Take in what `deliver` yields."""
        if not isinstance(answer, Iterable):
            self._misunderstood(f"gave a {type(answer).__name__}, where each (key, outcome) is to be yielded")
            return
        for said in islice(answer, 2 * len(self.keys) + _SPARE):
            self.take(said)

    def take(self, said: object) -> None:
        """Take in one thing that was said. A record with two outcomes that differ has none."""
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
        valid, complaints = read(outcome, Outcome)
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
    """What was said of a record, as the contract has it, and what was not so. None: it is no such thing."""
    try:
        answer = own(said)
    except Exception as error:
        complaint = f"gave an outcome that cannot be read: {describe(error)}"
        log_fault(logger, complaint, error)
        return None, [complaint]
    if isinstance(answer, wanted):
        return mended(answer)
    return None, [f"gave a {type(said).__name__} for an outcome"]


def hear(
    who: str, keys: Iterable[RecordKey], call: Callable[[Heard], object]
) -> Iterator[tuple[RecordKey, Outcome]]:
    """What an adapter says in a call, with `Unconfirmed` for each record that may have been sent.

    Those that are not yielded were certainly not sent. who: the adapter, for messages. call: has it say that.
    Raises what stopped the call; `PluginError` where it ended without an outcome for each record.
    """
    heard = Heard(keys)
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


def said_until(
    end: Iterator[tuple[RecordKey, Outcome]],
) -> tuple[dict[RecordKey, Outcome], Stop | None]:
    """What is said until the end, or until something stops it."""
    said: dict[RecordKey, Outcome] = {}
    try:
        for key, outcome in end:
            said[key] = outcome
    except (DeliveryError, ConfigurationError) as stop:
        return said, stop
    return said, None

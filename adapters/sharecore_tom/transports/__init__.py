"""The transports to a receiver: one row per request, files of rows, batches.

Each transport delivers any batch; the adapter chooses the fastest that the receiver has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping

from sharecore.adapter import Batch, Preview
from sharecore.exceptions import Problem
from sharecore.outcomes import Found, Outcome, Unconfirmed
from sharecore.records import RecordKey

Outcomes = Iterator[tuple[RecordKey, Outcome]]


class Transport(ABC):
    """One way to deliver.

    `about` is a sentence or two for people on how data go, and why so.
    """

    about: str
    can_update = False
    can_examine = False
    max_batch = 200

    @abstractmethod
    def deliver(self, batch: Batch) -> Outcomes:
        """Deliver as `Adapter.deliver`. Raises `Closed` when this transport leads nowhere any more."""

    @abstractmethod
    def knows_target(self, batch: Batch) -> bool:
        """Return whether the target is known, as `Adapter.knows_target`."""

    @abstractmethod
    def ensure_target(self, batch: Batch) -> None:
        """Make the target known, as `Adapter.ensure_target`. Raises `Closed` as `deliver`."""

    @abstractmethod
    def find(self, batch: Batch) -> Mapping[RecordKey, Found]:
        """Look records up, as `Adapter.find`."""

    def examine(self, batch: Batch) -> tuple[Problem, ...] | None:
        """Let the receiver examine a batch without storing it; None where it cannot."""
        return None

    @abstractmethod
    def preview(self, batch: Batch) -> Preview:
        """Return the content that would be sent, as `Adapter.preview`."""


class Closed(Exception):
    """Raised when the receiver does not have this transport any more. Records without an outcome were not
    sent.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unconfirmed(keys: Iterable[RecordKey], reason: str) -> Outcomes:
    """Yield outcomes for records that may or may not be stored."""
    return ((key, Unconfirmed(reason=reason)) for key in keys)

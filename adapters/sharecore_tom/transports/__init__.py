"""The transports to a receiver: one row per request, files of rows, batches.

Each transport delivers any batch; the adapter chooses the fastest that the receiver has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping

from sharecore.adapter import Batch, Preview
from sharecore.outcomes import Found, Outcome, Unconfirmed
from sharecore.records import RecordKey

Outcomes = Iterator[tuple[RecordKey, Outcome]]


class Transport(ABC):
    """One way to deliver. about: how data go, and why so, in a sentence or two for people."""

    about: str
    can_update = False
    max_batch = 200

    @abstractmethod
    def deliver(self, batch: Batch) -> Outcomes:
        """As `Adapter.deliver`. Raises `Closed` when this transport leads nowhere any more."""

    @abstractmethod
    def knows_target(self, batch: Batch) -> bool:
        """As `Adapter.knows_target`."""

    @abstractmethod
    def ensure_target(self, batch: Batch) -> None:
        """As `Adapter.ensure_target`. Raises `Closed` as `deliver`."""

    @abstractmethod
    def find(self, batch: Batch) -> Mapping[RecordKey, Found]:
        """As `Adapter.find`."""

    @abstractmethod
    def preview(self, batch: Batch) -> Preview:
        """As `Adapter.preview`."""


class Closed(Exception):
    """The receiver does not have this transport any more. What was not told of before was not sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unconfirmed(keys: Iterable[RecordKey], reason: str) -> Outcomes:
    """Nobody knows whether these were stored."""
    return ((key, Unconfirmed(reason=reason)) for key in keys)

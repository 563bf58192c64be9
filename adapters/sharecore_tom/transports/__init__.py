"""The transports to a receiver: one row per request, files of rows, batches.

Each transport delivers any batch; the adapter chooses the fastest that the receiver has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from sharecore.adapter import Batch, Preview
from sharecore.outcomes import Found, Outcome
from sharecore.records import RecordKey


class Transport(ABC):
    """One way to deliver. about: how data go, and why so, in a sentence or two for people."""

    about: str
    can_update = False
    max_batch = 200

    @abstractmethod
    def deliver(self, batch: Batch) -> Mapping[RecordKey, Outcome]:
        """As `Adapter.deliver`. Raises `Closed` when this transport leads nowhere any more."""

    @abstractmethod
    def find(self, batch: Batch) -> Mapping[RecordKey, Found]:
        """As `Adapter.find`."""

    @abstractmethod
    def preview(self, batch: Batch) -> Preview:
        """As `Adapter.preview`."""


class Closed(Exception):
    """The receiver does not have this transport any more. decided: what was sent before that showed."""

    def __init__(self, reason: str, decided: Mapping[RecordKey, Outcome]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.decided = decided

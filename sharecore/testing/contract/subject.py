"""The adapter under test, as its author describes it, and one call of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sharecore.exceptions import DeliveryError
from sharecore.hooks import DestinationType
from sharecore.outcomes import Outcome
from sharecore.records import Record, RecordKey, Report
from sharecore.targets import Target
from sharecore.testing.answers import Request
from sharecore.testing.examples import TARGETS, example_record
from sharecore.testing.server import FakeServer


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The adapter under test, with a destination that works."""

    type: DestinationType[Any]
    """Kind of destination that the plugin offers."""
    settings: Mapping[str, object]
    """Entry of `DATA_SHARING` that works, without 'ADAPTER'."""
    secrets: Collection[str] = ()
    """Texts in the settings that must never be shown."""
    topic: str = ""
    """Topic of the address, if the destination needs one."""
    record: Record | None = field(default_factory=example_record)
    """Record that the destination takes. None for an adapter that takes reports alone: wherever a rule
    delivers this record, it delivers `report` in its place.
    """
    target: Target = TARGETS["sidereal"]
    """Target of the records, for a destination that needs some values of it."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Values that the destination needs in every record, by field; those of `extra` are added to the others.
    A field that a kind of record does not have is left out.
    """
    report: Report | None = None
    """Report that the destination takes; needed for an adapter that takes reports."""
    stored: Callable[[], Collection[object]] | None = None
    """Return what the destination has now, one entry for each record, so that a record sent twice shows up
    twice. None for a destination that cannot be read.
    """
    server: FakeServer | None = None
    """Server behind `settings`, for a destination over HTTP."""
    delivers: Callable[[Request], bool] = lambda request: request.writes
    """Return whether a request is the one that carries records; by default every POST, PUT and PATCH."""
    process: Callable[[], object] = lambda: None
    """Let time pass at a destination that answers later: it processes what it has taken."""
    patience: float = 20.0
    """Seconds within which each call must come back, whatever the destination does; give short time-outs in
    `settings`.
    """


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of `deliver`, after `ensure_target` where that is due."""

    outcomes: Mapping[RecordKey, Outcome]
    """Outcomes by key; those yielded before the call stopped included."""
    stopped: DeliveryError | None = None
    """Exception that stopped the call; None for a call that ended by itself."""

    def of(self, record: Record) -> Outcome | None:
        """Return the outcome of a record; None when it was not sent."""
        return self.outcomes.get(record.key)

    @property
    def retry_after(self) -> float | None:
        """Return the seconds to wait, as the destination asked, wherever the adapter reports them."""
        told = [self.stopped, *self.outcomes.values()]
        return next((s for each in told if (s := getattr(each, "retry_after", None)) is not None), None)

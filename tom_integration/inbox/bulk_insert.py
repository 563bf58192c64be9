"""Insert rows in bulk, so that a row which the database refuses does not undo the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, transaction

from sharecore.records import Record
from tom_integration.inbox.parse import Arrival
from tom_integration.inbox.record_answers import TAKEN, Answer, rejected
from tom_integration.inbox.save_signals import Events

_LIMIT_EXCEEDED = "54"
"""The class of PostgreSQL's errors for values that are too large, for example an indexed spectrum."""


@dataclass(slots=True, kw_only=True)
class Newcomer:
    """Hold a record to be stored."""

    number: int
    """The position in the batch."""
    arrival: Arrival
    record: Record
    row: Any
    """The new datum."""
    others: list[tuple[int, Arrival, Record]] = field(default_factory=list)
    """Records of the batch with other keys and the same observation."""

    @property
    def keys(self) -> list[tuple[int, Arrival, Record]]:
        """Return all records of the batch with this observation."""
        return [(self.number, self.arrival, self.record), *self.others]

    def all(self, answer: Answer) -> dict[int, Answer]:
        """Return the same answer for each of these records."""
        return {number: answer for number, _, _ in self.keys}


def insert(rows: Sequence[Any], events: Events) -> dict[int, Answer]:
    """Insert rows and fill in their primary keys; return the refusals by `id` of the row."""
    refusals: dict[int, Answer] = {}
    by_model: dict[type[Any], list[Any]] = defaultdict(list)
    for row in rows:
        by_model[type(row)].append(row)
    for model, group in by_model.items():
        try:
            with transaction.atomic():
                model._default_manager.bulk_create(group)
        except DatabaseError as error:
            if refused(error) is None:
                raise
            refusals |= _one_by_one(model, group)
    events.after((row for row in rows if id(row) not in refusals), created=True)
    return refusals


def _one_by_one(model: type[Any], rows: Sequence[Any]) -> dict[int, Answer]:
    refusals: dict[int, Answer] = {}
    for row in rows:
        row.pk = None
        with kept_apart(refusals, id(row)):
            model._default_manager.bulk_create([row])
    return refusals


@contextmanager
def kept_apart(refusals: dict[int, Answer], key: int) -> Iterator[None]:
    """Write one row in a savepoint; when the database refuses it, undo only that and note the answer."""
    try:
        with transaction.atomic():
            yield
    except DatabaseError as error:
        answer = refused(error)
        if answer is None:
            raise
        refusals[key] = answer


def refused(error: DatabaseError) -> Answer | None:
    """Return the answer for an error of the row, or None for an error of the database."""
    if isinstance(error, IntegrityError):
        return rejected("", TAKEN)
    state = getattr(error.__cause__, "sqlstate", None) or ""
    if isinstance(error, DataError) or state.startswith(_LIMIT_EXCEEDED):
        return rejected("", f"the database cannot store it: {error}")
    return None

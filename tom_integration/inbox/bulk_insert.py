"""Writing rows so that one which the database refuses takes none of the others with it."""

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
"""Class of PostgreSQL's errors for what is too large, for example an indexed spectrum."""


@dataclass(slots=True, kw_only=True)
class Newcomer:
    """A record to be stored.

    number: its place in the batch. row: the datum that it becomes. others: more keys of the same observation.
    """

    number: int
    arrival: Arrival
    record: Record
    row: Any
    others: list[tuple[int, Arrival, Record]] = field(default_factory=list)

    @property
    def keys(self) -> list[tuple[int, Arrival, Record]]:
        """The records of the batch that tell of it."""
        return [(self.number, self.arrival, self.record), *self.others]

    def all(self, answer: Answer) -> dict[int, Answer]:
        """The same answer to each of them."""
        return {number: answer for number, _, _ in self.keys}


def insert(rows: Sequence[Any], events: Events) -> dict[int, Answer]:
    """Insert rows and fill in their primary keys; the refusals, by `id` of the row."""
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
    """Write one row; when the database refuses it, only that is undone, and the answer noted."""
    try:
        with transaction.atomic():
            yield
    except DatabaseError as error:
        answer = refused(error)
        if answer is None:
            raise
        refusals[key] = answer


def refused(error: DatabaseError) -> Answer | None:
    """The answer when the row is to blame; None when the database is."""
    if isinstance(error, IntegrityError):
        return rejected("", TAKEN)
    state = getattr(error.__cause__, "sqlstate", None) or ""
    if isinstance(error, DataError) or state.startswith(_LIMIT_EXCEEDED):
        return rejected("", f"the database has no room for it: {error}")
    return None

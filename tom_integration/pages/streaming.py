"""Read any number of rows bit by bit. On SQLite a query that stays open keeps others from saving."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from tom_integration.portions import portions

CHUNK = 500
"""Rows that are read at once."""
_Row = TypeVar("_Row", bound=Model)


def stream(*parts: QuerySet[_Row, Any]) -> Iterator[_Row]:
    """Return the rows of all parts, which are of one model, with 8 bytes of memory for each.

    The keys are read at once, so that a row which changes meanwhile comes once.
    """
    keys = array("q")
    for rows in parts:
        keys.extend(rows.values_list("pk", flat=True).iterator())
    for some in portions(keys, CHUNK):
        yield from read(parts[0].model, some)


def read(model: type[_Row], keys: Sequence[int]) -> list[_Row]:
    """Return the rows with these keys, in their order, without those that were deleted meanwhile."""
    found = model._default_manager.in_bulk(keys)
    return [found[key] for key in keys if key in found]

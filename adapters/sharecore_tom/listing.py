"""List the rows of one target at a receiver, to be compared with the sent ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sharecore_tom.api import Api
from sharecore_tom.compare import differences, moment
from sharecore_tom.receiver import DATA, Generation

_PAGE = {"spectroscopy": 10}
"""Rows to a page of the listing where the usual number would be too long."""
_LONG_PAGE = 1000
"""Rows to a page for photometry: a 3.x TOM reads all rows of the target for each page."""


class Listing:
    """Rows of a receiver, by time."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], at: Generation) -> None:
        self._at = at
        self._by_time: dict[datetime | None, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            self._by_time[moment(row.get("timestamp"))].append(row)

    def has(self, row: Mapping[str, Any]) -> bool:
        """Return whether this row is listed."""
        return self.nearest(row) == []

    def nearest(self, row: Mapping[str, Any]) -> list[str] | None:
        """Return the differences to the most similar row of the same time; None when no row of that time is
        listed.
        """
        same_time = self._by_time.get(moment(row["timestamp"]), ())
        return min((differences(row, each, self._at) for each in same_time), key=len, default=None)


def everything(api: Api, target_id: int, data_type: str, at: Generation) -> Listing:
    """Return all rows of one type."""
    pages = api.pages(DATA, _query(target_id, data_type), limit=_PAGE.get(data_type, 100))
    return Listing((row for page in pages for row in page), at)


def photometry_since(api: Api, target_id: int, rows: Iterable[Mapping[str, Any]]) -> Listing:
    """Return the photometry since the first of these rows. A 3.x TOM lists the newest first."""
    first = min(time for row in rows if (time := moment(row["timestamp"])))
    found: list[dict[str, Any]] = []
    for page in api.pages(DATA, _query(target_id, "photometry"), limit=_LONG_PAGE):
        found += page
        last = moment(page[-1].get("timestamp")) if page else None
        if last is not None and last < first:
            break
    return Listing(found, Generation.TYPED)


def _query(target_id: int, data_type: str) -> dict[str, str | int]:
    return {"target__id": target_id, "data_type": data_type}

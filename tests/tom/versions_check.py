"""Whoever changes deliveries gives their outboxes a new version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from tom_integration.models import Delivery, LedgerVersion

_SHOWN = ", ".join(field.column for field in Delivery._meta.concrete_fields if field.attname != "named")
_DELIVERIES = f"SELECT outbox_id, {_SHOWN} FROM {Delivery._meta.db_table}"  # noqa: S608 - all of it is ours
_VERSIONS = f"SELECT outbox_id, version FROM {LedgerVersion._meta.db_table}"  # noqa: S608


def read(query: str) -> list[tuple[Any, ...]]:
    """The rows of a query, without what Django makes of them: it is asked hundreds of thousands of times."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _by_outbox() -> dict[int, set[tuple[object, ...]]]:
    found: dict[int, set[tuple[object, ...]]] = defaultdict(set)
    for row in read(_DELIVERIES):
        found[row[0]].add(row)
    return found


@contextmanager
def versions_are_renewed() -> Iterator[set[int]]:
    """Compare the ledger before and after; yields the outboxes whose deliveries have changed, at the end."""
    before, versions = _by_outbox(), dict(read(_VERSIONS))
    changed: set[int] = set()
    yield changed
    after, renewed = _by_outbox(), dict(read(_VERSIONS))
    changed |= {pk for pk in {*before, *after} if before[pk] != after[pk]}
    stale = {pk for pk in changed if pk in renewed and versions.get(pk) == renewed[pk]}
    unknown = changed - set(renewed) if after else set()
    assert not stale | unknown, f"deliveries of outboxes {sorted(stale | unknown)} changed without a version"

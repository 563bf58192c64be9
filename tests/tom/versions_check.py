"""Whoever changes deliveries gives their outboxes a new version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from tom_integration.models import Delivery, LedgerVersion

_SHOWN = [field.attname for field in Delivery._meta.concrete_fields if field.attname != "named"]


def _by_outbox() -> dict[int, set[tuple[object, ...]]]:
    found: dict[int, set[tuple[object, ...]]] = defaultdict(set)
    for row in Delivery.objects.values_list("outbox_id", *_SHOWN):
        found[row[0]].add(row)
    return found


@contextmanager
def versions_are_renewed() -> Iterator[set[int]]:
    """Compare the ledger before and after; yields the outboxes whose deliveries have changed, at the end."""
    before, versions = _by_outbox(), dict(LedgerVersion.objects.values_list("outbox_id", "version"))
    changed: set[int] = set()
    yield changed
    after, renewed = _by_outbox(), dict(LedgerVersion.objects.values_list("outbox_id", "version"))
    changed |= {pk for pk in {*before, *after} if before[pk] != after[pk]}
    stale = {pk for pk in changed if pk in renewed and versions.get(pk) == renewed[pk]}
    unknown = changed - set(renewed) if after else set()
    assert not stale | unknown, f"deliveries of outboxes {sorted(stale | unknown)} changed without a version"

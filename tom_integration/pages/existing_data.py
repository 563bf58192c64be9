"""Find in SQL the data from before a share, of the kinds that the share sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from django.db.models import Q, QuerySet

from sharecore.exceptions import ConfigurationError
from sharecore.records import Kind
from tom_integration.models import Delivery, Outbox, ShareRule, read_filter


def existing_data(
    outboxes: QuerySet[Outbox], before: QuerySet[Delivery]
) -> Iterator[tuple[Q, QuerySet[Delivery]]]:
    """Yield conditions for outboxes, each with the data from before of the kinds that they send.

    The kinds stand in the filters of share and rule, as JSON: few different ones, however many shares.
    """
    texts = outboxes.exclude(filter="").order_by().values_list("filter", flat=True).distinct()
    rules = ShareRule.objects.exclude(filter="").values_list("pk", "filter")
    of_shares = list(_by_kinds("filter__in", ((text, text) for text in texts)))
    of_rules = list(_by_kinds("rule_id__in", rules))
    for share, kinds in of_shares:
        for rule, more in of_rules:
            # A delivery whose datum was never read has an empty kind.
            of_kinds = [Q(kind__in=["", *each]) for each in (kinds, more) if each]
            yield share & rule, before.filter(*of_kinds)


def _by_kinds(column: str, found: Iterable[tuple[Any, str]]) -> Iterator[tuple[Q, tuple[Kind, ...]]]:
    """Yield conditions on a column for each choice of kinds, and for all others, which is empty.

    Args:
        column: the look-up of the column.
        found: its values with their filters.
    """
    by_kinds: dict[tuple[Kind, ...], list[Any]] = {}
    for value, text in found:
        with suppress(ConfigurationError):  # It is told elsewhere that a filter cannot be read.
            if kinds := read_filter(text).kinds:
                by_kinds.setdefault(kinds, []).append(value)
    chosen = [value for values in by_kinds.values() for value in values]
    yield ~Q(**{column: chosen}) if chosen else Q(), ()
    for kinds, values in by_kinds.items():
        yield Q(**{column: values}), kinds

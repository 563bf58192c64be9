"""Sort and page the deliveries of a share for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from sharecore.delivery import State
from tom_integration.models import OUTDATED, Delivery
from tom_integration.pages import form_values
from tom_integration.pages.counts import LATER
from tom_integration.pages.inventory import KIND_OF_ONE

PAGE = 25
_ORDER = "needs_review failed unconfirmed sending pending unsupported withheld delivered baseline cancelled"
BY_URGENCY = tuple(map(State, _ORDER.split()))
"""The order of states: first those that need a person, then waiting, then not sent, then the rest."""
SORTED = {"datum": ("timestamp", "pk"), "attempts": ("attempts", "pk"), "delivered": ("delivered_at", "pk")}
"""The columns by which a person can sort; a minus before the name reverses the order."""
EDITED, SENT_LATER = "outdated", "later"
"""The values of the filter for records of which the destination has old values, and for those that wait for
their release: these are `withheld`, and no part of that choice.
"""


class ByUrgency:
    """Order deliveries by state, and in each state by the next try, or the latest arrived first.

    Each part is in the order of the index, so that a page costs the same among a hundred and a million.
    """

    def __init__(self, rows: QuerySet[Delivery], numbers: Mapping[str, int]) -> None:
        self._rows = rows
        self._numbers = numbers

    def __len__(self) -> int:
        return sum(self._numbers.values())

    def __getitem__(self, span: slice) -> list[Delivery]:
        """Return the deliveries from `span.start` up to `span.stop`, which are both given."""
        found: list[Delivery] = []
        start, stop = span.start, span.stop
        for state in BY_URGENCY:
            number = self._numbers.get(state, 0)
            if start < number and stop > 0:
                rows = self._rows.filter(state=state)
                delivered = state is State.DELIVERED
                order = ("-next_at", "-delivered_at") if delivered else ("next_at",)
                found += rows.order_by(*order)[max(start, 0) : min(stop, number)]
            start, stop = start - number, stop - number
        return found


class BySort:
    """Order deliveries by columns; sort their primary keys only, not the whole rows."""

    def __init__(self, rows: QuerySet[Delivery], number: int, columns: Iterable[str]) -> None:
        self._keys = rows.order_by(*columns).values_list("pk", flat=True)
        self._number = number

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, span: slice) -> list[Delivery]:
        """Return the deliveries of a span, without rows that were deleted meanwhile."""
        keys = list(self._keys[span])
        found = Delivery.objects.in_bulk(keys)
        return [found[key] for key in keys if key in found]


def page_of(rows: QuerySet[Delivery], numbers: Mapping[str, int], request: HttpRequest) -> Page[Any]:
    """Return the page that a request asks for with `state`, `q`, `sort` and `page`.

    Args:
        rows: the deliveries.
        numbers: the number of these deliveries by state.
        request: the request.
    """
    state, text = request.GET.get("state", ""), request.GET.get("q", "").strip()
    if state == EDITED:
        rows = rows.filter(OUTDATED)
    elif state == SENT_LATER:
        rows = rows.filter(LATER)
    elif state in set(State):
        rows, numbers = rows.filter(state=state), {state: numbers.get(state, 0)}
        rows = rows.exclude(LATER) if state == State.WITHHELD else rows
    if text:
        rows = rows.filter(_matching(text))
    if text or state in (EDITED, SENT_LATER, State.WITHHELD):
        numbers = dict(rows.order_by().values_list("state").annotate(number=Count("pk")))
    paginator: Paginator[Any] = Paginator(_sorted(rows, numbers, request.GET.get("sort", "")), PAGE)
    return paginator.get_page(request.GET.get("page"))


def _sorted(rows: QuerySet[Delivery], numbers: Mapping[str, int], sort: str) -> Any:
    columns = SORTED.get(sort.removeprefix("-"))
    if columns is None:
        return ByUrgency(rows, numbers)
    sign = "-" if sort.startswith("-") else ""
    return BySort(rows, sum(numbers.values()), [f"{sign}{column}" for column in columns])


def _matching(text: str) -> Q:
    kinds = [kind for kind, label in KIND_OF_ONE.items() if text.lower() in f"{kind} {label}".lower()]
    matching = Q(reason__icontains=text) | Q(remote_id__icontains=text) | Q(kind__in=kinds)
    if (pk := form_values.pk(text)) is not None:
        matching |= Q(datum_pk=pk)
    return matching

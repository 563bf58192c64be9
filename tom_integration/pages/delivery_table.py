"""Filter, sort and page the deliveries of a share for people.

The order by state and the order by *Delivered* come from an index, for any number of deliveries. *Datum* has
no index, for which each write of a delivery would pay: sorting by it costs 1 to 2 microseconds of CPU for
each row, and is offered for `MOST_SORTED` rows at most. Search, kind and days read each row, in 1 to 4
microseconds; what they find among more rows does not refresh by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet

from sharecore.delivery import State
from sharecore.records import Kind
from tom_integration.mapping.kinds import CONDITIONS
from tom_integration.mapping.shareable_rows import SHARED_MODELS
from tom_integration.models import OUTDATED, Delivery
from tom_integration.pages import form_values
from tom_integration.pages.counts import LATER
from tom_integration.pages.inventory import KIND_OF_ONE
from tom_integration.pages.streaming import read, stream

PAGE = 25
MOST_SORTED = 100_000
"""The number of deliveries up to which people can sort by `DATUM`."""
BY_URGENCY = (
    State.NEEDS_REVIEW, State.FAILED, State.TO_APPROVE, State.UNCONFIRMED, State.SENDING, State.PENDING,
    State.WITHDRAWING, State.SUBMITTED, State.UNSUPPORTED, State.WITHHELD, State.WITHDRAWN, State.DELIVERED,
    State.BASELINE, State.CANCELLED,
)  # fmt: skip
"""The order of states: first those that need a person, then waiting, then not sent, then the rest."""
DATUM = "datum"
"""The column of the time of the datum; a minus before the name reverses the order."""
DELIVERED = "delivered"
"""The column of the time of delivery, with an index; rows that are not delivered come last, by urgency, in
both directions.
"""
EDITED, SENT_LATER = "outdated", "later"
"""The values of the filter for records of which the destination has old values, and for those that wait for
their release: these are `withheld`, and no part of that choice.
"""


class Table:
    """Hold deliveries in an order, as parts of which each one is in an order of its own."""

    def __init__(self, parts: list[tuple[QuerySet[Delivery], int]]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(number for _, number in self._parts)

    def __getitem__(self, span: slice) -> list[Delivery]:
        """Return the deliveries from `span.start` up to `span.stop`, which are both given.

        Only primary keys are sorted and passed over, not whole rows.
        """
        keys: list[int] = []
        start, stop = span.start, span.stop
        for rows, number in self._parts:
            if start < number and stop > 0:
                keys += rows.values_list("pk", flat=True)[max(start, 0) : min(stop, number)]
            start, stop = start - number, stop - number
        return read(Delivery, keys)

    def stream(self) -> Iterator[Delivery]:
        """Return all deliveries, with 8 bytes of memory for each."""
        return stream(*(rows for rows, _ in self._parts))


@dataclass(frozen=True, slots=True)
class ChosenDeliveries:
    """Hold what a person asks for with `state`, `q`, `kind`, `from`, `until` and `sort`."""

    state: str
    text: str
    kind: str
    since: str
    until: str
    sort: str

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> ChosenDeliveries:
        """Read the fields of a request; leave out what is not valid."""
        given = {
            name: fields.get(name, "").strip() for name in ("state", "q", "kind", "from", "until", "sort")
        }
        return cls(
            state=given["state"] if given["state"] in {*State, EDITED, SENT_LATER} else "",
            text=given["q"],
            kind=given["kind"] if given["kind"] in set(Kind) else "",
            since=given["from"] if form_values.day(given["from"]) else "",
            until=given["until"] if form_values.day(given["until"], end=True) else "",
            sort=given["sort"] if given["sort"].removeprefix("-") in (DATUM, DELIVERED) else "",
        )

    @property
    def reads_all(self) -> bool:
        """Return True when each row must be read to tell which ones are asked for."""
        return bool(self.text or self.kind or self.since or self.until)

    def table(self, rows: QuerySet[Delivery], numbers: Mapping[str, int], target_id: int) -> Table:
        """Return the deliveries that are asked for, in the order that is asked for.

        Args:
            rows: the deliveries of an outbox.
            numbers: the number of these deliveries by state.
            target_id: the target of the outbox.
        """
        if self.state == EDITED:
            rows = rows.filter(OUTDATED)
        elif self.state == SENT_LATER:
            rows = rows.filter(LATER)
        elif self.state:
            rows, numbers = rows.filter(state=self.state), {self.state: numbers.get(self.state, 0)}
            rows = rows.exclude(LATER) if self.state == State.WITHHELD else rows
        if self.reads_all:
            rows = rows.filter(self._condition(target_id))
        if self.reads_all or self.state in (EDITED, SENT_LATER, State.WITHHELD):
            numbers = dict(rows.order_by().values_list("state").annotate(number=Count("pk")))
        return Table(self._parts(rows, numbers))

    def _condition(self, target_id: int) -> Q:
        condition = _matching(self.text) if self.text else Q()
        if self.kind:
            condition &= _of_kind(Kind(self.kind), target_id)
        if since := form_values.day(self.since):
            condition &= Q(timestamp__gte=since)
        if until := form_values.day(self.until, end=True):
            condition &= Q(timestamp__lt=until)
        return condition

    def _parts(
        self, rows: QuerySet[Delivery], numbers: Mapping[str, int]
    ) -> list[tuple[QuerySet[Delivery], int]]:
        number, name = sum(numbers.values()), self.sort.removeprefix("-")
        if name == DATUM and number <= MOST_SORTED:
            sign = "-" if self.sort.startswith("-") else ""
            return [(rows.order_by(f"{sign}timestamp", f"{sign}pk"), number)]
        states = list(BY_URGENCY)
        if name == DELIVERED:
            states.remove(State.DELIVERED)
            states.insert(0, State.DELIVERED)
        return [(self._in_state(rows, state), numbers[state]) for state in states if numbers.get(state)]

    def _in_state(self, rows: QuerySet[Delivery], state: State) -> QuerySet[Delivery]:
        """Return the rows in a state, in the order of the index: by next try, or the latest arrived first."""
        falling = state is State.DELIVERED and self.sort != DELIVERED
        order = ("-next_at", "-delivered_at") if falling else ("next_at", "delivered_at")
        return rows.filter(state=state).order_by(*order)


def page_of(table: Table, number: str | None) -> Page[Any]:
    """Return one page of a table."""
    paginator: Paginator[Any] = Paginator(table, PAGE)  # type: ignore[arg-type]
    return paginator.get_page(number)


def _matching(text: str) -> Q:
    kinds = [kind for kind, label in KIND_OF_ONE.items() if text.lower() in f"{kind} {label}".lower()]
    matching = Q(reason__icontains=text) | Q(remote_id__icontains=text) | Q(kind__in=kinds)
    if (pk := form_values.pk(text)) is not None:
        matching |= Q(datum_pk=pk)
    return matching


def _of_kind(kind: Kind, target_id: int) -> Q:
    """Select deliveries of a kind, also those whose datum was never read: they have no kind yet."""
    condition = Q(kind=kind)
    for name, unread in CONDITIONS.get(kind, {}).items():
        data = SHARED_MODELS[name]._default_manager.filter(unread, target_id=target_id)
        condition |= Q(kind="", model=name, datum_pk__in=data.values("pk"))
    return condition

"""Export the deliveries of a share as CSV, for spreadsheets, or ECSV, for astropy."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from io import StringIO
from typing import Any

from astropy.table import Column, Table
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.utils.text import slugify

from tom_integration import access
from tom_integration.links import link
from tom_integration.mapping.target_fields import find_target
from tom_integration.models import Delivery, Outbox
from tom_integration.pages.counts import counted
from tom_integration.pages.delivery_table import ChosenDeliveries
from tom_integration.pages.download import Echo, harmless
from tom_integration.pages.guards import Page, outbox_or_404, share_or_404
from tom_integration.services import shares

COLUMNS = {
    "timestamp": (str, "Time of the datum, ISO 8601, UTC"),
    "kind": (str, "Kind of record; empty for a datum that was never read"),
    "model": (str, "Table of the datum in this TOM"),
    "datum_pk": (int, "Key of the datum in that table"),
    "state": (str, "State of the delivery"),
    "field": (str, "What the reply is about"),
    "reason": (str, "Last reply of the destination, or the reason of this TOM"),
    "remote_id": (str, "ID at the destination"),
    "link": (str, "Page of the record at the destination"),
    "attempts": (int, "Number of attempts"),
    "next_at": (str, "Time of the next try, ISO 8601, UTC; empty for none"),
    "sent_at": (str, "When it was last sent, ISO 8601, UTC; empty for never"),
    "delivered_at": (str, "When it last arrived, ISO 8601, UTC; empty for never"),
    "revision": (int, "How often other content was delivered"),
    "created": (str, "When it was taken up, ISO 8601, UTC"),
}
"""The columns with their types and descriptions; they have the names of REST."""
_TYPES = {"csv": "text/csv; charset=utf-8", "ecsv": "application/x-ecsv; charset=utf-8"}


class OfShare(Page):
    """Serve `/targets/persistentshare/manage/<share>/deliveries.csv` and `.ecsv`."""

    def get(self, request: HttpRequest, pk: int, form: str) -> StreamingHttpResponse:
        """Return the file."""
        return _answer(request, shares.outbox_of(share_or_404(request.user, pk, "view")), form)


class OfHistory(Page):
    """Serve `/targets/<target>/share/<outbox>/deliveries.csv` and `.ecsv`."""

    def get(self, request: HttpRequest, target_pk: int, pk: int, form: str) -> StreamingHttpResponse:
        """Return the file."""
        return _answer(request, outbox_or_404(request.user, target_pk, pk, "view"), form)


def _answer(request: HttpRequest, outbox: Outbox, form: str) -> StreamingHttpResponse:
    """Stream the deliveries that the query of the page chooses, in its order."""
    if form not in _TYPES:
        raise Http404("Deliveries are exported as csv and ecsv.")
    rows = access.deliveries_for(request.user, outbox)
    figures = counted([outbox], request.user).get(outbox.pk)
    table = ChosenDeliveries.read(request.GET.dict()).table(
        rows, figures.counts if figures else {}, outbox.target_id
    )
    lines = _csv(table.stream()) if form == "csv" else _ecsv(table.stream())
    response = StreamingHttpResponse(lines, content_type=_TYPES[form])
    target = find_target(outbox.target_id)
    name = slugify(f"{target.name if target else 'deleted target'} to {outbox.address}")
    response["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response


def _csv(rows: Iterable[Delivery]) -> Iterator[str]:
    lines = csv.writer(Echo())
    yield str(lines.writerow(COLUMNS))
    for cells in _cells(rows):
        yield str(lines.writerow(map(harmless, cells)))


def _ecsv(rows: Iterable[Delivery]) -> Iterator[str]:
    """Write the head of an empty table by astropy, then the rows as its lines; astropy masks empty cells."""
    empty = [Column([], name, dtype, description=said) for name, (dtype, said) in COLUMNS.items()]
    head = StringIO()
    Table(empty).write(head, format="ascii.ecsv", delimiter=",")
    yield head.getvalue()
    lines = csv.writer(Echo(), lineterminator="\n")
    yield from map(lines.writerow, _cells(rows))


def _cells(rows: Iterable[Delivery]) -> Iterator[list[Any]]:
    linked = lru_cache(1000)(link)  # A destination may keep many records under one ID.
    for row in rows:
        yield [
            _text(linked(row.address, row.remote_id) if name == "link" else getattr(row, name))
            for name in COLUMNS
        ]


def _text(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value

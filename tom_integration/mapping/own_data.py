"""Tell the data that this TOM observed from those that a site, a data service or a broker brought.

tomtoolkit notes in `source_name` and `source_location` where a datum came from, and leaves both blank for an
upload without a source (measured on tomtoolkit 2.32.4 and 3.1.0). A facility of the TOM observes for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import Any

from django.db.models import Q
from tom_observations.facility import get_service_classes

from tom_integration import conf
from tom_integration.mapping.row_to_record import model_name
from tom_integration.models import InboxRecord

_UPLOADS = ("DEFAULT",)
"""The source that tomtoolkit gives to a spectrum in a text file that names none."""


def own_sources() -> tuple[str, ...]:
    """Return the sources whose data are this TOM's own: its facilities, and those that a setting names."""
    return tuple(sorted({*_UPLOADS, *_facilities(), *conf.settings().own_sources}))


@cache
def _facilities() -> frozenset[str]:
    return frozenset(get_service_classes())


def not_from_elsewhere() -> Q:
    """Return a condition for rows whose source is this TOM."""
    return Q(source_name__in=own_sources()) | Q(source_name="", source_location="")


def own_rows(rows: Iterable[Any]) -> set[tuple[str, int]]:
    """Return the model and primary key of the rows that this TOM observed."""
    sources = own_sources()
    mine: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        if row.source_name in sources or not (row.source_name or row.source_location):
            mine[model_name(row)].add(row.pk)
    return {(model, pk) for model, pks in mine.items() for pk in pks - set(_received(model, pks))}


def _received(model: str, pks: Iterable[int]) -> Iterable[int]:
    return InboxRecord.objects.filter(model=model, datum_pk__in=list(pks)).values_list("datum_pk", flat=True)

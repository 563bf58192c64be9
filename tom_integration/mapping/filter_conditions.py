"""Evaluate filters on rows of the TOM, in SQL: a backlog of millions of rows is read for those that pass.

A condition lets through each row whose record passes the filter. It lets a few others through where only the
record can tell (cells of generic rows, what `signal_to_noise` names): they are compared with the filter again
before they leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Trim
from django.db.models.lookups import In

from sharecore.filters import Filter, Names
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.kinds import conditions as of_kinds
from tom_integration.mapping.own_data import not_from_elsewhere
from tom_integration.mapping.signal_to_noise import significant
from tom_integration.models import InboxRecord

_NOTHING = Q(pk__in=())


def selection(filters: Iterable[Filter]) -> dict[str, Q]:
    """Return a condition for each model of data: its rows whose records may pass all of these filters."""
    chosen = {model: Q() for model in DATUM_MODELS}
    for each in filters:
        for model, condition in _conditions(each).items():
            chosen[model] &= condition
    return chosen


def _conditions(chosen: Filter) -> Mapping[str, Q]:
    of_kind = of_kinds(chosen.kinds) if chosen.kinds else {}
    return {
        model: (of_kind.get(model, _NOTHING) if chosen.kinds else Q()) & _of_columns(chosen, model)
        for model in DATUM_MODELS
    }


def _of_columns(chosen: Filter, model: str) -> Q:
    found = Q()
    if chosen.own:
        received = InboxRecord.objects.filter(model=model, datum_pk=OuterRef("pk"))
        found &= not_from_elsewhere() & ~Q(Exists(received))
    found &= _named("source_name", chosen.sources)
    # A generic row without such a column may have it in its cells.
    in_cells = Q(telescope="") if model == "reduceddatum" else None
    found &= _named("telescope", chosen.telescopes, instead=in_cells)
    in_cells = Q(instrument="") if model == "reduceddatum" else None
    found &= _named("instrument", chosen.instruments, instead=in_cells)
    if chosen.observed_since is not None:
        found &= Q(timestamp__gte=chosen.observed_since)
    if chosen.observed_until is not None:
        found &= Q(timestamp__lt=chosen.observed_until)
    if model == "photometryreduceddatum":
        found &= _named("bandpass", chosen.bandpasses)
        if chosen.least_signal_to_noise is not None:
            found &= significant(chosen.least_signal_to_noise)
    return found


def _named(column: str, names: Names, *, instead: Q | None = None) -> Q:
    if not names:
        return Q()
    found = Q(In(Trim(column), names.only)) if names.only else ~Q(In(Trim(column), names.but_not))
    return found if instead is None else found | instead

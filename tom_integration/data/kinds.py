"""Which rows of the TOM are of which kind of record."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db.models import Q

from sharecore.records import Kind

_PHOTOMETRY = Q(data_type__iexact="photometry")
_SPECTRUM = Q(data_type__iexact="spectroscopy")
_ASTROMETRY = Q(data_type__iexact="astrometry")
# The generic rows of TOMs that come from tomtoolkit 2.x hold detections and limits in one JSON field: both
# kinds mean these rows, and what the share does not send is told apart when it is about to leave.
CONDITIONS: Mapping[Kind, Mapping[str, Q]] = {
    Kind.PHOTOMETRY: {"photometryreduceddatum": Q(brightness__isnull=False), "reduceddatum": _PHOTOMETRY},
    Kind.PHOTOMETRY_LIMIT: {
        "photometryreduceddatum": Q(brightness__isnull=True),
        "reduceddatum": _PHOTOMETRY,
    },
    Kind.SPECTRUM: {"spectroscopyreduceddatum": Q(), "reduceddatum": _SPECTRUM},
    Kind.ASTROMETRY: {"astrometryreduceddatum": Q(), "reduceddatum": _ASTROMETRY},
    Kind.OTHER: {"reduceddatum": ~(_PHOTOMETRY | _SPECTRUM | _ASTROMETRY)},
}


def conditions(kinds: Collection[Kind]) -> dict[str, Q]:
    """A condition for each model whose rows are of these kinds; of all data when none is named."""
    chosen: dict[str, Q] = {}
    for kind in kinds or Kind:
        for model, condition in CONDITIONS[kind].items():
            # An empty Q means all rows; it would be lost in an OR.
            whole = model in chosen and not chosen[model]
            chosen[model] = Q() if whole or not condition else chosen.get(model, condition) | condition
    return chosen

"""Select rows of the TOM by kind of record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import inf

from django.db.models import Q

from sharecore.records import DATA_KINDS, Kind
from tom_integration.mapping.data_files import FILE_MODEL, WITH_A_FILE

# A brightness that is not finite counts as blank; PostgreSQL sorts NaN above infinity.
_FINITE = Q(brightness__lt=inf, brightness__gt=-inf)
BLANK = Q(brightness__isnull=True) | Q(brightness__gte=inf) | Q(brightness__lte=-inf)
_PHOTOMETRY = Q(data_type__iexact="photometry")
_SPECTRUM = Q(data_type__iexact="spectroscopy")
_ASTROMETRY = Q(data_type__iexact="astrometry")
# The generic rows of TOMs that come from tomtoolkit 2.x hold detections and limits in one JSON field. Both
# kinds select these rows; the preparation before sending tells them apart.
CONDITIONS: Mapping[Kind, Mapping[str, Q]] = {
    Kind.PHOTOMETRY: {"photometryreduceddatum": _FINITE, "reduceddatum": _PHOTOMETRY},
    Kind.PHOTOMETRY_LIMIT: {"photometryreduceddatum": BLANK, "reduceddatum": _PHOTOMETRY},
    Kind.SPECTRUM: {"spectroscopyreduceddatum": Q(), "reduceddatum": _SPECTRUM},
    Kind.ASTROMETRY: {"astrometryreduceddatum": Q(), "reduceddatum": _ASTROMETRY},
    Kind.OTHER: {"reduceddatum": ~(_PHOTOMETRY | _SPECTRUM | _ASTROMETRY)},
    Kind.FILE: {FILE_MODEL: WITH_A_FILE},
}


def conditions(kinds: Collection[Kind]) -> dict[str, Q]:
    """Return a condition for each model with rows of these kinds; without kinds, of all data but files."""
    chosen: dict[str, Q] = {}
    for kind in kinds or DATA_KINDS:
        for model, condition in CONDITIONS[kind].items():
            # An empty Q selects all rows, but Django drops it from an OR.
            whole = model in chosen and not chosen[model]
            chosen[model] = Q() if whole or not condition else chosen.get(model, condition) | condition
    return chosen

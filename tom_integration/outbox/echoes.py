"""Recognise echoes: data of this TOM that a stock TOM sent back.

A stock TOM (measured on tomtoolkit 3.1.0) keeps no mark of the origin of a datum and forwards only some of
its fields. An echo is therefore a second row that equals another row in the fields that stock forwards and is
blank in those that it loses. Sending it on would start a circle. It comes back under the names that the maps
of a destination gave it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sharecore.maps import Maps
from tom_integration import site
from tom_integration.mapping.columns import DATUM_MODELS

_FORWARDED: dict[str, tuple[str, ...]] = {
    "photometryreduceddatum": (
        "timestamp", "brightness", "brightness_error", "bandpass", "unit", "telescope", "instrument",
    ),
    "spectroscopyreduceddatum": (
        "timestamp", "flux", "wavelength", "error", "flux_unit", "wavelength_unit", "telescope", "instrument",
    ),
    "astrometryreduceddatum": (
        "timestamp", "ra", "dec", "ra_error", "dec_error", "ra_error_units", "dec_error_units", "telescope",
        "instrument",
    ),
}  # fmt: skip
_AS_HERE = Maps()
_LOST: dict[str, tuple[str, ...]] = {
    "photometryreduceddatum": ("limit", "exposure_time", "reduction_version", "value"),
    "spectroscopyreduceddatum": ("setup", "exposure_time", "reduction_version", "value"),
    "astrometryreduceddatum": ("reduction_version", "value"),
}


def echoes(model: str, data: Iterable[Any]) -> dict[int, int]:
    """Return the echoes among these rows of one target: by primary key, that of the row they repeat."""
    forwarded, lost = _FORWARDED.get(model), _LOST.get(model)
    suspects = [row for row in data if lost and not any(getattr(row, field) for field in lost)]
    if not suspects or forwarded is None or lost is None:
        return {}
    existing = DATUM_MODELS[model]._default_manager.filter(
        target_id=suspects[0].target_id, timestamp__in={row.timestamp for row in suspects}
    )
    maps = [each.maps for each in site.destinations().values() if each.maps.names]
    whole: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for row in existing:
        here = _content(row, forwarded)
        if any(getattr(row, field) for field in lost):
            whole[here].append(row)
        for names_there in maps:
            there = _content(row, forwarded, names_there)
            if there != here:
                whole[there].append(row)
    found = {row.pk: whole.get(_content(row, forwarded)) for row in suspects}
    return {pk: originals[0].pk for pk, originals in found.items() if originals}


def _content(row: Any, fields: Iterable[str], maps: Maps = _AS_HERE) -> tuple[str, ...]:
    values = {field: getattr(row, field) for field in fields}
    return tuple(
        repr(maps.there(field, value) if isinstance(value, str) else value) for field, value in values.items()
    )

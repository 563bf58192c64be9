"""Recognise echoes: data of this TOM that a stock TOM sent back.

A stock TOM (measured on tomtoolkit 3.1.0) keeps no mark of the origin of a datum and forwards only some of
its fields. An echo is therefore a second row that equals another row in the fields that stock forwards and is
blank in those that it loses. Sending it on would start a circle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

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
    whole: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for row in existing:
        if any(getattr(row, field) for field in lost):
            whole[_content(row, forwarded)].append(row)
    found = {row.pk: whole.get(_content(row, forwarded)) for row in suspects}
    return {pk: originals[0].pk for pk, originals in found.items() if originals}


def _content(row: Any, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(repr(getattr(row, name)) for name in names)

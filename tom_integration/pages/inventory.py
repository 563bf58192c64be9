"""Count the data of a target that could be shared, by kind of record, and describe single data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sharecore.records import Kind
from tom_integration.mapping.data_files import FILE_MODEL, name_of
from tom_integration.mapping.kinds import CONDITIONS
from tom_integration.mapping.report_rows import REPORT_MODEL
from tom_integration.mapping.row_to_record import model_name
from tom_integration.services.one_time import number_of, restricted

KIND_LABELS: Mapping[Kind, str] = {
    Kind.PHOTOMETRY: "Photometry",
    Kind.PHOTOMETRY_LIMIT: "Upper limits",
    Kind.SPECTRUM: "Spectra",
    Kind.ASTROMETRY: "Astrometry",
    Kind.OTHER: "Other data",
    Kind.FILE: "Files",
    Kind.REPORT: "Reports",
}
"""The names of the kinds for people."""
KIND_OF_ONE: Mapping[Kind, str] = {
    **KIND_LABELS,
    Kind.PHOTOMETRY_LIMIT: "Upper limit",
    Kind.SPECTRUM: "Spectrum",
    Kind.FILE: "File",
    Kind.REPORT: "Report",
}
"""The name of one record of each kind."""

_LIMITS = CONDITIONS[Kind.PHOTOMETRY_LIMIT]["photometryreduceddatum"]
LISTED = {**CONDITIONS, Kind.PHOTOMETRY_LIMIT: {"photometryreduceddatum": _LIMITS}}
"""The data under each kind for people: generic photometry is under the detections only."""


def count_by_kind(user: Any, target_id: int) -> dict[Kind, int]:
    """Return how many data of each kind, and files, a target has."""
    return {kind: number_of(target_id, restricted(user, target_id, each)) for kind, each in LISTED.items()}


def kind_of(model: str, row: Any) -> str:
    """Return the kind of a datum whose delivery has none yet; empty when only its content would tell.

    Args:
        model: the model of the datum.
        row: the datum; None for a deleted one.
    """
    if model == "photometryreduceddatum" and row is not None and row.brightness is None:
        return Kind.PHOTOMETRY_LIMIT
    return _KIND_OF_MODEL.get(model, "")


_KIND_OF_MODEL: Mapping[str, Kind] = {
    "photometryreduceddatum": Kind.PHOTOMETRY,
    "spectroscopyreduceddatum": Kind.SPECTRUM,
    "astrometryreduceddatum": Kind.ASTROMETRY,
    FILE_MODEL: Kind.FILE,
    REPORT_MODEL: Kind.REPORT,
}


def describe(row: Any) -> str:
    """Describe one datum in a few words: what it measures, and the value."""
    match model_name(row):
        case "photometryreduceddatum":
            return _photometry(row)
        case "spectroscopyreduceddatum":
            return str(row.setup)
        case "astrometryreduceddatum":
            return f"{row.ra:.6f} {row.dec:+.6f}"
        case name if name == FILE_MODEL:
            return _joined(name_of(row), row.data_product_type)
        case name if name == REPORT_MODEL:
            return str(row.label)
        case _:
            value = json.dumps(row.value, default=str) if row.value not in (None, "") else ""
            return _joined(row.data_type, value if len(value) <= 80 else f"{value[:79]}…")


def _photometry(row: Any) -> str:
    if row.brightness is None:
        value = "no value" if row.limit is None else f"> {row.limit:g}"
    else:
        value = f"{row.brightness:g}"
        if row.brightness_error is not None:
            value += f" ± {row.brightness_error:g}"
    return _joined(row.bandpass, value, row.unit)


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)

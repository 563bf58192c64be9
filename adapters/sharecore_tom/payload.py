"""Write records as rows of the API of a TOM.

Sources: the parsers and models of tomtoolkit 3.1.0 (`tom_dataproducts.models.try_parse_reduced_datum`) and
the plots and serializers of 2.32.4, each tried on a real server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from sharecore.adapter import Site
from sharecore.outcomes import Unsupported
from sharecore.records import Astrometry, OtherDatum, Photometry, PhotometryLimit, Record, Spectrum
from sharecore_tom.receiver import Generation

TYPED_KINDS = frozenset({"photometry", "spectroscopy", "astrometry"})
"""Values of `data_type` for which a 3.x TOM has a table of its own."""

COLUMNS = frozenset({
    "id", "target", "data_product", "data_type", "timestamp", "value", "telescope", "instrument",
    "source_name", "source_location", "reduction_version",
})  # fmt: skip
"""Names that a 3.x TOM takes out of `value` for a row of any type, overriding the fields of the row."""

_READ = {
    "photometry": COLUMNS | {
        "brightness", "magnitude", "mag", "error", "brightness_error", "magnitude_error", "mag_err",
        "bandpass", "filter", "band", "f", "limit", "unit", "exposure_time",
    },
    "spectroscopy": COLUMNS | {
        "flux", "f", "wavelength", "wave", "wl", "lambda", "error", "err", "flux_error", "f_error",
        "flux_unit", "f_unit", "flux_units", "f_units", "wavelength_unit", "w_unit", "wavelength_units",
        "w_units", "lambda_unit", "lambda_units", "setup", "exposure_time",
    },
    "astrometry": COLUMNS | {
        "ra", "right_ascension", "ra_deg", "dec", "declination", "dec_deg", "ra_error",
        "right_ascension_error", "ra_err", "dec_error", "declination_error", "dec_err", "ra_error_units",
        "ra_err_units", "dec_error_units", "dec_err_units",
    },
}  # fmt: skip
"""Names that a 3.x TOM takes out of `value` by type, synonyms included."""

_DATA_TYPES: dict[type[Record], str] = {
    Photometry: "photometry",
    PhotometryLimit: "photometry",
    Spectrum: "spectroscopy",
    Astrometry: "astrometry",
}

_FIELDS: dict[type[Record], tuple[str, ...]] = {
    Photometry: ("brightness", "brightness_error", "limit", "unit", "bandpass", "exposure_time"),
    PhotometryLimit: ("limit", "limit_error", "unit", "bandpass", "exposure_time"),
    Spectrum: ("flux", "wavelength", "error", "flux_unit", "wavelength_unit", "setup", "exposure_time"),
    Astrometry: ("ra", "dec", "ra_error", "dec_error", "ra_error_units", "dec_error_units"),
    OtherDatum: (),
}
"""Columns by kind, in the order in which they are sent: SQLite compares JSON as text."""

_KEPT_IF_BLANK = frozenset({"bandpass", "flux"})
"""Names without which one row makes the plots of 2.x fail for the whole target."""

_OLD_NAMES = {
    "photometry": {"brightness": "magnitude", "brightness_error": "error", "bandpass": "filter"},
    "spectroscopy": {"flux_unit": "flux_units", "wavelength_unit": "wavelength_units"},
}
"""Names in the plots of 2.x that differ from the columns of 3.x."""

_LONGEST = {
    "telescope": 255, "instrument": 255, "reduction_version": 50, "unit": 32, "bandpass": 32, "setup": 2000,
    "ra_error_units": 32, "dec_error_units": 32,
}  # fmt: skip
"""Longest texts of 3.x, in characters. A longer one is answered "already exists" if a row of that time is
there.
"""

_MAX_SOURCE_NAME = 100
_MAX_SOURCE_LOCATION = 200


def row(record: Record, site: Site, at: Generation) -> dict[str, Any] | Unsupported:
    """Return a record as the body of `POST api/reduceddatums/`, without `target` and keys of the sender."""
    data_type = record.data_type if isinstance(record, OtherDatum) else _DATA_TYPES[type(record)]
    values = _values(record)
    if at is Generation.TYPED:
        lacking = _no_room(record, values)
        if lacking is not None:
            return lacking
    else:
        names = _OLD_NAMES.get(data_type, {})
        values = {names.get(name, name): value for name, value in values.items()}
    value = values | _extra(record, values.keys() | _reserved(record, data_type, at))
    if not value:
        return Unsupported(
            reason="the record has no values, and a TOM stores no empty row", feature="empty-value"
        )
    return {
        "data_type": data_type,
        "timestamp": _time(record.timestamp),
        "value": value,
        "source_name": (record.source_name or site.name)[:_MAX_SOURCE_NAME],
        "source_location": (record.source_location or f"shared from {site.name}")[:_MAX_SOURCE_LOCATION],
    }


def _values(record: Record) -> dict[str, Any]:
    """Return the columns of a 3.x TOM that have a value."""
    names = (*_FIELDS[type(record)], "telescope", "instrument", "reduction_version")
    values = {name: _json(getattr(record, name)) for name in names}
    return {
        # The sites keep the error of a limit where that of a brightness would be.
        "brightness_error" if name == "limit_error" else name: value
        for name, value in values.items()
        if name in _KEPT_IF_BLANK or value not in (None, "", [])
    }


def _no_room(record: Record, values: Mapping[str, Any]) -> Unsupported | None:
    for name, longest in _LONGEST.items():
        text = values.get(name)
        if isinstance(text, str) and len(text) > longest:
            reason = f"{name} must have at most {longest} characters for a TOM, got {len(text)}"
            return Unsupported(reason=reason, feature=f"{name}-length")
    if isinstance(record, Photometry | PhotometryLimit) and not record.bandpass:
        return Unsupported(
            reason="the record has no bandpass, and a TOM 3.x stores no photometry without one",
            feature="bandpass",
        )
    if isinstance(record, OtherDatum) and record.data_type.lower() in TYPED_KINDS:
        return Unsupported(
            reason=f"type {record.data_type!r} in the table of other data comes from tomtoolkit 2.x. "
            "Run `manage.py migrate_reduced_datums` on this site",
            feature="data-type",
        )
    return None


def _reserved(record: Record, data_type: str, at: Generation) -> Set[str]:
    """Return the names that a receiver would take out of `value` for itself."""
    if isinstance(record, OtherDatum):
        return COLUMNS if at is Generation.TYPED else frozenset()
    return _READ[data_type]


def _extra(record: Record, taken: Set[str]) -> dict[str, Any]:
    """Return the further values of the site; those with a reserved name get `extra_` before it."""
    extra: dict[str, Any] = {}
    for name, value in record.extra.items():
        key = name
        while key in taken or (key != name and key in record.extra):
            key = f"extra_{key}"
        extra[key] = _json(value)
    return extra


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_json(item) for item in value]
    return value


def _time(time: datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")

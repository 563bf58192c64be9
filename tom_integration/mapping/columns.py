"""Map fields of records to columns of the TOM's data, in one place for both directions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from django.db.models import Model
from tom_dataproducts.models import REDUCED_DATUM_MODELS

from sharecore.records import Astrometry, OtherDatum, Photometry, PhotometryLimit, Record, Spectrum

DATUM_MODELS: dict[str, type[Model]] = {model._meta.model_name: model for model in REDUCED_DATUM_MODELS}
"""The models whose rows are shared, by their name in the ledger."""

MODEL_NAMES: Mapping[type[Record], str] = {
    Photometry: "photometryreduceddatum",
    PhotometryLimit: "photometryreduceddatum",
    Spectrum: "spectroscopyreduceddatum",
    Astrometry: "astrometryreduceddatum",
    OtherDatum: "reduceddatum",
}
"""The model whose rows hold records of a class."""

_NAMES = {"extra": "value"}
# Sites store the error of a limit in the column for the error of a brightness.
_NAMES_OF_LIMIT = _NAMES | {"limit_error": "brightness_error"}


def _columns(kind: type[Record]) -> dict[str, str]:
    names = _NAMES_OF_LIMIT if kind is PhotometryLimit else _NAMES
    return {each.name: names.get(each.name, each.name) for each in fields(kind) if each.name != "key"}


COLUMNS: Mapping[type[Record], Mapping[str, str]] = {kind: _columns(kind) for kind in MODEL_NAMES}
"""The columns of the fields (without the key), by class of record."""


def finite(value: float | None) -> float | None:
    """Return the number, or None for NaN and infinities: PostgreSQL keeps them, SQLite makes NaN NULL."""
    return value if value is not None and math.isfinite(value) else None


def fields_of(row: Any, kind: type[Record]) -> dict[str, Any]:
    """Return the fields of a record of this class from a row, without the key."""
    return {name: _loaded(name, getattr(row, column)) for name, column in COLUMNS[kind].items()}


def _loaded(name: str, value: Any) -> Any:
    if name in ("flux", "wavelength", "error"):
        return tuple(value or ())
    if name == "extra":
        if value in (None, ""):
            return {}
        return value if isinstance(value, Mapping) else {"value": value}
    return value

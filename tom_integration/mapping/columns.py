"""Map fields of records to columns of the TOM's data, in one place for both directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

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

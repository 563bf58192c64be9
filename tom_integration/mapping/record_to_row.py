"""Make a row of the TOM's data from a record, without a loss: the reverse of `row_to_record`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.db.models import CharField, Model, TextField

from sharecore.records import PhotometryLimit, Record
from tom_integration.mapping.columns import COLUMNS, DATUM_MODELS, MODEL_NAMES

_TYPED = frozenset({"photometry", "spectroscopy", "astrometry"})


def model_for(record: Record) -> type[Model]:
    """Return the model whose rows hold records of this kind."""
    return DATUM_MODELS[MODEL_NAMES[type(record)]]


def columns(record: Record) -> dict[str, Any]:
    """Return the values of the row of a record, by column."""
    values = {column: _stored(getattr(record, name)) for name, column in COLUMNS[type(record)].items()}
    if isinstance(record, PhotometryLimit):
        values["brightness"] = None
    return values


def _stored(value: Any) -> Any:
    """Return a value as the columns take it: records hold tuples and read-only mappings instead."""
    if isinstance(value, str | float | None):
        return value
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def objection(model: type[Model], values: dict[str, Any]) -> tuple[str, str] | None:
    """Return the field that the model cannot store and the reason, or None when it can store all.

    This finds what `full_clean` would find, without the checks that a record has passed already.
    """
    for name, longest, blank in _texts(model):
        text = values[name]
        if not text and not blank:
            return name, "this field cannot be blank"
        if longest is not None and len(text) > longest:
            return name, f"it must have up to {longest} characters, not {len(text)}"
        if "\0" in text:
            return name, "it has a character that a database cannot store (NUL)"
    for name, value in values.items():
        if isinstance(value, list) and None in value:
            return name, "it has a blank, and the TOM Toolkit stores only numbers there"
    if _has_nul(values["value"]):
        return "extra", "it has a character that a database cannot store (NUL)"
    if values.get("data_type", "").lower() in _TYPED:
        return "data_type", (
            f"a datum of type {values['data_type']!r} among those of other types comes from tomtoolkit 2.x. "
            "Run `manage.py migrate_reduced_datums` at the site that sends it"
        )
    return None


@cache
def _texts(model: type[Model]) -> tuple[tuple[str, int | None, bool], ...]:
    found = [field for field in model._meta.concrete_fields if isinstance(field, CharField | TextField)]
    return tuple((field.name, field.max_length, field.blank) for field in found)


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))

"""What a target holds that could be shared, by kind of record, and how a person names one datum."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from guardian.shortcuts import get_objects_for_user

from sharecore.records import Kind
from tom_integration.rows import DATUM_MODELS, model_name

KIND_LABELS: Mapping[Kind, str] = {
    Kind.PHOTOMETRY: "Photometry",
    Kind.PHOTOMETRY_LIMIT: "Upper limits",
    Kind.SPECTRUM: "Spectra",
    Kind.ASTROMETRY: "Astrometry",
    Kind.OTHER: "Other data",
}
"""Kinds of record as people call them."""

_PHOTOMETRY = Q(data_type__iexact="photometry")
_SPECTRUM = Q(data_type__iexact="spectroscopy")
_ASTROMETRY = Q(data_type__iexact="astrometry")
# The generic rows of TOMs that come from tomtoolkit 2.x hold detections and limits in one JSON field: both
# kinds mean these rows, and what the share does not send is told apart when it is about to leave.
_CONDITIONS: Mapping[Kind, Mapping[str, Q]] = {
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
        for model, condition in _CONDITIONS[kind].items():
            # An empty Q means all rows; it would be lost in an OR.
            whole = model in chosen and not chosen[model]
            chosen[model] = Q() if whole or not condition else chosen.get(model, condition) | condition
    return chosen


def visible(user: Any, model: str, target_id: int) -> QuerySet[Any]:
    """The data of one model and target that a user may see."""
    rows = DATUM_MODELS[model]._default_manager.filter(target_id=target_id)
    if getattr(settings, "TARGET_PERMISSIONS_ONLY", True):
        return rows
    permitted: QuerySet[Any] = get_objects_for_user(user, f"tom_dataproducts.view_{model}", klass=rows)
    return permitted


def count(user: Any, target_id: int, kinds: Collection[Kind]) -> int:
    """How many data of these kinds a target has, of those that the user may see."""
    return sum(
        visible(user, model, target_id).filter(condition).count()
        for model, condition in conditions(kinds).items()
    )


def count_by_kind(user: Any, target_id: int) -> dict[Kind, int]:
    """How many data of each kind a target has; generic photometry is counted as detections."""
    numbers = {}
    for kind, by_model in _CONDITIONS.items():
        counted = dict(by_model)
        if kind is Kind.PHOTOMETRY_LIMIT:
            del counted["reduceddatum"]
        numbers[kind] = sum(
            visible(user, model, target_id).filter(condition).count() for model, condition in counted.items()
        )
    return numbers


def describe(row: Any) -> str:
    """One datum in a few words: what it measures, and the value."""
    match model_name(row):
        case "photometryreduceddatum":
            return _photometry(row)
        case "spectroscopyreduceddatum":
            return str(row.setup)
        case "astrometryreduceddatum":
            return f"{row.ra:.6f} {row.dec:+.6f}"
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

"""Explain why a datum of a type with a table at HERMES cannot be a row: a value has the wrong form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite

from sharecore.records import JsonValue, OtherDatum
from sharecore_hermes.cells import NotExpressible, text

_NUMBERS = {
    "photometry": (
        "brightness", "magnitude", "mag", "brightness_error", "error", "magnitude_error", "mag_error",
        "mag_err", "limit", "limit_error", "exposure_time",
    ),
    "spectroscopy": ("exposure_time",),
    "astrometry": ("ra", "dec", "ra_error", "dec_error"),
}  # fmt: skip
_LISTS = ("flux", "wavelength", "wave", "wl", "lambda", "error", "flux_error", "err", "f_error")
_TEXTS = (
    "unit", "bandpass", "filter", "band", "f", "telescope", "instrument", "reduction_version", "setup",
    "flux_unit", "flux_units", "wavelength_unit", "wavelength_units", "ra_error_units", "dec_error_units",
)  # fmt: skip


def why_unread(record: OtherDatum) -> NotExpressible:
    """Return the reason, field by field."""
    kind = record.data_type.lower()
    if kind not in _NUMBERS:
        return NotExpressible("data-type", f"HERMES has no table for data of type {record.data_type!r}")
    lists = _LISTS if kind == "spectroscopy" else ()
    for key, value in record.extra.items():
        if reason := _fault(value, number=key in _NUMBERS[kind], numbers=key in lists, word=key in _TEXTS):
            return NotExpressible(key, f"{key} {reason}")
    said = ", ".join(repr(key) for key in list(record.extra)[:10]) or "nothing"
    return NotExpressible("data-type", f"the TOM keeps this {kind} in a form of its own, with {said}")


def _fault(value: JsonValue, *, number: bool, numbers: bool, word: bool) -> str:
    if number and not _is_number(value):
        return f"is {_shown(value)}, which is not a number"
    if numbers and not isinstance(value, list | tuple):
        return f"is {_shown(value)}, which is not a list of numbers"
    if numbers and isinstance(value, list | tuple):
        return _fault_within(value)
    if word and value is not None and not isinstance(value, str):
        return f"is {_shown(value)}, which is not a text"
    return ""


def _fault_within(values: Iterable[JsonValue]) -> str:
    wrong = (f"has {_shown(each)} at place {at}" for at, each in enumerate(values) if not _is_number(each))
    return next((f"{each}, which is not a number" for each in wrong), "")


def _is_number(value: JsonValue) -> bool:
    try:
        return isfinite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False


def _shown(value: JsonValue) -> str:
    if value is None:
        return "empty (null)"
    if isinstance(value, list | tuple):
        return "a list"
    return "a dictionary" if isinstance(value, Mapping) else repr(text(value)[:40] or str(value)[:40])

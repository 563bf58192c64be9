"""Write detections and limits as TNS takes them."""

from __future__ import annotations

from typing import Any

from sharecore import (
    JsonValue,
    Photometry,
    PhotometryLimit,
    ScaledUnit,
    UnknownUnit,
    own_units,
    parse_unit,
)
from sharecore_tns.config import TnsConfig
from sharecore_tns.equipment import (
    Measured,
    filter_field,
    filter_label,
    instrument_field,
    instrument_label,
)
from sharecore_tns.report_values import Reading, filled, written_time
from sharecore_tns.units import NotExpressible, number_of, unit_of, value_in, with_units

_FAINTEST = 90.0
"""Magnitudes from which on a number is how sites write that there is none."""


def entry(
    record: Photometry | PhotometryLimit, reading: Reading, config: TnsConfig, field: str
) -> dict[str, Any]:
    """Return a datum as an entry of a report; problems are noted for the field in which it was chosen."""
    units = own_units(with_units(record, config.maps))
    try:
        if isinstance(record, Photometry):
            unit = unit_of(units.get("brightness"), config.default_brightness)
            measured = {
                "flux": _value(record.brightness, unit, "brightness"),
                "flux_error": _beside(record.brightness_error, units.get("brightness_error"), unit),
                "limiting_flux": _beside(record.limit, units.get("limit"), unit),
            }
        else:
            unit = unit_of(units.get("limit", units.get("brightness")), config.default_brightness)
            measured = {"limiting_flux": _value(record.limit, unit, "limit")}
    except NotExpressible as error:
        what = f"the datum of {written_time(record.timestamp)} {error.reason}"
        reading.problem(field, what, error.hint)
        return {}
    return filled(
        {
            "obsdate": written_time(record.timestamp),
            **measured,
            "flux_unitid": number_of(unit),
            **_equipment(record, reading, config),
        }
    )


def instrument_of(record: Measured, reading: Reading, config: TnsConfig) -> str:
    """Return the number of the instrument that was chosen for a datum; notes a problem where none was."""
    return _chosen(
        reading, instrument_field(record), instrument_label(record), f"{config.path}['INSTRUMENT_MAP']"
    )


def observer_of(reading: Reading, config: TnsConfig) -> str:
    """Return the observer."""
    return reading.text("observer") or config.observer


def _equipment(record: Photometry | PhotometryLimit, reading: Reading, config: TnsConfig) -> dict[str, Any]:
    field, label = filter_field(record.bandpass), filter_label(record.bandpass)
    return {
        "filterid": _chosen(reading, field, label, f"{config.path}['BANDPASS_MAP']"),
        "instrumentid": instrument_of(record, reading, config),
        "exptime": record.exposure_time,
        "observer": observer_of(reading, config),
    }


def _chosen(reading: Reading, field: str, label: str, setting: str) -> str:
    number = reading.text(field)
    if not number and not any(each.where == field for each in reading.problems):
        what = f"{label}: it has no name at TNS that this site knows"
        reading.problem(field, what, f"Choose it here, or have it added to {setting}.")
    return number


def _value(value: float, unit: ScaledUnit, name: str) -> float:
    """Return a value as TNS gets it. Raises `NotExpressible`."""
    hint = "Choose another datum."
    if unit.unit.is_magnitude and abs(value) >= _FAINTEST:
        raise NotExpressible(f"has the {name} {value:g}, which is no magnitude", hint)
    written = value_in(value, unit, unit)
    if written is None:
        raise NotExpressible(f"has the {name} {value:g}, which is too large a number", hint)
    return written


def _beside(value: float | None, given: JsonValue, unit: ScaledUnit) -> float | None:
    """Return an error or limit as TNS gets it; None where it is not in a unit of the brightness."""
    if value is None:
        return None
    try:
        own = unit if given is None else parse_unit(str(given))
    except UnknownUnit:
        return None
    return value_in(value, own, unit)

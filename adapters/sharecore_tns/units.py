"""Write brightness and limits in the units of TNS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from sharecore import (
    JsonValue,
    Maps,
    Photometry,
    PhotometryLimit,
    ScaledUnit,
    Spectrum,
    Unit,
    UnknownUnit,
    parse_unit,
    rescaled,
)

_AB, _VEGA, _PER_WAVELENGTH, _MILLIJANSKY = "1", "3", "6", "9"
_FLUXES = {
    Unit.FLUX_PER_FREQUENCY: (_MILLIJANSKY, parse_unit("mJy")),
    Unit.FLUX_PER_WAVELENGTH: (_PER_WAVELENGTH, parse_unit("erg / (Angstrom s cm2)")),
}
_MAGNITUDES = {Unit.AB_MAG: _AB, Unit.VEGA_MAG: _VEGA}
BRIGHTNESS = frozenset({*_FLUXES, *_MAGNITUDES})
"""Units of photometry that have a number at TNS."""


class NotExpressible(Exception):
    """Raised for a value that TNS has no words for.

    Attributes:
        reason: explanation for people.
        hint: advice on what to do.
    """

    def __init__(self, reason: str, hint: str) -> None:
        self.reason = reason
        self.hint = hint
        super().__init__(reason)


_Measured = TypeVar("_Measured", bound=Photometry | PhotometryLimit | Spectrum)


def with_units(record: _Measured, maps: Maps) -> _Measured:
    """Return a datum with the units that `UNIT_MAP` makes of those of the site."""
    names = ("flux_unit", "wavelength_unit") if isinstance(record, Spectrum) else ("unit",)
    units: dict[str, Any] = {name: maps.there(name, getattr(record, name)) for name in names}
    return replace(record, **units)


def unit_of(given: JsonValue, default: ScaledUnit | None) -> ScaledUnit:
    """Return the unit of a brightness. Raises `NotExpressible` for one that has no number at TNS."""
    hint = "Correct it, or map it with 'UNIT_MAP', or choose another datum."
    if not given and default is not None:
        return default
    if not given:
        raise NotExpressible("has no unit", "Add it to the datum, or set 'DEFAULT_BRIGHTNESS_UNIT'.")
    try:
        unit = parse_unit(str(given))
    except UnknownUnit as error:
        raise NotExpressible(f"has an unknown unit: {error.reason}", hint) from None
    if unit.unit not in BRIGHTNESS:
        known = "AB and Vega magnitudes, Jy and erg / (Angstrom s cm2)"
        raise NotExpressible(f"is in {given!r}, and TNS takes {known}", hint)
    return unit


def number_of(unit: ScaledUnit) -> str:
    """Return the number that TNS gives to a unit of `BRIGHTNESS`."""
    return _MAGNITUDES.get(unit.unit) or _FLUXES[unit.unit][0]


def value_in(value: float, unit: ScaledUnit, of: ScaledUnit) -> float | None:
    """Return a value as TNS gets it; None where it cannot be in the unit of TNS.

    Args:
        value: value in `unit`.
        unit: unit of the value.
        of: unit of `BRIGHTNESS` of the brightness to which the value belongs.
    """
    if of.unit in _MAGNITUDES:
        # An error in plain magnitudes belongs to any system.
        return value if unit.unit in (of.unit, Unit.MAG) else None
    factor = unit.factor(_FLUXES[of.unit][1])
    try:
        return None if factor is None else rescaled(value, factor)
    except OverflowError:
        return None

"""Write spectra."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sharecore import Batch, ScaledUnit, Spectrum, Unit, UnknownUnit, own_units, parse_unit, rescaled
from sharecore_skyportal.config import SkyPortalConfig
from sharecore_skyportal.drafts import Draft, NotExpressible, altdata, instrument_of, origin

_UNITS = {
    Unit.FLUX_PER_FREQUENCY: ("Jy", parse_unit("Jy")),
    Unit.FLUX_PER_WAVELENGTH: ("erg/s/cm/cm/AA", parse_unit("erg / (Angstrom s cm2)")),
    Unit.AB_MAG: ("AB", parse_unit("AB")),
}
"""Units of fluxes that SkyPortal knows, with their names there."""
_ANGSTROM = parse_unit("Angstrom")
_ALIKE = 1e-9


def spectrum(record: Spectrum, batch: Batch, config: SkyPortalConfig) -> Draft:
    """Return the body of `POST api/spectrum`. Raises `NotExpressible`."""
    instrument = instrument_of(record, batch, config.default_instrument)
    units = own_units(record)
    unit = _unit(units.get("flux"), "flux")
    if unit.unit not in _UNITS:
        known = "Jy, erg / (Angstrom s cm2) and AB magnitudes"
        raise NotExpressible("flux-unit", f"SkyPortal takes {known}, not {units.get('flux')}")
    name, there = _UNITS[unit.unit]
    wavelengths = _converted(
        record.wavelength, _unit(units.get("wavelength"), "wavelength"), _ANGSTROM, "wavelength"
    )
    fluxes = _converted(record.flux, unit, there, "flux")
    if not fluxes or len(fluxes) != len(wavelengths):
        reason = (
            f"flux and wavelength must be as long, and not empty; got {len(fluxes)} and {len(wavelengths)}"
        )
        raise NotExpressible("spectrum-lengths", reason)
    errors, left_out = _errors(record, units, unit, there)
    return Draft(
        key=record.key,
        values={
            "instrument_id": instrument,
            "observed_at": record.timestamp.replace(tzinfo=None).isoformat(),
            "wavelengths": wavelengths,
            "fluxes": fluxes,
            **({"errors": errors} if errors else {}),
            "units": name,
            "origin": origin(record.key),
            "altdata": altdata(record, batch),
        },
        telescope=record.telescope.strip(),
        left_out=left_out,
    )


def same(values: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    """Return whether SkyPortal shows a spectrum with the values that we would send.

    Args:
        values: body that we would send, with the id of the instrument.
        there: spectrum as `GET api/sources/<id>/spectra` shows it.
    """
    if any(there.get(name) != values[name] for name in ("instrument_id", "units")):
        return False
    if _time(there.get("observed_at")) not in (None, _time(values["observed_at"])):
        return False
    return all(
        _alike(values.get(name) or [], there.get(name) or []) for name in ("wavelengths", "fluxes", "errors")
    )


def _time(text: object) -> datetime | None:
    """Return a time in UTC; None for a text that is none."""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _alike(ours: Sequence[float], theirs: object) -> bool:
    if not isinstance(theirs, list) or len(ours) != len(theirs):
        return False
    return all(
        isinstance(each, int | float) and math.isclose(one, each, rel_tol=_ALIKE)
        for one, each in zip(ours, theirs, strict=True)
    )


def _errors(
    record: Spectrum, units: Mapping[str, Any], unit: ScaledUnit, there: ScaledUnit
) -> tuple[list[float], tuple[str, ...]]:
    """Return the error bars, or none with the reason: the spectrum is none the worse without them."""
    if not record.error:
        return [], ()
    if len(record.error) != len(record.flux) or None in record.error:
        return [], ("its error bars are left out, since not every point has one",)
    try:
        stated = _unit(units["error"], "error") if "error" in units else unit
        return _converted(record.error, stated, there, "error"), ()
    except NotExpressible as error:
        return [], (f"its error bars are left out: {error.outcome.reason}",)


def _unit(given: object, field: str) -> ScaledUnit:
    try:
        return parse_unit(str(given or ""))
    except UnknownUnit as error:
        raise NotExpressible(f"{field}-unit", f"unit of the {field}: {error.reason}") from None


def _converted(
    values: Sequence[float | None], unit: ScaledUnit, there: ScaledUnit, field: str
) -> list[float]:
    factor = unit.factor(there)
    if factor is None:
        reason = f"the {field} must be in a multiple of {there.unit.value}, got {unit.unit.value}"
        raise NotExpressible(f"{field}-unit", reason)
    converted = []
    for at, value in enumerate(values):
        if value is None:
            raise NotExpressible("blank-points", f"{field} has no number at place {at}")
        try:
            converted.append(rescaled(value, factor))
        except OverflowError:
            raise NotExpressible("number", f"{field} is too large at place {at}") from None
    return converted

"""Write photometry.

SkyPortal takes a magnitude only together with the limit of its exposure, and a flux without. So a magnitude
without a limit goes as the flux from which SkyPortal computes the same magnitude, in the same system.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sharecore import (
    Batch,
    JsonValue,
    Photometry,
    PhotometryLimit,
    ScaledUnit,
    Unit,
    UnknownUnit,
    own_units,
    parse_unit,
    rescaled,
)
from sharecore_skyportal.config import SYSTEMS, SkyPortalConfig
from sharecore_skyportal.drafts import Draft, NotExpressible, altdata, instrument_of, origin

ZERO_POINT = 23.9
"""Magnitude of a flux of 1. With AB the unit of fluxes is then the microjansky, as in its database."""
MAGNITUDE_PER_LN = 2.5 / math.log(10)

_FAINTEST = 50.0
_MICROJANSKY = parse_unit("uJy")
_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)
_ALIKE = 1e-6
"""Relative difference below which two numbers are the same: SkyPortal converts to and fro."""
_ALIKE_MJD = 1e-8


def photometry(record: Photometry | PhotometryLimit, batch: Batch, config: SkyPortalConfig) -> Draft:
    """Return a row of `PUT api/photometry`. Raises `NotExpressible`."""
    bandpass = record.bandpass.strip()
    if not bandpass:
        raise NotExpressible("bandpass", "SkyPortal needs a bandpass, and the datum has none")
    instrument = instrument_of(record, batch, config.default_instrument)
    units = own_units(record)
    measured, more = (
        _detection(record, units, config) if isinstance(record, Photometry) else _limit(record, units, config)
    )
    return Draft(
        key=record.key,
        values={
            "instrument_id": instrument,
            "mjd": (record.timestamp - _MJD_ZERO) / timedelta(days=1),
            "filter": bandpass,
            **measured,
            "origin": origin(record.key),
            "altdata": altdata(record, batch, **more),
        },
        telescope=record.telescope.strip(),
        bandpass=bandpass,
    )


def same(values: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    """Return whether SkyPortal shows a row with the values that we would send.

    Args:
        values: row that we would send, with the id of the instrument.
        there: row as `GET api/sources/<id>/photometry` shows it, in the same system of magnitudes.
    """
    if any(there.get(name) != values[name] for name in ("filter", "instrument_id")):
        return False
    pairs = [(values["mjd"], there.get("mjd"), _ALIKE_MJD)]
    if "limiting_mag" in values:
        pairs.append((values["limiting_mag"], there.get("limiting_mag"), _ALIKE))
    if values.get("mag") is None and "mag" in values:
        return there.get("mag") is None and all(_near(*pair) for pair in pairs)
    scale = 10 ** (0.4 * (ZERO_POINT - _number(there, "zp", math.nan)))
    flux, error = (_number(there, name, math.nan) * scale for name in ("flux", "fluxerr"))
    ours, its_error = _as_flux(values)
    pairs += [(ours, flux, _ALIKE * max(abs(ours), its_error)), (its_error, error, _ALIKE * its_error)]
    return all(_near(*pair) for pair in pairs)


def _near(one: float, other: object, within: float) -> bool:
    return isinstance(other, int | float) and abs(one - other) <= within


def _number(row: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else otherwise


def _as_flux(values: Mapping[str, Any]) -> tuple[float, float]:
    """Return flux and error of a detection, at the zero point."""
    if "flux" in values:
        return values["flux"], values["fluxerr"]
    return _flux(values["mag"], values["magerr"])


def _flux(magnitude: float, error: float) -> tuple[float, float]:
    flux = 10 ** (-0.4 * (magnitude - ZERO_POINT))
    return flux, error / MAGNITUDE_PER_LN * flux


def _detection(
    record: Photometry, units: Mapping[str, JsonValue], config: SkyPortalConfig
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the measurement, and what of it SkyPortal has no place for."""
    unit = _unit(units.get("brightness"), config)
    error, error_unit = record.brightness_error, _stated(units.get("brightness_error"), unit)
    if error is None or error <= 0:
        reason = "SkyPortal needs an error of each brightness, more than 0, and the datum has none"
        raise NotExpressible("no-error", reason)
    if not unit.unit.is_magnitude:
        flux = {"flux": _microjansky(record.brightness, unit), "fluxerr": _microjansky(error, error_unit)}
        return _fluxes(flux, "ab"), _beside(record, units)
    if abs(record.brightness) >= _FAINTEST or error >= _FAINTEST:
        reason = f"{record.brightness:g} \u00b1 {error:g} mag is how sites write that there is no magnitude"
        raise NotExpressible("no-brightness", reason)
    if error_unit is None or not error_unit.unit.is_magnitude:
        raise NotExpressible("error-unit", "the error of a magnitude must be in magnitudes")
    system, limit = SYSTEMS[unit.unit], record.limit
    if limit is not None and abs(limit) < _FAINTEST and _stated(units.get("limit"), unit) == unit:
        return {"magsys": system, "mag": record.brightness, "magerr": error, "limiting_mag": limit}, {}
    flux = dict(zip(("flux", "fluxerr"), _flux(record.brightness, error), strict=True))
    return _fluxes(flux, system), _beside(record, units)


def _limit(
    record: PhotometryLimit, units: Mapping[str, JsonValue], config: SkyPortalConfig
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the limit as a limiting magnitude, and what of it SkyPortal has no place for."""
    unit = _unit(units.get("limit", units.get("brightness")), config)
    system, limit = SYSTEMS.get(unit.unit, "ab"), record.limit
    if not unit.unit.is_magnitude:
        flux = _microjansky(limit, unit)
        if flux <= 0:
            raise NotExpressible("limit", f"a limit must be a flux of more than 0, got {limit:g}")
        limit = ZERO_POINT - 2.5 * math.log10(flux)
    if abs(limit) >= _FAINTEST:
        raise NotExpressible("limit", f"{record.limit:g} is how sites write that there is no limit")
    more = {} if record.limit_error is None else {"limit_error": record.limit_error}
    return {"magsys": system, "mag": None, "magerr": None, "limiting_mag": limit}, more


def _fluxes(measured: Mapping[str, float], system: str) -> dict[str, Any]:
    return {"magsys": system, **measured, "zp": ZERO_POINT}


def _beside(record: Photometry, units: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Return the limit of the exposure, for which a flux has no place."""
    if record.limit is None:
        return {}
    unit = units.get("limit", units.get("brightness"))
    return {"limit": record.limit, **({"limit_unit": unit} if unit else {})}


def _unit(given: JsonValue, config: SkyPortalConfig) -> ScaledUnit:
    """Return the unit of a brightness that SkyPortal can get. Raises `NotExpressible`."""
    if given is None and config.default_brightness:
        return config.default_brightness
    try:
        unit = parse_unit(str(given or ""))
    except UnknownUnit as error:
        raise NotExpressible("unit", f"{error.reason}. Map it with 'UNIT_MAP'") from None
    if unit.unit not in (*SYSTEMS, Unit.FLUX_PER_FREQUENCY):
        raise NotExpressible("unit", f"SkyPortal takes AB and Vega magnitudes and Jy, not {given}")
    return unit


def _stated(given: JsonValue, otherwise: ScaledUnit) -> ScaledUnit | None:
    """Return the unit that a datum gives for its error or limit; None for one that is not known."""
    try:
        return otherwise if given is None else parse_unit(str(given))
    except UnknownUnit:
        return None


def _microjansky(value: float, unit: ScaledUnit | None) -> float:
    factor = unit and unit.factor(_MICROJANSKY)
    if not factor:
        raise NotExpressible("error-unit", "the error of a flux must be in Jy or a multiple of it")
    try:
        return rescaled(value, factor)
    except OverflowError:
        raise NotExpressible("number", f"{value:g} is too large a flux") from None

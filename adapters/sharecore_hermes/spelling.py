"""Spell units as HERMES does, to the code point, and convert units of the site into them.

HERMES compares unit texts exactly. The Angstrom is U+212B, the micro sign U+00B5 and the square U+00B2: never
normalise these texts, since NFC turns U+212B into U+00C5, which is refused (measured).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sharecore.spellings import word
from sharecore.units import ScaledUnit, Unit, UnknownUnit, parse_unit, rescaled
from sharecore_hermes.cells import NotExpressible, text
from sharecore_hermes.config import HermesConfig

ANGSTROM = "\u212b"
MICROMETRE = "\u00b5m"
FLUX_PER_ANGSTROM = "erg / s / cm\u00b2 / \u212b"
AB_MAG = "AB mag"
VEGA_MAG = "Vega mag"
MAGNITUDES = (AB_MAG, VEGA_MAG)
MILLIJANSKY = "mJy"

_ONE = Fraction(1)
_MJY = ScaledUnit(Fraction(1, 1000), Unit.FLUX_PER_FREQUENCY)
_FLAM = ScaledUnit(_ONE, Unit.FLUX_PER_WAVELENGTH)
_FLUX = {MILLIJANSKY: _MJY, FLUX_PER_ANGSTROM: _FLAM}
_BRIGHTNESS = {
    AB_MAG: ScaledUnit(_ONE, Unit.AB_MAG),
    VEGA_MAG: ScaledUnit(_ONE, Unit.VEGA_MAG),
    **_FLUX,
}
_NANOMETRE = ScaledUnit(Fraction(1, 10**9), Unit.WAVELENGTH)
_HERTZ = ScaledUnit(_ONE, Unit.FREQUENCY)
_WAVELENGTH = {
    "nm": _NANOMETRE,
    ANGSTROM: ScaledUnit(Fraction(1, 10**10), Unit.WAVELENGTH),
    MICROMETRE: ScaledUnit(Fraction(1, 10**6), Unit.WAVELENGTH),
    "Hz": _HERTZ,
    "GHz": ScaledUnit(Fraction(10**9), Unit.FREQUENCY),
    "THz": ScaledUnit(Fraction(10**12), Unit.FREQUENCY),
}
_ANGLE = {
    "mas": ScaledUnit(_ONE, Unit.ANGLE),
    "arcsec": ScaledUnit(Fraction(1000), Unit.ANGLE),
    "arcmin": ScaledUnit(Fraction(60_000), Unit.ANGLE),
    "degrees": ScaledUnit(Fraction(3_600_000), Unit.ANGLE),
}


@dataclass(frozen=True, slots=True)
class Spelled:
    """A unit of HERMES, and the conversion into it."""

    name: str
    """Unit, as HERMES spells it."""
    factor: Fraction = _ONE
    """Factor that converts values of the site into the unit."""

    def value(self, value: float) -> float:
        """Return a value of the site in this unit. Raises `NotExpressible` when it is out of range."""
        try:
            return rescaled(value, self.factor)
        except OverflowError:
            raise NotExpressible("range", f"{value:g} is too large in {self.name}") from None


def brightness(unit: object, config: HermesConfig) -> Spelled:
    """Return the unit of a brightness or limit.

    `mag` without a system goes by the default, if that is a magnitude.
    """
    meant = _meant(unit, config, config.default_brightness, "brightness-unit", "DEFAULT_BRIGHTNESS_UNIT")
    default = config.default_brightness
    if meant.unit is Unit.MAG:
        if default is None or not default.unit.is_magnitude:
            raise NotExpressible(
                "brightness-unit",
                "the unit 'mag' names no magnitude system. Set 'DEFAULT_BRIGHTNESS_UNIT' to 'AB mag' or "
                f"'Vega mag' in {config.path}",
            )
        meant = default
    if meant.unit is Unit.ST_MAG:
        raise NotExpressible("brightness-unit", "HERMES has no ST magnitudes")
    return _into(meant, _BRIGHTNESS, "brightness-unit")


def flux(unit: object, config: HermesConfig) -> Spelled:
    """Return the unit of the flux of a spectrum."""
    meant = _meant(unit, config, config.default_flux, "flux-unit", "DEFAULT_FLUX_UNIT")
    return _into(meant, _FLUX, "flux-unit")


def wavelength(unit: object, config: HermesConfig) -> Spelled:
    """Return the unit of the other axis, wavelength or frequency: that of the site where HERMES has it."""
    meant = _meant(unit, config, config.default_wavelength, "wavelength-unit", "DEFAULT_WAVELENGTH_UNIT")
    return _into(meant, _WAVELENGTH, "wavelength-unit")


def angle(unit: object, config: HermesConfig) -> Spelled:
    """Return the unit of the error of a position. The settings have no default for it."""
    return _into(_meant(unit, config, None, "error-unit", ""), _ANGLE, "error-unit")


def error_of(value: Spelled, unit: object, config: HermesConfig, *, stated: bool) -> Spelled:
    """Return how the error of a value is sent: in the unit of the value, whatever its own unit.

    Args:
        value: unit of the value.
        unit: unit that the datum gives for the error.
        config: settings.
        stated: whether the datum gives the unit of the value, so that it is not a default.
    """
    if not text(unit):
        return value
    meant, wanted = _meant(unit, config, None, "error-unit", ""), _BRIGHTNESS[value.name]
    both_magnitudes = meant.unit.is_magnitude and wanted.unit.is_magnitude
    factor = _ONE if both_magnitudes else meant.factor(wanted)
    if factor is None:
        raise NotExpressible(
            "error-unit",
            f"the error is in {text(unit)!r}, which has no exact conversion into {value.name!r}, the unit of "
            "the value",
        )
    if factor != 1 and not stated:
        raise NotExpressible(
            "error-unit", f"the error is in {text(unit)!r}, and the datum gives no unit for the value"
        )
    return Spelled(value.name, factor)


def flux_type(spelled: Spelled) -> str:
    """Return the word of HERMES for the flux density; its own default, per wavelength, would be wrong for
    mJy.
    """
    return "Fnu" if spelled.name == MILLIJANSKY else "Flambda"


def _meant(
    unit: object, config: HermesConfig, default: ScaledUnit | None, feature: str, setting: str
) -> ScaledUnit:
    if unit is not None and not isinstance(unit, str):
        raise NotExpressible(
            feature, f"the unit must be a text, got a {type(unit).__name__}: {text(unit)[:80]}"
        )
    own = text(unit)
    if own in config.unit_map:
        return config.unit_map[own]
    if not word(own):
        if default is None:
            hint = f". Set {setting!r} in {config.path}" if setting else ""
            raise NotExpressible(feature, f"the datum has no unit{hint}")
        return default
    try:
        return parse_unit(own)
    except UnknownUnit as error:
        raise NotExpressible(
            feature, f"{error.reason}. Explain it with 'UNIT_MAP' in {config.path}"
        ) from None


def _into(meant: ScaledUnit, offered: dict[str, ScaledUnit], feature: str) -> Spelled:
    """Return the very same unit where HERMES has it, else the first with an exact conversion."""
    same = [Spelled(name) for name, unit in offered.items() if unit == meant]
    exact = ((name, meant.factor(unit)) for name, unit in offered.items())
    found = same or [Spelled(name, factor) for name, factor in exact if factor is not None]
    if not found:
        raise NotExpressible(feature, f"HERMES has no unit for values in '{meant.unit}'")
    return found[0]

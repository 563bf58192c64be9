"""What a unit text of a site means: a closed set of units, and exact conversions between multiples of one.

Nothing is guessed. A text that is not a unit of this set is refused with the reason, and so is one that two
communities read in two ways. A magnitude without a system (`mag`) is a unit of its own, `Unit.MAG`: it is
not AB, and whoever knows its system has to say so.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cache, lru_cache

from sharecore.exceptions import SharecoreError

SPEED_OF_LIGHT = Fraction(299_792_458)
"""m/s, exact by the definition of the metre."""

EV_OVER_PLANCK = Fraction("1.602176634e-19") / Fraction("6.62607015e-34")
"""Hz per eV, exact since the SI of 2019."""


class Unit(StrEnum):
    """The units that records can be in, in astropy's spelling (its format "generic").

    Multiples of them are a `ScaledUnit`.

    Magnitudes have no multiples and convert into nothing: their errors would not convert exactly.
    """

    AB_MAG = "mag(AB)"
    VEGA_MAG = "mag(Vega)"
    ST_MAG = "mag(ST)"
    MAG = "mag"
    FLUX_PER_FREQUENCY = "Jy"
    FLUX_PER_WAVELENGTH = "erg / (Angstrom s cm2)"
    WAVELENGTH = "m"
    FREQUENCY = "Hz"
    PHOTON_ENERGY = "eV"
    WAVENUMBER = "1 / m"
    ANGLE = "mas"

    @property
    def is_magnitude(self) -> bool:
        """Whether values are logarithmic, so that 0.0 is a measurement like any other."""
        return self in MAGNITUDES


MAGNITUDES = frozenset({Unit.AB_MAG, Unit.VEGA_MAG, Unit.ST_MAG, Unit.MAG})

_INTO_FREQUENCY = {
    Unit.FREQUENCY: Fraction(1),
    Unit.PHOTON_ENERGY: EV_OVER_PLANCK,
    Unit.WAVENUMBER: SPEED_OF_LIGHT,
}


class UnknownUnit(SharecoreError):
    """A text that is no unit of ours. reason: why, for people."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class ScaledUnit:
    """`scale` times `unit`, an exact number: µJy is (1/1000000, Jy)."""

    scale: Fraction
    unit: Unit

    def factor(self, other: ScaledUnit) -> Fraction | None:
        """What a value in this unit is multiplied with to be in `other`; None when no exact factor exists.

        Frequency, photon energy and wavenumber convert by the constants of the SI of 2019.
        """
        ratio = self.scale / other.scale
        if self.unit is other.unit:
            return ratio
        if self.unit in _INTO_FREQUENCY and other.unit in _INTO_FREQUENCY:
            return ratio * _INTO_FREQUENCY[self.unit] / _INTO_FREQUENCY[other.unit]
        return None


def rescaled(value: float, factor: Fraction) -> float:
    """`value` times `factor`, rounded once, as the decimal number that people would write.

    Raises `OverflowError` when the product is too large for a float.
    """
    return value if factor == 1 else float(Fraction(repr(value)) * factor)


# How sites write magnitudes; astropy reads `AB` alone as a flux of 3631 Jy, but beside a brightness it is the
# name of the system: astropy itself writes the unit inside mag(AB) so, and tomtoolkit 2.x read it so.
_MAGNITUDE_WORDS = {
    "ab": Unit.AB_MAG, "abmag": Unit.AB_MAG, "magab": Unit.AB_MAG, "abmagnitude": Unit.AB_MAG,
    "vega": Unit.VEGA_MAG, "vegamag": Unit.VEGA_MAG, "magvega": Unit.VEGA_MAG, "vegamagnitude": Unit.VEGA_MAG,
    "stmag": Unit.ST_MAG, "magst": Unit.ST_MAG,
    "mag": Unit.MAG, "mags": Unit.MAG, "magnitude": Unit.MAG, "magnitudes": Unit.MAG,
}  # fmt: skip

_AMBIGUOUS = {
    "abflux": "'ABflux' is 3631 Jy for astropy and was a magnitude for tomtoolkit 2.x",
    "stflux": "'STflux' is a flux for astropy and may be meant as a magnitude",
    "a": "'A' is ampere for astropy and may be meant as Angstrom",
}

# The same signs under several code points, and spellings that astropy does not read.
_SIGNS = str.maketrans(
    {"\u00c5": "Angstrom", "\u212b": "Angstrom", "\u03bc": "u", "\u00b5": "u", "\u00b7": " "}
)
_WORDS = {"degrees": "deg", "micrometre": "um", "nanometre": "nm", "angstroms": "Angstrom"}
_MAX_LENGTH = 100


@cache
def _bases() -> tuple[tuple[object, Unit], ...]:
    from astropy import units

    linear = (unit for unit in Unit if unit not in MAGNITUDES)
    return tuple((units.Unit(unit.value), unit) for unit in linear)


@lru_cache(maxsize=1024)
def parse_unit(text: str) -> ScaledUnit:
    """Read a unit as people and astropy write it: `mag(AB)`, `ABmag`, `uJy`, `1e-17 erg/s/cm2/AA`, `micron`.

    Raises `UnknownUnit`.
    """
    shown = f"{text[:40]!r}"
    if not text.strip():
        raise UnknownUnit("no unit is given")
    if len(text) > _MAX_LENGTH:
        raise UnknownUnit(f"{shown}… is too long for a unit")
    word = re.sub(r"[\s_()\-]", "", text).casefold()
    if word in _MAGNITUDE_WORDS:
        return ScaledUnit(Fraction(1), _MAGNITUDE_WORDS[word])
    if word in _AMBIGUOUS:
        raise UnknownUnit(_AMBIGUOUS[word])
    return _parse_linear(text, shown)


def _parse_linear(text: str, shown: str) -> ScaledUnit:
    from astropy import units

    spelled = text.replace("A\u030a", "Angstrom").translate(_SIGNS).strip()
    spelled = _WORDS.get(spelled.casefold(), spelled)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", units.UnitsWarning)
            parsed = units.Unit(spelled)
    except (ValueError, TypeError, OverflowError, ZeroDivisionError) as error:
        raise UnknownUnit(f"{shown} is not a unit that astropy knows") from error
    for base, unit in _bases():
        if isinstance(parsed, units.UnitBase) and parsed.is_equivalent(base):
            return ScaledUnit(_scale(parsed.to(base), shown), unit)
    raise UnknownUnit(f"{shown} is not a unit of brightness, flux, wavelength, frequency or angle")


def _scale(scale: float, shown: str) -> Fraction:
    """astropy multiplies floats, so 1e-17 arrives as 1.0000000000000001e-17: 14 digits give it back."""
    if not 0 < scale < float("inf"):
        raise UnknownUnit(f"{shown} has a scale that is out of range")
    return Fraction(f"{scale:.14g}")

"""Read the unit texts of a site: a closed set of units, and exact conversions between multiples of one unit.

Nothing is guessed. A text that is not a unit of this set is refused with the reason, and so is a text that
two communities read in two ways. A magnitude without a system (`mag`) is a unit of its own, `Unit.MAG`: it is
not AB, and only the site can tell its system.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any
from unicodedata import combining, normalize

from sharecore import tex
from sharecore.exceptions import SharecoreError

SPEED_OF_LIGHT = Fraction(299_792_458)
"""Speed of light in m/s, exact by the definition of the metre."""

EV_OVER_PLANCK = Fraction("1.602176634e-19") / Fraction("6.62607015e-34")
"""Hz per eV, exact since the SI of 2019."""


class Unit(StrEnum):
    """The units of records, in the spelling of astropy (its format "generic").

    A multiple of a unit is a `ScaledUnit`. Magnitudes have no multiples and convert into nothing: their
    errors would not convert exactly.
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
        """Return whether values are logarithmic, so that 0.0 is a measurement like any other."""
        return self in MAGNITUDES


MAGNITUDES = frozenset({Unit.AB_MAG, Unit.VEGA_MAG, Unit.ST_MAG, Unit.MAG})

_INTO_FREQUENCY = {
    Unit.FREQUENCY: Fraction(1),
    Unit.PHOTON_ENERGY: EV_OVER_PLANCK,
    Unit.WAVENUMBER: SPEED_OF_LIGHT,
}


class UnknownUnit(SharecoreError):
    """Raised for a text that is no unit of this set.

    Attributes:
        reason: explanation for people.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class ScaledUnit:
    """A multiple of a unit, exact: µJy is 1/1000000 times Jy."""

    scale: Fraction
    """Multiplier of the unit."""
    unit: Unit
    """Unit that is multiplied."""

    def factor(self, other: ScaledUnit) -> Fraction | None:
        """Return the factor that converts a value in this unit into `other`; None when no exact factor
        exists.

        Frequency, photon energy and wavenumber convert by the constants of the SI of 2019.
        """
        ratio = self.scale / other.scale
        if self.unit is other.unit:
            return ratio
        if self.unit in _INTO_FREQUENCY and other.unit in _INTO_FREQUENCY:
            return ratio * _INTO_FREQUENCY[self.unit] / _INTO_FREQUENCY[other.unit]
        return None


def rescaled(value: float, factor: Fraction) -> float:
    """Return `value` times `factor`, rounded once, as the decimal number that people would write.

    Raises `OverflowError` when the product is too large for a float.
    """
    return value if factor == 1 else float(Fraction(repr(value)) * factor)


# The systems of magnitudes. astropy reads `AB` and `ST` alone as fluxes, but beside a brightness they name
# the system: astropy itself writes the unit inside mag(AB) so, and tomtoolkit 2.x read it so.
_SYSTEMS = {"ab": Unit.AB_MAG, "vega": Unit.VEGA_MAG, "st": Unit.ST_MAG}
_MAG = ("mag", "mags", "magnitude", "magnitudes")


def _magnitude_words() -> Iterator[tuple[str, Unit]]:
    yield from ((word, Unit.MAG) for word in _MAG)
    for name, unit in _SYSTEMS.items():
        for word in (name, *(name + mag for mag in _MAG), *(mag + name for mag in (*_MAG, "m"))):
            yield word, unit
            yield f"{word}system", unit


MAGNITUDE_WORDS = dict(_magnitude_words())
"""The magnitudes by their names: in small letters, without blanks, the signs below, or a dot at the end."""
MAGNITUDE_SIGNS = "_()[]{}-"
"""Signs that say nothing in the name of a magnitude."""
_SAYS_NOTHING = re.compile(rf"[\s{re.escape(MAGNITUDE_SIGNS)}]")

_AMBIGUOUS = {
    "abflux": "'ABflux' is 3631 Jy for astropy and was a magnitude for tomtoolkit 2.x",
    "stflux": "'STflux' is a flux for astropy and may be meant as a magnitude",
}

# Signs that astropy does not read in a unit, each with a blank where it ends a name.
_SIGNS = {
    "$": " ", "\\": " ", "\u03bc": "u",
    "\u2212": "-", "\u00d7": " ", "\u00b7": " ", "\u22c5": " ", "{": "(", "}": ")",
    "\u2032": "'", "\u2033": '"', "''": '"', '"': " arcsec ", "'": " arcmin ", "\u00b0": " deg ",
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z]+")
# Around all but the scale, and around the first factor: they say nothing, and astropy stumbles over them.
_ALL_BRACKETS = re.compile(r"^([\d.eE^*+\-\s]*)[(\[]((?:[^()\[\]]|[(\[][^()\[\]]*[)\]])*)[)\]]$")
_FIRST_BRACKETS = re.compile(r"^([\d.eE^*+\-\s]*)[(\[]([^()\[\]]*)[)\]](?!\s*(?:\^|\*\*|[-+\d]))")

# Letters that are other units for astropy, and none that a record can be in.
_LETTERS = {"A": "Angstrom", "a": "Angstrom", "S": "s", "M": "m", "EV": "eV"}
_NAMES = {
    "Angstrom": "ang angs angstrom angstroms angstroem angstroems aa",
    "s": "sec secs second seconds", "erg": "erg ergs", "W": "watt watts", "J": "joule joules",
    "um": "micron microns", "mas": "mas", "uas": "uas", "rad": "rad radian radians",
    "deg": "deg degs degree degrees", "arcmin": "arcmin arcmins arcminute arcminutes",
}  # fmt: skip
_WITH_PREFIX = {
    "Jy": ("jy jansky janskys janskies", "munkMG"), "Hz": ("hz hertz", "kMGT"),
    "eV": ("ev electronvolt electronvolts", "kMGT"), "m": ("m meter meters metre metres", "numck"),
    "arcsec": ("arcsec arcsecs arcsecond arcseconds", "mu"),
}  # fmt: skip
_PREFIXES = {
    "n": "nano", "u": "micro", "m": "milli", "c": "centi", "k": "kilo", "M": "mega", "G": "giga", "T": "tera",
}  # fmt: skip
_IN_TWO_WORDS = re.compile(
    rf"\b({'|'.join((*_PREFIXES.values(), 'arc'))})[\s-]+(?=[a-z]{{3}})", flags=re.IGNORECASE
)
_MAX_LENGTH = 150


@cache
def _bases() -> tuple[tuple[object, Unit], ...]:
    from astropy import units

    linear = (unit for unit in Unit if unit not in MAGNITUDES)
    return tuple((units.Unit(unit.value), unit) for unit in linear)


@cache
def _spellings() -> dict[str, frozenset[str]]:
    """Return the names that astropy reads, by the name in small letters: several where capitals decide."""
    found = {word: {name} for name, words in _NAMES.items() for word in words.split()}
    for name, (words, letters) in _WITH_PREFIX.items():
        for word in words.split():
            found.setdefault(word, set()).add(name)
            for letter in letters:
                for prefix in (letter.lower(), _PREFIXES[letter]):
                    found.setdefault(prefix + word, set()).add(letter + name)
            if "u" in letters:
                found.setdefault(f"mu{word}", set()).add(f"u{name}")
    return {word: frozenset(names) for word, names in found.items()}


@lru_cache(maxsize=1024)
def parse_unit(text: str) -> ScaledUnit:
    """Read a unit as people and astropy write it: `mag(AB)`, `ABmag`, `uJy`, `1e-17 erg/s/cm2/A`, `microns`.

    Where astropy knows a word with its capitals, they count; elsewhere they do not, but a small m never means
    mega. Raises `UnknownUnit`.
    """
    shown = f"{text[:40]!r}"
    if not text.strip():
        raise UnknownUnit("no unit is given")
    if len(text) > _MAX_LENGTH:
        raise UnknownUnit(f"{shown}… is too long for a unit")
    text = tex.without_tex(text).strip().rstrip(".")
    word = _SAYS_NOTHING.sub("", normalize("NFKC", text)).casefold()
    if magnitude := MAGNITUDE_WORDS.get(word):
        return ScaledUnit(Fraction(1), magnitude)
    if word in _AMBIGUOUS:
        raise UnknownUnit(_AMBIGUOUS[word])
    return _parse_linear(text, shown)


def _parse_linear(text: str, shown: str) -> ScaledUnit:
    spelled = _WORD.sub(_spelled, _plain(text))
    parsed = _from_astropy(spelled)
    if parsed is None:
        raise UnknownUnit(f"{shown} is not a unit that astropy knows")
    for base, unit in _bases():
        if parsed.is_equivalent(base) and _names(parsed, unit, spelled):
            return ScaledUnit(_scale(parsed.to(base), shown), unit)
    raise UnknownUnit(f"{shown} is not a unit of brightness, flux, wavelength, frequency or angle")


def _names(parsed: Any, unit: Unit, spelled: str) -> bool:
    """Return whether a text names the unit: by its dimensions alone a fluence, or "N/A", would be Jy.

    astropy reads "erg cm-2 s-1 Hz-1" as a fluence, since the last two cancel.
    """
    from astropy import units

    if unit is not Unit.FLUX_PER_FREQUENCY or "Hz" in spelled:
        return True
    return any(base.is_equivalent(each) for base in parsed.bases for each in (units.Jy, units.Hz))


def _plain(text: str) -> str:
    """Return a text in ASCII as far as possible: superscripts as digits, letters without marks, signs as
    words.
    """
    plain = "".join(each for each in normalize("NFKD", text) if not combining(each))
    for sign, word in _SIGNS.items():
        plain = plain.replace(sign, word)
    plain = _ALL_BRACKETS.sub(r"\1\2", plain.strip())
    plain = _FIRST_BRACKETS.sub(r"\1\2 ", plain)
    # "2.5 x 10^(-17)", a scale that is written out
    plain = re.sub(r"^\s*(\d+\.?\d*)(?:\s*[x*]\s*|\s+)10(?:\^|\*\*)\(?([+-]?\d+)\)?", r"\1e\2 ", plain)
    plain = _IN_TWO_WORDS.sub(r"\1", plain)
    return re.sub(r"\bper\b", "/", plain, flags=re.IGNORECASE).strip()


def _spelled(found: re.Match[str]) -> str:
    """Return one name as astropy spells it; a name that neither astropy nor this module knows stays."""
    word = found[0]
    if word in _LETTERS:
        return _LETTERS[word]
    if _from_astropy(word) is not None:
        return word
    names = _spellings().get(word.casefold(), frozenset())
    if len(names) > 1 and word[0] == "M":
        raise UnknownUnit(f"{word!r} may be {' or '.join(sorted(names))}")
    return next((name for name in sorted(names) if not (word[0] == "m" and name[0] == "M")), word)


@lru_cache(maxsize=1024)
def _from_astropy(text: str) -> Any:
    """Return the unit of a name or formula; None for a text that is no linear unit."""
    from astropy import units

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", units.UnitsWarning)
            parsed = units.Unit(text)
    except (ValueError, TypeError, OverflowError, ZeroDivisionError):
        return None
    return parsed if isinstance(parsed, units.UnitBase) else None


def _scale(scale: float, shown: str) -> Fraction:
    """Return the exact scale. astropy multiplies floats, so 1e-17 arrives as 1.0000000000000001e-17: 14
    digits restore it.
    """
    if not 0 < scale < float("inf"):
        raise UnknownUnit(f"{shown} has a scale that is out of range")
    return Fraction(f"{scale:.14g}")

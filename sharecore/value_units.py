"""Find the units of the values of a datum, in the spellings that TOMs use.

tomtoolkit has a column for the unit of a brightness, a flux or a wavelength, and none for the unit of an
error or of a limit: sites, data services and stream readers put these among the further values of the datum,
each under a name of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from sharecore.records import Astrometry, JsonValue, Photometry, PhotometryLimit, Record, Spectrum
from sharecore.words import Words, first, plain_text, unit_words_of

# As `words` has names.
_UNIT = (
    "unit", "units", "brightnessunit", "brightnessunits", "magnitudeunit", "magnitudeunits", "magunit",
    "magunits", "photunit", "photometricunit", "photometryunit", "valueunit", "bunit",
)  # fmt: skip
LIMIT = ("limit", "limitingbrightness", "limitingmagnitude", "limitingmag")
_LIMIT_UNIT = tuple(f"{name}{unit}" for name in LIMIT for unit in ("unit", "units"))
_FLUX_UNIT = ("fluxunit", "fluxunits", "funit", "funits", "bunit", "yunit", "yunits", "unit", "units")
_WAVELENGTH_UNIT = (
    "wavelengthunit", "wavelengthunits", "waveunit", "waveunits", "wunit", "wunits", "lambdaunit",
    "lambdaunits", "cunit1", "xunit", "xunits",
)  # fmt: skip
_ERROR_OF = tuple(
    f"{error}{unit}" for error in ("error", "err", "uncertainty", "sigma") for unit in ("unit", "units")
)
_FLUX_ERROR_UNIT = tuple(f"flux{unit}" for unit in _ERROR_OF)
_ERROR_UNIT = (
    *(f"{of}{unit}" for of in ("brightness", "magnitude", "mag") for unit in _ERROR_OF),
    *_ERROR_OF,
)
_LIMIT_ERROR_UNIT = tuple(f"{name}{unit}" for name in LIMIT for unit in _ERROR_OF)
_POSITION_UNIT = ("errorunit", "errorunits", "errunit", "errunits", "positionerrorunit", "positionerrorunits")


def own_units(record: Record) -> Mapping[str, JsonValue]:
    """Return the units that a datum gives for its values, by name of the field (`brightness_error`).

    A column of the record comes first, then its further values, as the site spells them. A value without an
    entry is in the unit of the record: an error in that of its value. An entry that is no text is no unit,
    such as the list for a datum that contradicts itself.
    """
    words = unit_words_of(record.extra)
    match record:
        case Photometry() | PhotometryLimit():
            units = _of_photometry(record, words)
        case Spectrum():
            units = {
                "flux": record.flux_unit or first(words, (*_FLUX_UNIT, "headerbunit")),
                "error": first(words, (*_FLUX_ERROR_UNIT, *_ERROR_OF)),
                "wavelength": record.wavelength_unit or first(words, _WAVELENGTH_UNIT),
            }
        case Astrometry():
            units = {
                "ra_error": record.ra_error_units or first(words, ("raerrorunit", "raerrorunits")),
                "dec_error": record.dec_error_units or first(words, ("decerrorunit", "decerrorunits")),
            }
            units = {name: unit or first(words, _POSITION_UNIT) for name, unit in units.items()}
        case _:
            units = {}
    return {name: unit for name, unit in units.items() if plain_text(unit)}


def _of_photometry(record: Photometry | PhotometryLimit, words: Words) -> dict[str, JsonValue]:
    """Return the units of brightness, limit and errors; of the last two only where the datum gives them
    apart.
    """
    error = first(words, _ERROR_UNIT) or _of_the_flux(words, _FLUX_ERROR_UNIT)
    limited = isinstance(record, PhotometryLimit)
    return {
        "brightness": record.unit or first(words, _UNIT) or _of_the_flux(words, _FLUX_UNIT),
        "brightness_error": error,
        "limit": first(words, _LIMIT_UNIT),
        "limit_error": first(words, _LIMIT_ERROR_UNIT) or (error if limited else None),
    }


def _of_the_flux(words: Words, names: tuple[str, ...]) -> JsonValue:
    """Return the unit of a flux, unless the flux is another value beside the brightness."""
    return None if "flux" in words else first(words, names)

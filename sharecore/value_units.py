"""Find the units of the values of a datum, in the spellings that TOMs use.

tomtoolkit has a column for the unit of a brightness, a flux or a wavelength, and none for the unit of an
error or of a limit: sites, data services and stream readers put these among the further values of the datum,
each under a name of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from sharecore.records import Astrometry, JsonValue, Photometry, PhotometryLimit, Record, Spectrum
from sharecore.spellings import Words, first, unit_words_of, word

# As `words` has names.
_ERROR = ("error", "err", "uncertainty", "sigma")
LIMIT = (
    "limit", "limitingbrightness", "limitingmagnitude", "limitingmag", "limitingflux", "lim", "limmag",
    "limmagnitude", "limitmag", "limitmagnitude", "maglim", "maglimit", "magnitudelimit", "brightnesslimit",
    "fluxlim", "fluxlimit", "upperlimit", "upperlim", "detectionlimit", "diffmaglim",
)  # fmt: skip


def _unit_of(*quantities: str) -> tuple[str, ...]:
    """Return the names for the unit of a quantity, those of the first quantity before those of the next."""
    return tuple(
        name
        for of in quantities
        for name in (f"{of}unit", f"{of}units", f"unit{of}", f"units{of}", f"unitof{of}", f"unitsof{of}")
    )


def _errors_of(*quantities: str) -> tuple[str, ...]:
    return tuple(f"{of}{error}" for of in quantities for error in _ERROR)


_UNIT = (
    "unit", "units",
    *_unit_of("brightness", "magnitude", "mag", "phot", "photometric", "photometry", "value", "measurement"),
    "bunit",
)  # fmt: skip
_LIMIT_UNIT = _unit_of(*LIMIT)
_FLUX_UNIT = (
    *_unit_of("flux", "f", "fluxdensity", "fluxaxis", "flam", "fnu", "flambda", "intensity"),
    "bunit", *_unit_of("y", "yaxis"), "unit", "units",
)  # fmt: skip
_WAVELENGTH_UNIT = (
    *_unit_of("wavelength", "wavelengths", "wave", "w", "lambda", "wl", "wav", "wvl", "lam", "\u03bb"),
    *_unit_of("frequency", "freq", "nu", "energy", "dispersion", "dispersionaxis", "spectralaxis"),
    "cunit1", *_unit_of("x", "xaxis"),
)  # fmt: skip
_ERROR_OF = _unit_of(*_ERROR)
_FLUX_ERROR_UNIT = _unit_of(*_errors_of("flux", "f", "fluxdensity"))
_ERROR_UNIT = (*_unit_of(*_errors_of("brightness", "magnitude", "mag")), *_ERROR_OF)
_LIMIT_ERROR_UNIT = _unit_of(*_errors_of(*LIMIT))
_POSITION_UNIT = (*_ERROR_OF, *_unit_of(*_errors_of("position", "pos", "astrometric", "coordinate")))


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
                "flux": word(record.flux_unit) or first(words, (*_FLUX_UNIT, "headerbunit")),
                "error": first(words, (*_FLUX_ERROR_UNIT, *_ERROR_OF)),
                "wavelength": word(record.wavelength_unit) or first(words, _WAVELENGTH_UNIT),
            }
        case Astrometry():
            units = {
                "ra_error": word(record.ra_error_units) or first(words, _unit_of(*_errors_of("ra"))),
                "dec_error": word(record.dec_error_units) or first(words, _unit_of(*_errors_of("dec"))),
            }
            units = {name: unit or first(words, _POSITION_UNIT) for name, unit in units.items()}
        case _:
            units = {}
    return {name: unit for name, unit in units.items() if word(unit)}


def _of_photometry(record: Photometry | PhotometryLimit, words: Words) -> dict[str, JsonValue]:
    """Return the units of brightness, limit and errors; of the last two only where the datum gives them
    apart.
    """
    error = first(words, _ERROR_UNIT) or _of_the_flux(words, _FLUX_ERROR_UNIT)
    limited = isinstance(record, PhotometryLimit)
    return {
        "brightness": word(record.unit) or first(words, _UNIT) or _of_the_flux(words, _FLUX_UNIT),
        "brightness_error": error,
        "limit": first(words, _LIMIT_UNIT),
        "limit_error": first(words, _LIMIT_ERROR_UNIT) or (error if limited else None),
    }


def _of_the_flux(words: Words, names: tuple[str, ...]) -> JsonValue:
    """Return the unit of a flux, unless the flux is another value beside the brightness."""
    return None if "flux" in words else first(words, names)

"""What a datum itself says of its unit, its telescope and its limit, in the spellings that TOMs use.

tomtoolkit has a column for some of it; sites, data services and stream readers put the rest among the further
values of the datum, each under a name of its own. Defaults fill only what is said nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from sharecore.records import Astrometry, JsonValue, Photometry, PhotometryLimit, Record, Spectrum
from sharecore.units import Unit, UnknownUnit, parse_unit
from sharecore_hermes.cells import Draft, NotExpressible, Row, text
from sharecore_hermes.words import Words, unit_words_of, words_of

# As `words` has names.
_TELESCOPE = (
    "telescope", "telescopename", "telescop", "telescopeid", "telid", "telname", "tel", "facility",
    "facilityname", "observatory", "observat", "survey",
)  # fmt: skip
_INSTRUMENT = (
    "instrument", "instrumentname", "instrume", "instrumentid", "instname", "inst", "camera", "detector",
)  # fmt: skip
_UNIT = (
    "unit", "units", "brightnessunit", "brightnessunits", "magnitudeunit", "magnitudeunits", "magunit",
    "magunits", "photunit", "photometricunit", "photometryunit", "valueunit", "bunit",
)  # fmt: skip
_SYSTEM = (
    "system", "magsystem", "magsys", "magnitudesystem", "photsystem", "photsys", "photometricsystem",
    "photometrysystem", "filtersystem", "zpsys", "zpsystem", "zeropointsystem",
)  # fmt: skip
_LIMIT = ("limit", "limitingbrightness", "limitingmagnitude", "limitingmag")
_LIMIT_UNIT = tuple(f"{name}{unit}" for name in _LIMIT for unit in ("unit", "units"))
_LIMIT_ERROR = tuple(f"{name}error" for name in _LIMIT)
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
_LIMIT_ERROR_UNIT = tuple(f"{name}{unit}" for name in _LIMIT for unit in _ERROR_OF)
_POSITION_UNIT = ("errorunit", "errorunits", "errunit", "errunits", "positionerrorunit", "positionerrorunits")


def said(record: Record) -> Row:
    """The columns of HERMES that a datum fills with its own words, as it writes them; nothing blank.

    Raises `NotExpressible` where two of its words contradict each other, or cannot be read.
    """
    words, units = words_of(record.extra), unit_words_of(record.extra)
    row: Row = _observer(record, words)
    if isinstance(record, Photometry | PhotometryLimit):
        own = record.unit or _first(units, _UNIT) or _of_the_flux(units, _FLUX_UNIT)
        unit, limit = _brightness_unit(own, units), _first(units, _LIMIT_UNIT)
        row["brightness_unit"] = _with_system(unit, limit)
        row["limiting_brightness_unit"] = _with_system(limit, _first(units, _SYSTEM), unit)
        row["limiting_brightness_error"] = _first(words, _LIMIT_ERROR)
        error = _first(units, _ERROR_UNIT) or _of_the_flux(units, _FLUX_ERROR_UNIT)
        row["brightness_error_unit"] = error
        limited = isinstance(record, PhotometryLimit)
        row["limiting_brightness_error_unit"] = _first(units, _LIMIT_ERROR_UNIT) or (
            error if limited else None
        )
    elif isinstance(record, Spectrum):
        row["flux_units"] = record.flux_unit or _first(units, (*_FLUX_UNIT, "headerbunit"))
        row["flux_error_unit"] = _first(units, (*_FLUX_ERROR_UNIT, *_ERROR_OF))
        row["wavelength_units"] = record.wavelength_unit or _first(units, _WAVELENGTH_UNIT)
    elif isinstance(record, Astrometry):
        for axis in ("ra", "dec"):
            unit = getattr(record, f"{axis}_error_units") or _first(
                units, (f"{axis}errorunit", f"{axis}errorunits")
            )
            row[f"{axis}_error_units"] = unit or _first(units, _POSITION_UNIT)
    return {key: value for key, value in row.items() if text(value)}


def completed(draft: Draft, record: Record) -> Row:
    """The draft of a converter, with the datum's own words where it says nothing.

    The unit of an error holds for the datum's own error alone: a converter that changed it knows the unit.
    """
    words = said(record)
    row = dict(draft) | {key: value for key, value in words.items() if not text(draft.get(key))}
    limit_error = getattr(record, "limit_error", None)
    own = {
        "brightness_error": getattr(record, "brightness_error", limit_error),
        "limiting_brightness_error": words.get("limiting_brightness_error", limit_error),
        "flux_error": list(getattr(record, "error", ())),
    }
    for key, error in own.items():
        if draft.get(key) not in (None, error):
            row.pop(f"{key}_unit", None)
    return row


def _observer(record: Record, words: Words) -> Row:
    """Its telescope and instrument: the columns, else its words. A number is a name; a list is none."""
    names = {
        key: text(value)
        for key, value in words.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }
    row: Row = {
        "telescope": record.telescope or _first(names, _TELESCOPE),
        "instrument": record.instrument or _first(names, _INSTRUMENT),
    }
    unread = _first(words, (*_TELESCOPE, *_INSTRUMENT))
    if unread and not any(row.values()):
        kind = type(unread).__name__
        raise NotExpressible("telescope", f"it names its telescope or instrument in a {kind}, not in a text")
    return row


def _of_the_flux(words: Words, names: tuple[str, ...]) -> JsonValue:
    """The unit of a flux, unless that is another value beside the brightness."""
    return None if "flux" in words else _first(words, names)


def _with_system(unit: JsonValue, *others: JsonValue) -> JsonValue:
    """The unit; of a magnitude without system, the system that other words of the datum name."""
    if not unit or _magnitude(unit) is not Unit.MAG:
        return unit
    return next((each for each in others if _magnitude(each) not in (None, Unit.MAG)), unit)


def _first(words: Words, names: tuple[str, ...]) -> JsonValue:
    """What the datum says under the first of these names; a text before what is none."""
    found = [words[name] for name in names if text(words.get(name))]
    return next((each for each in found if not isinstance(each, Mapping)), found[0] if found else None)


def _brightness_unit(unit: JsonValue, words: Words) -> JsonValue:
    """The unit; of a magnitude that names its system elsewhere, that system."""
    system = _first(words, _SYSTEM)
    if not unit or not system:
        return unit or system
    stated, named = _magnitude(unit), _magnitude(system)
    if stated is Unit.MAG:
        return system
    if stated and named and named not in (stated, Unit.MAG):
        raise NotExpressible(
            "brightness-unit", f"its unit is {text(unit)!r}, but its system is {text(system)!r}"
        )
    return unit


def _magnitude(word: JsonValue) -> Unit | None:
    try:
        unit = parse_unit(text(word)).unit
    except UnknownUnit:
        return None
    return unit if unit.is_magnitude else None

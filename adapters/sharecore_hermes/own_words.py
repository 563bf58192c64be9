"""Read the own words of a datum for its unit, telescope and limit, in the spellings that TOMs use.

tomtoolkit has a column for some of them; sites, data services and stream readers put the rest among the
further values of the datum, each under a name of its own. Defaults fill only missing values.
"""

from __future__ import annotations

from sharecore.records import Astrometry, JsonValue, Photometry, PhotometryLimit, Record, Spectrum
from sharecore.spellings import Words, first, unit_words_of, word, words_of
from sharecore.units import Unit, UnknownUnit, parse_unit
from sharecore.value_units import LIMIT, own_units
from sharecore_hermes.cells import Draft, NotExpressible, Row, text

# As `words` has names.
_TELESCOPE = (
    "telescope", "telescopename", "telescop", "telescopeid", "telid", "telname", "tel", "facility",
    "facilityname", "observatory", "observatoryname", "observat", "survey", "surveyname", "mission",
    "missionname", "spacecraft", "satellite", "telescopeinstrument", "telinst", "telescopes",
    "observatorycode", "obscode", "mpccode", "mpcsitecode", "mpcobscode",
)  # fmt: skip
_INSTRUMENT = (
    "instrument", "instrumentname", "instrume", "instrumentid", "instname", "inst", "instr", "camera",
    "cameraname", "detector", "detectorname", "spectrograph", "spectrometer", "photometer", "imager",
)  # fmt: skip
_SYSTEM = tuple(
    f"{of}{system}"
    for of in (
        "", "mag", "magnitude", "phot", "photometric", "photometry", "brightness", "filter", "band",
        "bandpass", "passband", "zp", "zeropoint", "calibration",
    )
    for system in ("system", "sys")
    if of or system == "system"
)  # fmt: skip
_MAYBE_SYSTEM = (
    "magtype", "magnitudetype", "phottype", "calibration", "photcalib", "zeropoint", "zp", "zptype", "sys",
)  # fmt: skip
"""Names of a system too, where their value is one: they have other meanings."""
_LIMIT_SYSTEM = tuple(f"{name}system" for name in LIMIT)
_LIMIT_ERROR = tuple(f"{name}{error}" for name in LIMIT for error in ("error", "err", "uncertainty"))


def said(record: Record) -> Row:
    """Return the columns of HERMES that a datum fills with its own words, as it writes them; nothing blank.

    Raises `NotExpressible` where two of its words contradict each other, or cannot be read.
    """
    words, units = words_of(record.extra), own_units(record)
    row: Row = _observer(record, words)
    if isinstance(record, Photometry | PhotometryLimit):
        systems = unit_words_of(record.extra)
        system, limit_system = _system(systems), first(systems, _LIMIT_SYSTEM)
        unit = _brightness_unit(units.get("brightness"), system)
        limit = _brightness_unit(units.get("limit"), limit_system)
        row["brightness_unit"] = _with_system(unit, limit)
        row["limiting_brightness_unit"] = _with_system(limit, system, unit)
        row["limiting_brightness_error"] = first(words, _LIMIT_ERROR)
        row["brightness_error_unit"] = units.get("brightness_error")
        row["limiting_brightness_error_unit"] = units.get("limit_error")
    elif isinstance(record, Spectrum):
        row["flux_units"] = units.get("flux")
        row["flux_error_unit"] = units.get("error")
        row["wavelength_units"] = units.get("wavelength")
    elif isinstance(record, Astrometry):
        row["ra_error_units"], row["dec_error_units"] = units.get("ra_error"), units.get("dec_error")
    return {key: value for key, value in row.items() if text(value)}


def completed(draft: Draft, record: Record) -> Row:
    """Return the draft of a converter, with the own words of the datum for values that it lacks.

    The unit of an error holds for the error of the datum alone: a converter that changed it knows the unit.
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
    """Return telescope and instrument: the columns, else the words of the datum. A number is a name; a list
    is none.
    """
    names = {
        key: word(value)
        for key, value in words.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }
    row: Row = {
        "telescope": word(record.telescope) or first(names, _TELESCOPE),
        "instrument": word(record.instrument) or first(names, _INSTRUMENT),
    }
    unread = first(words, (*_TELESCOPE, *_INSTRUMENT))
    if word(unread) and not any(row.values()):
        kind = type(unread).__name__
        raise NotExpressible("telescope", f"telescope and instrument must be texts, got a {kind}")
    return row


def _with_system(unit: JsonValue, *others: JsonValue) -> JsonValue:
    """Return the unit; of a magnitude without system, the system that other words of the datum name."""
    if not unit or _magnitude(unit) is not Unit.MAG:
        return unit
    return next((each for each in others if _magnitude(each) not in (None, Unit.MAG)), unit)


def _system(words: Words) -> JsonValue:
    """Return the system of magnitudes that the datum names."""
    # A number under "mag_sys" is a systematic error.
    named = {name: each for name, each in words.items() if not (name.endswith("sys") and _is_number(each))}
    maybe = (words.get(name) for name in _MAYBE_SYSTEM)
    return first(named, _SYSTEM) or next((each for each in maybe if _magnitude(each)), None)


def _is_number(value: JsonValue) -> bool:
    try:
        float(text(value))
    except ValueError:
        return False
    return True


def _brightness_unit(unit: JsonValue, system: JsonValue) -> JsonValue:
    """Return the unit; of a magnitude that names its system elsewhere, that system."""
    if not unit or not system:
        return unit or system
    stated, named = _magnitude(unit), _magnitude(system)
    if stated is Unit.MAG:
        return system
    if stated and named and named not in (stated, Unit.MAG):
        raise NotExpressible(
            "brightness-unit", f"the unit {text(unit)!r} contradicts the magnitude system {text(system)!r}"
        )
    return unit


def _magnitude(said: JsonValue) -> Unit | None:
    try:
        unit = parse_unit(text(said)).unit
    except UnknownUnit:
        return None
    return unit if unit.is_magnitude else None

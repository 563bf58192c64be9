"""Write records as rows of tables; a table holds records of one kind in one unit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import nan

from sharecore import (
    Astrometry,
    JsonValue,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    ScaledUnit,
    Spectrum,
    Target,
    Unit,
    UnknownUnit,
    Unsupported,
    as_json,
    fingerprint,
    own_units,
    parse_unit,
    printable,
    rescaled,
)

Row = dict[str, str | float | None]

_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)
_DAY = timedelta(days=1)
ANGSTROM = ScaledUnit(Fraction(1, 10**10), Unit.WAVELENGTH)
_LEADING: Row = {"record": "", "time": "", "mjd": None, "target": ""}
_TRAILING = ("telescope", "instrument", "source_name", "source_location", "reduction_version")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "photometry": (
        "bandpass", "brightness", "brightness_error", "limit", "limit_error", "unit", "exposure_time",
    ),
    "spectra": ("file", "points", "wavelength_unit", "flux_unit", "setup", "exposure_time"),
    "astrometry": ("ra", "dec", "ra_error", "dec_error", "ra_error_units", "dec_error_units"),
    "other": ("data_type",),
}  # fmt: skip
NUMBERS = frozenset({
    "mjd", "brightness", "brightness_error", "limit", "limit_error", "exposure_time", "ra", "dec", "ra_error",
    "dec_error", "points",
})  # fmt: skip


def columns(kind: str) -> tuple[str, ...]:
    """Return the names of the columns of a kind of table, in order.

    Beside the fields: `record`, the key; `content`, a fingerprint that an edit changes; `extra`, JSON.
    """
    return (*_LEADING, *COLUMNS[kind], *_TRAILING, "extra", "content")


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of a spectrum."""

    columns: Mapping[str, tuple[float, ...]]
    """Values of each column, all equally long."""
    units: Mapping[str, str]
    """Unit of each column, "" for none."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Unit in the words of the site, for each column whose unit `sharecore.units` does not know."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record on its way into a table."""

    record: Record
    """Record."""
    kind: str
    """Kind of the table."""
    table: str
    """Name of the table: kind and unit."""
    row: Row = field(repr=False)
    """Values of the row."""
    unit: Unit | None = None
    """Unit of the brightness."""
    curve: Curve | None = None
    """Points, for a spectrum."""


def entry(record: Record, target: Target) -> Entry | Unsupported:
    """Return the row of a record, or the reason why there is none."""
    try:
        match record:
            case Photometry() | PhotometryLimit():
                return _brightness(record, target)
            case Spectrum():
                return _spectrum(record, target)
            case Astrometry():
                return Entry(record, "astrometry", "astrometry", _row(record, target, "astrometry"))
            case OtherDatum():
                return Entry(record, "other", "other", _row(record, target, "other"))
    except UnknownUnit as error:
        return Unsupported(feature="unit", reason=error.reason)
    except OverflowError:
        return Unsupported(feature="range", reason="a value is too large for its column")


def _row(record: Record, target: Target, kind: str) -> Row:
    plain = as_json(record)
    named = {name: plain.get(name) for name in columns(kind)}
    row: Row = {name: value if name in NUMBERS else printable(value or "") for name, value in named.items()}
    return row | {
        "record": str(record.key),
        "time": plain["timestamp"].rstrip("Z"),
        "mjd": (record.timestamp - _MJD_ZERO) / _DAY,
        "target": printable(target.name),
        "extra": json.dumps(plain.get("extra", {}), sort_keys=True),
        "content": fingerprint(record)[:16],
    }


def _brightness(record: Photometry | PhotometryLimit, target: Target) -> Entry:
    row = _row(record, target, "photometry")
    if not record.unit.strip():
        return Entry(record, "photometry", "photometry", row)
    said = own_units(record)
    of_limit = said.get("limit") if isinstance(record, PhotometryLimit) else None
    given = _read(of_limit or record.unit)
    for name in ("brightness", "brightness_error", "limit", "limit_error"):
        value = row[name]
        if isinstance(value, int | float):
            row[name] = rescaled(value, _factor(name, said.get(name), given))
    row["unit"] = given.unit.value
    word = "".join(each if each.isalnum() else "_" for each in given.unit.value).strip("_")
    return Entry(record, "photometry", f"photometry_{word}", row, unit=given.unit)


def _spectrum(record: Spectrum, target: Target) -> Entry | Unsupported:
    lengths = {len(each) for each in (record.wavelength, record.flux, record.error) if each}
    if len(lengths) != 1 or not record.flux:
        got = ", ".join(str(len(each)) for each in (record.flux, record.wavelength, record.error))
        reason = f"flux, wavelength and error (if given) must have the same length, got {got}"
        return Unsupported(feature="lengths", reason=reason)
    flux = _linear(record.flux_unit)
    error = flux
    wavelength = _linear(record.wavelength_unit, ANGSTROM)
    said = own_units(record).get("error")
    if record.error and said and record.flux_unit.strip():
        error = _error_of(flux, said)
    given = (
        ("wavelength", record.wavelength, wavelength),
        ("flux", record.flux, flux),
        ("flux_error", record.error, error),
    )
    curve = Curve(
        columns={
            name: tuple(nan if value is None else rescaled(value, unit.scale) for value in values)
            for name, values, unit in given
            if values
        },
        units={name: unit.name for name, _, unit in given},
        words={name: unit.words for name, _, unit in given if unit.words},
    )
    row = _row(record, target, "spectra")
    name = f"spectrum_{record.timestamp:%Y%m%dT%H%M%S}_{row['content']}"
    row |= {
        "file": name,
        "points": float(len(record.flux)),
        "wavelength_unit": wavelength.name or wavelength.words,
        "flux_unit": flux.name or flux.words,
    }
    return Entry(record, "spectra", "spectra", row, curve=curve)


def _read(said: JsonValue) -> ScaledUnit:
    """Read a unit. Raises `UnknownUnit`, also for a datum that names two units, or one that is no text."""
    return parse_unit(_worded(said))


def _worded(said: JsonValue) -> str:
    if not isinstance(said, str):
        raise UnknownUnit(f"the unit must be a text, got a {type(said).__name__}: {str(said)[:80]}")
    return printable(said).strip()


def _factor(name: str, said: JsonValue, given: ScaledUnit) -> Fraction:
    """Return the factor that converts a value, whose unit the datum may give apart, into the unit of the
    table.
    """
    if not said:
        return given.scale
    own = _read(said)
    if name.endswith("_error") and own.unit.is_magnitude and given.unit.is_magnitude:
        return given.scale  # an error in "mag" is one in any system
    factor = own.factor(ScaledUnit(Fraction(1), given.unit))
    if factor is None:
        raise _elsewhere(name, said, given.unit.value)
    return factor


def _elsewhere(name: str, said: JsonValue, unit: str) -> UnknownUnit:
    return UnknownUnit(
        f"{name} is in {said!r}, which has no exact conversion into {unit!r}, the unit of the table"
    )


@dataclass(frozen=True, slots=True)
class _Linear:
    """The way to write values: converted into a known unit, or as they are in a unit of the site."""

    scale: Fraction = Fraction(1)
    """Factor for each value."""
    name: str = ""
    """Unit of the written values; empty for an unknown one."""
    words: str = ""
    """Unit in the words of the site, where it is unknown."""


def _linear(text: str, preferred: ScaledUnit | None = None) -> _Linear:
    if not text.strip():
        return _Linear()
    try:
        given = parse_unit(text)
    except UnknownUnit:
        return _Linear(words=printable(text).strip())
    factor = given.factor(preferred) if preferred else None
    if factor is not None and preferred is ANGSTROM and given.unit is Unit.WAVELENGTH:
        return _Linear(factor, "Angstrom")
    return _Linear(given.scale, given.unit.value)


def _error_of(flux: _Linear, said: JsonValue) -> _Linear:
    """Return the way to write errors with a unit of their own: in that of the flux."""
    error = _linear(_worded(said))
    magnitudes = all(each.name and Unit(each.name).is_magnitude for each in (flux, error))
    if magnitudes:
        return flux
    if (error.name, error.words) != (flux.name, flux.words):
        raise _elsewhere("flux_error", said, flux.name or flux.words)
    return error

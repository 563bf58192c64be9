"""Write rows as tables of astropy, and read them back.

The losses of each format were measured on astropy 7.2: ECSV has none; VOTable and FITS have no logarithmic
units (the column `unit` names them), FITS no characters beyond ASCII, CSV no units at all.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.io import ascii as astropy_ascii
from astropy.io.votable import from_table
from astropy.table import Column, MaskedColumn, Table
from astropy.time import Time
from erfa import ErfaWarning

from sharecore import Unit
from sharecore_files.config import Format
from sharecore_files.table_rows import NUMBERS, Curve, Row, columns

_MAGNITUDES = {Unit.AB_MAG: units.ABmag, Unit.ST_MAG: units.STmag}
_FIXED = {"mjd": "d", "exposure_time": "s", "ra": "deg", "dec": "deg"}
_ASTROPY = {
    Format.ECSV: "ascii.ecsv",
    Format.VOTABLE: "votable",
    Format.FITS: "fits",
    Format.CSV: "ascii.csv",
}

_WIDTH = re.compile(rb'arraysize="\d+" datatype="unicodeChar"')


class Unreadable(Exception):
    """Raised for a file in the folder that differs from what this package writes.

    Attributes:
        name: name of the file.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


def table_of(rows: Sequence[Row], kind: str, unit: Unit | None, form: Format) -> Table:
    """Return a table with a column for each field; blanks are NaN (empty in CSV), times in ECSV astropy
    Times.
    """
    table = Table()
    for name in columns(kind):
        values = [row.get(name) for row in rows]
        if name == "time" and form is Format.ECSV:
            with _quietly():
                table[name] = Time([str(each) for each in values], format="isot", scale="utc", precision=6)
        elif name in NUMBERS:
            mask = [value is None for value in values]
            numbers = np.array([np.nan if value is None else float(value) for value in values])
            column_unit = _unit(name, unit, form)
            # A magnitude cannot be masked in a QTable, and NaN is a blank to all readers but those of CSV.
            blank = form is Format.CSV and any(mask)
            table[name] = MaskedColumn(numbers, mask=mask) if blank else Column(numbers)
            table[name].unit = column_unit
        else:
            table[name] = Column([spelled(str(value or ""), form) for value in values], dtype=str)
    return table


def curve_of(curve: Curve) -> Table:
    """Return the table of the points of a spectrum."""
    table = Table({name: np.array(values) for name, values in curve.columns.items()})
    for name in table.colnames:
        table[name].unit = curve.units[name] or None
        # No unit for astropy to guess at: it takes the A in erg/s/cm2/A/arcsec2 for ampere.
        table[name].description = f"unit: {curve.words[name]}" if name in curve.words else None
    return table


def as_bytes(table: Table, form: Format) -> bytes:
    """Return the bytes of the file for a table."""
    text, binary = io.StringIO(), io.BytesIO()
    in_text = form in (Format.ECSV, Format.CSV)
    with _quietly():
        if form is Format.VOTABLE:
            # Not astropy's writer in C: a row of 512 bytes ends behind its buffer, and Python may crash.
            from_table(table).to_xml(binary, _debug_python_based_parser=True)
            # Longer texts may come later, and the standard has a form for any length.
            return _WIDTH.sub(b'arraysize="*" datatype="unicodeChar"', binary.getvalue())
        table.write(text if in_text else binary, format=_ASTROPY[form])
    return text.getvalue().encode() if in_text else binary.getvalue()


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Return the rows in order of time."""
    return sorted(rows, key=lambda row: (str(row["time"]), str(row["record"])))


@contextmanager
def _quietly() -> Iterator[None]:
    """Suppress warnings that nobody can act on: Angstrom in VOTable, and leap seconds of years to come."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", units.UnitsWarning)
        warnings.simplefilter("ignore", ErfaWarning)
        yield


def read(path: Path, form: Format) -> list[Row]:
    """Return the rows of a file; none when there is no file. Raises `Unreadable`, OSError."""
    if not path.exists():
        return []
    content = path.read_bytes()
    with _reading(path):
        table = _parsed(content, form)
        return [_row(each, table.colnames) for each in table] if len(table["record"]) else []


def without(path: Path, form: Format, keys: Collection[str]) -> Table:
    """Return the table of a file, without the rows of these records. Raises `Unreadable`, OSError."""
    content = path.read_bytes()
    with _reading(path):
        table = _parsed(content, form)
        gone = {spelled(key, form) for key in keys}
        return table[[_word(each) not in gone for each in table["record"]]]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        with _quietly():
            yield
    except Exception as error:  # whatever a damaged file makes of four parsers
        raise Unreadable(path.name) from error


def _parsed(content: bytes, form: Format) -> Table:
    if form in (Format.CSV, Format.ECSV) and not content.endswith(b"\n"):
        raise ValueError("its end is missing")
    if form is Format.CSV:
        # As text: a telescope named 007 is no number.
        as_text = {"*": [astropy_ascii.convert_numpy(str)]}
        options: Mapping[str, Any] = {"guess": False, "fast_reader": False, "converters": as_text}
        return Table.read(content.decode().splitlines(), format=_ASTROPY[form], **options)
    if form is Format.ECSV:
        return Table.read(content.decode().splitlines(), format=_ASTROPY[form])
    return Table.read(io.BytesIO(content), format=_ASTROPY[form])


def _row(row: Any, names: Iterable[str]) -> Row:
    return {name: _number(row[name]) if name in NUMBERS else _word(row[name]) for name in names}


def _number(value: Any) -> float | None:
    if value is np.ma.masked or value in ("", b""):
        return None
    number = float(value)
    return None if np.isnan(number) else number


def _word(value: Any) -> str:
    if value is np.ma.masked:
        return ""
    if isinstance(value, Time):
        return str(value.isot)
    return value.decode() if isinstance(value, bytes) else str(value)


def _unit(name: str, unit: Unit | None, form: Format) -> Any:
    if name in _FIXED:
        return units.Unit(_FIXED[name])
    if unit is None or name not in ("brightness", "limit", "brightness_error", "limit_error"):
        return None
    if unit.is_magnitude:
        system = _MAGNITUDES.get(unit) if form is Format.ECSV and not name.endswith("_error") else None
        return system or units.mag
    return units.Unit(unit.value)


def spelled(text: str, form: Format) -> str:
    """Return a text as a file holds it: FITS has only ASCII."""
    return text.encode("ascii", "backslashreplace").decode("ascii") if form is Format.FITS else text

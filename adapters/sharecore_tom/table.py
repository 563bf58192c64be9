"""Write rows of photometry as a file that a stock tomtoolkit 3.x reads without a loss.

The file is CSV with the header of ECSV (astropy's own format, APE 6), which the processor of a stock TOM, as
it reads with astropy, recognises by itself. The header names the type of each column: without it a telescope
"01" would become 1, and times that are whole numbers an error. A column `value` of JSON carries the values
without a column of their own (each tried on tomtoolkit 3.1.0).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sharecore_tom.compare import moment

_NUMBERS = ("brightness", "brightness_error", "limit", "exposure_time")
_TEXTS = ("unit", "bandpass", "telescope", "instrument", "reduction_version")
_OF_THE_ROW = ("source_name", "source_location")
COLUMNS = ("time", *_NUMBERS, *_TEXTS, *_OF_THE_ROW, "value")

_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)
_FIRST_YEAR = 1972
"""First year of times in files: before it UTC had no whole seconds."""
_MICROSECOND = timedelta(microseconds=1)
_A_DAY = 86_400_000_000
"""Microseconds of a day."""


def table(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the file for rows as `payload.row` makes them."""
    out = io.StringIO()
    out.write("# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\n")
    for name in COLUMNS:
        kind = "float64" if name in ("time", *_NUMBERS) else "string"
        out.write(f"# - {{name: {name}, datatype: {kind}{', subtype: json' if name == 'value' else ''}}}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(_cells, rows))
    return out.getvalue().encode()


def holds(rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Return whether a file can hold each of the rows exactly.

    It cannot hold rows of other kinds than photometry, texts with line breaks or blanks at their ends, and
    times that change on their way through MJD as astropy reads it (days with a leap second do).
    """
    likely = [number for number, row in enumerate(rows) if _likely(row)]
    exact = dict(zip(likely, _exact([rows[number] for number in likely]), strict=True))
    return [exact.get(number, False) for number in range(len(rows))]


def _likely(row: Mapping[str, Any]) -> bool:
    time = moment(row["timestamp"])
    in_utc = time is not None and _FIRST_YEAR <= time.year <= datetime.now(UTC).year
    return in_utc and row["data_type"] == "photometry" and all(map(_plain, _texts(row)))


def _cells(row: Mapping[str, Any]) -> list[str]:
    value = row["value"]
    extra = {name: each for name, each in value.items() if name not in (*_NUMBERS, *_TEXTS)}
    numbers = [value.get(name) for name in _NUMBERS]
    return [
        # repr is the shortest text that gives the same number back
        repr(_mjd(row)),
        *("" if number is None else repr(float(number)) for number in numbers),
        *_texts(row),
        json.dumps(extra) if extra else "",
    ]


def _texts(row: Mapping[str, Any]) -> list[str]:
    return [*(str(row["value"].get(name, "")) for name in _TEXTS), *(row[name] for name in _OF_THE_ROW)]


def _plain(text: str) -> bool:
    return text == text.strip() and text.isprintable()


def _mjd(row: Mapping[str, Any]) -> float:
    time = moment(row["timestamp"])
    assert time is not None  # noqa: S101 - a row of ours has one
    return ((time - _MJD_ZERO) // _MICROSECOND) / _A_DAY


def _exact(rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    # Imported here: only who sends files needs it, and it takes longer than all the rest.
    from astropy.time import Time

    if not rows:
        return []
    read = Time([_mjd(row) for row in rows], format="mjd").to_datetime(timezone=UTC)
    return [time == moment(row["timestamp"]) for time, row in zip(read, rows, strict=True)]

"""Write texts for people."""

from __future__ import annotations

import re

from sharecore import (
    Astrometry,
    Batch,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    Spectrum,
    printable,
)

_LINES = 10
"""Largest number of records that a text lists; of more it gives the number."""
_CALLS = re.compile(r"[@!]|<(?=[@!#])")
"""Characters with which chats call people: a target may be named so that it would call a whole channel."""


def title(batch: Batch) -> str:
    """Return the first line: the site, the target, and how many data are new."""
    count = len(batch.records)
    what = f"{count} new {'datum' if count == 1 else 'data'} of " if count else ""
    return plain(f"{batch.site.name}: {what}{batch.target.name}")


def body(batch: Batch) -> str:
    """Return the text of a person if there is one, then a line for each of the first records."""
    said = [part for part in (batch.title, batch.message) if part]
    lines = [*said, *(f"\u2022 {_line(record)}" for record in batch.records[:_LINES])]
    if len(batch.records) > _LINES:
        lines.append(f"\u2026 and {len(batch.records) - _LINES} more")
    return "\n".join(map(plain, lines))


def plain(line: str) -> str:
    """Return a line that calls nobody: a blank of no width follows each sign that could."""
    return _CALLS.sub("\\g<0>\u200b", printable(line))


def _line(record: Record) -> str:
    when = f"{record.timestamp:%Y-%m-%d %H:%M:%S} UTC"
    match record:
        case Photometry():
            error = "" if record.brightness_error is None else f" \u00b1 {record.brightness_error:g}"
            what = f"{record.bandpass} = {record.brightness:g}{error} {record.unit}"
        case PhotometryLimit():
            what = f"{record.bandpass} not brighter than {record.limit:g} {record.unit}"
        case Spectrum():
            what = f"spectrum of {len(record.flux)} points"
        case Astrometry():
            what = f"position {record.ra:.6f}, {record.dec:+.6f}"
        case OtherDatum():
            what = record.data_type
    where = " ".join(part[:60] for part in (record.telescope, record.instrument) if part)
    return f"{when}: {what[:100].strip()}" + (f" ({where})" if where else "")

"""Fit each record into a message: a spectrum that is too large for one goes as a file beside it.

HERMES takes files in the request of the message (`multipart/form-data`), keeps them in the archive, publishes
the message after that, and names in it the address of each file (measured). So nothing can fail between the
two, and a lost answer is looked up as that of any message. Other data cannot go as a file: no row of
photometry or astrometry takes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from io import StringIO

from astropy.table import Column, Table

from sharecore.outcomes import Unsupported
from sharecore_hermes.cells import Row
from sharecore_hermes.mapping import SPECTROSCOPY, Entry, Mapped
from sharecore_hermes.message import MAX_BYTES, Envelope, room, size, size_of
from sharecore_hermes.spelling import ANGSTROM, FLUX_PER_ANGSTROM, MICROMETRE
from sharecore_http import File

MAX_FILE = 9_000_000
"""Largest file, in bytes. The chart of HERMES lets requests of 10 MB in; a server before it may take less."""
MEDIA_TYPE = "application/x-ecsv"
FEATURE = "message-size"

_COLUMNS = ("wavelength", "flux", "flux_error")
_ASTROPY = {ANGSTROM: "Angstrom", MICROMETRE: "um", FLUX_PER_ANGSTROM: "erg / (Angstrom s cm2)"}
"""Units in the words of astropy, where those of HERMES are others."""


def fitted(envelope: Envelope, mapped: Mapped) -> Mapped:
    """Return the batch, a file for each spectrum that is too large; what fits nowhere is `Unsupported`."""
    most = room(envelope)
    entries: list[Entry] = []
    decided = dict(mapped.decided)
    for entry in mapped.entries:
        if size_of(envelope, entry) <= most:
            entries.append(entry)
            continue
        moved = with_file(entry)
        if moved and moved.file and len(moved.file.body) <= MAX_FILE and size_of(envelope, moved) <= most:
            entries.append(moved)
        else:
            reason = _too_large(moved or entry, size_of(envelope, moved or entry), most)
            decided[entry.record.key] = Unsupported(feature=FEATURE, reason=reason)
    return replace(mapped, entries=tuple(entries), decided=decided)


def with_file(entry: Entry) -> Entry | None:
    """Return the same record with its points in a file; None for one without points, or with a file."""
    if entry.table != SPECTROSCOPY or entry.file is not None or "flux" not in entry.row:
        return None
    file = _file(entry)
    points = size([entry.row.get(name, []) for name in _COLUMNS])
    named = {
        "name": file.name,
        "description": f"The spectrum as ECSV: its points would take {points:,} bytes of the message.",
    }
    row: Row = {name: value for name, value in entry.row.items() if name not in _COLUMNS}
    given = row.get("file_info")
    row["file_info"] = [*(given if isinstance(given, list) else ()), named]
    return replace(entry, row=row, file=file)


def notes(entries: Iterable[Entry]) -> list[str]:
    """Return a line for each file, for people."""
    return [
        f"The spectrum of {entry.record.timestamp:%Y-%m-%d %H:%M:%S} UTC is too large for a message, and "
        f"goes as the file {entry.file.name} ({len(entry.file.body):,} bytes) beside a message of its own."
        for entry in entries
        if entry.file is not None
    ]


def _file(entry: Entry) -> File:
    """Return the points of a spectrum as ECSV, in the units of the row; the same ones have the same name."""
    row = entry.row
    units = {
        "wavelength": row["wavelength_units"],
        "flux": row["flux_units"],
        "flux_error": row["flux_units"],
    }
    columns = [
        Column(row[name], name=name, unit=_ASTROPY.get(str(unit), unit))
        for name, unit in units.items()
        if name in row
    ]
    told = ("target_name", "date_obs", "telescope", "instrument", "flux_type")
    text = StringIO()
    Table(columns, meta={name: row[name] for name in told if name in row}).write(text, format="ascii.ecsv")
    body = text.getvalue().encode()
    name = f"spectrum-{entry.record.timestamp:%Y%m%d-%H%M%S}-{sha256(body).hexdigest()[:12]}.ecsv"
    return File(name=name, body=body, media_type=MEDIA_TYPE)


def _too_large(entry: Entry, taken: int, most: int) -> str:
    """Return what is too large, by how much, and what to do."""
    if entry.file is not None and len(entry.file.body) > MAX_FILE:
        length = len(entry.file.body)
        return (
            f"HERMES takes a file of {MAX_FILE:,} bytes, and that of this spectrum has {length:,}: "
            f"{length - MAX_FILE:,} too many. Bin it, or share a part of it"
        )
    named, largest = _largest(entry)
    return (
        f"a message of HERMES takes {MAX_BYTES:,} bytes, and this record has {taken - most:,} too many. "
        f"The largest of its values is {named!r}, with {largest:,} bytes: shorten or remove it, "
        "in the TOM or with the hook sharecore_convert"
    )


def _largest(entry: Entry) -> tuple[str, int]:
    """Return the name of the largest value of a record, and its size."""
    extra = entry.provenance.get("extra")
    values: dict[str, object] = {**entry.row, **(extra if isinstance(extra, Mapping) else {})}
    return max(((name, size(value)) for name, value in values.items()), key=lambda each: each[1])

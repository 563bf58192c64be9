"""Add to tables without reading them: stored rows are moved as they are.

Reading and writing 100,000 rows with astropy takes a second to half a minute, moving their bytes a hundredth
of a second.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from sharecore import Unit
from sharecore_files import fits_tables, text_tables
from sharecore_files.atomic_write import write
from sharecore_files.config import Format
from sharecore_files.row_index import Digests, Rows, among, digest, load, rows_of, save
from sharecore_files.table_rows import Row
from sharecore_files.tables import as_bytes, ordered, read, spelled, table_of, without


@dataclass(frozen=True, slots=True)
class _Parts:
    """A table, taken apart."""

    head: bytes
    """Bytes before the rows."""
    body: bytes | memoryview
    """Bytes of the rows."""
    rows: Rows
    """List of the rows."""
    tail: bytes
    """Bytes after the rows."""

    @classmethod
    def of(cls, content: bytes | memoryview, head: int, rows: Rows) -> Self:
        content, end = memoryview(content), head + int(rows["length"].sum())
        return cls(content[:head].tobytes(), content[head:end], rows, content[end:].tobytes())

    @property
    def bare(self) -> Self:
        """Return the table without rows."""
        return replace(self, body=b"", rows=self.rows[:0])


def find_rows(path: Path, form: Format, wanted: Mapping[str, str]) -> dict[str, bool]:
    """Return, for each record with a row, whether the row has this content.

    Args:
        path: table.
        form: format of the table.
        wanted: contents, by key.

    Raises:
        Unreadable: the file is not one of ours.
        OSError: the file cannot be read.
    """
    rows = _rows(path, form)
    keys = {_digest(key, form): key for key in wanted}
    ours = rows[among(rows, np.fromiter(keys, np.uint64, len(keys)))]
    found: dict[str, bool] = {}
    for record, content in zip(ours["record"].tolist(), ours["content"].tolist(), strict=True):
        key = keys[record]
        found[key] = found.get(key, False) or content == _digest(wanted[key], form)
    return found


def append_rows(path: Path, rows: Sequence[Row], kind: str, unit: Unit | None, form: Format) -> None:
    """Add rows, in order of time; a row of the same record is replaced. Raises `Unreadable`, OSError."""
    table = table_of(rows, kind, unit, form)
    with suppress(ValueError):
        old = _parts(path, form)
        if old is not None and form is Format.FITS:
            fits_tables.stretch(table, old.head)
        new = _apart(as_bytes(table, form), form)
        _join(path, form, old or new.bare, new, new.rows["record"])
        return
    # Edited by somebody, or written by another version.
    known = {row["record"]: row for row in [*read(path, form), *rows]}
    write([as_bytes(table_of(ordered(known.values()), kind, unit, form), form)], path)


def remove_rows(path: Path, form: Format, keys: Collection[str]) -> None:
    """Remove the rows of these records. Raises `Unreadable`, OSError."""
    records = np.array([_digest(key, form) for key in keys], np.uint64)
    if not among(_rows(path, form), records).any():
        return
    try:
        old = _parts(path, form)
    except ValueError:
        write([as_bytes(without(path, form, keys), form)], path)
    else:
        if old is not None:
            _join(path, form, old, old.bare, records)


def _join(path: Path, form: Format, old: _Parts, new: _Parts, replaced: Digests) -> None:
    """Write the new rows, and the old ones of other records.

    Raises ValueError where the two have other columns, OSError.
    """
    rows = np.concatenate([old.rows, new.rows])
    kept = np.concatenate([~among(old.rows, replaced), np.ones(len(new.rows), bool)])
    order = np.argsort(rows["time"], kind="stable")
    order = order[kept[order]]
    head, body, tail = new.head, old.body, old.tail
    if form is Format.FITS:
        body, rows["length"] = fits_tables.as_wide(old.head, old.body, new.head)
        head, tail = fits_tables.around(new.head, len(order))
    elif head != old.head:
        raise ValueError("its columns are others")
    stat = write([head, *_pieces(rows, order, memoryview(body), memoryview(new.body)), tail], path)
    save(path, stat, len(head), rows[order])


def _pieces(
    rows: Rows, order: npt.NDArray[np.intp], old: memoryview, new: memoryview
) -> Iterator[memoryview]:
    """Yield the rows in this order; neighbours are one piece."""
    if not len(order):
        return
    ends = np.cumsum(rows["length"])
    begins = ends - rows["length"]
    apart = np.flatnonzero((np.diff(order) != 1) | (begins[order[1:]] == len(old)))
    firsts, lasts = order[np.r_[0, apart + 1]], order[np.r_[apart, len(order) - 1]]
    for first, last in zip(begins[firsts].tolist(), ends[lasts].tolist(), strict=True):
        yield old[first:last] if first < len(old) else new[first - len(old) : last - len(old)]


def _parts(path: Path, form: Format) -> _Parts | None:
    """Return a table, taken apart; None for no file.

    Raises ValueError for a file that this package did not write, OSError.
    """
    try:
        with path.open("rb") as file:
            noted = load(path, os.fstat(file.fileno()))
            # In larger pages of memory than those of bytes, which takes half the CPU.
            content = np.fromfile(file, np.uint8).data
    except FileNotFoundError:
        return None
    return _Parts.of(content, *noted) if noted else _apart(content.tobytes(), form)


def _apart(content: bytes, form: Format) -> _Parts:
    apart = (
        fits_tables.taken_apart(content) if form is Format.FITS else text_tables.taken_apart(content, form)
    )
    return _Parts.of(content, *apart)


def _rows(path: Path, form: Format) -> Rows:
    """Return the list of rows, from the file beside the table where that is valid."""
    with suppress(FileNotFoundError):
        noted = load(path, path.stat())
        if noted is not None:
            return noted[1]
    with suppress(ValueError):
        parts = _parts(path, form)
        return rows_of(()) if parts is None else parts.rows
    return rows_of(
        (str(row["record"]).encode(), b"1970-01-01", str(row.get("content")).encode(), 0)
        for row in read(path, form)
    )


def _digest(text: str, form: Format) -> int:
    return digest(spelled(text, form).encode())

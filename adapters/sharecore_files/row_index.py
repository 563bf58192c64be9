"""List the rows of a table in a small file beside it, so that the table need not be read to add to it.

The list counts only for the very file that it was written for. When that was edited, or a crash came between
the two, the rows of the table are read anew; so the table alone is the truth.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sharecore_files.atomic_write import write

Rows = npt.NDArray[np.void]
"""An entry for each row: digests of its record and content, its time in microseconds since 1970, and its
length in bytes.
"""

Digests = npt.NDArray[np.uint64]

_ROW = np.dtype([("record", "<u8"), ("time", "<i8"), ("content", "<u8"), ("length", "<i8")])


def digest(cell: bytes) -> int:
    """Return 64 bits that stand for a text."""
    return int.from_bytes(hashlib.blake2b(cell, digest_size=8).digest(), "little")


def rows_of(cells: Iterable[tuple[bytes, bytes, bytes, int]]) -> Rows:
    """Return the entries for rows of record, time, content and length. Raises ValueError for a wrong time."""
    given = list(cells)
    rows = np.array([(digest(record), 0, digest(content), size) for record, _, content, size in given], _ROW)
    rows["time"] = np.array([time.decode() for _, time, _, _ in given], "datetime64[us]").view(np.int64)
    return rows


def among(rows: Rows, records: Digests) -> npt.NDArray[np.bool_]:
    """Return which of the rows belong to these records."""
    # Sixteen bits leave few to be searched for.
    likely = np.zeros(2**16, bool)
    likely[records.astype(np.uint16)] = True
    found: npt.NDArray[np.bool_] = likely[rows["record"].astype(np.uint16)]
    found[found] = np.isin(rows["record"][found], records)
    return found


def load(table: Path, stat: os.stat_result) -> tuple[int, Rows] | None:
    """Return the length of the part before the rows, and the rows; None when no list belongs to this file."""
    try:
        with _beside(table).open("rb") as file:
            stamp, head = np.load(file).tolist()
            rows = np.load(file)
    except (OSError, ValueError, EOFError):
        return None
    return (head, rows) if stamp == _stamp(stat) and rows.dtype == _ROW else None


def save(table: Path, stat: os.stat_result, head: int, rows: Rows) -> None:
    """Write the list of a table. Raises OSError."""
    file = BytesIO()
    np.save(file, np.array([_stamp(stat), head], "<u8"))
    np.save(file, rows)
    write([file.getvalue()], _beside(table))


def _beside(table: Path) -> Path:
    return table.with_name(f".{table.name}.rows")


def _stamp(stat: os.stat_result) -> int:
    return digest(f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns}".encode())

"""Take FITS tables apart. Rows are of one length: texts are filled up to the longest of their column."""

from __future__ import annotations

import warnings
from io import BytesIO
from itertools import repeat
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning

from sharecore_files.row_index import Rows, rows_of

_BLOCK = 2880


def taken_apart(content: bytes) -> tuple[int, Rows]:
    """Return the length of the part before the rows, and the rows.

    Raises ValueError for a file that this package did not write.
    """
    header, row, begin = _layout(content)
    there = np.frombuffer(content, row, header["NAXIS2"], begin)
    named = (there[name].tolist() for name in ("record", "time", "content"))
    return begin, rows_of(zip(*named, repeat(row.itemsize), strict=False))


def stretch(table: Table, head: bytes) -> None:
    """Make room for texts as long as in a file. Raises ValueError for a file that is no such FITS table."""
    _, row, _ = _layout(head)
    for name in table.colnames:
        if name in (row.names or ()) and row[name].kind == "S":
            table[name] = table[name].astype(f"U{max(row[name].itemsize, table[name].itemsize // 4)}")


def as_wide(head: bytes, body: bytes | memoryview, other: bytes) -> tuple[bytes | memoryview, int]:
    """Return rows with texts as long as in the file of another head, and the length of one row.

    Raises ValueError where the two have other columns.
    """
    header, row, _ = _layout(head)
    wanted, wide, _ = _layout(other)
    if _fixed(header) != _fixed(wanted):
        raise ValueError("its columns are others")
    return (body if row == wide else np.frombuffer(body, row).astype(wide).tobytes()), wide.itemsize


def around(head: bytes, number: int) -> tuple[bytes, bytes]:
    """Return the parts before and after so many rows."""
    header, row, begin = _layout(head)
    before = head[: begin - len(header.tostring())]
    header["NAXIS2"] = number
    return before + header.tostring().encode("ascii"), bytes(-number * row.itemsize % _BLOCK)


def _layout(content: bytes) -> tuple[fits.Header, np.dtype[Any], int]:
    """Return the header of the table, the type of a row, and the place where rows begin."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyUserWarning)
        try:
            with fits.open(BytesIO(content)) as parts:
                table = parts[1]
                return table.header, table.columns.dtype, table.fileinfo()["datLoc"]
        except (OSError, IndexError, AttributeError) as error:
            raise ValueError("it is no FITS table") from error


def _fixed(header: fits.Header) -> list[tuple[str, Any]]:
    """Return all of a header but the number and the length of rows."""
    return [
        (card.keyword, str(card.value).lstrip("0123456789"))
        for card in header.cards
        if card.keyword not in ("NAXIS1", "NAXIS2")
    ]

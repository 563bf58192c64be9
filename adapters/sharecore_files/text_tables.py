"""Take tables of text apart: the part before the rows, the rows, the part after them.

The first two cells of a row and the last hold its record, its time and its content.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from xml.sax.saxutils import unescape

from sharecore_files.config import Format
from sharecore_files.row_index import Rows, rows_of

_DELIMITER = {Format.ECSV: " ", Format.CSV: ","}
_BEGIN, _END, _ROW_END, _CELL_END = b"<TABLEDATA>\n", b"    </TABLEDATA>", b"</TR>\n", b"</TD>"
_FIELD = re.compile(r'<FIELD\b[^>]*? name="([^"]*)"')


def taken_apart(content: bytes, form: Format) -> tuple[int, Rows]:
    """Return the length of the part before the rows, and the rows.

    Raises ValueError for a file that this package did not write.
    """
    return _xml(content) if form is Format.VOTABLE else _lines(content, _DELIMITER[form])


def _lines(content: bytes, delimiter: str) -> tuple[int, Rows]:
    lines = content.splitlines(keepends=True)
    begin = next((number for number, line in enumerate(lines) if not line.startswith(b"#")), len(lines)) + 1
    if len(lines) < begin or not content.endswith(b"\n"):
        raise ValueError("its end is missing")
    _check_columns(lines[begin - 1].decode().strip().split(delimiter))

    def cells(row: bytes) -> tuple[bytes, bytes, bytes, int]:
        if row.startswith(b'"'):  # a record with a delimiter in its name
            record, time, *_ = (
                each.encode() for each in next(csv.reader([row.decode()], delimiter=delimiter))
            )
        else:
            record, time, _ = row.split(delimiter.encode(), 2)
        return record, time, row[row.rindex(delimiter.encode()) + 1 :].strip(), len(row)

    return sum(map(len, lines[:begin])), rows_of(map(cells, lines[begin:]))


def _xml(content: bytes) -> tuple[int, Rows]:
    head, begin, rest = content.partition(_BEGIN)
    body, end, _ = rest.partition(_END)
    *rows, nothing = body.split(_ROW_END)
    if not (begin and end) or nothing:
        raise ValueError("its rows are in another form")
    _check_columns(_FIELD.findall(head.decode()))

    def cells(row: bytes) -> tuple[bytes, bytes, bytes, int]:
        record, time, _ = row.split(_CELL_END, 2)
        last = row[: row.rindex(_CELL_END)]
        return _said(record), _said(time), _said(last), len(row) + len(_ROW_END)

    return len(head + begin), rows_of(map(cells, rows))


def _check_columns(names: Sequence[str]) -> None:
    if [*names[:2], names[-1]] != ["record", "time", "content"]:
        raise ValueError("its columns are in another order")


def _said(cell: bytes) -> bytes:
    text = cell[cell.rindex(b"<TD>") + 4 :]
    return unescape(text.decode()).encode() if b"&" in text else text

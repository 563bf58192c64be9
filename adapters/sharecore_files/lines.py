"""Tables as text, one row after the other: what is on disk is not read as a table to add rows to it.

Reading and writing 100,000 rows with astropy takes half a minute, moving their lines a fraction of a second.
A row says in its first three cells and the last which record it is, of when, and with which content.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from xml.sax.saxutils import unescape

from sharecore_files.config import Format

_DELIMITER = {Format.ECSV: b" ", Format.CSV: b","}
_BEGIN, _END, _ROW_END, _CELL_END = b"<TABLEDATA>\n", b"    </TABLEDATA>", b"</TR>\n", b"</TD>"


Name = tuple[bytes, bytes]
"""Time and record of a row."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file: what stands before its rows, each row with its line end, what stands after them.

    names: of the rows. content: reads the last cell of a row.
    """

    head: bytes
    rows: list[bytes]
    names: list[Name]
    tail: bytes
    content: Callable[[bytes], str]

    def contents(self, wanted: Set[str]) -> Iterator[tuple[str, str]]:
        """Yield record and content of the rows of these records."""
        keys = {record.encode() for record in wanted}
        for (_, record), row in zip(self.names, self.rows, strict=True):
            if record in keys:
                yield record.decode(), self.content(row)

    def with_rows(self, new: Text) -> bytes:
        """Return the file with more rows, in order of time; a row of the same record is replaced."""
        replaced = {record for _, record in new.names}
        there = zip(self.names, self.rows, strict=True)
        kept = [(name, row) for name, row in there if name[1] not in replaced]
        both = sorted([*kept, *zip(new.names, new.rows, strict=True)])
        return b"".join([new.head, *(row for _, row in both), new.tail])


def text_of(content: bytes, form: Format) -> Text:
    """Read a file. Raises ValueError where it is not as this package writes it."""
    return _xml(content) if form is Format.VOTABLE else _lines(content, _DELIMITER[form])


def _lines(content: bytes, delimiter: bytes) -> Text:
    lines = content.splitlines(keepends=True)
    begin = next((number for number, line in enumerate(lines) if not line.startswith(b"#")), len(lines)) + 1
    if len(lines) < begin or not content.endswith(b"\n"):
        raise ValueError("its end is missing")

    def name(row: bytes) -> Name:
        if row.startswith(b'"'):  # a record with a delimiter in its name
            record, time, *_ = next(csv.reader([row.decode()], delimiter=delimiter.decode()))
            return time.encode(), record.encode()
        first, second, _ = row.split(delimiter, 2)
        return second, first

    def last(row: bytes) -> str:
        return row[row.rindex(delimiter) + 1 :].decode().strip()

    rows = lines[begin:]
    return Text(b"".join(lines[:begin]), rows, list(map(name, rows)), b"", last)


def _xml(content: bytes) -> Text:
    head, begin, rest = content.partition(_BEGIN)
    body, end, tail = rest.partition(_END)
    *rows, nothing = body.split(_ROW_END)
    if not (begin and end) or nothing:
        raise ValueError("its rows are in another form")

    def name(row: bytes) -> Name:
        first, second, _ = row.split(_CELL_END, 2)
        return _said(second), _said(first)

    def last(row: bytes) -> str:
        return _said(row[: row.rindex(_CELL_END)]).decode()

    rows = [row + _ROW_END for row in rows]
    return Text(head + begin, rows, list(map(name, rows)), end + tail, last)


def _said(cell: bytes) -> bytes:
    text = cell[cell.rindex(b"<TD>") + 4 :]
    return unescape(text.decode()).encode() if b"&" in text else text

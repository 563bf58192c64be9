"""Put rows together to messages, and split messages that would be too large."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sharecore.adapter import Batch
from sharecore.records import JsonValue
from sharecore_hermes import share_values
from sharecore_hermes.cells import Row, text
from sharecore_hermes.config import HermesConfig
from sharecore_hermes.mapping import ASTROMETRY, PHOTOMETRY, SPECTROSCOPY, TABLES, Entry, event_of
from sharecore_hermes.provenance import PROVENANCE, target_mark
from sharecore_hermes.references import Reference, merged, to_message
from sharecore_hermes.target_rows import unexpressed

MAX_BYTES = 950_000
"""Largest message, in bytes, as `size` measures it. The topics of the broker take 1 MB."""

_ADDED: dict[str, Row] = {
    PHOTOMETRY: {"brightness_unit": "AB mag", "limiting_brightness_unit": "AB mag"},
    SPECTROSCOPY: {
        "flux_units": "mJy", "wavelength_units": "nm", "flux_type": "F\u03bb",
        "proprietary_period_units": "Days",
    },
    ASTROMETRY: {"ra_error_units": "degrees", "dec_error_units": "degrees"},
}  # fmt: skip
"""Columns that HERMES adds to the rows of a table that lack them, before it publishes them (measured)."""
_PER_ROW = 4
"""Bytes of the separators of a row and of its provenance."""
_FRAME = 500
"""Bytes that HERMES adds to the target, and names of tables."""
CORRECTED = "Corrected values: they replace those of the messages that are referred to."


@dataclass(frozen=True, slots=True)
class Envelope:
    """The common part of all messages of one batch."""

    batch: Batch
    """Batch."""
    config: HermesConfig
    """Settings."""
    topic: str
    """Topic."""
    target: Row
    """Row of the target."""
    refers_by_page: bool = False
    """True where HERMES does not know the messages that are referred to."""


def assemble(envelope: Envelope, entries: Sequence[Entry]) -> dict[str, object]:
    """Return one message, ready to be sent. The entries of each table stay in their order: see `row_of`."""
    batch, config = envelope.batch, envelope.config
    tables = {table: [each for each in entries if each.table == table] for table in TABLES}
    provenance: dict[str, JsonValue] = {"version": 1, "origin": batch.site.origin, "site": batch.site.name}
    for table, rows in tables.items():
        if rows:
            provenance[table] = [each.provenance for each in rows]
    if mark := target_mark(batch):
        provenance["target_mark"] = mark
    if further := unexpressed(batch.target):
        provenance["target"] = further
    data: dict[str, object] = {"targets": [envelope.target]}
    if referred := references(envelope, entries):
        data["references"] = referred
    if event := next((each.event_id for each in entries), event_of(batch, config)):
        data["event_id"] = event
    data |= {table: [each.row for each in rows] for table, rows in tables.items() if rows}
    return {
        "title": text(batch.title) or _title(envelope, len(entries)),
        "topic": envelope.topic,
        "submitter": config.submitter or text(batch.site.name) or "TOM",
        "authors": config.authors,
        "message_text": text(batch.message) or (CORRECTED if any(each.replaces for each in entries) else ""),
        "data": data | {PROVENANCE: provenance},
    }


def row_of(entries: Sequence[Entry], table: str, index: int) -> Entry | None:
    """Return the entry behind one row of a table of the message that `assemble` makes of these entries."""
    rows = [each for each in entries if each.table == table]
    return rows[index] if 0 <= index < len(rows) else None


def size(value: object) -> int:
    """Return the bytes of a value as HERMES passes it on: ASCII, with blanks after signs (measured)."""
    return len(json.dumps(value, allow_nan=False))


def size_of(envelope: Envelope, entry: Entry) -> int:
    """Return the bytes that a record takes of a message, with what HERMES adds."""
    referred = sum(size(each) for each in references(envelope, [entry]))
    return size(_ADDED[entry.table] | entry.row) + size(entry.provenance) + referred + _PER_ROW


def split(envelope: Envelope, entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Yield the entries, in order, in as few messages as size and events allow: a message is about one event.

    An entry with a file stands alone: the requests of HERMES have a limit, too.
    """
    frame = MAX_BYTES - room(envelope)
    parcel: list[Entry] = []
    used = frame
    for entry in sorted(entries, key=lambda each: each.event_id):
        each = size_of(envelope, entry)
        alone = entry.file is not None or bool(parcel and parcel[-1].file)
        if parcel and (alone or used + each > MAX_BYTES or entry.event_id != parcel[-1].event_id):
            yield parcel
            parcel, used = [], frame
        parcel.append(entry)
        used += each
    if parcel:
        yield parcel


def room(envelope: Envelope) -> int:
    """Return the bytes that a message has for records, beside what each message has."""
    return MAX_BYTES - size(assemble(envelope, ())) - _FRAME


def references(envelope: Envelope, entries: Sequence[Entry]) -> list[Reference]:
    """Return the references of a message with these entries, each once."""
    config = envelope.config
    replaced = [
        to_message(config.base_url, each.replaces, by_page=envelope.refers_by_page)
        for each in entries
        if each.replaces
    ]
    own = (reference for each in entries for reference in each.references)
    return merged([*replaced, *share_values.reply(envelope.batch, config), *config.references, *own])


def _title(envelope: Envelope, count: int) -> str:
    batch = envelope.batch
    title = envelope.config.title.format(
        target=batch.target.name, site=batch.site.name, topic=envelope.topic, count=count
    )
    return text(title) or text(batch.target.name)

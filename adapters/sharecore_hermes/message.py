"""Put rows together to messages, and split messages that would be too large."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote

from sharecore.adapter import Batch
from sharecore.records import JsonValue
from sharecore_hermes.cells import Row, text
from sharecore_hermes.config import HermesConfig
from sharecore_hermes.mapping import TABLES, Entry
from sharecore_hermes.target_rows import unexpressed

MAX_BYTES = 950_000
"""Largest message, in bytes. The topics of the broker take 1 MB; HERMES passes messages on ASCII-escaped,
with blanks after signs.
"""

PROVENANCE = "sharecore"
"""Key of `data` under which our record keys travel. HERMES passes on keys that it does not know (measured).
"""

_PER_ROW = 4
"""Bytes of the separators of a row and of its provenance."""


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


def message_url(base_url: str, uuid: str) -> str:
    """Return the page of HERMES for people, for the id of a message."""
    return f"{base_url.rstrip('/')}/message/{quote(uuid, safe='')}"


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
    data |= {table: [each.row for each in rows] for table, rows in tables.items() if rows}
    return {
        "title": text(batch.title) or _title(envelope, len(entries)),
        "topic": envelope.topic,
        "submitter": config.submitter or text(batch.site.name) or "TOM",
        "authors": config.authors,
        "message_text": text(batch.message),
        "data": data | {PROVENANCE: provenance},
    }


def target_mark(batch: Batch) -> str:
    """Return a mark of the target that outlives its names, for this site to know it by; empty where there is
    none.

    A digest, since the whole world reads it.
    """
    key = batch.target_keys.get(batch.site.origin, "")
    return sha256(f"{batch.site.origin} {key}".encode()).hexdigest()[:16] if key else ""


def row_of(entries: Sequence[Entry], table: str, index: int) -> Entry | None:
    """Return the entry behind one row of a table of the message that `assemble` makes of these entries."""
    rows = [each for each in entries if each.table == table]
    return rows[index] if 0 <= index < len(rows) else None


def size(value: object) -> int:
    """Return the bytes of a value as it travels from HERMES to its readers."""
    return len(json.dumps(value, allow_nan=False))


def split(envelope: Envelope, entries: Sequence[Entry], max_bytes: int = MAX_BYTES) -> Iterator[list[Entry]]:
    """Yield the entries, in order, in as few messages as the size allows.

    An entry that is too large for any message stands alone.
    """
    frame = size(assemble(envelope, ())) + sum(2 * len(table) + 20 for table in TABLES)
    parcel: list[Entry] = []
    used = frame
    for entry in entries:
        each = size(entry.row) + size(entry.provenance) + _PER_ROW
        if parcel and used + each > max_bytes:
            yield parcel
            parcel, used = [], frame
        parcel.append(entry)
        used += each
    if parcel:
        yield parcel


def _title(envelope: Envelope, count: int) -> str:
    batch = envelope.batch
    title = envelope.config.title.format(
        target=batch.target.name, site=batch.site.name, topic=envelope.topic, count=count
    )
    return text(title) or text(batch.target.name)

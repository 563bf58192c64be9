"""Write messages: an event for each record, or a text for people."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sharecore import (
    Astrometry,
    Batch,
    JsonValue,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    Spectrum,
    as_json,
    printable,
)

_PREFIX = "msg_"
_LINES = 10
"""Largest number of records that a text lists; of more it gives the number."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    id: str
    """Id, the same at each try and of no other message."""
    body: dict[str, Any]
    """Content, in JSON values."""
    records: tuple[Record, ...]
    """Records in the message."""

    @property
    def size(self) -> int:
        """Return the bytes of the body as it is sent."""
        return len(json.dumps(self.body, separators=(",", ":")).encode())


def events(batch: Batch) -> list[Message]:
    """Return one event for each record."""
    return [event(batch, record) for record in batch.records]


def event(batch: Batch, record: Record) -> Message:
    """Return the event for one record.

    A message of several records would get another id when the ledger forms its batches otherwise the next
    time, and the receiver would store them twice. `timestamp` is the time of the observation, so that the
    same datum is the same body.
    """
    happened = "updated" if record.key in batch.previous else "created"
    plain = as_json(record)
    body: dict[str, Any] = {
        "type": f"{record.key.kind.value.replace('-', '_')}.{happened}",
        "timestamp": plain["timestamp"],
        "data": {
            "site": {"origin": batch.site.origin, "name": batch.site.name},
            "target": as_json(batch.target),
            "record": plain,
        },
    }
    # Not by the whole target, which may gain an alias or another name between two tries.
    target = batch.target_keys.get(batch.site.origin, batch.target.name)
    named = (batch.site.origin, target, body["type"], plain, _before(batch, record))
    return Message(_id(*named), body, (record,))


def _before(batch: Batch, record: Record) -> JsonValue:
    """Return the id of the event before this one of the record; None for the first.

    After edits from A to B, to A and to B again, the two events for B differ in the event before. Where the
    ledger has no id of ours, as when a person settled it, a random one stands in: noted, so that each try has
    the same.
    """
    before = batch.previous.get(record.key)
    if record.key not in batch.previous or (before or "").startswith(_PREFIX):
        return before
    return batch.state.setdefault(_note(record), uuid4().hex)


def forget(batch: Batch, message: Message) -> None:
    """Drop the notes for the tries of a message that has arrived."""
    for record in message.records:
        batch.state.pop(_note(record), None)


def _note(record: Record) -> str:
    return f"before {record.key}"


def text(batch: Batch) -> list[Message]:
    """Return one text for the whole batch, in the form of Slack's incoming webhooks; none for no records."""
    if not (batch.records or batch.title or batch.message):
        return []
    count = len(batch.records)
    head = f"{batch.site.name}: {count} new {'datum' if count == 1 else 'data'} of *{batch.target.name}*"
    said = [part for part in (batch.title, batch.message) if part]
    lines = [head, *said, *(f"\u2022 {_line(record)}" for record in batch.records[:_LINES])]
    if count > _LINES:
        lines.append(f"\u2026 and {count - _LINES} more")
    body = {"text": "\n".join(map(_escaped, lines))}
    keys = [str(record.key) for record in batch.records]
    return [Message(_id(str(batch.address), batch.target.name, keys, body), body, batch.records)]


def test(batch: Batch, *, slack: bool) -> Message:
    """Return a message that no receiver takes for data."""
    if slack:
        said = f"{batch.site.name}: this is a test of sharing, without data. Please ignore it."
        return Message(_id("test", batch.site.origin, said), {"text": _escaped(said)}, ())
    body: dict[str, Any] = {
        "type": "test",
        "timestamp": as_json(batch.records[0])["timestamp"],
        "data": {
            "test": True,
            "site": {"origin": batch.site.origin, "name": batch.site.name},
            "target": as_json(batch.target),
            "records": [*map(as_json, batch.records)],
        },
    }
    return Message(_id(body), body, ())


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


def _escaped(line: str) -> str:
    """Escape the three characters that Slack reads as its own, and others that could break the line."""
    return printable(line).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _id(*content: object) -> str:
    return _PREFIX + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:40]

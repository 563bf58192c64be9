"""Write messages: an event for each record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sharecore import Batch, JsonValue, Record, as_json

_PREFIX = "msg_"


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    id: str
    """Id, the same at each try and of no other message."""
    body: dict[str, Any]
    """Content, in JSON values."""
    record: Record
    """Record in the message."""

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
    return Message(_id(*named), body, record)


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
    batch.state.pop(_note(message.record), None)


def _note(record: Record) -> str:
    return f"before {record.key}"


def test(batch: Batch) -> Message:
    """Return a message that no receiver takes for data."""
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
    return Message(_id(body), body, batch.records[0])


def _id(*content: object) -> str:
    return _PREFIX + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:40]

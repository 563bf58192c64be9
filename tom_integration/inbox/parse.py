"""Parse the JSON object of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta, Struct

from sharecore import wire
from sharecore.adapter import Site
from sharecore.exceptions import InvalidRecord
from sharecore.identity import fingerprint
from sharecore.records import Record
from sharecore.targets import Target
from sharecore.texts import one_line
from tom_integration.inbox import batch_limits
from tom_integration.inbox.refused import Refused

PROTOCOLS = (1,)
_Name = Annotated[str, Meta(pattern=wire.STORABLE, max_length=wire.MAX_NAME)]


class _Site(Struct):
    origin: wire.KeyPart
    name: _Name = ""


class _Batch(Struct):
    site: _Site
    target: Any
    records: list[Any]
    shared_by: _Name = ""
    target_lists: wire.Names = ()
    create_target: bool = False
    target_id: Any = None  # A hint: any other value than a number is ignored.
    target_keys: Annotated[
        dict[wire.KeyPart, wire.KeyPart], Meta(max_length=batch_limits.MAX_TARGET_KEYS)
    ] = {}


@dataclass(frozen=True, slots=True)
class Arrival:
    """Hold one record of a batch."""

    key: dict[str, str] | None
    """The three parts of the key, as far as they can be repeated in the answer."""
    record: Record | None = None
    fingerprint: str = ""
    """The fingerprint of the record as it was read here."""
    problem: tuple[str, str] = ("", "")
    """The field and the reason, when no record can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingBatch:
    """Hold a batch; see docs/reference/batch-protocol.md for the members."""

    site: Site
    shared_by: str
    target: Target
    target_id: int | None
    target_keys: Mapping[str, str]
    lists: tuple[str, ...]
    create_target: bool
    arrivals: tuple[Arrival, ...]


def read(value: Mapping[str, Any]) -> IncomingBatch:
    """Read a batch; keep a problem of one record with that record.

    Raises:
        Refused: another part of the batch is not valid.
    """
    if value.get("protocol") not in PROTOCOLS or isinstance(value.get("protocol"), bool):
        wrong = one_line(repr(value.get("protocol")), 50)
        text = f"The protocol must be one of {list(PROTOCOLS)}, not {wrong}."
        raise Refused(422, text, protocols=list(PROTOCOLS))
    try:
        given = wire.read(_Batch, value)
        target = wire.target_from_wire(given.target, where="target")
    except InvalidRecord as error:
        raise Refused(400, f"{error.field or 'The batch'}: {error.reason}.", field=error.field) from None
    if len(given.records) > batch_limits.MAX_RECORDS:
        raise Refused(
            413,
            f"A batch may have up to {batch_limits.MAX_RECORDS} records, not {len(given.records)}.",
            field="records",
        )
    return IncomingBatch(
        site=Site(origin=given.site.origin, name=given.site.name),
        shared_by=given.shared_by,
        target=target,
        target_id=given.target_id if type(given.target_id) is int else None,
        target_keys=given.target_keys,
        lists=given.target_lists,
        create_target=given.create_target,
        arrivals=tuple(_arrival(each) for each in given.records),
    )


def _arrival(value: object) -> Arrival:
    key = _repeatable(value.get("key")) if isinstance(value, Mapping) else None
    try:
        record = wire.record_from_wire(value)
    except InvalidRecord as error:
        return Arrival(key=key, problem=(error.field, error.reason))
    return Arrival(key=key, record=record, fingerprint=fingerprint(record))


def _repeatable(key: object) -> dict[str, str] | None:
    """Return the parts of a key for the answer, without those that are no text or that JSON cannot hold."""
    if not isinstance(key, Mapping):
        return None
    parts = {name: key.get(name) for name in ("kind", "origin", "id")}
    try:
        return {name: part for name, part in parts.items() if isinstance(part, str) and part.encode()}
    except UnicodeEncodeError:
        return None

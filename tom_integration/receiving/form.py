"""From the JSON object of a batch to what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sharecore.adapter import Site
from sharecore.exceptions import InvalidRecord
from sharecore.records import Record
from sharecore.targets import Target
from sharecore.wire import record_from_wire, target_from_wire
from tom_integration.models import Received
from tom_integration.receiving.refusals import Refused

PROTOCOLS = (1,)
MAX_RECORDS = 1000
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_LENGTHS: dict[str, int] = {
    field.name: field.max_length or 0
    for field in Received._meta.concrete_fields
    if hasattr(field, "max_length")
}
_NAMES = {str: "a text", bool: "true or false", list: "a list"}


@dataclass(frozen=True, slots=True)
class Arrival:
    """One record of a batch.

    key: as it was sent, whatever that is. problem: field and reason, when there is no record to be read.
    """

    key: Any
    record: Record | None = None
    fingerprint: str = ""
    problem: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingBatch:
    """A batch; see docs/reference/batch-protocol.md for the members."""

    site: Site
    shared_by: str
    target: Target
    target_id: int | None
    lists: tuple[str, ...]
    create_target: bool
    arrivals: tuple[Arrival, ...]


def read(value: Mapping[str, Any]) -> IncomingBatch:
    """Read a batch. What is wrong with one record stays with that record. Raises `Refused`."""
    if value.get("protocol") not in PROTOCOLS or isinstance(value.get("protocol"), bool):
        raise Refused(422, "This TOM does not speak that protocol.", protocols=list(PROTOCOLS))
    try:
        target = target_from_wire(value.get("target"))
    except InvalidRecord as error:
        raise Refused(400, f"target: {error}", field=f"target.{error.field}") from None
    records = _member(value, "records", list)
    if len(records) > MAX_RECORDS:
        raise Refused(413, f"The batch has more than {MAX_RECORDS} records.")
    hint = value.get("target_id")
    return IncomingBatch(
        site=_site(value.get("site")),
        shared_by=_member(value, "shared_by", str, default=""),
        target=target,
        target_id=hint
        if isinstance(hint, int) and not isinstance(hint, bool) and abs(hint) < 2**63
        else None,
        lists=_lists(value),
        create_target=_member(value, "create_target", bool, default=False),
        arrivals=tuple(_arrival(each) for each in records),
    )


def _member(value: Mapping[str, Any], name: str, kind: type[Any], default: Any = None) -> Any:
    member = value.get(name, default)
    if not isinstance(member, kind):
        raise Refused(400, f"{name}: it is not {_NAMES[kind]}.", field=name)
    return member


def _site(value: object) -> Site:
    if not isinstance(value, Mapping):
        raise Refused(400, "site: it is not a JSON object.", field="site")
    origin, name = _member(value, "origin", str), _member(value, "name", str, default="")
    if not 0 < len(origin) <= _LENGTHS["origin"] or "\0" in origin:
        raise Refused(400, f"site: the origin has 1 to {_LENGTHS['origin']} characters.", field="site")
    return Site(origin=origin, name=name)


def _lists(value: Mapping[str, Any]) -> tuple[str, ...]:
    lists = _member(value, "target_lists", list, default=[])
    if not all(isinstance(name, str) for name in lists):
        raise Refused(400, "target_lists: it is not a list of names.", field="target_lists")
    return tuple(lists)


def _arrival(value: object) -> Arrival:
    key = value.get("key") if isinstance(value, Mapping) else None
    try:
        record = record_from_wire(value)
        if len(record.key.origin) > _LENGTHS["origin"] or len(record.key.id) > _LENGTHS["record_id"]:
            raise InvalidRecord(field="key", reason=f"a part of it is longer than {_LENGTHS['record_id']}")
        fingerprint = value.get("fingerprint") if isinstance(value, Mapping) else None
        if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
            raise InvalidRecord(field="fingerprint", reason="it is not 64 hexadecimal digits")
    except InvalidRecord as error:
        return Arrival(key=key, problem=(error.field, error.reason))
    return Arrival(key=key, record=record, fingerprint=fingerprint)

"""Parse the JSON object of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sharecore.adapter import Site
from sharecore.exceptions import InvalidRecord
from sharecore.identity import fingerprint
from sharecore.records import Record
from sharecore.targets import Target
from sharecore.wire import (
    MAX_ALIASES,
    MAX_DEPTH,
    MAX_EXTRAS,
    MAX_KEY,
    MAX_LISTS,
    MAX_MEMBERS,
    MAX_NAME,
    MAX_TARGET_KEYS,
    name_from_wire,
    names_from_wire,
    record_from_wire,
    target_from_wire,
    target_keys_from_wire,
)
from tom_integration.inbox.refused import Refused

PROTOCOLS = (1,)
MAX_RECORDS = 1000
LIMITS = {
    "records": MAX_RECORDS,
    "depth": MAX_DEPTH,
    "members": MAX_MEMBERS,
    "aliases": MAX_ALIASES,
    "lists": MAX_LISTS,
    "extras": MAX_EXTRAS,
    "target_keys": MAX_TARGET_KEYS,
    "key": MAX_KEY,
    "name": MAX_NAME,
}
"""The limits of the parts of a batch, by their names in the capability document."""
_NAMES = {str: "a text", bool: "true or false", list: "a list"}


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
        raise Refused(422, f"The protocol must be one of {list(PROTOCOLS)}.", protocols=list(PROTOCOLS))
    records = _member(value, "records", list)
    if len(records) > MAX_RECORDS:
        raise Refused(
            413, f"A batch may have up to {MAX_RECORDS} records, not {len(records)}.", field="records"
        )
    hint = value.get("target_id")
    lists = _member(value, "target_lists", list, default=[])
    with _named("target."):
        target = target_from_wire(value.get("target"))
    with _named():
        lists = names_from_wire("target_lists", lists, MAX_LISTS)
        target_keys = target_keys_from_wire(value.get("target_keys"))
        for parts in target_keys.items():
            _storable("target_keys", *parts)
    return IncomingBatch(
        site=_site(value.get("site")),
        shared_by=_name("shared_by", _member(value, "shared_by", str, default="")),
        target=target,
        target_id=hint
        if isinstance(hint, int) and not isinstance(hint, bool) and abs(hint) < 2**63
        else None,
        target_keys=target_keys,
        lists=lists,
        create_target=_member(value, "create_target", bool, default=False),
        arrivals=tuple(_arrival(each) for each in records),
    )


@contextmanager
def _named(member: str = "") -> Iterator[None]:
    """Refuse the batch for a problem of one of its members, and name the field."""
    try:
        yield
    except InvalidRecord as error:
        field = f"{member}{error.field}"
        raise Refused(400, f"{field}: {error.reason}.", field=field) from None


def _member(value: Mapping[str, Any], name: str, kind: type[Any], default: Any = None) -> Any:
    member = value.get(name, default)
    if not isinstance(member, kind):
        raise Refused(400, f"{name}: it must be {_NAMES[kind]}.", field=name)
    return member


def _site(value: object) -> Site:
    if not isinstance(value, Mapping):
        raise Refused(400, "site: it must be a JSON object.", field="site")
    origin, name = _member(value, "origin", str), _member(value, "name", str, default="")
    if not 0 < len(origin) <= MAX_KEY:
        raise Refused(
            400, f"site: the origin must have 1 to {MAX_KEY} characters, not {len(origin)}.", field="site"
        )
    return Site(origin=_name("site", origin), name=_name("site", name))


def _name(field: str, value: str) -> str:
    with _named():
        _storable(field, value)
        return name_from_wire(field, value)


def _storable(field: str, *texts: str) -> None:
    if any("\0" in text for text in texts):
        raise InvalidRecord(field=field, reason="it has a character that a database cannot store (NUL)")


def _arrival(value: object) -> Arrival:
    key = _repeatable(value.get("key")) if isinstance(value, Mapping) else None
    try:
        record = record_from_wire(value)
        _storable("key", record.key.origin, record.key.id)
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

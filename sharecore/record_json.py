"""Write records and targets as JSON, for adapters whose destination takes them as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sharecore.records import Record, RecordKey
from sharecore.targets import Orbit, Position, Target

_NAMES: dict[type[Any], tuple[str, ...]] = {}
_AS_THEY_ARE = frozenset({str, float, int, bool})


def as_json(what: Record | Target) -> dict[str, Any]:
    """Return the fields of a record or target by name, in JSON values, without empty ones.

    Times are ISO 8601 in UTC with microseconds; the key is one text (`RecordKey.__str__`). Numbers keep the
    units of the fields. A new field of a later version appears here by itself.
    """
    values = {name: _plain(getattr(what, name)) for name in _names(type(what))}
    return {name: value for name, value in values.items() if value is not None and value not in ("", [], {})}


def _names(kind: type[Any]) -> tuple[str, ...]:
    if kind not in _NAMES:
        _NAMES[kind] = tuple(each.name for each in fields(kind))
    return _NAMES[kind]


def _plain(value: object) -> Any:
    if value is None or type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, RecordKey):
        return str(value)
    if isinstance(value, Position | Orbit):
        elements = {each.name: getattr(value, each.name) for each in fields(value)}
        return {name: number for name, number in elements.items() if number is not None and number != ""}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

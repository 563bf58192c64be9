"""Records and targets as they travel between two sites with sharecore: JSON there and back, without a loss.

The form is that of `sharecore.plain` with the key in its three parts. What is read comes from another site:
each value is checked, and what is wrong is an `InvalidRecord` that names the field. Unknown names are
ignored, so that a later version may add fields.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

from sharecore.exceptions import InvalidRecord
from sharecore.plain import as_json
from sharecore.records import (
    Astrometry,
    Kind,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    RecordKey,
    Spectrum,
)
from sharecore.targets import Orbit, Position, Target

_CLASSES: Mapping[Kind, type[Record]] = {
    Kind.PHOTOMETRY: Photometry,
    Kind.PHOTOMETRY_LIMIT: PhotometryLimit,
    Kind.SPECTRUM: Spectrum,
    Kind.ASTROMETRY: Astrometry,
    Kind.OTHER: OtherDatum,
}
KINDS = tuple(_CLASSES)
"""The kinds of record that travel so; files of data products do not."""


def key_as_wire(key: RecordKey) -> dict[str, str]:
    """The three parts of a key."""
    return {"kind": key.kind.value, "origin": key.origin, "id": key.id}


def record_as_wire(record: Record) -> dict[str, Any]:
    """The record in JSON values, from which `record_from_wire` makes an equal one."""
    return as_json(record) | {"key": key_as_wire(record.key)}


def target_as_wire(target: Target) -> dict[str, Any]:
    """The target in JSON values, from which `target_from_wire` makes an equal one."""
    return as_json(target)


def key_from_wire(value: object) -> RecordKey:
    """Read a key. Raises `InvalidRecord`."""
    parts = _object("key", value)
    try:
        kind = Kind(str(parts.get("kind")))
    except ValueError:
        known = ", ".join(Kind)
        raise InvalidRecord(field="key", reason=f"the kind is none of {known}") from None
    named = {name: _text(f"key[{name!r}]", parts.get(name)) for name in ("origin", "id")}
    if not all(named.values()):
        raise InvalidRecord(field="key", reason="it needs a kind, an origin and an id")
    return RecordKey(kind=kind, **named)


def record_from_wire(value: object) -> Record:
    """Read a record; its class follows from the kind in its key. Raises `InvalidRecord`."""
    given = _object("record", value)
    key = key_from_wire(given.get("key"))
    cls = _CLASSES.get(key.kind)
    if cls is None:
        raise InvalidRecord(field="key", reason=f"a {key.kind.value} does not travel in this form")
    try:
        return cls(key=key, **_read(cls, given))
    except RecursionError:
        raise InvalidRecord(field="extra", reason="it is nested too deeply") from None


def target_from_wire(value: object) -> Target:
    """Read a target. Raises `InvalidRecord`."""
    target = Target(**_read(Target, _object("target", value)))
    if not target.name.strip():
        raise InvalidRecord(field="name", reason="the target has no name")
    return target


def _read(cls: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments for this class. What `as_json` leaves out, since it says nothing, is the default."""
    read: dict[str, Any] = {}
    for name, reader, empty in _READERS[cls]:
        value = given.get(name)
        if value is not None:
            read[name] = reader(name, value)
        elif empty is None:
            raise InvalidRecord(field=name, reason="it is missing")
        elif empty is not _DEFAULT:
            read[name] = empty
    return read


_DEFAULT = object()
_Reader = Callable[[str, Any], Any]


def _readers(cls: type[Any]) -> tuple[tuple[str, _Reader, Any], ...]:
    """For each field but the key: its name, how it is read, and what it is when it is not given."""
    found: list[tuple[str, _Reader, Any]] = []
    for each in fields(cls):
        if each.name == "key":
            continue
        required = each.default is MISSING and each.default_factory is MISSING
        reader, empty = _TYPES[str(each.type)]
        found.append((each.name, reader, empty if required else _DEFAULT))
    return tuple(found)


def _object(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidRecord(field=name, reason="it is not a JSON object")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRecord(field=name, reason="it is not a text")
    if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        raise InvalidRecord(field=name, reason="it is not valid Unicode")
    return value


def _truth(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidRecord(field=name, reason="it is neither true nor false")
    return value


def _number(name: str, value: object) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRecord(field=name, reason="it is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidRecord(field=name, reason="it is not a finite number")
    return number


def _numbers(name: str, value: object) -> tuple[float | None, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidRecord(field=name, reason="it is not a list")
    return tuple(None if item is None else _number(name, item) for item in value)


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidRecord(field=name, reason="it is not a list")
    return tuple(_text(name, item) for item in value)


def _time(name: str, value: object) -> datetime:
    try:
        read = datetime.fromisoformat(_text(name, value))
        if read.tzinfo is None:
            raise InvalidRecord(field=name, reason="it has no time zone")
        return read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRecord(field=name, reason="it is not a time in ISO 8601") from None


def _values(name: str, value: object) -> dict[str, Any]:
    values = dict(_object(name, value))
    _check_texts(name, values)
    return values


def _check_texts(name: str, value: object) -> None:
    if isinstance(value, str):
        _text(name, value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _text(name, key)
            _check_texts(name, item)
    elif isinstance(value, list):
        for item in value:
            _check_texts(name, item)


def _text_values(name: str, value: object) -> dict[str, str]:
    return {_text(name, key): _text(f"{name}[{key!r}]", item) for key, item in _object(name, value).items()}


def _elements(cls: type[Any]) -> _Reader:
    return lambda name, value: cls(**_read(cls, _object(name, value)))


_TYPES: Mapping[str, tuple[_Reader, Any]] = {
    "str": (_text, ""),
    "bool": (_truth, None),
    "float": (_number, None),
    "float | None": (_number, None),
    "datetime": (_time, None),
    "tuple[float | None, ...]": (_numbers, ()),
    "tuple[str, ...]": (_texts, ()),
    "Mapping[str, str]": (_text_values, {}),
    "Mapping[str, JsonValue]": (_values, {}),
    "Position": (_elements(Position), None),
    "Orbit": (_elements(Orbit), None),
}
"""By the annotation of a field: how it is read, and what a required one is that was left out as empty."""

_READERS = {cls: _readers(cls) for cls in (*_CLASSES.values(), Target, Position, Orbit)}

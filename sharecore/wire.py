"""Write and read records and targets that travel between two sites with sharecore, without a loss.

The form is that of `sharecore.record_json` with the key in its three parts. Input comes from another site:
each value is checked and has a limit, and a wrong one is an `InvalidRecord` that names the field. Unknown
names are ignored, so that a later version may add fields.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

from sharecore.exceptions import InvalidRecord
from sharecore.record_json import as_json
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

MAX_DEPTH = 64
"""Deepest nesting of lists and objects in the `extra` of a record."""
MAX_MEMBERS = 10_000
"""Largest number of members of all objects in the `extra` of a record."""
MAX_ALIASES = 1000
MAX_LISTS = 1000
MAX_EXTRAS = 1000
"""Largest number of extras of a target."""
MAX_TARGET_KEYS = 100
MAX_KEY = 64
"""Longest origin, and longest name of a record or target there, in characters."""
MAX_NAME = 1000
"""Longest name of a site, a person, a target, an alias, a list, or a member of `extra`, in characters."""


def key_as_wire(key: RecordKey) -> dict[str, str]:
    """Return the three parts of a key."""
    return {"kind": key.kind.value, "origin": key.origin, "id": key.id}


def record_as_wire(record: Record) -> dict[str, Any]:
    """Return the record in JSON values, from which `record_from_wire` makes an equal one."""
    return as_json(record) | {"key": key_as_wire(record.key)}


def target_as_wire(target: Target) -> dict[str, Any]:
    """Return the target in JSON values, from which `target_from_wire` makes an equal one."""
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
    if max(map(len, named.values())) > MAX_KEY:
        raise InvalidRecord(field="key", reason=f"a part of it is longer than {MAX_KEY} characters")
    return RecordKey(kind=kind, **named)


def record_from_wire(value: object) -> Record:
    """Read a record; its class follows from the kind in its key. Raises `InvalidRecord`."""
    given = _object("record", value)
    key = key_from_wire(given.get("key"))
    cls = _CLASSES.get(key.kind)
    if cls is None:
        raise InvalidRecord(field="key", reason=f"a {key.kind.value} does not travel in this form")
    return cls(key=key, **_read(cls, given))


def target_from_wire(value: object) -> Target:
    """Read a target. Raises `InvalidRecord`."""
    given = _object("target", value)
    for member, most in (("aliases", MAX_ALIASES), ("lists", MAX_LISTS), ("extras", MAX_EXTRAS)):
        names_from_wire(member, given.get(member), most)
    name_from_wire("name", given.get("name"))
    target = Target(**_read(Target, given))
    if not target.name.strip():
        raise InvalidRecord(field="name", reason="the target has no name")
    return target


def name_from_wire(field: str, value: object) -> str:
    """Read a name; an empty text where none is given. Raises `InvalidRecord`."""
    name = _text(field, "" if value is None else value)
    if len(name) > MAX_NAME:
        raise InvalidRecord(field=field, reason=f"it has {len(name)} characters, the limit is {MAX_NAME}")
    return name


def names_from_wire(field: str, value: object, most: int) -> tuple[str, ...]:
    """Read a list of names, or those of the members of an object. Raises `InvalidRecord`."""
    if value is None:
        return ()
    if not isinstance(value, list | Mapping):
        raise InvalidRecord(field=field, reason="it is not a list")
    if len(value) > most:
        raise InvalidRecord(field=field, reason=f"it has {len(value)} entries, the limit is {most}")
    return tuple(name_from_wire(field, name) for name in value)


def target_keys_from_wire(value: object) -> dict[str, str]:
    """Read `target_keys`: the names of the target at each site, by origin. Raises `InvalidRecord`."""
    names_from_wire("target_keys", value, MAX_TARGET_KEYS)
    keys = {} if value is None else _text_values("target_keys", value)
    if any(not 0 < len(part) <= MAX_KEY for pair in keys.items() for part in pair):
        raise InvalidRecord(field="target_keys", reason=f"origins and ids have 1 to {MAX_KEY} characters")
    return keys


def _read(cls: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for a class. A field that `as_json` leaves out, since it is empty, has its
    default.
    """
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
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""Of the times that can be shown in every time zone."""
_Reader = Callable[[str, Any], Any]


def _readers(cls: type[Any]) -> tuple[tuple[str, _Reader, Any], ...]:
    """Return, for each field but the key: its name, its reader, and its value when it is not given."""
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
        read = read.astimezone(UTC)
        if not _FIRST <= read <= _LAST:
            raise OverflowError
        return read
    except (ValueError, OverflowError):
        raise InvalidRecord(field=name, reason="it is not a time in ISO 8601") from None


def _values(name: str, value: object) -> dict[str, Any]:
    values = dict(_object(name, value))
    if _members(name, values, MAX_DEPTH) > MAX_MEMBERS:
        raise InvalidRecord(field=name, reason=f"its objects have more than {MAX_MEMBERS} members")
    return values


def _members(name: str, value: object, deeper: int) -> int:
    """Check a JSON value that may go `deeper`, and return the number of members of its objects."""
    if isinstance(value, str):
        _text(name, value)
    elif isinstance(value, float):
        _number(name, value)
    elif isinstance(value, dict | list):
        if not deeper:
            raise InvalidRecord(field=name, reason=f"it is nested more than {MAX_DEPTH} deep")
        if isinstance(value, list):
            return sum([_members(name, item, deeper - 1) for item in value])
        for key in value:
            name_from_wire(name, key)
        return len(value) + sum([_members(name, item, deeper - 1) for item in value.values()])
    return 0


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
"""By the annotation of a field: its reader, and the value of a required field that was left out as empty."""

_READERS = {cls: _readers(cls) for cls in (*_CLASSES.values(), Target, Position, Orbit)}

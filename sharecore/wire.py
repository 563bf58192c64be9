"""Write and read records and targets that travel between two sites with sharecore, without a loss.

The form is that of `sharecore.record_json` with the key in its three parts. Input comes from another site:
`msgspec` holds each value to a type with limits and stops at the first that is wrong, so that a large bad
body costs little. A wrong value is an `InvalidRecord` that names the field. Unknown names are ignored,
so that a later version may add fields.
"""

from __future__ import annotations

import math
import re
import sys
from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from msgspec import NODEFAULT, Meta, Struct, convert, defstruct
from msgspec.structs import asdict

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
from sharecore.wire_errors import NOT_FINITE, NOT_UNICODE, invalid

MAX_MEMBERS = 10_000
"""Largest number of members of all objects in the `extra` of a record."""
MAX_NAMES = 1000
"""Largest number of aliases, of lists and of extras of a target."""
MAX_KEY = 64
"""Longest origin, and longest name of a record or target there, in characters."""
MAX_NAME = 1000
"""Longest name of a site, a person, a target, an alias, a list, or a member of `extra`, in characters."""

_UNICODE = r"\A[^\ud800-\udfff]*\Z"
STORABLE = r"\A[^\0\ud800-\udfff]*\Z"
"""Pattern of valid Unicode without the character NUL, which PostgreSQL cannot store."""
Text = Annotated[str, Meta(pattern=_UNICODE)]
Name = Annotated[str, Meta(pattern=_UNICODE, max_length=MAX_NAME)]
Names = Annotated[tuple[Name, ...], Meta(max_length=MAX_NAMES)]
KeyPart = Annotated[str, Meta(pattern=STORABLE, min_length=1, max_length=MAX_KEY)]
Number = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
"""Finite number."""
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""First and last time that can be shown in every time zone."""


class _Key(Struct):
    kind: Text
    origin: KeyPart
    id: KeyPart


class _Keyed(Struct):
    """Read the key of a record of any kind."""

    key: _Key


def key_as_wire(key: RecordKey) -> dict[str, str]:
    """Return the three parts of a key."""
    return {"kind": key.kind.value, "origin": key.origin, "id": key.id}


def record_as_wire(record: Record) -> dict[str, Any]:
    """Return the record in JSON values, from which `record_from_wire` makes an equal one."""
    return as_json(record) | {"key": key_as_wire(record.key)}


def target_as_wire(target: Target) -> dict[str, Any]:
    """Return the target in JSON values, from which `target_from_wire` makes an equal one."""
    return as_json(target)


def record_from_wire(value: object) -> Record:
    """Read a record; its class follows from the kind in its key. Raises `InvalidRecord`."""
    key = read(_Keyed, value).key
    if key.kind not in _CLASSES:
        raise InvalidRecord(field="key.kind", reason=f"must be one of {', '.join(KINDS)}")
    cls, form = _CLASSES[key.kind]
    given = asdict(read(form, value))
    if not _FIRST <= given["timestamp"] <= _LAST:
        raise InvalidRecord(field="timestamp", reason="must be a time that each time zone can show")
    if given["extra"]:
        _check_extra(given["extra"])
    return cls(key=RecordKey(kind=Kind(key.kind), origin=key.origin, id=key.id), **given)


def target_from_wire(value: object, where: str = "") -> Target:
    """Read a target; `where` stands before its fields in errors. Raises `InvalidRecord`."""
    given = asdict(read(_TARGET, value, where))
    if not given["name"].strip():
        raise InvalidRecord(field=f"{where}.name".lstrip("."), reason="must not be blank")
    places = {name: cls(**asdict(given[name])) for name, cls in (("position", Position), ("orbit", Orbit))}
    return Target(**given | places)


_Form = TypeVar("_Form")


def read(form: type[_Form], value: object, where: str = "") -> _Form:
    """Read JSON values as a type of `msgspec`; `where` stands before its fields in errors.

    Raises `InvalidRecord`.
    """
    try:
        return convert(value, form)
    except ValueError as error:
        raise invalid(error, value, where) from None


def _check_extra(extra: dict[str, Any]) -> None:
    """Hold any JSON values to the limits. `Record` does so for how deep they are."""
    members = 0
    rest: list[Any] = [extra]
    for each in rest:
        if isinstance(each, str):
            if not (each.isascii() or re.match(_UNICODE, each)):
                raise InvalidRecord(field="extra", reason=f"each text {NOT_UNICODE}")
        elif isinstance(each, float):
            if not math.isfinite(each):
                raise InvalidRecord(field="extra", reason=f"each number {NOT_FINITE}")
        elif isinstance(each, list):
            rest += each
        elif isinstance(each, dict) and each:
            members += len(each)
            if max(map(len, each)) > MAX_NAME:
                raise InvalidRecord(field="extra", reason=f"must have names of at most {MAX_NAME} characters")
            rest += each
            rest += each.values()
    if members > MAX_MEMBERS:
        raise InvalidRecord(field="extra", reason=f"must have at most {MAX_MEMBERS} members in its objects")


def _form(cls: type[Any], **forms: tuple[Any, Any]) -> type[Struct]:
    """Return the type that the fields of a class, without its key, are read as."""
    found = []
    for each in fields(cls):
        if each.name != "key":
            found.append((each.name, *(forms.get(each.name) or _FORMS[str(each.type)])))
    return defstruct(cls.__name__, found, kw_only=True, frozen=True)


_FORMS: dict[str, tuple[Any, Any]] = {
    "str": (Text, ""),
    "float": (Number, NODEFAULT),
    "float | None": (Number | None, None),
    "datetime": (Annotated[datetime, Meta(tz=True)], NODEFAULT),
    "tuple[float | None, ...]": (tuple[Number | None, ...], ()),
    "tuple[str, ...]": (Names, ()),
    "Mapping[str, str]": (Annotated[dict[Name, Text], Meta(max_length=MAX_NAMES)], {}),
    "Mapping[str, JsonValue]": (dict[str, Any], {}),
}
"""Type and default of a field, by its annotation; `as_json` leaves out an empty field."""
_CLASSES: dict[str, tuple[type[Record], type[Struct]]] = {
    Kind.PHOTOMETRY: (Photometry, _form(Photometry)),
    Kind.PHOTOMETRY_LIMIT: (PhotometryLimit, _form(PhotometryLimit)),
    Kind.SPECTRUM: (Spectrum, _form(Spectrum)),
    Kind.ASTROMETRY: (Astrometry, _form(Astrometry)),
    Kind.OTHER: (OtherDatum, _form(OtherDatum)),
}
KINDS = tuple(map(Kind, _CLASSES))
"""The kinds of record that travel so; files of data products do not."""
_POSITION, _ORBIT = _form(Position), _form(Orbit)
_TARGET = _form(
    Target,
    name=(Name, ""),
    sidereal=(bool, True),
    position=(_POSITION, _POSITION()),
    orbit=(_ORBIT, _ORBIT()),
)

"""What travels between two sites arrives as it was, and what is wrong with it is named."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharecore import (
    Astrometry,
    InvalidRecord,
    Kind,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    RecordKey,
    Spectrum,
    Target,
)
from sharecore.identity import fingerprint, identity
from sharecore.targets import Orbit, Position
from sharecore.testing.examples import RECORDS, TARGETS, example_record
from sharecore.wire import record_as_wire, record_from_wire, target_as_wire, target_from_wire

KINDS: dict[type[Any], Kind] = {
    Photometry: Kind.PHOTOMETRY,
    PhotometryLimit: Kind.PHOTOMETRY_LIMIT,
    Spectrum: Kind.SPECTRUM,
    Astrometry: Kind.ASTROMETRY,
    OtherDatum: Kind.OTHER,
}

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**9), 10**9)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
zones = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
times = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=zones)  # noqa: DTZ001 - zones follow
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "str": texts,
    "bool": st.booleans(),
    "float": numbers,
    "float | None": st.none() | numbers,
    "datetime": times,
    "tuple[float | None, ...]": st.lists(numbers, max_size=4).map(tuple),
    "tuple[str, ...]": st.lists(texts, max_size=4).map(tuple),
    "Mapping[str, str]": st.dictionaries(texts, texts, max_size=3),
    "Mapping[str, JsonValue]": st.dictionaries(texts, json_values, max_size=3),
}


def instances(cls: type[Any], **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any instance of a dataclass, by the types of its fields."""
    rest = {each.name: BY_TYPE[str(each.type)] for each in fields(cls) if each.name not in given}
    return st.builds(cls, **given, **rest)


def keys(kind: Kind) -> st.SearchStrategy[RecordKey]:
    parts = texts.filter(bool)
    return st.builds(RecordKey, kind=st.just(kind), origin=parts, id=parts)


records = st.one_of(*(instances(cls, key=keys(kind)) for cls, kind in KINDS.items()))
targets = instances(
    Target, name=texts.filter(str.strip), position=instances(Position), orbit=instances(Orbit)
)


def travelled(value: dict[str, Any]) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


def check(record: Record) -> None:
    arrived = record_from_wire(travelled(record_as_wire(record)))
    assert arrived == record
    assert (identity(arrived), fingerprint(arrived)) == (identity(record), fingerprint(record))


@pytest.mark.parametrize("name", RECORDS)
def test_example_records(name: str) -> None:
    check(RECORDS[name])


@given(records)
def test_any_record(record: Record) -> None:
    check(record)


@pytest.mark.parametrize("name", TARGETS)
def test_example_targets(name: str) -> None:
    assert target_from_wire(travelled(target_as_wire(TARGETS[name]))) == TARGETS[name]


@given(targets)
def test_any_target(target: Target) -> None:
    assert target_from_wire(travelled(target_as_wire(target))) == target


def test_fields_of_a_later_version_are_ignored() -> None:
    record = example_record()
    assert record_from_wire(record_as_wire(record) | {"airmass": 1.2}) == record


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        (Photometry, {"key": None}, "key"),
        (Photometry, {"key": "one text"}, "key"),
        (Photometry, {"key": {"kind": "weather", "origin": "o", "id": "1"}}, "key"),
        (Photometry, {"key": {"kind": ["photometry"], "origin": "o", "id": "1"}}, "key"),
        (Photometry, {"key": {"kind": "photometry", "origin": "", "id": "1"}}, "key"),
        (Photometry, {"key": {"kind": "photometry", "origin": "o", "id": 1}}, "key['id']"),
        (Photometry, {"timestamp": None}, "timestamp"),
        (Photometry, {"timestamp": "yesterday"}, "timestamp"),
        (Photometry, {"timestamp": 59000.5}, "timestamp"),
        (Photometry, {"timestamp": "2026-01-01T00:00:00"}, "timestamp"),
        (Photometry, {"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
        (Photometry, {"brightness": None}, "brightness"),
        (Photometry, {"brightness": "18.5"}, "brightness"),
        (Photometry, {"brightness": True}, "brightness"),
        (Photometry, {"brightness": float("nan")}, "brightness"),
        (Photometry, {"brightness": 10**400}, "brightness"),
        (Photometry, {"brightness_error": float("inf")}, "brightness_error"),
        (Photometry, {"bandpass": 3}, "bandpass"),
        (Photometry, {"telescope": "\ud800"}, "telescope"),
        (Photometry, {"extra": [1]}, "extra"),
        (Photometry, {"extra": {"a": {"b": ["\udfff"]}}}, "extra"),
        (Photometry, {"extra": {"a": nested(20_000)}}, "extra"),
        (PhotometryLimit, {"limit": None}, "limit"),
        (Spectrum, {"flux": 1.0}, "flux"),
        (Spectrum, {"flux": [1.0, "x"]}, "flux"),
        (Spectrum, {"wavelength": {"0": 1.0}}, "wavelength"),
        (Astrometry, {"ra": None}, "ra"),
    ],
)
def test_what_is_wrong_with_a_record_is_named(kind: type[Any], change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        record_from_wire(record_as_wire(example_record(kind)) | change)
    assert caught.value.field == field


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_not_an_object(value: object) -> None:
    with pytest.raises(InvalidRecord):
        record_from_wire(value)
    with pytest.raises(InvalidRecord):
        target_from_wire(value)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"name": " "}, "name"),
        ({"aliases": "one, two"}, "aliases"),
        ({"aliases": [1]}, "aliases"),
        ({"sidereal": "yes"}, "sidereal"),
        ({"position": [1, 2]}, "position"),
        ({"position": {"ra": "10:00:00"}}, "ra"),
        ({"position": {"ra": float("inf")}}, "ra"),
        ({"orbit": {"scheme": 3}}, "scheme"),
        ({"extras": {"z": 0.1}}, "extras['z']"),
    ],
)
def test_what_is_wrong_with_a_target_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        target_from_wire(target_as_wire(TARGETS["sidereal"]) | change)
    assert caught.value.field == field


def test_times_travel_in_utc() -> None:
    east = datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=5)))
    record = replace(example_record(), timestamp=east)
    assert record_as_wire(record)["timestamp"] == "2026-01-01T00:00:00.000000Z"
    assert record_from_wire(record_as_wire(record)).timestamp == datetime(2026, 1, 1, tzinfo=UTC)

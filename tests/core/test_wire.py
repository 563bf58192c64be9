"""What travels between two sites arrives as it was, and what is wrong with it is named."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
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
    wire,
)
from sharecore.identity import fingerprint, identity
from sharecore.records import MAX_DEPTH
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
    parts = texts.filter(lambda part: part and "\0" not in part)
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
        (Photometry, {"key": {"kind": "weather", "origin": "o", "id": "1"}}, "key.kind"),
        (Photometry, {"key": {"kind": ["photometry"], "origin": "o", "id": "1"}}, "key.kind"),
        (Photometry, {"key": {"kind": "photometry", "origin": "", "id": "1"}}, "key.origin"),
        (Photometry, {"key": {"kind": "photometry", "origin": "o", "id": 1}}, "key.id"),
        (Photometry, {"key": {"kind": nested(20_000), "origin": "o", "id": "1"}}, "key.kind"),
        (Photometry, {"timestamp": None}, "timestamp"),
        (Photometry, {"timestamp": "\ud800"}, "timestamp"),
        (Photometry, {"timestamp": "yesterday"}, "timestamp"),
        (Photometry, {"timestamp": 59000.5}, "timestamp"),
        (Photometry, {"timestamp": "2026-01-01T00:00:00"}, "timestamp"),
        (Photometry, {"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
        (Photometry, {"\ud800": 1}, ""),
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
    assert "must " in caught.value.reason


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"key": {"kind": "file", "origin": "o", "id": "1"}},
            f"key.kind: must be one of {', '.join(wire.KINDS)}",
        ),
        ({"key": {"kind": "other", "origin": "", "id": "1"}}, "key.origin: must not be empty"),
        (
            {"key": {"kind": "other", "origin": "o", "id": "x" * 65}},
            "key.id: must have at most 64 characters",
        ),
        ({"key": {"kind": "other", "origin": "o"}}, "key.id: is missing"),
        ({"timestamp": 59000.5}, "timestamp: must be a time, got a number"),
        ({"timestamp": "yesterday"}, "timestamp: must be a time such as 2026-01-02T03:04:05Z"),
        ({"timestamp": "2026-01-01T00:00:00"}, "timestamp: must have a time zone"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "timestamp: must be a time that each time zone can show"),
        ({"brightness": "18.5"}, "brightness: must be a number, got a text"),
        ({"brightness": True}, "brightness: must be a number, got true or false"),
        ({"brightness": None}, "brightness: must be a number, got null"),
        ({"brightness": float("nan")}, "brightness: must be a finite number"),
        ({"brightness": float("-inf")}, "brightness: must be a finite number"),
        ({"brightness": -(10**400)}, "brightness: must be a finite number"),
        ({"brightness_error": []}, "brightness_error: must be a number, got a list"),
        ({"bandpass": 3}, "bandpass: must be a text, got a number"),
        ({"timestamp": "\ud800"}, "timestamp: must be valid Unicode without NUL"),
        ({"telescope": "\ud800"}, "telescope: must be valid Unicode without NUL"),
        ({"extra": [1]}, "extra: must be a JSON object, got a list"),
        ({"extra": {"a": [float("inf")]}}, "extra: each number must be a finite number"),
        ({"extra": {"\ud800": 1}}, "extra: each text must be valid Unicode without NUL"),
        ({"extra": {"x" * 1001: 1}}, "extra: must have names of at most 1000 characters"),
        ({"extra": {"a": nested(65)}}, "extra: must not be nested deeper than 64 levels"),
    ],
)
def test_the_reason_says_what_must_be_and_what_was_given(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        record_from_wire(record_as_wire(example_record()) | change)
    assert str(caught.value) == problem


def test_the_reason_speaks_of_the_entries_of_lists_and_objects() -> None:
    spectrum, target = record_as_wire(example_record(Spectrum)), target_as_wire(TARGETS["sidereal"])
    with pytest.raises(InvalidRecord, match=r"^flux: each entry must be a number, got a text$"):
        record_from_wire(spectrum | {"flux": [1.0, "x"]})
    with pytest.raises(InvalidRecord, match=r"^extras: each entry must be a text, got a number$"):
        target_from_wire(target | {"extras": {"z": 0.1}})
    with pytest.raises(InvalidRecord, match=r"^aliases: must have at most 1000 entries$"):
        target_from_wire(target | {"aliases": ["x"] * 1001})
    with pytest.raises(
        InvalidRecord, match=r"^target\.extras: each entry must have at most 1000 characters$"
    ):
        target_from_wire(target | {"extras": {"x" * 1001: ""}}, where="target")


def test_what_is_missing_is_said() -> None:
    given = record_as_wire(example_record())
    del given["brightness"]
    with pytest.raises(InvalidRecord, match=r"^brightness: is missing$"):
        record_from_wire(given)


def test_as_deep_as_a_record_may_be() -> None:
    check(example_record(extra={"a": nested(MAX_DEPTH)}))


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
        ({"position": {"ra": "10:00:00"}}, "position.ra"),
        ({"position": {"ra": float("inf")}}, "position.ra"),
        ({"orbit": {"scheme": 3}}, "orbit.scheme"),
        ({"extras": {"z": 0.1}}, "extras"),
        ({"extras": {"\ud800": "x"}}, "extras"),
    ],
)
def test_what_is_wrong_with_a_target_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        target_from_wire(target_as_wire(TARGETS["sidereal"]) | change)
    assert caught.value.field == field
    assert "must " in caught.value.reason


def test_times_travel_in_utc() -> None:
    east = datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=5)))
    record = replace(example_record(), timestamp=east)
    assert record_as_wire(record)["timestamp"] == "2026-01-01T00:00:00.000000Z"
    assert record_from_wire(record_as_wire(record)).timestamp == datetime(2026, 1, 1, tzinfo=UTC)


def test_numbers_of_numpy_travel() -> None:
    record = example_record(brightness=np.float64(18.5), extra={"seeing": np.float64(1.2), "pair": (1, (2,))})
    arrived = record_from_wire(travelled(record_as_wire(record)))
    assert (arrived.brightness, arrived.extra) == (18.5, {"seeing": 1.2, "pair": [1, [2]]})

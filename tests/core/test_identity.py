"""Identity says which observation it is, the fingerprint what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sharecore import Astrometry, Kind, OtherDatum, Photometry, PhotometryLimit, Record, RecordKey, Spectrum
from sharecore.identity import fingerprint, identity

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def key(kind: Kind) -> RecordKey:
    return RecordKey(kind=kind, origin="here", id="1")


RECORDS: dict[str, Record] = {
    "photometry": Photometry(key=key(Kind.PHOTOMETRY), timestamp=WHEN, brightness=18.5, bandpass="r"),
    "limit": PhotometryLimit(key=key(Kind.PHOTOMETRY_LIMIT), timestamp=WHEN, limit=18.5, bandpass="r"),
    "spectrum": Spectrum(key=key(Kind.SPECTRUM), timestamp=WHEN, flux=(1.0, 2.0)),
    "astrometry": Astrometry(key=key(Kind.ASTROMETRY), timestamp=WHEN, ra=1.0, dec=2.0),
    "other": OtherDatum(key=key(Kind.OTHER), timestamp=WHEN, data_type="spin", extra={"period": 3.5}),
}
UNIQUE = {
    # the fields of tomtoolkit's uniqueness constraints
    "photometry": {"timestamp", "bandpass", "brightness", "limit", "instrument", "reduction_version"},
    "limit": {"timestamp", "bandpass", "limit", "instrument", "reduction_version"},
    "spectrum": {"timestamp", "telescope", "instrument", "flux", "reduction_version"},
    "astrometry": {"timestamp", "telescope", "instrument", "ra", "dec", "reduction_version"},
    "other": {"timestamp", "telescope", "instrument", "extra", "data_type", "reduction_version"},
}


def changed(value: Any) -> Any:
    match value:
        case None:
            return 7.5
        case str():
            return value + "x"
        case float():
            return value + 1
        case tuple():
            return (*value, 9.0)
        case datetime():
            return value + timedelta(microseconds=1)
        case _:
            return {**value, "more": 1}


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_counts_where_it_should(name: str) -> None:
    record = RECORDS[name]
    for each in fields(record):
        if each.name == "key":
            continue
        other = replace(record, **{each.name: changed(getattr(record, each.name))})
        assert fingerprint(other) != fingerprint(record), each.name
        assert (identity(other) != identity(record)) == (each.name in UNIQUE[name]), each.name


@pytest.mark.parametrize("name", RECORDS)
def test_the_key_and_the_way_it_was_made_do_not_count(name: str) -> None:
    record = RECORDS[name]
    elsewhere = replace(
        record,
        key=replace(record.key, origin="there", id="99"),
        timestamp=WHEN.astimezone(timezone(timedelta(hours=5))),
        extra=dict(reversed(list(record.extra.items()))),
    )
    for digest in (identity, fingerprint):
        assert digest(elsewhere) == digest(record)
        assert len(digest(record)) == 64


def test_kinds_never_meet() -> None:
    assert len({identity(record) for record in RECORDS.values()}) == len(RECORDS)
    assert len({fingerprint(record) for record in RECORDS.values()}) == len(RECORDS)


def test_a_number_from_another_database_is_the_same_number(make_record: Callable[..., Photometry]) -> None:
    """A column of floats gives 18.0 where a JSON value gives 18."""
    for digest in (identity, fingerprint):
        assert digest(make_record(brightness=18)) == digest(make_record(brightness=18.0))
        assert digest(make_record(brightness=-0.0)) == digest(make_record(brightness=0.0))


def test_nested_values_are_compared_in_depth(make_record: Callable[..., Photometry]) -> None:
    one, two = ({"a": {"b": [1, {"c": value}]}} for value in (1, 2))
    assert fingerprint(make_record(extra=one)) != fingerprint(make_record(extra=two))
    assert fingerprint(make_record(extra=one)) == fingerprint(make_record(extra={"a": {"b": [1, {"c": 1}]}}))

"""Compute the identity and the content of a record, as digests.

`identity` covers the fields that make two data the same observation: those of the uniqueness constraints of
the TOM Toolkit (measured on 3.1.0), so a row that is deleted and made again under another primary key is
recognised. `fingerprint` covers everything that leaves the site: it changes when a datum is edited.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from sharecore.records import (
    Astrometry,
    DataFile,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    Report,
    Shareable,
    Spectrum,
    names_of,
)

_EXACT = 2.0**53
"""Below this number each whole number is a float of its own."""

_IDENTITY_FIELDS: dict[type, tuple[str, ...]] = {
    Photometry: ("bandpass", "brightness", "limit", "instrument", "reduction_version"),
    PhotometryLimit: ("bandpass", "limit", "instrument", "reduction_version"),
    Spectrum: ("telescope", "instrument", "flux", "reduction_version"),
    Astrometry: ("telescope", "instrument", "ra", "dec", "reduction_version"),
    OtherDatum: ("data_type", "telescope", "instrument", "extra", "reduction_version"),
    DataFile: ("product_id", "name", "sha256"),
    Report: ("form", "values"),
}


def identity(record: Shareable) -> str:
    """Return 64 hexadecimal digits that name the observation: kind, time and the fields that identify it."""
    return _digest(record, ("timestamp", *_IDENTITY_FIELDS[type(record)]))


def fingerprint(record: Shareable) -> str:
    """Return 64 hexadecimal digits (SHA-256) over every field of the record but its key.

    Changes when the content that leaves the site changes, and never else: 18 and 18.0 are alike. A file
    counts by its digest, the chosen records of a report by their fingerprints.
    """
    return _digest(record, names_of(type(record)))


def _digest(record: Shareable, names: tuple[str, ...]) -> str:
    content = {name: alike(getattr(record, name)) for name in names}
    return hashlib.sha256(_JSON.encode([type(record).__name__, content]).encode()).hexdigest()


def alike(value: object) -> object:
    """Return a value with its numbers in one form: 18 is 18.0, -0.0 is 0.0, and 1e23 is 10**23.

    PostgreSQL gives the numbers of a JSON value back as digits, without an exponent.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        if not value.is_integer():
            return value
        return int(value) if abs(value) < _EXACT else int(Decimal(repr(value)))
    if isinstance(value, tuple | list):
        return [alike(item) for item in value]
    if isinstance(value, Mapping):
        return {key: alike(item) for key, item in value.items()}
    return value


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, Record):
        return fingerprint(value)
    raise TypeError(f"{type(value).__name__} in a record")


_JSON = json.JSONEncoder(sort_keys=True, default=_plain, separators=(",", ":"))

"""Records: what a site observed, free of any framework.

A record is one datum of one target. Detection and upper limit are two types, because 0.0 mag is a
magnitude and "no detection down to 21.3" is not a measurement of 21.3. A record makes sure, when it is made,
that numbers are finite (NaN, by which catalogues mean "unknown", becomes a blank) and that times are aware
UTC datetimes, so that no adapter has to.
Units stay the text that the site stored; `sharecore.units` says what such a text means.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, BinaryIO, TypeVar

from sharecore.exceptions import InvalidRecord

JsonScalar = str | int | float | bool | None
JsonValue = JsonScalar | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
"""What can be written as JSON; numbers are finite."""
MAX_DEPTH = 64
"""How many levels of lists and mappings a value may have: readers of JSON give up at some hundred."""


class Kind(StrEnum):
    """What a record measures, or that it is a file.

    The values stand in keys of records, in the ledger and in REST, and stay as they are.
    """

    PHOTOMETRY = "photometry"
    PHOTOMETRY_LIMIT = "photometry-limit"
    SPECTRUM = "spectrum"
    ASTROMETRY = "astrometry"
    OTHER = "other"
    FILE = "file"


DATA_KINDS = tuple(kind for kind in Kind if kind is not Kind.FILE)
"""The kinds of datum, which is what a continuous share sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKey:
    """The name of a record, the same for every destination and every attempt.

    kind: what the record measures.
    origin: the UUID of the site that observed it; names of sites are not unique.
    id: the record within that site. It outlives the primary key of a database row.
    As a text: `origin/kind/id`.
    """

    kind: Kind
    origin: str
    id: str

    def __str__(self) -> str:
        return f"{self.origin}/{self.kind}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """What all kinds of record share. The fields are those of the tables of tomtoolkit 3.1.0.

    key: its name, the same for every destination and every try.
    timestamp: mid-time or start of the observation as the site stored it; made UTC.
    telescope, instrument, source_name, source_location, reduction_version: texts of the site, empty where
    it says nothing.
    extra: further values of the site, JSON, passed on as they are.
    NaN and infinities become None, also within `extra` and lists.
    Raises `InvalidRecord` for a time without a time zone, for a required number that is not finite, and for
    values nested deeper than `MAX_DEPTH`.
    """

    key: RecordKey
    timestamp: datetime
    telescope: str = ""
    instrument: str = ""
    source_name: str = ""
    source_location: str = ""
    reduction_version: str = ""
    extra: Mapping[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.timestamp.tzinfo is None:
            raise InvalidRecord(field="timestamp", reason=f"{self.timestamp} has no time zone")
        object.__setattr__(self, "timestamp", self.timestamp.astimezone(UTC))
        for name in names_of(type(self)):
            value = getattr(self, name)
            if value is None or type(value) is str:
                continue
            if isinstance(value, float):
                if not math.isfinite(value):
                    self._blank(name, value)
            elif isinstance(value, list | tuple):
                object.__setattr__(self, name, tuple(_without_infinities(name, value)))
            elif isinstance(value, Mapping):
                object.__setattr__(self, name, MappingProxyType(_without_infinities(name, value)))

    def _blank(self, name: str, value: float) -> None:
        if type(self).__dataclass_fields__[name].default is MISSING:
            raise InvalidRecord(field=name, reason=f"must be a finite number, got {value}")
        object.__setattr__(self, name, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Photometry(_Record):
    """A detection.

    brightness, brightness_error: in `unit`. limit: the limiting brightness of the same exposure, in `unit`,
    where the site noted it. exposure_time: seconds. bandpass: as the site names it ("r", "V", "F606W").
    """

    brightness: float
    brightness_error: float | None = None
    limit: float | None = None
    unit: str = ""
    bandpass: str
    exposure_time: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotometryLimit(_Record):
    """A non-detection: nothing brighter than `limit` (in `unit`) was there.

    limit_error: the error that the site stored beside it, in `unit`; most sites store none. bandpass: as the
    site names it. exposure_time: seconds.
    """

    limit: float
    limit_error: float | None = None
    unit: str = ""
    bandpass: str
    exposure_time: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum(_Record):
    """A spectrum: flux (n,) in `flux_unit` at wavelength (n,) in `wavelength_unit`, error (n,) or empty.

    The three are kept as the site stored them, so their lengths may differ, and a blank pixel is None: an
    adapter that cannot express these answers `Unsupported`. setup: of the instrument, in the site's words.
    exposure_time: seconds.
    """

    flux: tuple[float | None, ...]
    wavelength: tuple[float | None, ...] = ()
    error: tuple[float | None, ...] = ()
    flux_unit: str = ""
    wavelength_unit: str = ""
    setup: str = ""
    exposure_time: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Astrometry(_Record):
    """A measured position.

    ra, dec: degrees (ICRS). ra_error, dec_error: in `ra_error_units` and `dec_error_units`, texts of the
    site such as "arcsec".
    """

    ra: float
    dec: float
    ra_error: float | None = None
    dec_error: float | None = None
    ra_error_units: str = ""
    dec_error_units: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherDatum(_Record):
    """A datum of a type that only the site knows. data_type: its name there; the values are in `extra`."""

    data_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile(_Record):
    """A file that the site keeps beside its data, such as the image or the table from which they came.

    It is shared on request only, by `Adapter.deliver_file`, and is in no batch of records. timestamp: when
    the site took it in. name: without folders. product_id: the site's own name for it. data_product_type: as
    the site sorts it ("photometry", "fits_file"). media_type: as of RFC 6838. size: bytes. sha256: of the
    content, 64 hexadecimal digits. open: gives the content from its beginning, to be closed by who reads it;
    raises OSError. The framework never holds a file in memory as a whole.
    """

    name: str
    product_id: str = ""
    data_product_type: str = ""
    media_type: str = "application/octet-stream"
    size: int
    sha256: str
    open: Callable[[], BinaryIO] = field(repr=False, compare=False)


Record = Photometry | PhotometryLimit | Spectrum | Astrometry | OtherDatum
"""One datum of a target; what it measures is its type."""
Shareable = Record | DataFile
"""All that can leave a site: what the hooks of a plugin are asked about."""
_names: dict[type, tuple[str, ...]] = {}
_Any = TypeVar("_Any", bound=_Record)


def names_of(kind: type[_Record]) -> tuple[str, ...]:
    """The fields of a class of record that are content: not its key, and not how a file is opened."""
    if kind not in _names:
        _names[kind] = tuple(each.name for each in fields(kind) if each.name != "key" and each.compare)
    return _names[kind]


def with_key(record: _Any, key: RecordKey) -> _Any:
    """The same record under another key. Its values were checked when it was made, and are not again."""
    renamed: _Any = object.__new__(type(record))
    object.__setattr__(renamed, "key", key)
    for name in names_of(type(record)):
        object.__setattr__(renamed, name, getattr(record, name))
    if isinstance(record, DataFile):
        object.__setattr__(renamed, "open", record.open)
    return renamed


def _without_infinities(name: str, value: Any, depth: int = 0) -> Any:
    """The same JSON value, with None for each number that is not finite. name: of the field."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping | list | tuple) and depth > MAX_DEPTH:
        raise InvalidRecord(field=name, reason=f"must not be nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return {key: _without_infinities(name, item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple) and not _plainly_finite(value):
        return [_without_infinities(name, item, depth + 1) for item in value]
    return value


def _plainly_finite(values: Sequence[object]) -> bool:
    """Are these finite numbers and nothing else? Spectra are long, and this is how it is found out fast."""
    try:
        return all(map(math.isfinite, values))  # type: ignore[arg-type]
    except (TypeError, OverflowError):
        return False

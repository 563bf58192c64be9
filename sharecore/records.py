"""Records: the data of a site, free of any framework.

A record is one datum of one target. Detection and upper limit are two types, because 0.0 mag is a magnitude
and "no detection down to 21.3" is not a measurement of 21.3. Making a record ensures that numbers are finite
(NaN, by which catalogues mean "unknown", becomes a blank) and that times are aware UTC datetimes, so that no
adapter has to check. Units stay the text that the site stored; `sharecore.units` reads such a text.
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
"""A value that can be written as JSON; numbers are finite."""
MAX_DEPTH = 64
"""Largest number of levels of lists and mappings in a value: readers of JSON give up at some hundred."""


class Kind(StrEnum):
    """The kind of a record: a type of measurement, a file, or a report.

    The values stand in keys of records, in the ledger and in REST, and stay as they are.
    """

    PHOTOMETRY = "photometry"
    PHOTOMETRY_LIMIT = "photometry-limit"
    SPECTRUM = "spectrum"
    ASTROMETRY = "astrometry"
    OTHER = "other"
    FILE = "file"
    REPORT = "report"


DATA_KINDS = tuple(kind for kind in Kind if kind not in (Kind.FILE, Kind.REPORT))
"""The kinds of datum: all that a continuous share sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKey:
    """The name of a record, the same for every destination and every attempt.

    As a text: `origin/kind/id`.
    """

    kind: Kind
    """Kind of the record."""
    origin: str
    """UUID of the site that observed the record; names of sites are not unique."""
    id: str
    """Name of the record within that site. It outlives the primary key of a database row."""

    def __str__(self) -> str:
        return f"{self.origin}/{self.kind}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """The fields that all kinds of record share: those of the tables of tomtoolkit 3.1.0.

    NaN and infinities become None, also within `extra` and lists. Raises `InvalidRecord` for a time without a
    time zone, for a required number that is not finite, and for values nested deeper than `MAX_DEPTH`.
    """

    key: RecordKey
    """Name of the record, the same for every destination and every attempt."""
    timestamp: datetime
    """Mid-time or start of the observation, as the site stored it; converted to UTC."""
    telescope: str = ""
    """Telescope, in the words of the site; empty where unknown."""
    instrument: str = ""
    """Instrument, in the words of the site; empty where unknown."""
    source_name: str = ""
    """Source of the datum, such as a data service; empty where unknown."""
    source_location: str = ""
    """Place of the datum at its source, such as a URL; empty where unknown."""
    reduction_version: str = ""
    """Version of the reduction; empty where unknown."""
    extra: Mapping[str, JsonValue] = field(default_factory=dict)
    """Further values of the site, JSON, passed on as they are."""

    def __post_init__(self) -> None:
        if self.timestamp.tzinfo is None:
            raise InvalidRecord(field="timestamp", reason=f"must have a time zone, got {self.timestamp}")
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
    """A detection."""

    brightness: float
    """Brightness, in `unit`."""
    brightness_error: float | None = None
    """Error of the brightness, in `unit`."""
    limit: float | None = None
    """Limiting brightness of the same exposure, in `unit`."""
    unit: str = ""
    """Unit, in the words of the site; see `parse_unit`."""
    bandpass: str
    """Bandpass, in the words of the site ("r", "V", "F606W")."""
    exposure_time: float | None = None
    """Exposure time, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotometryLimit(_Record):
    """A non-detection: an upper limit of the brightness."""

    limit: float
    """Limiting brightness, in `unit`: nothing brighter was there."""
    limit_error: float | None = None
    """Error that the site stored beside the limit, in `unit`; most sites store none."""
    unit: str = ""
    """Unit, in the words of the site; see `parse_unit`."""
    bandpass: str
    """Bandpass, in the words of the site ("r", "V", "F606W")."""
    exposure_time: float | None = None
    """Exposure time, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum(_Record):
    """A spectrum.

    Flux, wavelength and error are kept as the site stored them, so their lengths may differ, and a blank
    pixel is None: an adapter that cannot express these answers `Unsupported`.
    """

    flux: tuple[float | None, ...]
    """Flux, shape (n,), in `flux_unit`."""
    wavelength: tuple[float | None, ...] = ()
    """Wavelength, shape (n,), in `wavelength_unit`; may be empty."""
    error: tuple[float | None, ...] = ()
    """Error of the flux, shape (n,), in `flux_unit`; may be empty."""
    flux_unit: str = ""
    """Unit of the flux, in the words of the site."""
    wavelength_unit: str = ""
    """Unit of the wavelength, in the words of the site."""
    setup: str = ""
    """Set-up of the instrument, in the words of the site."""
    exposure_time: float | None = None
    """Exposure time, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Astrometry(_Record):
    """A measured position."""

    ra: float
    """Right ascension, in degrees (ICRS)."""
    dec: float
    """Declination, in degrees (ICRS)."""
    ra_error: float | None = None
    """Error of the right ascension, in `ra_error_units`."""
    dec_error: float | None = None
    """Error of the declination, in `dec_error_units`."""
    ra_error_units: str = ""
    """Unit of `ra_error`, in the words of the site ("arcsec")."""
    dec_error_units: str = ""
    """Unit of `dec_error`, in the words of the site ("arcsec")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherDatum(_Record):
    """A datum of a type that only the site knows; its values are in `extra`."""

    data_type: str
    """Name of the type at the site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile(_Record):
    """A file that the site keeps beside its data, such as the image or the table from which they came.

    Shared on request only, by `Adapter.deliver_file`, and in no batch of records. `timestamp` is the time at
    which the site stored the file. The framework never holds a whole file in memory.
    """

    name: str
    """Name of the file, without folders."""
    product_id: str = ""
    """Name of the data product at the site."""
    data_product_type: str = ""
    """Type of the data product at the site ("photometry", "fits_file")."""
    media_type: str = "application/octet-stream"
    """Media type, as of RFC 6838."""
    size: int
    """Size, in bytes."""
    sha256: str
    """SHA-256 of the content, 64 hexadecimal digits."""
    open: Callable[[], BinaryIO] = field(repr=False, compare=False)
    """Return the content as a stream from its beginning, to be closed by the caller; raises OSError."""


Record = Photometry | PhotometryLimit | Spectrum | Astrometry | OtherDatum
"""One datum of a target; its type is the kind of measurement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(_Record):
    """A report about a target, made by a person on a form: an AT report, a classification.

    Shared on request only, by `Adapter.deliver_report`, and in no batch of records. `timestamp` is the time
    at which the person made it. Raises `InvalidRecord` for chosen data that are no records.
    """

    form: str
    """Name of the `ReportForm`."""
    values: Mapping[str, JsonValue] = field(default_factory=dict)
    """Values by name of the field, in the form that its `FieldType` says; blank fields are left out."""
    data: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    """Chosen records by name of the field, in the order of the choice; blank fields are left out."""

    def __post_init__(self) -> None:
        chosen: dict[str, tuple[Record, ...]] = {}
        for name, records in self.data.items():
            chosen[name] = tuple(records)
            for each in chosen[name]:
                if not isinstance(each, Record):
                    raise InvalidRecord(field=name, reason=f"must hold records, got a {type(each).__name__}")
        object.__setattr__(self, "data", None)
        _Record.__post_init__(self)
        object.__setattr__(self, "data", MappingProxyType(chosen))

    @property
    def records(self) -> tuple[Record, ...]:
        """Return all chosen records, each once."""
        return tuple({each.key: each for chosen in self.data.values() for each in chosen}.values())


Shareable = Record | DataFile | Report
"""All that can leave a site: the subject of the hooks of a plugin."""
Alone = DataFile | Report
"""What is sent in a call of its own, and only when a person asks for it."""
_names: dict[type, tuple[str, ...]] = {}
_Any = TypeVar("_Any", bound=_Record)


def names_of(kind: type[_Record]) -> tuple[str, ...]:
    """Return the names of the fields that are content: all but the key and the function that opens a file."""
    if kind not in _names:
        _names[kind] = tuple(each.name for each in fields(kind) if each.name != "key" and each.compare)
    return _names[kind]


def with_key(record: _Any, key: RecordKey) -> _Any:
    """Return the same record under another key, without a second check of its values."""
    renamed: _Any = object.__new__(type(record))
    object.__setattr__(renamed, "key", key)
    for name in names_of(type(record)):
        object.__setattr__(renamed, name, getattr(record, name))
    if isinstance(record, DataFile):
        object.__setattr__(renamed, "open", record.open)
    return renamed


def _without_infinities(name: str, value: Any, depth: int = 0) -> Any:
    """Return the same JSON value, with None for each number that is not finite.

    Args:
        name: field of the record, for the error.
        value: JSON value.
        depth: level of nesting.
    """
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
    """Return whether a list holds finite numbers alone. Spectra are long, and this is the fast way to find
    out.
    """
    try:
        return all(map(math.isfinite, values))  # type: ignore[arg-type]
    except (TypeError, OverflowError):
        return False

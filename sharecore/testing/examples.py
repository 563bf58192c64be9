"""Example records, targets and batches: every kind, the usual ones and those that adapters trip over.

All of them are made up, but of shapes that TOMs really hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import count
from types import MappingProxyType
from typing import Any

from sharecore.adapter import Batch, Site
from sharecore.addresses import Address
from sharecore.records import (
    Astrometry,
    DataFile,
    Kind,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    RecordKey,
    Report,
    Spectrum,
)
from sharecore.targets import Orbit, OrbitScheme, Position, Target

SITE = Site(origin="6f0d3a52-8d1e-4c55-9f6e-0d1c2b3a4958", name="Example TOM")
START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

_KINDS: dict[type[Any], Kind] = {
    Photometry: Kind.PHOTOMETRY,
    PhotometryLimit: Kind.PHOTOMETRY_LIMIT,
    Spectrum: Kind.SPECTRUM,
    Astrometry: Kind.ASTROMETRY,
    OtherDatum: Kind.OTHER,
}
_numbers = count(1)


def example_record(kind: type[Any] = Photometry, **fields: Any) -> Any:
    """Return a record of this type with a key of its own; fields that are not given have usual values."""
    number = next(_numbers)
    usual: dict[type[Any], dict[str, Any]] = {
        Photometry: {"brightness": 18.5, "brightness_error": 0.02, "unit": "mag(AB)", "bandpass": "r"},
        PhotometryLimit: {"limit": 21.3, "unit": "mag(AB)", "bandpass": "r"},
        Spectrum: {
            "wavelength": (4000.0, 4001.5, 4003.0),
            "flux": (1.2e-16, -3e-18, 0.0),
            "error": (1e-18, 1e-18, 2e-18),
            "wavelength_unit": "Angstrom",
            "flux_unit": "erg / (Angstrom s cm2)",
        },
        Astrometry: {"ra": 150.1, "dec": -12.5},
        OtherDatum: {"data_type": "redshift", "extra": {"z": 0.031}},
    }
    common = {
        "key": RecordKey(kind=_KINDS[kind], origin=SITE.origin, id=f"example-{number}"),
        "timestamp": START + timedelta(seconds=number),
        "telescope": "1m0",
        "instrument": "fa12",
    }
    return kind(**common | usual[kind] | fields)


def example_file(content: bytes = b"time,magnitude\n61041.5,18.5\n", **fields: Any) -> DataFile:
    """Return a file with this content and a key of its own; fields that are not given have usual values."""
    number = next(_numbers)
    usual: dict[str, Any] = {
        "key": RecordKey(kind=Kind.FILE, origin=SITE.origin, id=f"example-{number}"),
        "timestamp": START + timedelta(seconds=number),
        "name": f"night {number}.csv",
        "data_product_type": "photometry",
        "media_type": "text/csv",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "open": lambda: BytesIO(content),
    }
    return DataFile(**usual | fields)


def example_report(**fields: Any) -> Report:
    """Return a report with a key of its own; fields that are not given have usual values."""
    number = next(_numbers)
    usual: dict[str, Any] = {
        "key": RecordKey(kind=Kind.REPORT, origin=SITE.origin, id=f"example-{number}"),
        "timestamp": START + timedelta(seconds=number),
        "form": "at-report",
    }
    return Report(**usual | fields)


def example_records() -> dict[str, Record]:
    """Return records by their special feature, new each time; the first five are a usual one of each kind."""
    usual: dict[str, Record] = {
        "detection": example_record(),
        "upper limit": example_record(PhotometryLimit),
        "spectrum": example_record(Spectrum),
        "astrometry": example_record(Astrometry),
        "other datum": example_record(OtherDatum),
    }
    hard: dict[str, Record] = {
        "detection of exactly 0.0 mag": example_record(brightness=0.0, brightness_error=0.0),
        "negative magnitude": example_record(brightness=-26.74, bandpass="V", unit="mag(Vega)"),
        "negative flux": example_record(brightness=-1.5, brightness_error=2.0, unit="uJy"),
        "detection with the limit of its exposure": example_record(limit=21.9, exposure_time=300.0),
        "no unit": example_record(unit=""),
        "unit that nobody knows": example_record(unit="counts per fortnight"),
        "no bandpass": example_record(bandpass=""),
        "no telescope, no instrument, no error": example_record(
            telescope="", instrument="", brightness_error=None
        ),
        "words of every script": example_record(
            telescope="Observatório « 望遠鏡 »",
            instrument="\u03b1-\u212b\u00b5",
            source_name="a\tb\n<b>&'\"\\",
        ),
        "very long text": example_record(instrument="i" * 3000),
        "nested extra values": example_record(
            extra={"brightness": 3, "id": 7, "a": {"b": [1, None, {"c": "d"}]}, "ok": True, "n": 10**15}
        ),
        "very small and very large numbers": example_record(
            brightness=1e-300, brightness_error=1e300, unit="Jy"
        ),
        "limit with an error": example_record(PhotometryLimit, limit_error=0.3, exposure_time=0.0),
        "limit of exactly 0.0 mag": example_record(PhotometryLimit, limit=0.0),
        "spectrum without wavelengths": example_record(Spectrum, wavelength=(), error=()),
        "spectrum of unequal lengths": example_record(Spectrum, wavelength=(4000.0,), error=()),
        "empty spectrum": example_record(Spectrum, flux=(), wavelength=(), error=()),
        "spectrum of one point": example_record(Spectrum, flux=(1.0,), wavelength=(5000.0,), error=()),
        "position of exactly 0, 0": example_record(Astrometry, ra=0.0, dec=0.0),
        "position with errors": example_record(
            Astrometry, ra_error=0.1, dec_error=0.2, ra_error_units="arcsec", dec_error_units="mas"
        ),
        "other datum without values": example_record(OtherDatum, data_type="note", extra={}),
        "the first second of 1970": example_record(timestamp=datetime(1970, 1, 1, tzinfo=UTC)),
        "far in the future": example_record(timestamp=datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    }
    return usual | hard


RECORDS: Mapping[str, Record] = MappingProxyType(example_records())
"""One set of `example_records`, for tests that only read them."""

TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "sidereal": Target(
            name="SN 2026abc",
            aliases=("ZTF26aaaaaaa",),
            position=Position(ra=150.1, dec=-12.5, epoch=2000.0),
        ),
        "at 0, 0": Target(name="origin", position=Position(ra=0.0, dec=0.0)),
        "without position": Target(name="AT 2026 (lost)"),
        "of every script": Target(
            name="\u03b1 Cen « 星 » / \"quoted\" & 'so on'", aliases=("", "a,b", "c:d"), extras={"z": "0.1"}
        ),
        "minor planet": Target(
            name="(99942) Apophis",
            sidereal=False,
            orbit=Orbit(
                scheme=OrbitScheme.MPC_MINOR_PLANET,
                epoch_of_elements=60200.0,
                mean_anomaly=180.1,
                arg_of_perihelion=126.6,
                eccentricity=0.19,
                lng_asc_node=204.0,
                inclination=3.3,
                semimajor_axis=0.92,
                abs_mag=19.7,
                slope=0.24,
            ),
        ),
    }
)
"""Targets by their special feature; the first is the usual one."""


def example_batch(*records: Record, **fields: Any) -> Batch:
    """Return a batch with these records; further fields as of `Batch`, for example `address` or `target`."""
    given: dict[str, Any] = {"site": SITE, "address": Address("example"), "target": TARGETS["sidereal"]}
    return Batch(records=_ordered(records), **given | fields)


def _ordered(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple(sorted(records, key=lambda record: record.timestamp))

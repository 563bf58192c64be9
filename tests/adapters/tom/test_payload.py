"""Records as rows: each field under the name that the receiver reads, nothing else read out of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sharecore.adapter import Site
from sharecore.outcomes import Unsupported
from sharecore.records import (
    Astrometry,
    Kind,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    RecordKey,
    Spectrum,
)
from sharecore_tom.payload import row
from sharecore_tom.receiver import Generation

SITE = Site(origin="site-uuid", name="Site A")
TIME = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
NEW, OLD = Generation.TYPED, Generation.ONE_TABLE


def make(kind, **values):
    kinds = {
        Photometry: Kind.PHOTOMETRY,
        PhotometryLimit: Kind.PHOTOMETRY_LIMIT,
        Spectrum: Kind.SPECTRUM,
        Astrometry: Kind.ASTROMETRY,
        OtherDatum: Kind.OTHER,
    }
    key = RecordKey(kind=kinds[kind], origin="site-uuid", id="4711")
    return kind(**{"key": key, "timestamp": TIME, **values})


FULL = {"telescope": "FTN", "instrument": "fa07", "reduction_version": "v2"}


@pytest.mark.parametrize(
    ("record", "new", "old"),
    [
        (
            make(Photometry, brightness=18.0, brightness_error=0.02, limit=21.0, unit="AB", bandpass="r",
                 exposure_time=30.0, **FULL),
            {"brightness": 18.0, "brightness_error": 0.02, "limit": 21.0, "unit": "AB", "bandpass": "r",
             "exposure_time": 30.0, **FULL},
            {"magnitude": 18.0, "error": 0.02, "limit": 21.0, "unit": "AB", "filter": "r",
             "exposure_time": 30.0, **FULL},
        ),
        (
            make(Photometry, brightness=0.0, bandpass="V"),
            {"brightness": 0.0, "bandpass": "V"},
            {"magnitude": 0.0, "filter": "V"},
        ),
        (
            make(PhotometryLimit, limit=21.3, limit_error=0.1, unit="AB", bandpass="g"),
            {"limit": 21.3, "brightness_error": 0.1, "unit": "AB", "bandpass": "g"},
            {"limit": 21.3, "error": 0.1, "unit": "AB", "filter": "g"},
        ),
        (
            make(Spectrum, flux=(1.0, 2.0), wavelength=(4000.0, 4001.0), error=(0.1, 0.2), flux_unit="Jy",
                 wavelength_unit="Angstrom", setup="red", exposure_time=60.0, **FULL),
            {"flux": [1.0, 2.0], "wavelength": [4000.0, 4001.0], "error": [0.1, 0.2], "flux_unit": "Jy",
             "wavelength_unit": "Angstrom", "setup": "red", "exposure_time": 60.0, **FULL},
            {"flux": [1.0, 2.0], "wavelength": [4000.0, 4001.0], "error": [0.1, 0.2], "flux_units": "Jy",
             "wavelength_units": "Angstrom", "setup": "red", "exposure_time": 60.0, **FULL},
        ),
        (
            make(Astrometry, ra=1.0, dec=-2.0, ra_error=0.1, dec_error=0.2, ra_error_units="arcsec",
                 dec_error_units="mas"),
            {"ra": 1.0, "dec": -2.0, "ra_error": 0.1, "dec_error": 0.2, "ra_error_units": "arcsec",
             "dec_error_units": "mas"},
            {"ra": 1.0, "dec": -2.0, "ra_error": 0.1, "dec_error": 0.2, "ra_error_units": "arcsec",
             "dec_error_units": "mas"},
        ),
        (
            make(OtherDatum, data_type="radio", extra={"flux": 1.5, "deep": {"a": [1, None]}}),
            {"flux": 1.5, "deep": {"a": [1, None]}},
            {"flux": 1.5, "deep": {"a": [1, None]}},
        ),
    ],
    ids=["detection", "bare detection", "limit", "spectrum", "astrometry", "other"],
)  # fmt: skip
def test_values_by_kind_and_generation(record, new, old):
    assert row(record, SITE, NEW)["value"] == new
    assert row(record, SITE, OLD)["value"] == old
    assert isinstance(row(record, SITE, OLD)["value"].get("magnitude", 0.0), float), "2.x plots floats only"


@pytest.mark.parametrize("at", [NEW, OLD])
def test_the_rest_of_a_row(at):
    record = make(
        Photometry, brightness=1.0, bandpass="r", source_name="MARS", source_location="https://mars/1"
    )
    sent = row(record, SITE, at)
    assert sent.keys() == {"data_type", "timestamp", "value", "source_name", "source_location"}
    assert sent["timestamp"] == "2026-01-02T03:04:05.678901Z"
    assert (sent["source_name"], sent["source_location"]) == ("MARS", "https://mars/1")
    assert "4711" not in str(sent), "the sender's key must not leave"


def test_a_time_of_another_zone_and_a_whole_second():
    east = datetime(2026, 1, 2, 5, tzinfo=timezone(timedelta(hours=2)))
    record = make(Photometry, brightness=1.0, bandpass="r", timestamp=east)
    assert row(record, SITE, NEW)["timestamp"] == "2026-01-02T03:00:00.000000Z"


def test_without_a_source_the_site_is_the_source():
    sent = row(make(Photometry, brightness=1.0, bandpass="r"), Site(origin="o", name="T" * 300), NEW)
    assert sent["source_name"] == "T" * 100
    assert sent["source_location"] == ("shared from " + "T" * 300)[:200]


@pytest.mark.parametrize("at", [NEW, OLD])
@pytest.mark.parametrize(
    "name",
    ["mag", "magnitude", "error", "filter", "f", "limit", "timestamp", "target", "data_type", "id", "value"],
)
def test_extra_values_never_take_the_place_of_a_field(at, name):
    sent = row(make(Photometry, brightness=18.0, bandpass="r", extra={name: 5, "note": "x"}), SITE, at)
    plain = row(make(Photometry, brightness=18.0, bandpass="r"), SITE, at)
    assert sent["value"] == plain["value"] | {f"extra_{name}": 5, "note": "x"}


def test_a_moved_extra_value_does_not_push_out_another():
    sent = row(make(Photometry, brightness=1.0, bandpass="r", extra={"mag": 5, "extra_mag": 6}), SITE, NEW)
    assert sent["value"] == {"brightness": 1.0, "bandpass": "r", "extra_mag": 6, "extra_extra_mag": 5}


def test_other_data_of_the_same_names_stay_whole_in_2x():
    record = make(OtherDatum, data_type="photometry", extra={"magnitude": 18.0, "filter": "r"})
    assert row(record, SITE, OLD)["value"] == {"magnitude": 18.0, "filter": "r"}


@pytest.mark.parametrize(
    ("record", "feature"),
    [
        (make(Photometry, brightness=1.0, bandpass=""), "bandpass"),
        (make(PhotometryLimit, limit=1.0, bandpass=""), "bandpass"),
        (make(Photometry, brightness=1.0, bandpass="r", unit="u" * 33), "unit-length"),
        (make(Photometry, brightness=1.0, bandpass="r" * 33), "bandpass-length"),
        (
            make(Photometry, brightness=1.0, bandpass="r", reduction_version="v" * 51),
            "reduction_version-length",
        ),
        (make(Spectrum, flux=(1.0,), setup="s" * 2001), "setup-length"),
        (make(OtherDatum, data_type="radio"), "empty-value"),
        (make(OtherDatum, data_type="Photometry", extra={"magnitude": 1.0}), "data-type"),
    ],
)
def test_what_a_3x_tom_cannot_hold_is_not_sent(record, feature):
    lacking = row(record, SITE, NEW)
    assert isinstance(lacking, Unsupported)
    assert lacking.feature == feature


def test_2x_plots_fail_without_a_filter_so_that_one_is_always_there():
    assert row(make(Photometry, brightness=1.0, bandpass=""), SITE, OLD)["value"]["filter"] == ""

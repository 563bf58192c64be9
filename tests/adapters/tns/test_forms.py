"""The forms that a person fills in, and what is said of them before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.tns.conftest import Open
from adapters.tns.samples import DETECTION, LIMIT, NIGHT, SPECTRUM, at_report, classification
from sharecore import DestinationError, Photometry, Position, ReportField, Target
from sharecore.testing import answer, example_batch, example_record
from sharecore_tns import options
from sharecore_tns.equipment import filter_field, instrument_field
from standins.tns import Tns

LATER = replace(example_record(), timestamp=NIGHT + timedelta(hours=1), bandpass="g", instrument="unknown")


def form(adapter: Any, name: str, *records: Any, **fields: Any) -> dict[str, ReportField]:
    batch = example_batch(*records, shared_by="eve", **fields)
    forms = {each.name: each for each in adapter.report_forms(batch)}
    return {each.name: each for each in forms[name].fields}


def test_an_at_report_is_suggested_from_target_and_data(opened: Open) -> None:
    early = replace(LIMIT, key=example_record().key, timestamp=NIGHT - timedelta(days=9))
    fields = form(opened(), "at-report", DETECTION, LATER, LIMIT, early)
    initial = {name: each.initial for name, each in fields.items() if each.initial is not None}
    assert initial == {
        "ra": 150.1,
        "dec": -12.5,
        "reporting_group": "66",
        "data_source_group": "66",
        "reporter": "A. Author (Our Observatory)",
        "at_type": "1",
        "discovery": str(DETECTION.key),
        "non_detection": str(LIMIT.key),
        filter_field("r"): "22",
        filter_field("V"): "14",
        instrument_field(DETECTION): "111",
    }
    assert {name for name, each in fields.items() if each.required} == {
        "ra", "dec", "reporting_group", "data_source_group", "reporter", "at_type", "discovery",
    }  # fmt: skip
    assert fields[filter_field("g")].label == "Filter g"
    assert ("110", "g-ZTF") in fields[filter_field("g")].choices
    assert fields["reporting_group"].choices == (("66", "Global SN Project"),)
    assert len(fields["data_source_group"].choices) == 3


def test_a_classification_is_suggested_from_target_and_data(opened: Open) -> None:
    target = Target(name="ZTF26abc", aliases=("AT 2026xyz",), position=Position(ra=1.0, dec=2.0))
    old = replace(SPECTRUM, key=example_record().key, timestamp=NIGHT - timedelta(days=1))
    fields = form(opened(OBSERVER="B. Observer"), "classification", old, SPECTRUM, DETECTION, target=target)
    initial = {name: each.initial for name, each in fields.items() if each.initial is not None}
    assert initial == {
        "name": "2026xyz",
        "classifier": "A. Author (Our Observatory)",
        "group": "66",
        "spectrum": str(SPECTRUM.key),
        "spectrum_type": "1",
        "observer": "B. Observer",
        instrument_field(SPECTRUM): "6",
    }


def test_defaults_of_the_settings_are_suggestions(opened: Open) -> None:
    adapter = opened(
        REPORTER="{author} ({user} of {site})", AT_TYPE="AGN", DATA_SOURCE_GROUP="lco",
        DEFAULT_INSTRUMENT="196",
    )  # fmt: skip
    own = replace(DETECTION, telescope="", instrument="")
    foreign = replace(own, source_name="ALeRCE", instrument="", telescope="elsewhere")
    fields = form(adapter, "at-report", own, foreign, author="Eve Meyer (LCO)")
    assert fields["reporter"].initial == "Eve Meyer (LCO) (eve of Example TOM)"
    assert (fields["at_type"].initial, fields["data_source_group"].initial) == ("3", "2")
    assert fields[instrument_field(own)].initial == "196"
    assert fields[instrument_field(foreign)].initial is None, "data of others have an instrument of their own"


def test_a_solar_system_body_has_no_place_to_suggest(opened: Open) -> None:
    target = Target(name="(1) Ceres", sidereal=False)
    assert form(opened(), "at-report", target=target)["ra"].initial is None


def test_options_are_asked_once_an_hour_and_old_ones_go_on(there: Tns, opened: Open) -> None:
    now = [0.0]
    adapter = opened(clock=lambda: now[0])
    asked = lambda: sum(each.path.startswith("/api/get/values") for each in there.server.requests)  # noqa: E731
    for _ in range(3):
        form(adapter, "at-report", DETECTION)
    assert asked() == 1
    now[0] += options.LIFETIME
    there.values["filters"]["22"] = "r-Sloan (new)"
    assert ("22", "r-Sloan (new)") in form(adapter, "at-report", DETECTION)[filter_field("r")].choices
    assert asked() == 2
    now[0] += options.LIFETIME
    there.server.will(answer(504))
    assert ("22", "r-Sloan (new)") in form(adapter, "at-report", DETECTION)[filter_field("r")].choices


def test_there_is_no_form_without_options(there: Tns, opened: Open) -> None:
    there.values["filters"] = {}
    with pytest.raises(DestinationError, match="no filters"):
        form(opened(), "at-report", DETECTION)


BAD_UNIT = replace(DETECTION, unit="mag")
NO_MAGNITUDE = replace(DETECTION, brightness=99.0)
MANY = [replace(DETECTION, key=example_record().key) for _ in range(10)]
UNMAPPED = replace(DETECTION, bandpass="w", instrument="new camera")


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"without": ("ra",)}, "ra", "TNS needs the right ascension"),
        ({"dec": 91.0}, "dec", "must be in degrees, from -90 to 90, got 91"),
        ({"ra_error": -1}, "ra_error", "must be in arcseconds, 0 or more, got -1"),
        ({"without": ("reporting_group",)}, "reporting_group", "TNS needs the group that reports"),
        ({"without": ("data_source_group",)}, "data_source_group", "TNS needs the group of the data"),
        ({"reporter": " "}, "reporter", "TNS needs the names of the reporters"),
        ({"without": ("at_type",)}, "at_type", "TNS needs the type of the transient"),
        ({"host_redshift": 77}, "host_redshift", "must be a redshift from -0.1 to 30, got 77"),
        ({"discovery_datetime": "2027-01-01T00:00:00Z"}, "discovery_datetime", "it is in the future"),
        ({"discovery": ()}, "discovery", "TNS needs the detection of the discovery"),
        ({"discovery": (BAD_UNIT,)}, "discovery", "is in 'mag', and TNS takes AB and Vega magnitudes"),
        ({"discovery": (NO_MAGNITUDE,)}, "discovery", "has the brightness 99, which is no magnitude"),
        ({"photometry": (DETECTION, *MANY)}, "photometry",
         "TNS takes 10 entries of photometry with the discovery, got 11"),
        ({"non_detection": ()}, "non_detection", "TNS needs the last non-detection, or an archive"),
        ({"non_detection": (replace(LIMIT, timestamp=NIGHT),)}, "non_detection", "must be before the disc"),
        ({"non_detection": (), "archive": "1"}, "archival_remarks", "TNS needs remarks on the archive"),
        ({"non_detection": (), "archival_remarks": "nothing"}, "archive", "TNS needs the archive"),
        ({"discovery": (UNMAPPED,)}, filter_field("w"), "Filter w: it has no name at TNS"),
        ({"discovery": (UNMAPPED,)}, instrument_field(UNMAPPED), "Instrument new camera (1m0): it has no"),
    ],
)  # fmt: skip
def test_what_tns_demands_of_an_at_report_is_said_before(
    opened: Open, changes: dict[str, Any], field: str, said: str
) -> None:
    problems = opened().check_report(at_report(**changes), example_batch())
    found = [each for each in problems if each.where == field]
    assert len(found) == 1, problems
    assert said in found[0].what
    assert found[0].hint.endswith(".")


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"without": ("name",)}, "name", "TNS needs the name of the object there"),
        ({"name": "ZTF26abc"}, "name", "must be a name of TNS, got 'ZTF26abc'"),
        ({"without": ("classifier",)}, "classifier", "TNS needs the names of the classifiers"),
        ({"without": ("object_type",)}, "object_type", "TNS needs the type of the object"),
        ({"without": ("group",)}, "group", "TNS needs the group that classifies"),
        ({"without": ("spectrum_type",)}, "spectrum_type", "TNS needs the type of the spectrum"),
        ({"without": ("observer",)}, "observer", "TNS needs the observers"),
        ({"spectrum": ()}, "spectrum", "TNS takes no classification without a spectrum"),
        ({"spectrum": (replace(SPECTRUM, wavelength_unit=""),)}, "spectrum", "no known unit of wavelength"),
        ({"spectrum": (replace(SPECTRUM, flux_unit="Jy"),)}, "spectrum", "has its flux in 'Jy'"),
        ({"spectrum": (replace(SPECTRUM, wavelength=(1.0,)),)}, "spectrum", "as many fluxes as wavelengths"),
        ({"spectrum": (replace(SPECTRUM, flux=(1.0, None)),)}, "spectrum", "a point without a flux"),
        ({"spectrum": (replace(SPECTRUM, instrument="new"),)},
         instrument_field(replace(SPECTRUM, instrument="new")), "Instrument new (2m0): it has no name"),
    ],
)  # fmt: skip
def test_what_tns_demands_of_a_classification_is_said_before(
    opened: Open, changes: dict[str, Any], field: str, said: str
) -> None:
    problems = opened().check_report(classification(**changes), example_batch())
    found = [each for each in problems if each.where == field]
    assert len(found) == 1, problems
    assert said in found[0].what


def test_right_reports_have_no_problem(opened: Open) -> None:
    adapter = opened()
    archived = at_report(non_detection=(), archive="1", archival_remarks="nothing to 21 mag")
    for each in (at_report(), archived, classification(), classification(name="2026aaa")):
        assert adapter.check_report(each, example_batch()) == []


def test_every_problem_names_a_field_that_the_form_has(opened: Open) -> None:
    adapter = opened()
    names = form(adapter, "at-report", UNMAPPED, LIMIT)
    report = at_report(discovery=(UNMAPPED,), without=("ra", "dec", "reporter", "at_type"))
    problems = adapter.check_report(report, example_batch())
    assert len(problems) == 6
    assert {each.where for each in problems} <= set(names)


def test_a_blank_unit_is_filled_in_by_the_settings(opened: Open) -> None:
    report = at_report(discovery=(replace(DETECTION, unit=""),))
    (problem,) = opened().check_report(report, example_batch())
    assert (problem.where, "has no unit" in problem.what) == ("discovery", True)
    adapter = opened(DEFAULT_BRIGHTNESS_UNIT="Vega mag")
    assert adapter.check_report(report, example_batch()) == []
    assert '"flux_unitid": "3"' in adapter.preview_report(report, example_batch()).body


def test_units_are_mapped_by_the_settings(opened: Open) -> None:
    odd = replace(SPECTRUM, flux_unit="cgs", wavelength_unit="nanom")
    reports = at_report(discovery=(replace(DETECTION, unit="magn"),)), classification(spectrum=(odd,))
    adapter = opened(UNIT_MAP={"magn": "Vega mag", "cgs": "erg/s/cm2/A", "nanom": "nm"})
    for each in reports:
        assert len(opened().check_report(each, example_batch())) == 1
        assert adapter.check_report(each, example_batch()) == []
    at, spectrum = (adapter.preview_report(each, example_batch()).body for each in reports)
    assert '"flux_unitid": "3"' in at
    assert "4000 1e-16" in spectrum


def test_records_are_not_taken(opened: Open) -> None:
    adapter, batch = opened(), example_batch(DETECTION)
    ((_, outcome),) = adapter.deliver(batch)
    assert "made on the page of a target" in getattr(outcome, "reason", "")
    assert isinstance(DETECTION, Photometry)
    assert adapter.preview(batch).body == ""

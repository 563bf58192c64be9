"""Filters: what passes, how the written form is read, and the sentence for people."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharecore.exceptions import ConfigurationError
from sharecore.filters import Filter, Names
from sharecore.records import Astrometry, Kind, OtherDatum, Photometry, PhotometryLimit, Spectrum
from sharecore.testing.examples import example_file, example_record

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WHERE = "DATA_SHARING['x']['ONLY']"

a_name = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)
some_names = st.lists(a_name, min_size=1, max_size=3).map(tuple)
names = st.one_of(
    st.just(Names()), some_names.map(lambda n: Names(only=n)), some_names.map(lambda n: Names(but_not=n))
)
times = st.datetimes(
    min_value=datetime(1950, 1, 1),  # noqa: DTZ001
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))]),
)


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    since, until = sorted(draw(st.lists(times, min_size=2, max_size=2, unique=True)))
    return Filter(
        kinds=tuple(draw(st.sets(st.sampled_from([kind for kind in Kind if kind is not Kind.REPORT])))),
        own=draw(st.booleans()),
        sources=draw(names),
        telescopes=draw(names),
        instruments=draw(names),
        bandpasses=draw(names),
        least_signal_to_noise=draw(st.none() | st.floats(min_value=1e-9, max_value=1e9)),
        observed_since=draw(st.sampled_from([None, since])),
        observed_until=draw(st.sampled_from([None, until])),
    )


def faults(value: object) -> dict[str, str]:
    """The faults that are found in a written filter, by place."""
    with pytest.raises(ConfigurationError) as caught:
        Filter.from_json(value, where=WHERE)
    return {each.where.removeprefix(WHERE): f"{each.what}. {each.hint}" for each in caught.value.problems}


def passes(filter: Filter, record: Any, *, own: bool = True) -> bool:
    assert filter.admits(record, own=own) is not bool(filter.objection(record, own=own))
    return filter.admits(record, own=own)


def test_a_filter_without_conditions_lets_everything_through() -> None:
    for kind in (Photometry, PhotometryLimit, Spectrum, Astrometry, OtherDatum):
        assert passes(Filter(), example_record(kind), own=False)
    assert passes(Filter(), example_file(), own=False)
    assert not Filter()
    assert str(Filter()) == "All data."


def test_kinds() -> None:
    only_spectra = Filter(kinds=(Kind.SPECTRUM,))
    assert passes(only_spectra, example_record(Spectrum))
    assert not passes(only_spectra, example_record(PhotometryLimit))
    assert only_spectra.objection(example_record(), own=True) == "the filter lets through only spectra"


@pytest.mark.parametrize(
    ("data_type", "kind"),
    [("Photometry", Kind.PHOTOMETRY), ("spectroscopy", Kind.SPECTRUM), ("radio", Kind.OTHER)],
)
def test_a_record_in_a_form_of_its_own_is_of_the_kind_of_its_type(data_type: str, kind: Kind) -> None:
    record = replace(example_record(OtherDatum), data_type=data_type)
    assert [
        each for each in (Kind.PHOTOMETRY, Kind.SPECTRUM, Kind.OTHER) if passes(Filter(kinds=(each,)), record)
    ] == [kind]


def test_own_data_are_those_of_which_the_site_says_so() -> None:
    assert passes(Filter(own=True), example_record(), own=True)
    assert not passes(Filter(own=True), example_record(), own=False)


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        ("sources", "source_name"),
        ("telescopes", "telescope"),
        ("instruments", "instrument"),
        ("bandpasses", "bandpass"),
    ],
)
def test_names_are_compared_letter_by_letter_without_blanks_around_them(condition: str, field: str) -> None:
    only = Filter(**{condition: Names(only=("r ",))})  # type: ignore[arg-type]
    but_not = Filter(**{condition: Names(but_not=("r",))})  # type: ignore[arg-type]
    for name, meant in (("r", True), (" r ", True), ("R", False), ("rp", False), ("", False)):
        record = example_record(**{field: name})
        assert passes(only, record) is meant
        assert passes(but_not, record) is not meant


def test_bandpasses_concern_photometry_and_limits_only() -> None:
    only_r = Filter(bandpasses=Names(only=("r",)))
    assert not passes(only_r, example_record(PhotometryLimit, bandpass="g"))
    assert passes(only_r, example_record(Spectrum))


@pytest.mark.parametrize(
    ("values", "ratio"),
    [
        ({"brightness": 18.5, "brightness_error": 0.1, "unit": "ABmag"}, 10.857),
        ({"brightness": 0.0, "brightness_error": 0.1, "unit": " "}, 10.857),
        ({"brightness": 3.0, "brightness_error": 0.5, "unit": "mJy"}, 6.0),
        ({"brightness": -3.0, "brightness_error": 0.5, "unit": "uJy"}, 6.0),
    ],
)
def test_signal_to_noise_of_magnitudes_and_fluxes(values: dict[str, Any], ratio: float) -> None:
    record = example_record(**values)
    assert passes(Filter(least_signal_to_noise=ratio - 0.001), record)
    assert not passes(Filter(least_signal_to_noise=ratio + 0.001), record)


def test_a_detection_of_unknown_signal_to_noise_does_not_pass() -> None:
    least = Filter(least_signal_to_noise=5)
    for error in (None, 0.0, -0.1):
        assert "the error of this one is not known" in least.objection(
            example_record(brightness_error=error), own=True
        )
    strange = example_record(unit="parrots", brightness_error=0.01)
    assert "the unit of this one is unknown: 'parrots'" in least.objection(strange, own=True)


def test_signal_to_noise_concerns_detections_only() -> None:
    for kind in (PhotometryLimit, Spectrum, Astrometry, OtherDatum):
        assert passes(Filter(least_signal_to_noise=1000), example_record(kind))


def test_times_begin_with_the_first_and_end_before_the_last() -> None:
    between = Filter(observed_since=NEW_YEAR, observed_until=NEW_YEAR + SECOND)
    for shift, meant in ((-SECOND, False), (0 * SECOND, True), (SECOND / 2, True), (SECOND, False)):
        assert passes(between, example_record(timestamp=NEW_YEAR + shift)) is meant


def test_a_file_is_tested_by_its_kind_alone() -> None:
    narrow = Filter(
        own=True, telescopes=Names(only=("FTN",)), observed_since=datetime(2999, 1, 1, tzinfo=UTC)
    )
    assert passes(narrow, example_file(), own=False)
    assert not passes(Filter(kinds=(Kind.PHOTOMETRY,)), example_file())
    assert passes(Filter(kinds=(Kind.FILE,)), example_file())


@given(filters())
def test_what_is_written_is_read_as_the_same_filter(filter: Filter) -> None:
    written = json.loads(json.dumps(filter.as_json()))
    assert Filter.from_json(written, where=WHERE) == filter
    assert hash(Filter.from_json(written, where=WHERE)) == hash(filter)
    assert written["version"] == 1
    assert bool(filter) is (len(written) > 1)


def test_the_order_of_names_and_kinds_means_nothing() -> None:
    one = {"kinds": ["spectrum", "photometry"], "telescopes": {"only": ["FTN", "FTS", "FTN"]}}
    other = {"kinds": ["photometry", "spectrum"], "telescopes": {"only": ["FTS", "FTN"]}}
    assert Filter.from_json(one, where=WHERE).as_json() == Filter.from_json(other, where=WHERE).as_json()


@pytest.mark.parametrize("nothing", [None, {}, {"version": 1}, {"own": False}])
def test_no_conditions_are_no_filter(nothing: object) -> None:
    assert Filter.from_json(nothing, where=WHERE) == Filter()


def test_settings_may_have_python_values() -> None:
    given = {
        "kinds": {Kind.PHOTOMETRY, "spectrum"},
        "telescopes": {"not": ("FTN",)},
        "observed_since": date(2026, 1, 1),
        "observed_until": datetime(2026, 2, 1, tzinfo=timezone(timedelta(hours=1))),
    }
    assert Filter.from_json(given, where=WHERE) == Filter(
        kinds=(Kind.PHOTOMETRY, Kind.SPECTRUM),
        telescopes=Names(but_not=("FTN",)),
        observed_since=NEW_YEAR,
        observed_until=datetime(2026, 1, 31, 23, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("written", "place", "fault"),
    [
        ("own", "", "must be a dictionary of conditions, got 'own'"),
        ({"telescope": {"only": ["FTN"]}}, "['telescope']", "is no condition. Did you mean 'telescopes'?"),
        ({"colour": 1}, "['colour']", "is no condition. There are: kinds, own, sources,"),
        ({"kinds": "photometry"}, "['kinds']", "must be a list, got 'photometry'"),
        ({"kinds": []}, "['kinds']", "is an empty list"),
        (
            {"kinds": ["spectrum", "limit"]},
            "['kinds'][1]",
            "must be one of photometry, photometry-limit, spec",
        ),
        ({"kinds": ["spectra"]}, "['kinds'][0]", "Did you mean 'spectrum'?"),
        ({"kinds": [["spectrum"]]}, "['kinds'][0]", "must be one of"),
        ({"own": "yes"}, "['own']", "must be True or False, got 'yes'"),
        ({"sources": ["ZTF"]}, "['sources']", "must be a dictionary with one of 'only' and 'not'"),
        ({"sources": {}}, "['sources']", "must be a dictionary with one of"),
        ({"sources": {"only": ["a"], "not": ["b"]}}, "['sources']", "must be a dictionary with one of"),
        ({"sources": {"only": []}}, "['sources']['only']", "is an empty list"),
        ({"sources": {"not": [7]}}, "['sources']['not'][0]", "must be a text, got 7. Write it in quotes"),
        ({"sources": {"not": ["a", " "]}}, "['sources']['not'][1]", "is blank"),
        ({"sources": {"not": ["a\n"]}}, "['sources']['not'][0]", "none of them a control character"),
        ({"sources": {"only": ["a"] * 1001}}, "['sources']['only']", "has 1001 entries. Use at most 1000"),
        ({"least_signal_to_noise": 0}, "['least_signal_to_noise']", "must be a number above 0, got 0"),
        ({"least_signal_to_noise": True}, "['least_signal_to_noise']", "must be a number above 0"),
        ({"least_signal_to_noise": "5"}, "['least_signal_to_noise']", "without quotes"),
        ({"least_signal_to_noise": float("nan")}, "['least_signal_to_noise']", "must be a number above 0"),
        ({"least_signal_to_noise": 10**400}, "['least_signal_to_noise']", "must be a number above 0"),
        ({"observed_since": "2026-01-31T18:30:00"}, "['observed_since']", "has no time zone: 2026-01-31T18:"),
        ({"observed_since": datetime(2026, 1, 1)}, "['observed_since']", "has no time zone"),  # noqa: DTZ001
        ({"observed_since": "soon"}, "['observed_since']", "must be a date or a time with a time zone"),
        ({"observed_since": 61041}, "['observed_since']", "Write it like '2026-01-31' (midnight UTC)"),
        ({"observed_since": "0001-01-01T00:00:00+12:00"}, "['observed_since']", "must be a date or a time"),
        (
            {"observed_since": "2026-01-02", "observed_until": "2026-01-02"},
            "['observed_since']",
            "must lie before observed_until",
        ),
        ({"version": "1"}, "['version']", "must be 1, got '1'"),
        ({"version": 2, "seeing": 1}, "['version']", "was written by a newer sharecore: version 2"),
    ],
)
def test_a_fault_is_named_with_its_place_and_its_remedy(written: object, place: str, fault: str) -> None:
    found = faults(written)
    assert list(found) == [place]
    assert fault in found[place]


def test_all_faults_are_named_at_once() -> None:
    written = {"kind": 1, "own": 1, "kinds": ["a", "b"], "observed_until": "x"}
    assert list(faults(written)) == [
        "['kind']",
        "['own']",
        "['kinds'][0]",
        "['kinds'][1]",
        "['observed_until']",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Names(only=("a",), but_not=("b",)),
        lambda: Names(only=(" ",)),
        lambda: Filter(least_signal_to_noise=0),
        lambda: Filter(observed_since=datetime(2026, 1, 1)),  # noqa: DTZ001
        lambda: Filter(observed_since=NEW_YEAR, observed_until=NEW_YEAR),
    ],
)
def test_no_filter_is_made_that_could_not_be_written(wrong: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        wrong()


PHOTOMETRIC = (Kind.PHOTOMETRY, Kind.PHOTOMETRY_LIMIT)


@pytest.mark.parametrize(
    ("filter", "sentence"),
    [
        (
            Filter(
                kinds=PHOTOMETRIC,
                own=True,
                telescopes=Names(only=("FTN", "FTS")),
                bandpasses=Names(but_not=("w",)),
                least_signal_to_noise=5,
                observed_since=NEW_YEAR,
            ),
            "Only photometry and upper limits observed here, from the telescopes FTN and FTS, not in the "
            "bandpass w, with a signal-to-noise ratio of at least 5, observed from 2026-01-01 on.",
        ),
        (Filter(own=True), "Only data observed here."),
        (
            Filter(kinds=(Kind.SPECTRUM, Kind.OTHER, Kind.ASTROMETRY)),
            "Only spectra, astrometry and other data.",
        ),
        (Filter(sources=Names(but_not=("A", "B", "C"))), "Only data not from the sources A, B or C."),
        (Filter(instruments=Names(only=("X",))), "Only data with the instrument X."),
        (
            Filter(bandpasses=Names(only=("g", "r")), least_signal_to_noise=3.5),
            "Only data, photometry and upper limits only in the bandpasses g and r, detections only with a "
            "signal-to-noise ratio of at least 3.5.",
        ),
        (
            Filter(kinds=(Kind.PHOTOMETRY, Kind.SPECTRUM), bandpasses=Names(but_not=("w",))),
            "Only photometry and spectra, photometry not in the bandpass w.",
        ),
        (
            Filter(observed_since=NEW_YEAR + SECOND, observed_until=NEW_YEAR + 2 * SECOND),
            "Only data observed from 2026-01-01 00:00:01 UTC on and before 2026-01-01 00:00:02 UTC.",
        ),
        (Filter(observed_until=NEW_YEAR), "Only data observed before 2026-01-01."),
    ],
)
def test_the_sentence_for_people(filter: Filter, sentence: str) -> None:
    assert str(filter) == sentence


@given(filters())
def test_every_filter_is_one_sentence(filter: Filter) -> None:
    text = str(filter)
    assert text.startswith("Only ") or text == "All data."
    assert text.endswith(".")
    assert "  " not in text
    groups = (filter.sources, filter.telescopes, filter.instruments, filter.bandpasses)
    begin_so = any(name.startswith(",") for each in groups for name in (*each.only, *each.but_not))
    assert " ," not in text or begin_so


@pytest.mark.parametrize(
    ("filter", "reason"),
    [
        (Filter(own=True), "the filter lets through only data observed here"),
        (
            Filter(telescopes=Names(only=("FTN", "FTS"))),
            "the filter lets through only data from the telescopes FTN and FTS",
        ),
        (
            Filter(telescopes=Names(but_not=("1m0", "FTS"))),
            "the filter lets through no data from the telescope 1m0",
        ),
        (Filter(bandpasses=Names(only=("g",))), "the filter lets through only data in the bandpass g"),
        (
            Filter(least_signal_to_noise=100),
            "the filter lets through only detections with a signal-to-noise ratio of at least 100; "
            "this one has 54.3",
        ),
        (Filter(observed_until=NEW_YEAR), "the filter lets through only data observed before 2026-01-01"),
    ],
)
def test_the_objection_names_the_condition(filter: Filter, reason: str) -> None:
    assert filter.objection(example_record(), own=False) == reason

"""Filters of destinations and shares: in SQL as on records, in the backlog, and when they change."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tom_dataproducts.models import PhotometryReducedDatum, ReducedDatum, SpectroscopyReducedDatum

from sharecore.exceptions import InvalidRecord
from sharecore.filters import Filter, Names
from sharecore.records import DATA_KINDS, Kind
from tom.conftest import NIGHT, Tom, edit
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.filter_conditions import selection
from tom_integration.mapping.own_data import own_rows
from tom_integration.mapping.row_to_record import model_name, record_of
from tom_integration.models import Delivery, InboxRecord, Outbox, write_filter
from tom_integration.outbox import open_outboxes
from tom_integration.services import shares
from tom_integration.worker.scan import Scan

pytestmark = pytest.mark.django_db

WORDS = st.sampled_from(["", "FTN", " FTN ", "FTS", "ftn", "Très Grand", "%", "a'b"])
NAMES = st.one_of(
    st.just(Names()),
    st.lists(WORDS.filter(str.strip), min_size=1, max_size=2).map(lambda names: Names(only=tuple(names))),
    st.lists(WORDS.filter(str.strip), min_size=1, max_size=2).map(lambda names: Names(but_not=tuple(names))),
)
TIMES = st.sampled_from([NIGHT + timedelta(days=each) for each in range(4)])


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    since, until = draw(st.none() | TIMES), draw(st.none() | TIMES)
    if since and until and since >= until:
        until = None
    return Filter(
        kinds=tuple(draw(st.sets(st.sampled_from(DATA_KINDS), max_size=3))),
        own=draw(st.booleans()),
        sources=draw(NAMES),
        telescopes=draw(NAMES),
        instruments=draw(NAMES),
        bandpasses=draw(NAMES),
        least_signal_to_noise=draw(st.sampled_from([None, 3.0, 5.0, 10.0, 180.0])),
        observed_since=since,
        observed_until=until,
    )


COMMON = {
    "timestamp": TIMES,
    "telescope": WORDS,
    "instrument": WORDS,
    "source_name": st.sampled_from(["", "", "", "ZTF", "LCO", "DEFAULT", "FTN"]),
    "source_location": st.sampled_from(["", "", "https://example.org/1"]),
}
KNOWN_UNITS = (
    "", "  ", "mag", "AB mag", " AB", "MAGNITUDE", "Mag_(Vega)", "[ABmag]", "m_AB.", "ST", "AB-System",
    "mJy", "Jy", "\u00b5Jy", "uJy", "mjy", "erg/s/cm2/Hz", "W m-2 Hz-1",
    "1e-17 erg s\u207b\u00b9 cm\u207b\u00b2 \u00c5\u207b\u00b9",
)  # fmt: skip
"""Units of which SQL tells whether they are magnitudes."""
OTHER_UNITS = ("furlong", "$\\mathrm{mag}$", "\uff21\uff22\u3000mag", "$\\mu$Jy", "AB~mag")
ODD = (1e-320, 1e308)
"""Numbers that PostgreSQL cannot divide."""
PHOTOMETRY = st.fixed_dictionaries(
    {
        **COMMON,
        "brightness": st.sampled_from([None, 18.0, -3.0, 0.001, 0.0, 2.0, 1e-29, 1e-320, -1e308]),
        "brightness_error": st.sampled_from([None, 0.0, -0.1, 0.1, 0.2, 0.4, 5.0, 1e-30, 1e-320, 1e308]),
        "limit": st.sampled_from([None, 20.0]),
        "unit": st.sampled_from([*KNOWN_UNITS, *OTHER_UNITS]),
        "bandpass": WORDS,
    }
)
SPECTRUM = st.fixed_dictionaries({**COMMON, "flux": st.just([1.0, 2.0])})
GENERIC = st.fixed_dictionaries(
    {
        **COMMON,
        "data_type": st.sampled_from(["photometry", "Photometry", "spectroscopy", "radio"]),
        "value": st.sampled_from(
            [
                {"magnitude": 18.0, "filter": "r", "error": 0.1, "telescope": "FTN"},
                {"magnitude": 18.0, "filter": "R", "error": 0.9, "telescope": 2},
                {"limit": 20.0, "filter": "r", "instrument": "FTS"},
                {"flux": [1.0], "wavelength": [2.0]},
                {"anything": 1},
            ]
        ),
    }
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    chosen=filters(),
    photometry=st.lists(PHOTOMETRY, max_size=6),
    spectra=st.lists(SPECTRUM, max_size=1),  # two of one time would be the same observation
    generic=st.lists(GENERIC, max_size=4),
    received=st.sets(st.integers(0, 11), max_size=4),
)
def test_a_filter_lets_the_same_rows_through_in_sql_as_on_records(
    tom: Tom,
    chosen: Filter,
    photometry: list[dict[str, Any]],
    spectra: list[dict[str, Any]],
    generic: list[dict[str, Any]],
    received: set[int],
) -> None:
    target = tom.target()
    rows: list[Any] = []
    for model, fields in (
        (PhotometryReducedDatum, photometry),
        (SpectroscopyReducedDatum, spectra),
        (ReducedDatum, generic),
    ):
        made = [model(target=target, **each) for each in fields]
        rows += model.objects.bulk_create(made, ignore_conflicts=False) if not _clash(made) else []
    for number in received & set(range(len(rows))):
        row = rows[number]
        InboxRecord.objects.create(
            origin="there", kind="photometry", record_id=f"{row.pk}-{number}", target_id=target.pk,
            relayed_by="there", fingerprint="f", model=model_name(row), datum_pk=row.pk, identity="i",
        )  # fmt: skip
    mine = own_rows(rows)
    by_sql = {
        (name, pk)
        for name, condition in selection([chosen]).items()
        for pk in DATUM_MODELS[name]
        ._default_manager.filter(condition, target=target)
        .values_list("pk", flat=True)
    }
    for row in rows:
        place = (model_name(row), row.pk)
        try:
            record = record_of(row, origin="here")
        except InvalidRecord:
            continue  # It makes no record, and is never sent.
        passes = chosen.admits(record, own=place in mine)
        assert place in by_sql or not passes
        if not (isinstance(row, ReducedDatum) or only_the_record_tells(row)):
            assert passes or place not in by_sql


def _clash(rows: list[Any]) -> bool:
    """Rows that the database would refuse as the same observation."""
    keys = [
        (row.timestamp, row.bandpass, row.instrument, value)
        for row in rows
        if isinstance(row, PhotometryReducedDatum)
        for value in (("brightness", row.brightness), ("limit", row.limit))
        if value[1] is not None
    ]
    return len(keys) != len(set(keys))


def only_the_record_tells(row: Any) -> bool:
    if not isinstance(row, PhotometryReducedDatum):
        return False
    return row.unit not in KNOWN_UNITS or abs(row.brightness or 0) in ODD or row.brightness_error in ODD


AT_LEAST_5 = Filter(least_signal_to_noise=5)
FTN = write_filter(Filter(telescopes=Names(only=("FTN",))))
OURS_TO_X = {"x": {"ADAPTER": "memory", "ONLY": {"own": True}}, "y": {"ADAPTER": "memory"}}


def own_only(**more: Any) -> str:
    return write_filter(Filter(own=True, **more))


class TestAShareOfOurOwnData:
    def test_sends_no_archive_data_and_keeps_no_row_of_them(self, tom: Tom) -> None:
        target = tom.target()
        for source in ("ZTF", "ALeRCE"):
            tom.datum(target, source_name=source)
        shares.make(target.pk, "x", user=None, limits={"filter": own_only()})
        assert Delivery.objects.count() == 0  # nor a baseline row of what is from before
        tom.datum(target, source_name="ZTF")
        ours = tom.datum(target)
        assert tom.deliver() == 1
        assert tom.states() == ["delivered"]
        assert tom.state(ours) == "delivered"

    def test_the_scan_finds_no_work_in_what_the_filter_keeps(self, tom: Tom) -> None:
        target = tom.target()
        shares.make(target.pk, "x", user=None, limits={"filter": own_only()})
        tom.deliver()
        PhotometryReducedDatum.objects.bulk_create([tom.unsaved(target, source_name="ZTF")])
        assert Scan().outboxes() == []
        ours = PhotometryReducedDatum.objects.bulk_create([tom.unsaved(target)])[0]
        assert Scan().outboxes() == [tom.outbox(target).pk]
        tom.deliver()
        assert tom.state(ours) == "delivered"

    def test_a_source_that_a_setting_names_is_ours(self, tom: Tom) -> None:
        target = tom.target()
        shares.make(target.pk, "x", user=None, limits={"filter": own_only()})
        tom.datum(target, source_name="night log")
        assert tom.deliver() == 0
        with override_settings(SHARECORE_OWN_SOURCES=["night log"]):
            tom.datum(target, source_name="night log")
            assert tom.deliver() == 2

    def test_a_flux_that_is_too_faint_has_no_row_either(self, tom: Tom) -> None:
        target = tom.target()
        shares.make(target.pk, "x", user=None, limits={"filter": write_filter(AT_LEAST_5)})
        for unit in ("mJy", "\u00b5Jy", "1e-17 erg/s/cm2/A"):
            tom.datum(target, brightness=0.2, brightness_error=0.1, unit=unit)
        bright = tom.datum(target, brightness=2.0, brightness_error=0.1, unit="mJy")
        assert tom.deliver() == 1
        assert tom.states() == ["delivered"]
        assert tom.state(bright) == "delivered"

    def test_an_edit_that_lets_a_datum_through_makes_it_due(self, tom: Tom) -> None:
        target = tom.target()
        shares.make(target.pk, "x", user=None, limits={"filter": own_only()})
        datum = tom.datum(target, source_name="ZTF")
        assert tom.deliver() == 0
        edit(datum, source_name="")
        assert tom.deliver() == 1


class TestAFilterThatChanges:
    def test_a_wider_one_sends_what_it_kept_but_not_what_was_there_before(self, tom: Tom) -> None:
        target = tom.target()
        before = tom.datum(target, telescope="FTS")
        shares.make(
            target.pk,
            "x",
            user=None,
            limits={"filter": write_filter(Filter(telescopes=Names(only=("FTN",))))},
        )
        sent = tom.datum(target, telescope="FTN")
        kept = tom.datum(target, telescope="FTS")
        assert tom.deliver() == 1
        open_outboxes.limit(tom.outbox(target), filter="")
        assert tom.deliver() == 1
        assert tom.state(before) == "baseline"
        assert (tom.state(sent), tom.state(kept)) == ("delivered", "delivered")
        assert len(tom.x.received) == 2

    def test_a_narrower_one_takes_nothing_back_and_holds_for_edits(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        datum = tom.datum(target, telescope="FTS")
        tom.deliver()
        open_outboxes.limit(tom.outbox(target), filter=write_filter(Filter(telescopes=Names(only=("FTN",)))))
        tom.deliver()
        assert tom.state(datum) == "delivered"
        edit(datum, brightness=12.0)
        assert tom.deliver() == 0
        assert "from the telescope FTN" in tom.row(datum).reason

    def test_it_holds_for_what_waits_already(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        datum = tom.datum(target)
        open_outboxes.limit(tom.outbox(target), filter=write_filter(Filter(kinds=(Kind.SPECTRUM,))))
        assert tom.deliver() == 0
        open_outboxes.limit(tom.outbox(target), filter="")
        assert tom.deliver() == 1
        assert tom.state(datum) == "delivered"

    def test_a_share_made_again_has_no_filter_of_the_one_before(self, tom: Tom) -> None:
        target = tom.target()
        made = shares.make(target.pk, "x", user=None, limits={"filter": own_only()})
        made.delete()
        tom.share(target)
        tom.datum(target, source_name="ZTF")
        assert tom.deliver() == 1

    def test_a_filter_of_a_newer_version_stops_the_share_and_says_so(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        Outbox.objects.update(filter='{"version": 99}')
        tom.datum(target)
        assert tom.deliver() == 0
        outbox = tom.outbox(target)
        assert outbox.needs_person
        assert "newer" in outbox.problem
        other = tom.target()
        tom.share(other)
        tom.datum(other)
        assert tom.deliver() == 1


class TestADestinationWithAFilter:
    def test_it_holds_for_every_share_and_for_sharing_once(self, tom: Tom) -> None:
        from tom_integration.services.one_time import EVERYTHING, share_once

        target = tom.target()
        with override_settings(DATA_SHARING=OURS_TO_X):
            tom.share(target)
            tom.share(target, "y")
            archive = tom.datum(target, source_name="ZTF")
            ours = tom.datum(target)
            assert tom.deliver() == 3
            assert tom.states("x") == ["delivered"]
            share_once("x", target.pk, EVERYTHING, user_id=None)
            assert tom.deliver() == 0
            assert tom.state(archive) == "withheld"
            assert "observed here" in tom.row(archive).reason
            assert tom.state(ours) == "delivered"

    def test_taking_it_out_of_the_settings_sends_what_it_kept(self, tom: Tom) -> None:
        target = tom.target()
        with override_settings(DATA_SHARING=OURS_TO_X):
            before = tom.datum(target, source_name="ZTF")
            tom.share(target)
            tom.datum(target, source_name="ZTF")
            tom.deliver()
            assert tom.states() == []
        assert set(Scan().outboxes()) == {tom.outbox(target).pk}
        assert tom.deliver() == 1
        assert tom.state(before) == "baseline"


class TestRelease:
    def test_a_datum_goes_when_its_days_are_over(self, tom: Tom) -> None:
        target = tom.target()
        shares.make(target.pk, "x", user=None, limits={"release_days": 30})
        datum = tom.datum(target, timestamp=tom.clock.now - timedelta(days=10))
        assert tom.deliver() == 0
        row = tom.row(datum)
        assert (row.state, row.field) == ("withheld", "release")
        assert row.next_at == datum.timestamp + timedelta(days=30)
        assert tom.deliver(after=19.9 * 86400) == 0
        assert tom.deliver(after=0.2 * 86400) == 1

    def test_a_wait_of_months_costs_no_look_in_every_scan(self, tom: Tom) -> None:
        target = tom.target()
        shares.make(target.pk, "x", user=None, limits={"not_before": tom.clock.now + timedelta(days=400)})
        tom.datum(target)
        tom.deliver()
        assert Scan().outboxes() == []
        tom.clock.forward(days=399)
        assert tom.deliver_until_quiet(hours=20) == 0
        assert tom.deliver(after=86400) == 1

    def test_a_date_that_is_moved_counts(self, tom: Tom) -> None:
        target = tom.target()
        far = tom.clock.now + timedelta(days=400)
        shares.make(target.pk, "x", user=None, limits={"not_before": far})
        tom.datum(target)
        assert tom.deliver() == 0
        open_outboxes.limit(tom.outbox(target), not_before=tom.clock.now + timedelta(days=2))
        assert tom.deliver() == 0
        assert tom.deliver(after=2 * 86400) == 1

    def test_the_record_has_its_own_date(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        day = (tom.clock.now + timedelta(days=5)).date()
        datum = tom.datum(target, value={"release_date": day.isoformat()})
        assert tom.deliver() == 0
        assert str(day) in tom.row(datum).reason
        edit(datum, value={"release_date": "2020-01-01"})
        assert tom.deliver() == 1

    def test_a_date_that_nobody_can_read_keeps_the_datum_at_home(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        datum = tom.datum(target, value={"release_date": "when the paper is out"})
        assert tom.deliver() == 0
        assert tom.deliver_until_quiet(hours=400) == 0
        assert "when the paper is out" in tom.row(datum).reason

    def test_a_date_beyond_the_calendar_breaks_nothing(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        tom.datum(target, value={"release_date": "9999-12-31T23:59:59.999999+00:00"})
        tom.datum(target)
        assert tom.deliver() == 1
        assert tom.deliver(after=60) == 0

    def test_it_holds_for_what_is_shared_by_hand(self, tom: Tom) -> None:
        from tom_integration.services.one_time import EVERYTHING, share_once

        late = {"x": {"ADAPTER": "memory", "RELEASE_AFTER_DAYS": 3}}
        target = tom.target()
        tom.datum(target, timestamp=tom.clock.now - timedelta(days=1))
        with override_settings(DATA_SHARING=late):
            share_once("x", target.pk, EVERYTHING, user_id=None)
            assert tom.deliver() == 0
            assert tom.deliver(after=2 * 86400) == 1

    def test_an_edit_after_delivery_waits_as_well(self, tom: Tom) -> None:
        tom.x.can_update = True
        target = tom.target()
        tom.share(target)
        datum = tom.datum(target)
        assert tom.deliver() == 1
        open_outboxes.limit(tom.outbox(target), not_before=tom.clock.now + timedelta(days=2))
        edit(datum, brightness=12.0)
        assert tom.deliver() == 0
        assert tom.deliver(after=2 * 86400) == 1


@pytest.mark.parametrize("unit", ["", "mag", "AB", "ABmag", "Vega"])
def test_detections_that_are_too_faint_have_no_row(tom: Tom, unit: str) -> None:
    target = tom.target()
    share = {"filter": write_filter(Filter(least_signal_to_noise=5))}
    shares.make(target.pk, "x", user=None, limits=share)
    tom.datum(target, brightness_error=0.01, unit=unit)
    tom.datum(target, brightness_error=1.0, unit=unit)
    assert tom.deliver() == 1
    assert tom.states() == ["delivered"]


@pytest.mark.parametrize("brightness", [None, math.nan, math.inf, -math.inf])
def test_upper_limits_pass_whatever_stands_for_no_brightness(tom: Tom, brightness: float | None) -> None:
    target = tom.target()
    share = {"filter": write_filter(Filter(least_signal_to_noise=5))}
    shares.make(target.pk, "x", user=None, limits=share)
    tom.datum(target, brightness=brightness, limit=20.0, unit="mag")
    assert tom.deliver() == 1

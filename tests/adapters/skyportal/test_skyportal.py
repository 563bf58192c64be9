"""What a SkyPortal has in the end, what it is asked, and what people are told."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from adapters.skyportal.conftest import Open
from calling import before, deliver
from sharecore import (
    Absent,
    Accepted,
    Astrometry,
    AuthenticationFailed,
    Batch,
    ConfigurationError,
    Deferred,
    DestinationError,
    Duplicate,
    OtherDatum,
    Outcome,
    PhotometryLimit,
    Position,
    Present,
    Rejected,
    Section,
    Spectrum,
    Target,
    TargetRefused,
    Unconfirmed,
    Unsupported,
)
from sharecore.testing import Fault, answer, example_batch, example_record
from sharecore_skyportal import api
from sharecore_skyportal.adapter import SkyPortalAdapter
from sharecore_skyportal.api import Api
from sharecore_skyportal.config import SkyPortalConfig
from sharecore_skyportal.source import source_id
from standins.skyportal import READ_ONLY, TOKEN, SkyPortal

pytestmark = pytest.mark.usefixtures("short_pauses")

PHOTOMETRY = ("PUT", "/api/photometry")


def outcome_of(adapter: SkyPortalAdapter, record: Any) -> Outcome:
    (outcome,) = deliver(adapter, example_batch(record)).values()
    return outcome


def shown(there: SkyPortal, adapter: SkyPortalAdapter, record: Any, system: str) -> dict[str, Any]:
    """How SkyPortal shows the point that a record became."""
    assert isinstance(outcome_of(adapter, record), Accepted)
    request = f"api/sources/{source_id('SN 2026abc')}/photometry"
    answer = requests.get(
        f"{there.server.url}{request}",
        params={"format": "both", "magsys": system},
        headers={"Authorization": f"token {TOKEN}"},
        timeout=10,
    )
    rows: list[dict[str, Any]] = answer.json()["data"]
    return next(row for row in rows if row["origin"] == str(record.key))


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "where", "what"),
        [
            ({"TOKEN": ""}, "TOKEN", "is missing"),
            ({"TOKEN": f"token {TOKEN}"}, "TOKEN", "contains a blank"),
            ({"GROUPS_THERE": None}, "GROUPS_THERE", "that SkyPortal would choose by itself who sees"),
            ({"GROUPS_THERE": []}, "GROUPS_THERE", "must be a list of groups"),
            ({"GROUPS_THERE": "Supernovae"}, "GROUPS_THERE", "must be a list of groups"),
            ({"GROUPS_THERE": [True]}, "GROUPS_THERE", "must be a list of groups"),
            ({"DEFAULT_BRIGHTNESS_UNIT": "furlong"}, "DEFAULT_BRIGHTNESS_UNIT", "is not a unit"),
            (
                {"DEFAULT_BRIGHTNESS_UNIT": "ST mag"},
                "DEFAULT_BRIGHTNESS_UNIT",
                "no unit that can be sent there",
            ),
            ({"INSTRUMENT_MAP": {"fa12": 7}}, "INSTRUMENT_MAP", "must have a name for 'fa12'"),
            ({"BASE_URL": "fritz"}, "BASE_URL", "must be an http(s) address"),
        ],
    )
    def test_wrong_ones_are_named_once(
        self, opened: Open, settings: dict[str, Any], where: str, what: str
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            opened(**settings)
        (problem,) = caught.value.problems
        assert problem.where == f"DATA_SHARING['fritz'][{where!r}]"
        assert what in problem.what
        assert TOKEN not in str(problem)


class TestSources:
    @pytest.mark.parametrize("name", ["ZTF26abcdefg", "2026abc", "GRB.2026+1-a", "AT_2026xyz"])
    def test_a_name_that_can_be_an_id_stays(self, name: str) -> None:
        assert source_id(name) == name

    def test_every_other_name_gets_an_id_of_its_own(self) -> None:
        names = [
            "SN 2026abc", "SN_2026_abc ", "SN  2026abc", "\u03b1 Cen", "\u03b2 Cen", "..", ".", "", "007",
            "7", "1e5", "nan", "a:b", "a;b", "a/b", "x" * 100, "x" * 101,
        ]  # fmt: skip
        ids = [source_id(name) for name in names]
        assert len(set(ids)) == len(names)
        assert ids[0].startswith("SN_2026abc-")
        assert source_id(ids[0]) != ids[0], "a target may be named as the id of another"
        for each in ids:
            assert set(each) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-")
            with pytest.raises(ValueError, match="could not convert"):
                float(each)  # SkyPortal would make a number of it

    def test_it_is_saved_to_the_groups_with_its_redshift_and_nothing_else(
        self, opened: Open, there: SkyPortal
    ) -> None:
        target = Target(
            name="ZTF26x", position=Position(ra=10.5, dec=-5.0), extras={"Redshift": "0.031", "a": "b"}
        )
        opened(GROUPS_THERE=["SNe", 3]).ensure_target(example_batch(target=target))
        assert there.requests("POST", "/api/sources") == [
            {"id": "ZTF26x", "ra": 10.5, "dec": -5.0, "redshift": 0.031, "group_ids": [2, 3]}
        ]

    @pytest.mark.parametrize("redshift", ["-1", "-99", "nan", "photometric"])
    def test_what_is_no_redshift_is_not_sent(self, opened: Open, there: SkyPortal, redshift: str) -> None:
        target = Target(name="ZTF26x", position=Position(ra=10.5, dec=-5.0), extras={"redshift": redshift})
        opened().ensure_target(example_batch(target=target))
        assert "redshift" not in there.sources["ZTF26x"]

    def test_one_that_is_there_keeps_its_redshift_and_joins_the_groups(
        self, opened: Open, there: SkyPortal
    ) -> None:
        there.sources["ZTF26x"] = {"id": "ZTF26x", "ra": 10.5, "dec": -5.0, "redshift": 0.5, "groups": [3]}
        target = Target(name="ZTF26x", position=Position(ra=10.5001, dec=-5.0), extras={"redshift": "0.031"})
        opened().ensure_target(example_batch(target=target))
        assert (there.sources["ZTF26x"]["redshift"], there.sources["ZTF26x"]["groups"]) == (0.5, [2, 3])

    def test_another_object_of_the_same_name_is_left_alone(self, opened: Open, there: SkyPortal) -> None:
        there.sources["V1"] = {"id": "V1", "ra": 359.99, "dec": 0.0, "groups": [3]}
        adapter = opened()
        near = Target(name="V1", position=Position(ra=359.992, dec=0.0))
        adapter.ensure_target(example_batch(target=near))
        with pytest.raises(TargetRefused, match=r"another object V1, 72 arcseconds away"):
            adapter.ensure_target(example_batch(target=replace(near, position=Position(ra=0.01, dec=0.0))))

    def test_other_groups_in_the_settings_make_it_known_again(self, opened: Open, there: SkyPortal) -> None:
        state: dict[str, Any] = {}
        for groups in (["Supernovae"], ["Supernovae"], ["Supernovae", "Kilonovae"]):
            deliver(opened(GROUPS_THERE=groups), example_batch(example_record(), state=state))
        assert [each["group_ids"] for each in there.requests("POST", "/api/sources")] == [[2], [2, 3]]

    def test_one_that_was_deleted_there_is_made_again(self, opened: Open, there: SkyPortal) -> None:
        records, state = [example_record(), example_record(Spectrum)], {}
        batch = example_batch(*records, state=state)
        adapter = opened()
        adapter.ensure_target(batch)
        there.sources.clear()
        first = deliver(adapter, batch)
        assert all(isinstance(each, Deferred) for each in first.values()), first
        assert all(isinstance(each, Accepted) for each in deliver(adapter, batch).values())

    def test_a_lost_answer_is_no_second_source(self, opened: Open, there: SkyPortal) -> None:
        adapter, batch = opened(), example_batch(example_record())
        there.server.will(Fault.LOST, times=1, where=lambda request: request.path == "/api/sources")
        with pytest.raises(DestinationError):
            deliver(adapter, batch)
        deliver(adapter, batch)
        assert len(there.sources) == 1

    @pytest.mark.parametrize(
        ("target", "why"),
        [
            (Target(name="Ceres", sidereal=False), "no solar-system bodies"),
            (Target(name="lost"), "needs the coordinates"),
        ],
    )
    def test_what_has_no_fixed_place_is_refused(self, opened: Open, target: Target, why: str) -> None:
        with pytest.raises(TargetRefused, match=why):
            opened().ensure_target(example_batch(target=target))


class TestPhotometry:
    @pytest.mark.parametrize("system", ["ab", "vega"])
    @pytest.mark.parametrize("limit", [None, 21.5])
    def test_a_magnitude_is_shown_there_as_it_was_measured(
        self, opened: Open, there: SkyPortal, system: str, limit: float | None
    ) -> None:
        record = example_record(
            brightness=18.25, brightness_error=0.03, limit=limit, unit=f"mag({system})",
            timestamp=datetime(2026, 1, 2, 12, tzinfo=UTC),
        )  # fmt: skip
        row = shown(there, opened(), record, system)
        assert row["mag"] == pytest.approx(18.25, abs=1e-9)
        assert row["magerr"] == pytest.approx(0.03, abs=1e-9)
        assert limit is None or row["limiting_mag"] == pytest.approx(limit)
        assert (row["filter"], row["instrument_id"]) == ("ztfr", 11)
        assert row["mjd"] == 61042.5

    @pytest.mark.parametrize(("unit", "factor"), [("uJy", 1.0), ("mJy", 1e3), ("Jy", 1e6)])
    @pytest.mark.parametrize("flux", [250.0, -3.5, 0.0])
    def test_a_flux_stays_a_flux(
        self, opened: Open, there: SkyPortal, unit: str, factor: float, flux: float
    ) -> None:
        record = example_record(brightness=flux, brightness_error=2.0, unit=unit, limit=9.0)
        row = shown(there, opened(), record, "ab")
        assert (row["flux"], row["fluxerr"], row["zp"]) == (flux * factor, 2.0 * factor, 23.9)
        assert (row["altdata"]["limit"], row["altdata"]["limit_unit"]) == (9.0, unit)

    @pytest.mark.parametrize(
        ("limit", "unit", "system", "magnitude"),
        [
            (21.3, "mag(AB)", "ab", 21.3),
            (21.3, "mag(Vega)", "vega", 21.3),
            (10.0, "uJy", "ab", 21.4),
            (0.01, "mJy", "ab", 21.4),
        ],
    )
    def test_a_limit_is_a_limit(
        self, opened: Open, there: SkyPortal, limit: float, unit: str, system: str, magnitude: float
    ) -> None:
        row = shown(there, opened(), example_record(PhotometryLimit, limit=limit, unit=unit), system)
        assert (row["mag"], row["magerr"], row["flux"]) == (None, None, None)
        assert row["limiting_mag"] == pytest.approx(magnitude)

    def test_what_it_has_no_place_for_comes_beside(self, opened: Open, there: SkyPortal) -> None:
        record = example_record(
            telescope="P48", exposure_time=30.0, extra={"airmass": 1.2, "n": None}, source_name="Pipeline"
        )
        assert shown(there, opened(), record, "ab")["altdata"] == {
            "site": "Example TOM", "telescope": "P48", "instrument": "ZTF", "exposure_time": 30.0,
            "source_name": "Pipeline", "extra": {"airmass": 1.2, "n": None},
        }  # fmt: skip

    def test_an_error_in_another_unit_is_converted(self, opened: Open, there: SkyPortal) -> None:
        record = example_record(
            brightness=1.0, brightness_error=20.0, unit="mJy", extra={"error_unit": "uJy"}
        )
        row = shown(there, opened(), record, "ab")
        assert (row["flux"], row["fluxerr"]) == (1000.0, 20.0)

    @pytest.mark.parametrize(
        ("fields", "feature", "why"),
        [
            ({"unit": ""}, "unit", "no unit is given"),
            ({"unit": "mag"}, "unit", "takes AB and Vega magnitudes and Jy"),
            ({"unit": "mag(ST)"}, "unit", "takes AB and Vega magnitudes and Jy"),
            ({"unit": "erg/s/cm2/A"}, "unit", "takes AB and Vega magnitudes and Jy"),
            ({"brightness_error": None}, "no-error", "needs an error"),
            ({"brightness_error": 0.0}, "no-error", "needs an error"),
            ({"brightness": 99.0}, "no-brightness", "how sites write"),
            ({"brightness": -999.0}, "no-brightness", "how sites write"),
            ({"extra": {"error_unit": "mJy"}}, "error-unit", "must be in magnitudes"),
            ({"unit": "mJy", "extra": {"error_unit": "mag"}}, "error-unit", "in Jy or a multiple"),
            ({"unit": "Jy", "brightness_error": 1e305}, "number", "too large"),
            ({"bandpass": ""}, "bandpass", "needs a bandpass"),
            ({"instrument": ""}, "instrument", "needs an instrument"),
            ({"instrument": "WFI"}, "instrument", "has no instrument 'WFI'"),
            ({"bandpass": "i"}, "bandpass", r"'ZTF' there has no filter 'i' (it has ztfg, ztfr)"),
        ],
    )
    def test_what_cannot_be_said_there_stays_and_names_the_field(
        self, opened: Open, there: SkyPortal, fields: dict[str, Any], feature: str, why: str
    ) -> None:
        good, bad = example_record(), example_record(**fields)
        outcomes = deliver(opened(), example_batch(good, bad))
        assert isinstance(outcomes[good.key], Accepted)
        refused = outcomes[bad.key]
        assert isinstance(refused, Unsupported)
        assert (refused.feature, why in refused.reason) == (feature, True), refused
        assert len(there.points) == 1

    @pytest.mark.parametrize("limit", [0.0, -2.0])
    def test_a_limit_must_be_a_brightness(self, opened: Open, limit: float) -> None:
        outcome = outcome_of(opened(), example_record(PhotometryLimit, limit=limit, unit="uJy"))
        assert isinstance(outcome, Unsupported)

    @pytest.mark.parametrize("kind", [Astrometry, OtherDatum])
    def test_other_kinds_have_no_place(self, opened: Open, kind: type) -> None:
        outcome = outcome_of(opened(), example_record(kind))
        assert isinstance(outcome, Unsupported)
        assert outcome.feature == "data-type"

    def test_defaults_fill_in_what_data_of_the_site_lack(self, opened: Open, there: SkyPortal) -> None:
        adapter = opened(DEFAULT_INSTRUMENT="ZTF", DEFAULT_BRIGHTNESS_UNIT="AB mag")
        ours = example_record(instrument="", unit="")
        surveys = example_record(instrument="", source_name="ASAS-SN")
        elsewhere = replace(
            example_record(instrument=""), key=replace(ours.key, origin="another-site", id="x")
        )
        outcomes = deliver(adapter, example_batch(ours, surveys, elsewhere))
        kinds = [type(outcomes[each.key]).__name__ for each in (ours, surveys, elsewhere)]
        assert kinds == ["Accepted", "Unsupported", "Unsupported"]

    def test_the_telescope_tells_instruments_of_one_name_apart(self, opened: Open, there: SkyPortal) -> None:
        adapter = opened(
            INSTRUMENT_MAP={}, BANDPASS_MAP={"r": "sdssr"}, TELESCOPE_MAP={"1m0": "observatory b"}
        )
        camera = example_record(instrument="Camera")
        assert isinstance(outcome_of(adapter, camera), Accepted)
        assert there.points[0]["instrument_id"] == 13
        outcome = outcome_of(adapter, example_record(instrument="Camera", telescope="Mount"))
        assert isinstance(outcome, Unsupported)
        assert "several instruments 'Camera', and the telescope 'Mount' fits none" in outcome.reason

    def test_an_instrument_is_asked_for_once_and_again_when_it_lacks_something(
        self, opened: Open, there: SkyPortal
    ) -> None:
        adapter = opened()

        def asked() -> int:
            return len([each for each in there.server.requests if each.path == "/api/instrument"])

        for _ in range(3):
            deliver(adapter, example_batch(example_record(), example_record()))
        assert asked() == 1
        red = example_record(bandpass="sdssr")
        assert isinstance(outcome_of(adapter, red), Unsupported)
        assert asked() == 2
        there.instruments[0]["filters"].append("sdssr")
        assert isinstance(outcome_of(adapter, red), Accepted)

    def test_a_batch_is_one_request_for_each_form(self, opened: Open, there: SkyPortal) -> None:
        limits = [example_record(PhotometryLimit) for _ in range(3)]
        with_limit = [example_record(limit=21.0) for _ in range(3)]
        fluxes = [example_record(unit="mJy") for _ in range(2)]
        vega = [example_record(unit="mag(Vega)") for _ in range(2)]
        deliver(opened(), example_batch(*limits, *with_limit, *fluxes, *vega))
        assert sorted(len(each["mjd"]) for each in there.requests(*PHOTOMETRY)) == [4, 6]
        assert all(each["group_ids"] == [2] for each in there.requests(*PHOTOMETRY))
        assert len(there.points) == 10


class TestRefusals:
    @pytest.mark.parametrize("bad_ones", [{17}, {0, 49}, set(range(20, 28)), {3}])
    def test_bad_rows_are_found_and_the_others_go(
        self, opened: Open, there: SkyPortal, bad_ones: set[int]
    ) -> None:
        records = [example_record(brightness=15 + number / 10) for number in range(50)]
        bad = {str(records[number].key) for number in bad_ones}
        there.refuses = lambda row: "DataError: value out of range" if row["origin"] in bad else ""
        outcomes = deliver(opened(), example_batch(*records))
        refused = {str(key) for key, each in outcomes.items() if isinstance(each, Rejected)}
        assert refused == bad
        assert len(there.points) == 50 - len(bad)
        assert all(isinstance(each, Accepted | Rejected) for each in outcomes.values())
        reason = next(each.reason for each in outcomes.values() if isinstance(each, Rejected))
        assert reason == "SkyPortal refuses it: HTTP 400, DataError: value out of range"

    def test_the_search_for_them_ends_and_goes_on_the_next_time(self, opened: Open, there: SkyPortal) -> None:
        records = [example_record() for _ in range(200)]
        there.refuses = lambda row: "all of it is bad"
        adapter, state = opened(), {}
        left = list(records)
        calls = 0
        while left:
            outcomes = deliver(adapter, example_batch(*left, state=state))
            found = [each for each in left if isinstance(outcomes[each.key], Rejected)]
            assert found, "each call finds some"
            left = [each for each in left if isinstance(outcomes[each.key], Deferred)]
            calls += 1
            assert len(there.requests(*PHOTOMETRY)) <= 100 * calls

    def test_a_failure_of_the_database_there_costs_no_record(self, opened: Open, there: SkyPortal) -> None:
        """It is HTTP 400 with a traceback, as a refusal is."""
        traceback = {
            "status": "error",
            "message": "Traceback (most recent call last):\n  x\nDeadlockDetected",
        }
        there.server.will(answer(400, traceback), times=1, where=lambda each: each.path == PHOTOMETRY[1])
        assert isinstance(outcome_of(opened(), example_record()), Accepted)

    def test_groups_that_were_closed_to_us_blame_no_record(self, opened: Open, there: SkyPortal) -> None:
        adapter, record = opened(), example_record()
        batch = example_batch(record)
        assert isinstance(deliver(adapter, batch)[record.key], Accepted)
        there.groups.append(there.groups.pop(1))
        with pytest.raises(AuthenticationFailed, match="no access to the group 'Supernovae'"):
            deliver(adapter, replace(batch, records=(example_record(),)))

    @pytest.mark.parametrize("path", ["/api/photometry", "/api/groups", "/api/sources"])
    def test_a_token_that_is_refused_pauses(self, opened: Open, there: SkyPortal, path: str) -> None:
        there.server.will(
            answer(401, {"status": "error", "message": "x"}), where=lambda each: each.path == path
        )
        with pytest.raises(AuthenticationFailed, match=r"\['TOKEN'\]"):
            deliver(opened(), example_batch(example_record()))

    def test_the_token_goes_as_skyportal_wants_it(self, opened: Open, there: SkyPortal) -> None:
        deliver(opened(), example_batch(example_record()))
        assert {each.headers["authorization"] for each in there.server.requests} == {f"token {TOKEN}"}

    def test_too_many_requests_wait_and_lose_nothing(self, opened: Open, there: SkyPortal) -> None:
        adapter, record = opened(), example_record()
        busy = answer(429)
        there.server.will(busy, times=1, where=lambda each: each.path == PHOTOMETRY[1])
        with pytest.raises(DestinationError, match="HTTP 429") as caught:
            deliver(adapter, example_batch(record))
        assert before(caught) == {}
        assert isinstance(outcome_of(adapter, record), Accepted)

    def test_requests_keep_the_pace_that_the_web_server_there_allows(self, there: SkyPortal) -> None:
        now, waited = [100.0], []

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            now[0] += seconds

        given = {"BASE_URL": there.server.url, "TOKEN": TOKEN, "GROUPS_THERE": [2]}
        config = SkyPortalConfig.read(Section("fritz", given))
        paced = Api(config, clock=lambda: now[0], sleep=sleep)
        for _ in range(40):
            paced.ask("api/groups")
        paced.close()
        assert len([each for each in waited if each > 0.1]) == 30, "ten may go at once"
        assert sum(waited) == pytest.approx(6.0)


class TestSpectra:
    @pytest.mark.parametrize(
        ("fields", "units", "fluxes"),
        [
            ({}, "erg/s/cm/cm/AA", [1.2e-16, -3e-18, 0.0]),
            (
                {"flux_unit": "1e-17 erg/s/cm2/A", "flux": (1.0, 2.0, 3.0)},
                "erg/s/cm/cm/AA",
                [1e-17, 2e-17, 3e-17],
            ),
            ({"flux_unit": "mJy", "flux": (1.0, 2.0, 3.0)}, "Jy", [0.001, 0.002, 0.003]),
            ({"flux_unit": "AB mag", "flux": (18.0, 18.1, 18.2), "error": ()}, "AB", [18.0, 18.1, 18.2]),
        ],
    )
    def test_they_arrive_in_units_that_skyportal_knows(
        self, opened: Open, there: SkyPortal, fields: dict[str, Any], units: str, fluxes: list[float]
    ) -> None:
        given = {"wavelength": (400.0, 400.15, 400.3), "wavelength_unit": "nm", **fields}
        sent = example_record(Spectrum, **given)
        assert isinstance(outcome_of(opened(), sent), Accepted)
        (spectrum,) = there.spectra
        assert (spectrum["units"], spectrum["fluxes"]) == (units, fluxes)
        assert spectrum["wavelengths"] == [4000.0, 4001.5, 4003.0]
        assert (spectrum["group_ids"], spectrum["instrument_id"]) == ([2], 11)
        assert spectrum["observed_at"].startswith(f"{sent.timestamp:%Y-%m-%dT%H:%M:%S}")

    @pytest.mark.parametrize(
        ("fields", "feature"),
        [
            ({"flux_unit": "counts"}, "flux-unit"),
            ({"flux_unit": "mag(Vega)"}, "flux-unit"),
            ({"wavelength_unit": "Hz"}, "wavelength-unit"),
            ({"wavelength_unit": ""}, "wavelength-unit"),
            ({"flux": (1.0, None, 2.0)}, "blank-points"),
            ({"wavelength": (4000.0,)}, "spectrum-lengths"),
            ({"flux": (), "wavelength": ()}, "spectrum-lengths"),
            ({"instrument": "WFI"}, "instrument"),
        ],
    )
    def test_what_cannot_be_said_there_stays(
        self, opened: Open, there: SkyPortal, fields: dict[str, Any], feature: str
    ) -> None:
        outcome = outcome_of(opened(), example_record(Spectrum, **fields))
        assert isinstance(outcome, Unsupported)
        assert (outcome.feature, there.spectra) == (feature, [])

    @pytest.mark.parametrize("fields", [{"error": (1.0, None, 2.0)}, {"extra": {"error_unit": "counts"}}])
    def test_error_bars_that_cannot_be_said_are_left_out_and_the_preview_says_so(
        self, opened: Open, there: SkyPortal, fields: dict[str, Any]
    ) -> None:
        adapter, record = opened(), example_record(Spectrum, **fields)
        assert "error bars are left out" in adapter.preview(example_batch(record)).note
        assert isinstance(outcome_of(adapter, record), Accepted)
        assert there.spectra[0]["errors"] is None

    def test_a_repeat_is_no_second_spectrum_and_new_values_are_one(
        self, opened: Open, there: SkyPortal
    ) -> None:
        record = example_record(Spectrum)
        first, again = outcome_of(opened(), record), outcome_of(opened(), record)
        assert isinstance(first, Accepted)
        assert again == Duplicate(remote_id=first.remote_id)
        assert isinstance(outcome_of(opened(), replace(record, flux=(1.0, 2.0, 3.0))), Accepted)
        assert len(there.spectra) == 2

    def test_one_that_was_stored_although_skyportal_failed_counts_as_stored(
        self, opened: Open, there: SkyPortal
    ) -> None:
        there.fails_after_spectrum = True
        assert isinstance(outcome_of(opened(), example_record(Spectrum)), Accepted)
        assert len(there.spectra) == 1

    def test_a_failure_of_the_database_there_costs_no_spectrum(self, opened: Open, there: SkyPortal) -> None:
        failure = answer(400, {"status": "error", "message": "Failed to post spectrum: DeadlockDetected"})
        there.server.will(failure, times=1, where=lambda each: each.path == "/api/spectrum")
        assert isinstance(outcome_of(opened(), example_record(Spectrum)), Accepted)
        assert len(there.spectra) == 1

    def test_a_group_that_was_closed_blames_no_spectrum(self, opened: Open, there: SkyPortal) -> None:
        adapter, batch = opened(), example_batch(example_record())
        deliver(adapter, batch)
        there.groups.append(there.groups.pop(1))
        with pytest.raises(AuthenticationFailed, match="no access"):
            deliver(adapter, replace(batch, records=(example_record(Spectrum),)))

    def test_a_refused_one_holds_up_no_other(self, opened: Open, there: SkyPortal) -> None:
        spectra = [example_record(Spectrum) for _ in range(3)]
        refusal = answer(400, {"status": "error", "message": "Invalid / missing parameters; ..."})
        bad = str(spectra[1].key).encode()
        there.server.will(refusal, where=lambda each: each.path == "/api/spectrum" and bad in each.body)
        outcomes = deliver(opened(), example_batch(*spectra))
        assert [type(outcomes[each.key]) for each in spectra] == [Accepted, Rejected, Accepted]


RECORDS = {
    "a magnitude": example_record(),
    "a magnitude with a limit": example_record(limit=21.0),
    "a Vega magnitude": example_record(unit="mag(Vega)"),
    "a Vega magnitude with a limit": example_record(unit="mag(Vega)", limit=21.0),
    "a negative flux": example_record(unit="uJy", brightness=-3.5, brightness_error=2.0),
    "a limit": example_record(PhotometryLimit),
    "a Vega limit": example_record(PhotometryLimit, unit="mag(Vega)"),
    "a spectrum": example_record(Spectrum),
    "a spectrum without errors": example_record(Spectrum, error=()),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
class TestLostAnswers:
    def test_what_arrived_is_found_and_not_doubled(self, opened: Open, there: SkyPortal, record: Any) -> None:
        adapter, batch = opened(), example_batch(record)
        there.server.will(Fault.LOST, times=1, where=lambda each: b'"origin"' in each.body)
        with pytest.raises(DestinationError) as caught:
            deliver(adapter, batch)
        assert isinstance(before(caught)[record.key], Unconfirmed)
        found = adapter.find(batch)
        assert found is not None
        there_now = found[record.key]
        assert there_now == Present(content=record, remote_id=there_now.remote_id)  # type: ignore[union-attr]
        assert isinstance(deliver(adapter, batch)[record.key], Accepted | Duplicate)
        assert len(there.stored) == 1

    def test_what_did_not_arrive_is_absent(self, opened: Open, there: SkyPortal, record: Any) -> None:
        adapter, batch = opened(), example_batch(record)
        assert adapter.find(batch) == {record.key: Absent()}
        there.server.will(Fault.RESET, times=1, where=lambda each: b'"origin"' in each.body)
        with pytest.raises(DestinationError):
            deliver(adapter, batch)
        assert adapter.find(batch) == {record.key: Absent()}
        assert isinstance(deliver(adapter, batch)[record.key], Accepted)
        assert len(there.stored) == 1

    def test_an_edit_is_known_from_what_was_sent(self, opened: Open, there: SkyPortal, record: Any) -> None:
        adapter = opened()
        deliver(adapter, example_batch(record))
        changes = (
            {"timestamp": record.timestamp.replace(year=2025)},
            {"extra": {"note": 1}},
            _other_values(record),
        )
        for change in changes:
            edit = replace(record, **change)
            found = adapter.find(example_batch(edit))
            assert found is not None
            assert getattr(found[record.key], "content", None) == ""


def _other_values(record: Any) -> dict[str, Any]:
    if isinstance(record, Spectrum):
        return {"flux": (1.0, 2.0, 3.0)}
    if isinstance(record, PhotometryLimit):
        return {"limit": record.limit + 0.001}
    return {"brightness": record.brightness + 0.001}


def test_what_cannot_go_any_more_is_found_all_the_same(opened: Open, there: SkyPortal) -> None:
    record = example_record()
    deliver(opened(), example_batch(record))
    there.instruments.clear()
    found = opened().find(example_batch(record))
    assert found is not None
    assert isinstance(found[record.key], Present)


def test_a_moved_record_is_looked_for_at_the_source_that_had_it(opened: Open, there: SkyPortal) -> None:
    record, state = example_record(), {}
    deliver(opened(), example_batch(record, state=state))
    old = example_batch(record, target=Target(name="renamed since"), moved=True, state=state)
    found = opened().find(old)
    assert found is not None
    assert isinstance(found[record.key], Present)
    assert opened().find(replace(old, state={})) == {record.key: Absent()}


def test_a_replay_may_go(opened: Open) -> None:
    assert opened().find(example_batch()) == {}


def test_a_source_with_too_many_spectra_refuses_spectra_and_takes_all_else(
    opened: Open, there: SkyPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SkyPortal lists them whole. It is not down for that: other data and other sources go on."""
    spectrum, point = example_record(Spectrum), example_record()
    adapter, batch = opened(), example_batch(spectrum, point)
    adapter.ensure_target(batch)
    there.spectra.append({"obj_id": source_id(batch.target.name), "id": 1, "fluxes": [1.0] * 20_000})
    monkeypatch.setattr(api, "MAX_LIST", 50_000)
    outcomes = deliver(adapter, batch)
    assert isinstance(outcomes[point.key], Accepted)
    refused = outcomes[spectrum.key]
    assert isinstance(refused, Rejected)
    assert "MB of spectra there: nobody can look it up" in refused.reason
    assert "Upload it by hand" in refused.reason
    found = adapter.find(batch)
    assert found is not None
    assert isinstance(found[spectrum.key], Unconfirmed)
    assert isinstance(found[point.key], Present)
    assert len(there.spectra) == 1


class TestCheck:
    def problems(self, adapter: SkyPortalAdapter) -> list[tuple[str, str]]:
        return [(each.where.split("'")[3], f"{each.what}. {each.hint}") for each in adapter.check()]

    def test_all_is_well(self, opened: Open, there: SkyPortal) -> None:
        assert opened().check() == []
        assert there.stored == []

    def test_it_names_what_is_missing_there(self, opened: Open) -> None:
        found = self.problems(
            opened(
                GROUPS_THERE=["Supernovae", "Supernova", "Others", 99],
                INSTRUMENT_MAP={"a": "ZTF", "b": "WFI"},
                BANDPASS_MAP={"r": "ztfr", "R": "bessellr"},
                DEFAULT_INSTRUMENT="IMACS",
            )
        )
        assert [key for key, _ in found] == [
            *["GROUPS_THERE"] * 3,
            "INSTRUMENT_MAP",
            "DEFAULT_INSTRUMENT",
            "BANDPASS_MAP",
        ]
        texts = [text for _, text in found]
        assert "no group 'Supernova'; the token has access to 'Sitewide Group', 'Supernovae'" in texts[0]
        assert "has no access to the group 'Others'" in texts[1]
        assert "no group 99" in texts[2]
        assert "'WFI', which is not there" in texts[3]
        assert "'IMACS', which is not there" in texts[4]
        assert "the filter 'bessellr'" in texts[5]
        assert "They have ztfg, ztfr" in texts[5]

    def test_a_token_that_may_only_read(self, opened: Open) -> None:
        ((key, text),) = self.problems(opened(TOKEN=READ_ONLY))
        assert (key, "Upload data" in text) == ("TOKEN", True)

    def test_a_token_that_is_wrong(self, opened: Open) -> None:
        ((key, text),) = self.problems(opened(TOKEN="3f0a2c3e-5d6b-4a7c-8e9f-0a1b2c3d4e5f"))
        assert (key, "HTTP 401, Unauthorized" in text) == ("TOKEN", True)

    def test_an_address_of_something_else(self, opened: Open, there: SkyPortal) -> None:
        nothing = answer(404, {"detail": "Not found."})
        there.server.will(nothing)
        ((key, text),) = self.problems(opened())
        assert (key, "is 'BASE_URL' that of a SkyPortal?" in text) == ("BASE_URL", True)

    def test_a_server_that_is_away(self, opened: Open, there: SkyPortal) -> None:
        adapter = opened()
        there.server.close()
        ((key, _),) = self.problems(adapter)
        assert key == "BASE_URL"

    def test_two_groups_of_one_name(self, opened: Open, there: SkyPortal) -> None:
        there.groups[2]["name"] = "Supernovae"
        ((_, text),) = self.problems(opened())
        assert "several groups there are called 'Supernovae'" in text
        assert self.problems(opened(GROUPS_THERE=[3])) == []

    def test_validating_a_batch_names_each_record_that_cannot_go(
        self, opened: Open, there: SkyPortal
    ) -> None:
        good, bad = example_record(), example_record(bandpass="i")
        (problem,) = opened().validate(example_batch(good, bad))
        assert problem.where == str(bad.key)
        assert "no filter 'i'" in problem.what
        assert there.stored == []


def test_a_preview_shows_the_requests_with_names_in_the_place_of_ids(opened: Open, there: SkyPortal) -> None:
    adapter = opened(GROUPS_THERE=["SNe", 3])
    records = (
        example_record(),
        example_record(PhotometryLimit),
        example_record(Spectrum),
        example_record(Astrometry),
    )
    preview = adapter.preview(example_batch(*records))
    assert there.server.requests == []
    deliver(adapter, example_batch(*records))
    sent = [
        {"method": each.method, "path": each.path, "body": each.json}
        for each in there.server.requests
        if each.writes
    ]
    text = json.dumps(sent).replace('"group_ids": [2, 3]', '"group_ids": ["SNe", 3]')
    text = text.replace('"instrument_id": [11]', '"instrument_id": ["ZTF"]')
    text = text.replace('"instrument_id": 11', '"instrument_id": "ZTF"')
    assert json.loads(preview.body) == json.loads(text)
    assert f"{records[3].key}: SkyPortal has no place" in preview.note


def test_a_record_links_to_the_page_of_its_source(opened: Open, there: SkyPortal) -> None:
    adapter = opened()
    outcome = outcome_of(adapter, example_record())
    assert isinstance(outcome, Accepted)
    assert outcome.remote_id
    assert adapter.link(outcome.remote_id) == f"{there.server.url}source/{source_id('SN 2026abc')}"


def test_a_batch_of_the_largest_size_is_one_request(opened: Open, there: SkyPortal) -> None:
    adapter = opened()
    batch: Batch = example_batch(*(example_record() for _ in range(adapter.max_batch)))
    deliver(adapter, batch)
    assert [len(each["mjd"]) for each in there.requests(*PHOTOMETRY)] == [1000]
    assert math.isfinite(there.points[0]["flux"])

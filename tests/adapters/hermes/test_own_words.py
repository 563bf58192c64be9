"""What a datum says of itself beats every default, in whichever words; what says "none" is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sharecore.adapter import Site
from sharecore.outcomes import Duplicate, Unsupported
from sharecore.records import Kind, OtherDatum, Record, RecordKey
from sharecore.targets import Orbit, Target
from sharecore_hermes.converter import HermesDataConverter

DEFAULTS = {
    "DEFAULT_BRIGHTNESS_UNIT": "AB mag",
    "DEFAULT_TELESCOPE": "our 1 m",
    "DEFAULT_FLUX_UNIT": "mJy",
    "DEFAULT_WAVELENGTH_UNIT": "nm",
}
MESSAGE = "https://hermes.lco.global/api/v0/query/message/2c1f0f5e-6b1c-4b0e-9a51-0d5b7c1a2b3c/"


def refused(make: Any, record: Record, batch: Any = None, **settings: Any) -> Unsupported:
    outcome = make.adapter(**settings).prepare(make.batch(record, **(batch or {})))[1].decided.get(record.key)
    assert isinstance(outcome, Unsupported), outcome
    return outcome


# --- units -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "extra",
    [
        {"brightness_unit": "Vega mag"}, {"units": "mag(Vega)"}, {"magnitude_unit": "vega"},
        {"Unit": "VEGAMAG"}, {"unit": "Vega mags"}, {"value": {"unit": "Vega"}}, {"system": "Vega"},
        {"magsys": "vega"},
        {"units": "mag", "system": "Vega"}, {"mag unit": "mag[Vega]"},
    ],
)  # fmt: skip
def test_a_unit_that_the_datum_names_beats_the_default(extra: Any, make: Any) -> None:
    for record in (make.detection(unit="", extra=extra), make.limit(unit="", extra=extra)):
        row = make.row(record, **DEFAULTS)
        assert (row["brightness_unit"], row["limiting_brightness_unit"]) == ("Vega mag", "Vega mag")


def test_a_system_completes_the_unit_of_the_column(make: Any) -> None:
    row = make.row(make.detection(unit="mag", extra={"system": "Vega"}), **DEFAULTS)
    assert row["brightness_unit"] == "Vega mag"
    row = make.row(make.detection(unit="mJy", extra={"system": "AB"}), **DEFAULTS)
    assert row["brightness_unit"] == "mJy"
    reason = refused(make, make.detection(unit="AB mag", extra={"system": "Vega"}), **DEFAULTS).reason
    assert "'AB mag'" in reason
    assert "'Vega'" in reason


def test_a_system_that_nobody_knows_is_not_replaced_by_the_default(make: Any) -> None:
    record = make.detection(unit="", extra={"system": "Johnson"})
    assert "UNIT_MAP" in refused(make, record, **DEFAULTS).reason
    assert make.row(record, UNIT_MAP={"Johnson": "Vega mag"}, **DEFAULTS)["brightness_unit"] == "Vega mag"


def test_units_of_spectra_and_positions_are_found_too(make: Any) -> None:
    words = {"flux_units": "Jy", "wavelength_units": "microns"}
    row = make.row(make.spectrum(flux=(1.0, 2.0), flux_unit="", wavelength_unit="", extra=words), **DEFAULTS)
    assert (row["flux"], row["flux_units"], row["wavelength_units"]) == ([1000.0, 2000.0], "mJy", "\u00b5m")
    row = make.row(make.astrometry(ra_error=0.1, dec_error=0.2, extra={"error_units": "arcseconds"}))
    assert (row["ra_error_units"], row["dec_error_units"]) == ("arcsec", "arcsec")
    row = make.row(make.astrometry(ra_error=0.1, ra_error_units='"'))
    assert row["ra_error_units"] == "arcsec"


def test_a_unit_that_is_no_text_is_named_as_such(make: Any) -> None:
    assert "list" in refused(make, make.detection(unit="", extra={"units": ["AB mag"]}), **DEFAULTS).reason


def test_a_limit_has_its_own_unit_and_error(make: Any) -> None:
    """As tom_hermes 0.2.1 stores the limits that it reads."""
    record = make.limit(limit=0.05, unit="AB mag", extra={"limit_unit": "mJy", "limit_error": 0.01})
    row = make.row(record)
    assert (row["limiting_brightness"], row["limiting_brightness_unit"]) == (0.05, "mJy")
    assert (row["limiting_brightness_error"], row["brightness_unit"]) == (0.01, "mJy")
    row = make.row(make.detection(limit=50.0, unit="AB mag", extra={"limit_unit": "uJy"}))
    assert (row["brightness"], row["brightness_unit"]) == (18.5, "AB mag")
    assert (row["limiting_brightness"], row["limiting_brightness_unit"]) == (0.05, "mJy")


def test_st_is_a_magnitude(make: Any) -> None:
    for unit in ("ST", "st", "STmag", "ST mags"):
        assert "ST magnitudes" in refused(make, make.detection(unit=unit), **DEFAULTS).reason


# --- telescopes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "extra",
    [
        {"facility": "Gemini-N"},
        {"observatory": "Gemini-N"},
        {"Telescope": "Gemini-N"},
        {"TELESCOP": "Gemini-N"},
    ],
)
def test_a_telescope_that_the_datum_names_beats_the_default(extra: Any, make: Any) -> None:
    for record in (make.detection(telescope="", extra=extra), make.spectrum(instrument="", extra=extra)):
        assert make.row(record, **DEFAULTS)["telescope"] == "Gemini-N"
    row = make.row(make.detection(telescope="", extra={"INSTRUME": "GMOS"}), **DEFAULTS)
    assert row["instrument"] == "GMOS"
    assert "telescope" not in row


@pytest.mark.parametrize("source", ["ALeRCE", "ATLAS", "Gaia", "Lasair", "MPC"])
def test_the_default_telescope_takes_no_credit_for_a_survey(source: str, make: Any) -> None:
    for record in (
        make.detection(telescope="", source_name=source),
        make.astrometry(telescope="", source_name=source),
    ):
        assert source in refused(make, record, DEFAULT_INSTRUMENT="our camera", **DEFAULTS).reason
    own = make.detection(telescope="", source_name="Lab TOM")
    assert make.row(own, **DEFAULTS)["telescope"] == "our 1 m"


def test_a_source_that_the_site_names_as_its_own_gets_the_defaults(make: Any) -> None:
    record = make.detection(telescope="", source_name="Night log")
    assert "'OWN_SOURCES'" in refused(make, record, **DEFAULTS).reason
    assert make.row(record, **DEFAULTS, OWN_SOURCES=["night log"])["telescope"] == "our 1 m"


def test_nor_for_the_data_of_another_site(make: Any) -> None:
    other = RecordKey(kind=Kind.PHOTOMETRY, origin="6d0f7a1b-1111-4222-8333-444455556666", id="1")
    record = replace(make.detection(telescope=""), key=other)
    assert "another site" in refused(make, record, **DEFAULTS).reason
    batch = {"site": Site(origin=other.origin, name="Lab TOM")}
    assert make.message(record, batch=batch, **DEFAULTS)["data"]["photometry"][0]["telescope"] == "our 1 m"


# --- echoes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "location"), [("Hermes:hermes.test", MESSAGE), ("hermes.test", "Hermes via HOP")]
)
def test_what_was_read_from_a_topic_is_not_published_on_it_again(name: str, location: str, make: Any) -> None:
    for record in (
        make.detection(source_name=name, source_location=location),
        make.limit(source_name=name, source_location=location),
        make.spectrum(source_name=name, source_location=location),
    ):
        outcome = make.adapter().prepare(make.batch(record))[1].decided[record.key]
        assert isinstance(outcome, Duplicate)
        assert outcome.remote_id in (None, MESSAGE.split("/")[-2])
        elsewhere = {"source_name": name.replace("test", "other"), "source_location": location}
        assert make.row(replace(record, **elsewhere))


def test_what_was_read_from_an_unknown_topic_of_hermes_stays_at_home(make: Any) -> None:
    """The data service of tom_hermes 0.2.1 notes its own name alone."""
    assert refused(make, make.detection(source_name="Hermes")).feature == "echo"
    assert refused(make, make.detection(source_name="TOM B", source_location=MESSAGE)).feature == "echo"


@pytest.mark.parametrize("name", ["hermes:hermes.test", "HERMES: hermes.test ", "Hermes:hermes.test"])
def test_a_reader_may_spell_itself_in_another_way(name: str, make: Any) -> None:
    record = make.detection(source_name=name)
    assert isinstance(make.adapter().prepare(make.batch(record))[1].decided[record.key], Duplicate)


@pytest.mark.parametrize(
    "address",
    [
        "https://hermes.lco.global/message/2c1f0f5e-6b1c-4b0e-9a51-0d5b7c1a2b3c",
        "https://hermes-dev.lco.global/api/v0/messages/2C1F0F5E-6b1c-4b0e-9a51-0d5b7c1a2b3c/?format=json",
        "HERMES message 2c1f0f5e-6b1c-4b0e-9a51-0d5b7c1a2b3c",
    ],
)
def test_a_message_may_be_named_in_another_way(address: str, make: Any) -> None:
    assert refused(make, make.detection(source_name="our reader", source_location=address)).feature == "echo"


@pytest.mark.parametrize(
    "address",
    [
        "https://tom.example.org/message/7/",
        "https://example.org/messages/2c1f0f5e-6b1c-4b0e-9a51-0d5b7c1a2b3c",
        "",
    ],
)
def test_other_addresses_are_not_of_hermes(address: str, make: Any) -> None:
    assert make.row(make.detection(source_name="our reader", source_location=address))


# --- numbers that stand for nothing ------------------------------------------------------------------------


@pytest.mark.parametrize("number", [99.0, 99.99, 99.999, -99.0, -999.0, 999.0, -9999.0])
def test_a_magnitude_that_stands_for_none_is_none(number: float, make: Any) -> None:
    assert refused(make, make.detection(brightness=number)).feature == "brightness"
    assert refused(make, make.limit(limit=number)).feature == "brightness"
    row = make.row(make.detection(brightness=number, brightness_error=0.1, limit=21.3))
    assert row["limiting_brightness"] == 21.3
    assert not {"brightness", "brightness_error", "limiting_brightness_error"} & set(row)
    assert "brightness_error" not in make.row(make.detection(brightness_error=abs(number)))


def test_a_flux_of_99_is_one_and_of_minus_999_is_none(make: Any) -> None:
    assert make.row(make.detection(brightness=99.0, brightness_error=99.0, unit="uJy"))["brightness"] == 0.099
    assert refused(make, make.detection(brightness=-999.0, unit="mJy")).feature == "brightness"


def test_a_blank_pixel_is_named_and_a_blank_error_goes_without_the_others(make: Any) -> None:
    assert "flux has no number at place 1" in refused(make, make.spectrum(flux=(1e-16, None))).reason
    assert "flux_error" not in make.row(make.spectrum(error=(1e-17, None)))


# --- data that the TOM keeps in no form of their type ------------------------------------------------------


@pytest.mark.parametrize(
    ("data_type", "values", "word"),
    [
        ("photometry", {"magnitude": 18.1, "filter": "r", "error": " "}, "error is ' '"),
        ("photometry", {"magnitude": 18.1, "filter": "r", "unit": ["AB"]}, "unit is a list"),
        ("photometry", {"magnitude": 18.1, "filter": 2}, "filter is '2'"),
        ("spectroscopy", {"flux": [1.0, None], "wavelength": [1.0, 2.0]}, "flux has empty (null) at place 1"),
        ("astrometry", {"ra": "10:00:24.5", "dec": "-12:30:00"}, "ra is '10:00:24.5'"),
        ("Photometry", {"counts": 7}, "'counts'"),
        ("photometry", {}, "nothing"),
        ("polarimetry", {"q": 0.1}, "no table for data of type 'polarimetry'"),
    ],
)
def test_the_reason_is_the_true_one(data_type: str, values: Any, word: str, make: Any) -> None:
    record = OtherDatum(key=make.detection().key, timestamp=make.when, data_type=data_type, extra=values)
    reason = refused(make, record).reason
    assert word in reason
    assert ("no table" in reason) is (data_type == "polarimetry")


# --- targets -----------------------------------------------------------------------------------------------

ORBIT = {
    "epoch_of_elements": 60000.0, "inclination": 10.0, "lng_asc_node": 20.0, "arg_of_perihelion": 30.0,
    "eccentricity": 0.1, "semimajor_axis": 2.5, "mean_anomaly": 45.0,
}  # fmt: skip


def elements(make: Any, **orbit: Any) -> dict[str, Any]:
    target = Target(name="2026 AB", sidereal=False, orbit=Orbit(**ORBIT | orbit))
    found = make.message(make.detection(), batch={"target": target})["data"]["targets"][0]["orbital_elements"]
    return dict(found)


@pytest.mark.parametrize("anomaly", [-30.0, 0.0, 400.0])
def test_an_open_orbit_is_not_turned(anomaly: float, make: Any) -> None:
    open_orbit = {"eccentricity": 1.2, "semimajor_axis": -2.5, "mean_anomaly": anomaly}
    target = Target(name="2I", sidereal=False, orbit=Orbit(**ORBIT | open_orbit))
    assert "open orbit" in refused(make, make.detection(), {"target": target}).reason
    found = elements(make, **open_orbit, perihdist=0.5, epoch_of_perihelion=60010.0)
    assert (found["perihelion_distance"], found["epoch_of_perihelion"]) == (0.5, 60010.0)
    assert "mean_anomaly" not in found
    assert elements(make, **open_orbit | {"mean_anomaly": 30.0})["mean_anomaly"] == 30.0


def test_epochs_of_orbits_are_modified_julian_dates(make: Any) -> None:
    found = elements(make, epoch_of_elements=2460000.5, perihdist=1.2, epoch_of_perihelion=2460010.7512)
    assert (found["epoch_of_elements"], found["epoch_of_perihelion"]) == (60000.0, 60010.2512)


@pytest.mark.parametrize(
    ("day", "sent"),
    [
        (14999.0, 14999.0), (12000.5, 12000.5), (1000.5, 1000.5), (-8718.0, "1835-01-04T00:00:00+00:00"),
        (-48.5, "1858-09-29T12:00:00+00:00"),
    ],
)  # fmt: skip
def test_days_before_1900_are_dates_too(day: float, sent: Any, make: Any, server: Any) -> None:
    assert elements(make, epoch_of_elements=day)["epoch_of_elements"] == sent
    target = Target(name="2026 AB", sidereal=False, orbit=Orbit(**ORBIT | {"epoch_of_elements": day}))
    adapter = make.adapter(BASE_URL=server.base_url)
    assert not adapter.validate(make.batch(make.detection(), target=target))
    adapter.close()


def test_extras_of_a_target_travel(make: Any) -> None:
    target = make.target(extras={"priority": "7", "redshift": "0.02", "note": ""})
    data = make.message(make.detection(), batch={"target": target})["data"]
    assert data["sharecore"]["target"]["extras"] == {"priority": "7", "redshift": "0.02"}


# --- further words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "unit"),
    [
        ({"zpsys": "vega"}, "Vega mag"), ({"filter_system": "Vega"}, "Vega mag"),
        ({"phot_unit": "Vega mag"}, "Vega mag"), ({"BUNIT": "mJy"}, "mJy"), ({"flux_unit": "mJy"}, "mJy"),
        ({"flux": 7.0, "flux_unit": "mJy"}, "AB mag"),
    ],
)  # fmt: skip
def test_units_have_many_names(extra: Any, unit: str, make: Any) -> None:
    assert make.row(make.detection(unit="", extra=extra), **DEFAULTS)["brightness_unit"] == unit


def test_brightness_and_limit_of_one_exposure_are_in_one_system(make: Any) -> None:
    both = {"limit": 21.0}
    row = make.row(
        make.detection(unit="mag", **both, extra={"system": "Vega", "limit_unit": "mag"}), **DEFAULTS
    )
    assert (row["brightness_unit"], row["limiting_brightness_unit"]) == ("Vega mag", "Vega mag")
    row = make.row(make.detection(unit="Vega mag", **both, extra={"limit_unit": "mag"}), **DEFAULTS)
    assert row["limiting_brightness_unit"] == "Vega mag"
    row = make.row(make.detection(unit="mag", **both, extra={"limit_unit": "Vega mag"}), **DEFAULTS)
    assert row["brightness_unit"] == "Vega mag"
    row = make.row(make.detection(unit="mJy", **both, extra={"limit_unit": "mag"}), **DEFAULTS)
    assert (row["brightness_unit"], row["limiting_brightness_unit"]) == ("mJy", "AB mag")


def test_a_telescope_in_any_form_keeps_the_default_away(make: Any) -> None:
    row = make.row(make.detection(telescope="", extra={"observatory": 809}), **DEFAULTS)
    assert row["telescope"] == "809"
    row = make.row(make.detection(telescope="", extra={"TELID": "1m0a"}), **DEFAULTS)
    assert row["telescope"] == "1m0a"
    for unread in ({"telescope": ["LT"]}, {"facility": {"name": "ZTF"}}):
        assert "must be texts" in refused(make, make.detection(telescope="", extra=unread), **DEFAULTS).reason
    row = make.row(make.detection(extra={"instrument": {"gain": 1.2}}), **DEFAULTS)
    assert row["telescope"] == "LCO 1m"


def test_negative_exposure_times_say_none(make: Any) -> None:
    assert "exposure_time" not in make.row(make.detection(exposure_time=-1.0))
    assert "exposure_time" not in make.row(make.spectrum(exposure_time=-999.0))
    assert make.row(make.detection(exposure_time=0.0))["exposure_time"] == 0.0


@pytest.mark.parametrize("ra", [-999.0, 999.0, 9999.0])
def test_a_place_that_says_none_is_no_place(ra: float, make: Any) -> None:
    assert "ra must be between" in refused(make, make.astrometry(ra=ra, dec=0.0)).reason
    assert make.row(make.astrometry(ra=-10.0, dec=0.0))["ra"] == 350.0


# --- units of errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    [
        {"brightness_error_unit": "mJy"}, {"error_unit": "mJy"}, {"magerr_units": "mJy"},
        {"flux_err_unit": "mJy"}, {"brightness_error": {"unit": "mJy"}}, {"units": {"error": "mJy"}},
        {"value": {"uncertainty_unit": "mJy"}},
    ],
)  # fmt: skip
def test_an_error_has_its_own_unit(word: Any, make: Any) -> None:
    row = make.row(make.detection(brightness=250.0, brightness_error=0.01, unit="uJy", extra=word))
    assert (row["brightness"], row["brightness_error"], row["brightness_unit"]) == (0.25, 0.01, "mJy")
    row = make.row(make.limit(limit=250.0, limit_error=0.01, unit="uJy", extra=word))
    assert (row["limiting_brightness"], row["limiting_brightness_error"]) == (0.25, 0.01)


def test_an_error_of_a_magnitude_is_in_magnitudes(make: Any) -> None:
    record = make.detection(brightness_error=0.02, extra={"error_unit": "mag"})
    assert make.row(record)["brightness_error"] == 0.02
    record = make.detection(brightness_error=5.0, extra={"brightness_error_unit": "uJy"})
    assert "'uJy'" in refused(make, record).reason
    record = make.detection(brightness_error=2.0, extra={"magnitude_error_unit": "percent"})
    assert refused(make, record).feature == "error-unit"
    assert make.row(make.detection(brightness_error=None, extra={"error_unit": "percent"}))


def test_the_error_of_another_flux_is_not_that_of_the_brightness(make: Any) -> None:
    words = {"flux": 7.0, "flux_error": 0.1, "flux_error_unit": "mJy"}
    assert make.row(make.detection(brightness_error=0.02, extra=words))["brightness_error"] == 0.02


def test_a_limit_and_its_error_have_units_of_their_own(make: Any) -> None:
    words = {"limit_error": 10.0, "limit_error_unit": "uJy", "error_unit": "mag"}
    row = make.row(make.detection(brightness_error=0.02, limit=0.05, extra={"limit_unit": "mJy"} | words))
    assert (row["brightness_error"], row["limiting_brightness_error"]) == (0.02, 0.01)


def test_the_unit_of_an_error_contradicts_the_default_of_the_value(make: Any) -> None:
    for record in (
        make.detection(unit="", brightness=7.0, brightness_error=0.1, extra={"error_unit": "mJy"}),
        make.spectrum(flux_unit="", error=(1.0, 2.0), extra={"flux_error_unit": "uJy"}),
    ):
        assert refused(make, record, **DEFAULTS).feature == "error-unit"
    same = make.detection(unit="", brightness_error=0.1, extra={"error_unit": "mag"})
    assert make.row(same, **DEFAULTS)["brightness_unit"] == "AB mag"


def test_errors_of_a_spectrum_are_in_its_unit(make: Any) -> None:
    words = {"flux_error_unit": r"$10^{-17}\,\mathrm{erg\,s^{-1}\,cm^{-2}\,\AA^{-1}}$"}
    row = make.row(make.spectrum(error=(1.0, 2.5), extra=words))
    assert (row["flux"], row["flux_error"]) == ([1e-16, 2e-16], [1e-17, 2.5e-17])
    record = make.spectrum(error=(1.0, 2.0), extra={"flux_error_unit": "mJy"})
    assert "'mJy'" in refused(make, record).reason


class OwnUnits(HermesDataConverter):
    """A site's converter that sends mJy."""

    def get_hermes_photometry(self, datum: Any) -> dict[str, Any]:
        value, error = datum.brightness / 1000, datum.brightness_error / 100
        return {**super().get_hermes_photometry(datum), "brightness": value, "brightness_error": error,
                "brightness_unit": "mJy"}  # fmt: skip


def test_an_error_that_a_converter_changed_is_not_changed_again(make: Any) -> None:
    record = make.detection(brightness=7.0, brightness_error=1.0, unit="uJy", extra={"error_unit": "uJy"})
    row = make.row(record, DATA_CONVERTER_CLASS=f"{__name__}.OwnUnits")
    assert (row["brightness"], row["brightness_error"]) == (0.007, 0.01)


# --- words within dictionaries -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        {"units": {"flux": "Jy", "wavelength": "um"}},
        {"header": {"BUNIT": "Jy", "CUNIT1": "um"}},
        {"meta": {"flux_unit": "Jy", "wavelength_unit": "um"}},
        {"reduction": {"pipeline": {"flux_units": "Jy", "wave_units": "um"}}},
        {"flux_axis": 1, "flux": {"unit": "Jy"}, "wavelength": {"unit": "um"}},
        {"unit": {"flux": "Jy", "wavelength": "um"}},
    ],
)
def test_units_within_dictionaries_beat_the_defaults(words: Any, make: Any) -> None:
    record = make.spectrum(flux=(1.0, 2.0), flux_unit="", wavelength_unit="", extra=words)
    row = make.row(record, **DEFAULTS)
    assert (row["flux"], row["flux_units"], row["wavelength_units"]) == ([1000.0, 2000.0], "mJy", "\u00b5m")


def test_what_stands_further_out_wins_and_contradictions_are_refused(make: Any) -> None:
    words = {"flux_unit": "mJy", "meta": {"flux_unit": "Jy", "wavelength_unit": "um"}}
    assert make.row(make.spectrum(flux_unit="", extra=words), **DEFAULTS)["flux"] == [1e-16, 2e-16]
    arms = {"blue": {"flux_unit": "Jy"}, "red": {"flux_unit": "mJy"}}
    reason = refused(make, make.spectrum(flux_unit="", extra=arms), **DEFAULTS).reason
    assert "'Jy', 'mJy'" in reason
    assert make.row(make.spectrum(extra=arms), **DEFAULTS), "its own column says it"


def test_units_of_something_else_are_left_alone(make: Any) -> None:
    words = {"host": {"unit": "kpc", "system": "Vega"}, "header": {"BUNIT": "adu"}}
    assert make.row(make.detection(unit="", extra=words), **DEFAULTS)["brightness_unit"] == "AB mag"
    strange = make.detection(unit="", extra={"unit": {"name": "mJy"}})
    assert "dict" in refused(make, strange, **DEFAULTS).reason


def test_points_say_their_units(make: Any) -> None:
    def stored(*units: str) -> OtherDatum:
        points = {str(at): {"flux": 1.0, "wavelength": 0.5, "flux_unit": unit, "wavelength_unit": "um"}
                  for at, unit in enumerate(units)}  # fmt: skip
        key = make.spectrum().key
        extra = {"telescope": "LT", **points}
        return OtherDatum(key=key, timestamp=make.when, data_type="spectroscopy", extra=extra)

    row = make.row(stored("Jy", "Jy"), **DEFAULTS)
    assert (row["flux"], row["wavelength_units"]) == ([1000.0, 1000.0], "\u00b5m")
    assert "'Jy', 'mJy'" in refused(make, stored("Jy", "mJy"), **DEFAULTS).reason


# --- names that are put together ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "unit"),
    [
        ({"flux_density_unit": "mJy"}, "mJy"), ({"value_units": "mJy"}, "mJy"),
        ({"units": {"value": "mJy"}}, "mJy"), ({"unit_of_brightness": "mJy"}, "mJy"),
        ({"filter_sys": "Vega"}, "Vega mag"),
        ({"passband_system": "Vega system"}, "Vega mag"), ({"mag_type": "VEGA"}, "Vega mag"),
        ({"mag_type": "PSF", "zeropoint": 25.1, "sys": 0.02}, "AB mag"),
        ({"mag_sys": 0.02, "zp_sys": "0.01", "calibration_sys": 0}, "AB mag"),
        ({"calibration": "Vega"}, "Vega mag"),
    ],
)  # fmt: skip
def test_units_and_systems_have_names_of_many_parts(extra: Any, unit: str, make: Any) -> None:
    assert make.row(make.detection(unit="", extra=extra), **DEFAULTS)["brightness_unit"] == unit


@pytest.mark.parametrize(
    ("extra", "unit"),
    [
        ({"wl_unit": "um"}, "\u00b5m"), ({"spectral_axis": {"unit": "um"}}, "\u00b5m"),
        ({"unit_wavelength": "um"}, "\u00b5m"), ({"\u03bb_unit": "um"}, "\u00b5m"),
        ({"freq_unit": "GHz"}, "GHz"),
    ],
)  # fmt: skip
def test_so_have_those_of_spectra(extra: Any, unit: str, make: Any) -> None:
    record = make.spectrum(
        flux=(1.0, 2.0), flux_unit="", wavelength_unit="", extra=extra | {"unit_flux": "Jy"}
    )
    row = make.row(record, **DEFAULTS)
    assert (row["flux"], row["wavelength_units"]) == ([1000.0, 2000.0], unit)


@pytest.mark.parametrize("name", ["lim", "upper_limit", "maglim", "limiting flux", "diffmaglim"])
def test_a_limit_has_many_names(name: str, make: Any) -> None:
    words = {f"{name}_unit": "uJy", f"{name}_err": 10.0}
    for record in (make.limit(limit=50.0, extra=words), make.detection(limit=50.0, extra=words)):
        row = make.row(record)
        assert (row["limiting_brightness"], row["limiting_brightness_unit"]) == (0.05, "mJy")
        assert row["limiting_brightness_error"] == 0.01
    row = make.row(make.detection(limit=21.0, extra={f"{name}_system": "Vega"}), **DEFAULTS)
    assert (row["brightness_unit"], row["limiting_brightness_unit"]) == ("AB mag", "Vega mag")


@pytest.mark.parametrize(
    "extra",
    [
        {"header": {"TELESCOP": "LT"}}, {"meta": {"observation": {"telescope": "LT"}}}, {"survey_name": "LT"},
        {"Spacecraft": "LT"}, {"mpc_sitecode": "LT"}, {"telescope/instrument": "LT"},
    ],
)  # fmt: skip
def test_a_telescope_has_many_names_and_places(extra: Any, make: Any) -> None:
    assert make.row(make.detection(telescope="", extra=extra), **DEFAULTS)["telescope"] == "LT"
    template = {"reference_image": {"telescope": "PS1"}}
    assert make.row(make.detection(telescope="", extra=template), **DEFAULTS)["telescope"] == "our 1 m"


@pytest.mark.parametrize("nothing", ["None", "N/A", "-", "null", "nan"])
def test_a_word_that_stands_for_nothing_is_none(nothing: str, make: Any) -> None:
    row = make.row(make.detection(telescope=nothing, instrument=nothing, unit=nothing), **DEFAULTS)
    assert (row["telescope"], row["brightness_unit"]) == ("our 1 m", "AB mag")
    assert "instrument" not in row
    own = {"telescope": "LT", "unit": "Vega mag"}
    row = make.row(make.detection(telescope=nothing, unit=nothing, extra=own), **DEFAULTS)
    assert (row["telescope"], row["brightness_unit"]) == ("LT", "Vega mag")
    assert refused(make, make.detection(bandpass=nothing)).feature == "bandpass"
    assert make.row(make.detection(bandpass=nothing), BANDPASS_MAP={nothing: "clear"})["bandpass"] == "clear"


@pytest.mark.parametrize("number", ["-1", "-99", "-999.0"])
def test_a_redshift_or_distance_that_stands_for_none_is_none(number: str, make: Any) -> None:
    extras = {"redshift": number, "host_redshift": number, "host_name": "None"}
    position = {"distance": float(number), "distance_err": 1.0}
    for place in (position, {"distance": 10.0, "distance_err": float(number)}):
        target = make.target(extras=extras, position=place)
        row = make.message(make.detection(), batch={"target": target})["data"]["targets"][0]
        assert not {"redshift", "host_redshift", "host_name", "distance_error"} & set(row)
        assert row.get("distance", 10.0) == 10.0
    blueshift = make.target(extras={"redshift": "-0.001"})
    assert (
        make.message(make.detection(), batch={"target": blueshift})["data"]["targets"][0]["redshift"]
        == -0.001
    )

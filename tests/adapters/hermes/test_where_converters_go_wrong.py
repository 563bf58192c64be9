"""Where the converters of tomtoolkit 2.32.4 (A) and tom_hermes 0.2.1 (B) go wrong, and ours does not.

Both were run on real rows against the real server. R: data that they cannot get accepted. W: data of which
they publish something else. T: what they do with the answers. Each row here is one of these findings.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests

from calling import before, deliver
from sharecore.exceptions import AuthenticationFailed, DestinationError, InvalidRecord
from sharecore.identity import fingerprint
from sharecore.outcomes import Accepted, Rejected, Unconfirmed, Unsupported
from sharecore.records import OtherDatum, Record
from sharecore.targets import Orbit, OrbitScheme, Target
from sharecore_hermes.mapping import map_batch

ANGSTROM = "\u212b"
FLUX_PER_ANGSTROM = "erg / s / cm\u00b2 / \u212b"
PLANET = Orbit(
    scheme=OrbitScheme.MPC_MINOR_PLANET,
    epoch_of_elements=60000.0,
    inclination=10.0,
    lng_asc_node=20.0,
    arg_of_perihelion=30.0,
    eccentricity=0.1,
    semimajor_axis=2.5,
    mean_anomaly=45.0,
)


def body(**orbit: Any) -> Target:
    return Target(name="2026 AB", sidereal=False, orbit=replace(PLANET, **orbit))


def unsupported(make: Any, record: Record, feature: str, batch: Any = None, **settings: Any) -> Unsupported:
    """The outcome of a record that cannot go, while a good one beside it would."""
    good = make.detection()
    outcomes = make.adapter(**settings).prepare(make.batch(record, good, **(batch or {})))[1].decided
    outcome = outcomes[record.key]
    assert isinstance(outcome, Unsupported)
    assert outcome.feature == feature
    if batch is None:
        assert good.key not in outcomes
    return outcome


def elements(make: Any, **orbit: Any) -> dict[str, Any]:
    message = make.message(make.detection(), batch={"target": body(**orbit)})
    found: dict[str, Any] = message["data"]["targets"][0]["orbital_elements"]
    return found


def r1(make: Any) -> None:
    row = make.row(make.spectrum(telescope="FTN"))
    assert (row["flux_units"], row["wavelength_units"]) == (FLUX_PER_ANGSTROM, ANGSTROM)


def r2(make: Any) -> None:
    for unit in ("Angstrom", "angstrom", "AA", "\u00c5", "\u212b"):
        assert make.row(make.spectrum(wavelength_unit=unit))["wavelength_units"] == ANGSTROM


def r3(make: Any) -> None:
    for unit in ("um", "micrometer", "micron", "\u00b5m", "\u03bcm"):
        row = make.row(make.spectrum(wavelength=(0.4, 0.5), wavelength_unit=unit))
        assert (row["wavelength_units"], row["wavelength"]) == ("\u00b5m", [0.4, 0.5])


def r4(make: Any) -> None:
    bare = make.spectrum(flux_unit="", wavelength_unit="")
    assert "DEFAULT_FLUX_UNIT" in unsupported(make, bare, "flux-unit").reason
    row = make.row(bare, DEFAULT_FLUX_UNIT="mJy", DEFAULT_WAVELENGTH_UNIT="nm")
    assert (row["flux_units"], row["wavelength_units"]) == ("mJy", "nm")


def r5(make: Any) -> None:
    jansky = make.row(make.spectrum(flux=(0.001, 0.5), flux_unit="Jy"))
    assert (jansky["flux"], jansky["flux_units"]) == ([1.0, 500.0], "mJy")
    scaled = make.row(make.spectrum(flux=(1.5, 2.0), error=(0.5, 0.1), flux_unit="1e-17 erg/s/cm2/AA"))
    assert (scaled["flux"], scaled["flux_error"]) == ([1.5e-17, 2e-17], [5e-18, 1e-18])
    for unit, given, name, sent in (
        ("m", 4e-7, "nm", 400.0),
        ("MHz", 1420.4, "Hz", 1.4204e9),
        ("eV", 2.0, "Hz", 2 * 1.602176634e-19 / 6.62607015e-34),
        ("1/cm", 1.0, "Hz", 29979245800.0),
        ("GHz", 1.4, "GHz", 1.4),
    ):
        row = make.row(make.spectrum(flux=(1e-16,), wavelength=(given,), wavelength_unit=unit))
        assert row["wavelength_units"] == name
        assert row["wavelength"] == [pytest.approx(sent, rel=1e-15)]


def r6(make: Any) -> None:
    for record in (
        make.detection(telescope=""),
        make.spectrum(instrument=""),
        make.astrometry(telescope=""),
    ):
        assert "DEFAULT_TELESCOPE" in unsupported(make, record, "telescope").reason
        assert make.row(record, DEFAULT_TELESCOPE="FTN")["telescope"] == "FTN"
        assert make.row(record, DEFAULT_INSTRUMENT="MuSCAT3")["instrument"] == "MuSCAT3"
    # A datum that names its instrument is not put under a telescope that may not be its own.
    assert "telescope" not in make.row(make.spectrum(), DEFAULT_TELESCOPE="FTN")


def r7(make: Any) -> None:
    for unit in ("ABmag", "mag(AB)", "AB Mag", "AB mag", "ab mag"):
        assert make.row(make.detection(unit=unit))["brightness_unit"] == "AB mag"
    for unit in ("Vega", "VEGA", "vegamag", "mag(VEGA)", "mag(Vega)"):
        assert make.row(make.detection(unit=unit))["brightness_unit"] == "Vega mag"
    row = make.row(make.detection(brightness=250.0, brightness_error=0.3, unit="uJy"))
    assert (row["brightness"], row["brightness_error"], row["brightness_unit"]) == (0.25, 0.0003, "mJy")
    row = make.row(make.detection(brightness=1e-16, unit="erg / (Angstrom s cm2)"))
    assert (row["brightness"], row["brightness_unit"]) == (1e-16, FLUX_PER_ANGSTROM)
    for unit in ("STmag", "mag(ST)", "ct", "mag / arcsec2", "nonsense"):
        unsupported(make, make.detection(unit=unit), "brightness-unit")
    # A magnitude of no system is AB only where somebody says so.
    assert (
        "DEFAULT_BRIGHTNESS_UNIT" in unsupported(make, make.detection(unit="mag"), "brightness-unit").reason
    )
    vega = make.row(make.detection(unit="mag"), DEFAULT_BRIGHTNESS_UNIT="Vega mag")
    assert vega["brightness_unit"] == "Vega mag"
    unsupported(make, make.detection(unit="mag"), "brightness-unit", DEFAULT_BRIGHTNESS_UNIT="mJy")
    assert make.row(make.detection(unit="ct"), UNIT_MAP={"ct": "AB mag"})["brightness_unit"] == "AB mag"


def r8(make: Any) -> None:
    unsupported(make, make.detection(brightness=0.0), "zero-brightness")
    unsupported(make, make.limit(limit=0.0), "zero-brightness")


def r9(make: Any) -> None:
    class Blanks(NoErrors):
        error = " "

    assert "brightness_error" not in converted(make, make.detection(), Blanks())
    Blanks.error = ""
    assert "brightness_error" not in converted(make, make.detection(), Blanks())


def r10(make: Any) -> None:
    """What 2.x stored of a HERMES message without errors has the error ""; as a record it has none."""
    again = make.detection(extra={"error": ""}, source_name="other.topic", source_location="Hermes via HOP")
    assert "brightness_error" not in make.row(again)


def r11(make: Any) -> None:
    unsupported(make, make.detection(bandpass=""), "bandpass")
    unsupported(make, make.detection(bandpass=" "), "bandpass")
    assert make.row(make.detection(bandpass=""), BANDPASS_MAP={"": "clear"})["bandpass"] == "clear"


def r12(make: Any) -> None:
    row = make.row(make.detection(brightness=17.25, bandpass="F606W"))
    assert (row["brightness"], row["bandpass"]) == (17.25, "F606W")


def r13(make: Any) -> None:
    found = elements(make)
    assert "epoch_of_perihelion" not in found
    assert "perihelion_distance" not in found
    assert (found["semimajor_axis"], found["mean_anomaly"]) == (2.5, 45.0)
    assert "mean_anomaly" in elements(make, scheme=OrbitScheme.JPL_MAJOR_PLANET, mean_daily_motion=0.2)


def r14(make: Any) -> None:
    # HERMES takes 0 for missing; 360 degrees is the same place.
    assert elements(make, mean_anomaly=0.0)["mean_anomaly"] == 360.0
    turned = elements(make, lng_asc_node=-5.0, arg_of_perihelion=365.0, mean_anomaly=-90.0)
    assert turned["longitude_of_the_ascending_node"] == 355.0
    assert turned["argument_of_the_perihelion"] == 5.0
    assert turned["mean_anomaly"] == 270.0
    for inclination in (-1.0, 181.0):
        unsupported(make, make.detection(), "orbit", {"target": body(inclination=inclination)})


def r15(make: Any) -> None:
    for name in ("eccentricity", "epoch_of_elements", "inclination", "lng_asc_node", "arg_of_perihelion"):
        unsupported(make, make.detection(), "orbit", {"target": body(**{name: None})})
    unsupported(make, make.detection(), "orbit", {"target": body(eccentricity=-0.1)})
    unsupported(make, make.detection(), "orbit", {"target": body(mean_anomaly=None)})


def r16(make: Any) -> None:
    for position in ({"ra": None}, {"dec": None}, {"ra": None, "dec": None}, {"dec": 91.0}):
        unsupported(make, make.detection(), "position", {"target": make.target(position=position)})
    zero = make.message(make.detection(), batch={"target": make.target(position={"ra": 0.0, "dec": 0.0})})
    assert zero["data"]["targets"][0] | {"ra": 0.0, "dec": 0.0} == zero["data"]["targets"][0]


def r17(make: Any) -> None:
    class Holes(NoErrors):
        def get_hermes_spectroscopy(self, datum: Any) -> dict[str, Any]:
            return {**super().get_hermes_spectroscopy(datum), "flux": [1e-16, None]}

    assert converted(make, make.spectrum(), Holes()).feature == "flux"


def r18(make: Any) -> None:
    row = make.row(make.spectrum(extra={"observer": "", "reducer": " "}))
    assert not {"observer", "reducer"} & set(row)


def r19(make: Any) -> None:
    for value in ("nan", "inf", "-Infinity", float("nan")):

        class Text(NoErrors):
            error = value

        assert converted(make, make.detection(), Text()).feature == "brightness_error"
    with pytest.raises(InvalidRecord):
        make.detection(brightness=float("nan"))


def r20(make: Any) -> None:
    class Odd(NoErrors):
        def get_hermes_photometry(self, datum: Any) -> dict[str, Any]:
            return {**super().get_hermes_photometry(datum), "brightness_unit": 7}

    assert converted(make, make.detection(), Odd()).feature == "brightness-unit"


def r21(make: Any) -> None:
    unsupported(make, make.spectrum(flux=(1e-16,)), "spectrum-lengths")
    unsupported(make, make.spectrum(error=(1e-17,)), "spectrum-lengths")
    unsupported(make, make.spectrum(flux=(), wavelength=()), "empty-spectrum")


def w1(make: Any) -> None:
    bare = make.detection(unit="")
    assert "DEFAULT_BRIGHTNESS_UNIT" in unsupported(make, bare, "brightness-unit").reason
    assert make.row(bare, DEFAULT_BRIGHTNESS_UNIT="Vega mag")["brightness_unit"] == "Vega mag"


def w2(make: Any) -> None:
    row = make.row(make.limit(limit=0.05, unit="mJy"))
    assert (row["limiting_brightness"], row["limiting_brightness_unit"]) == (0.05, "mJy")
    assert make.row(make.limit(unit="Vega"))["limiting_brightness_unit"] == "Vega mag"


def w3(make: Any) -> None:
    # The name of the system beside a brightness; the name of a flux is not taken for a magnitude.
    assert make.row(make.detection(unit="AB"))["brightness_unit"] == "AB mag"
    assert "UNIT_MAP" in unsupported(make, make.detection(unit="ABflux"), "brightness-unit").reason
    linear = make.row(make.detection(brightness=2.0, unit="ABflux"), UNIT_MAP={"ABflux": "3631 Jy"})
    assert (linear["brightness"], linear["brightness_unit"]) == (7262000.0, "mJy")


def w4(make: Any) -> None:
    row = make.row(make.detection(brightness=0.0, brightness_error=0.02, limit=19.0))
    assert (row["brightness"], row["brightness_error"], row["limiting_brightness"]) == (0.0, 0.02, 19.0)


def w5(make: Any) -> None:
    row = make.row(make.detection(limit=20.5, unit="Vega"))
    assert (row["limiting_brightness"], row["limiting_brightness_unit"]) == (20.5, "Vega mag")


def w6(make: Any) -> None:
    row = make.row(make.limit(limit_error=0.1))
    assert row["limiting_brightness_error"] == 0.1
    assert not {"brightness", "brightness_error"} & set(row)


def w7(make: Any) -> None:
    target = make.target(position={"pm_ra": -12.5, "pm_dec": 0.0})
    row = make.message(make.detection(), batch={"target": target})["data"]["targets"][0]
    assert (row["pm_ra"], row["pm_dec"]) == (-0.0125, 0.0)


def w8(make: Any) -> None:
    assert make.row(make.spectrum(flux_unit="mJy"))["flux_type"] == "Fnu"
    assert make.row(make.spectrum())["flux_type"] == "Flambda"


def w9(make: Any) -> None:
    assert make.row(make.detection(brightness_error=0.03, extra={"error": None}))["brightness_error"] == 0.03


def w10(make: Any) -> None:
    message = make.message(make.detection(brightness_error=-1.0))
    assert "brightness_error" not in message["data"]["photometry"][0]
    assert message["data"]["sharecore"]["photometry"][0]["left_out"] == ["brightness_error: -1 is negative"]
    assert "flux_error" not in make.row(make.spectrum(error=(1e-17, -1.0)))


def w11(make: Any) -> None:
    reason = unsupported(
        make, make.detection(), "epoch_of_elements", {"target": body(epoch_of_elements=2023.5)}
    ).reason
    assert "Modified Julian Date" in reason


def w12(make: Any) -> None:
    extra = {"observer": "A. Person", "catalog": "Gaia DR3", "comments": "windy", "airmass": 1.2}
    record = make.detection(
        exposure_time=30.0,
        extra=extra,
        source_name="Our survey",
        reduction_version="v2",
        source_location="x.csv",
    )
    target = make.target(position={"distance": 1e6, "distance_err": 1e5, "parallax": 0.001})
    spectrum = make.spectrum(setup="red/blu 2.0 slit", exposure_time=1800.0, extra={"reducer": "B. Person"})
    astrometry = make.astrometry(
        ra_error=0.1,
        dec_error=100.0,
        ra_error_units="arcsec",
        dec_error_units="mas",
        extra={"mpc_sitecode": "Z24"},
    )
    data = make.message(record, spectrum, astrometry, batch={"target": target})["data"]
    photometry = data["photometry"][0]
    assert photometry["exposure_time"] == 30.0
    assert {key: photometry[key] for key in ("observer", "catalog", "comments")} == {
        key: extra[key] for key in ("observer", "catalog", "comments")
    }
    beside = data["sharecore"]["photometry"][0]
    assert beside == {
        "key": str(record.key),
        "content": fingerprint(record),
        "source_name": "Our survey",
        "source_location": "x.csv",
        "reduction_version": "v2",
        "extra": {"airmass": 1.2},
    }
    row = data["spectroscopy"][0]
    assert (row["setup"], row["exposure_time"], row["reducer"]) == ("red/blu 2.0 slit", 1800.0, "B. Person")
    row = data["astrometry"][0]
    assert (row["ra"], row["dec"], row["mpc_sitecode"]) == (150.1, -12.5, "Z24")
    assert (row["ra_error"], row["ra_error_units"]) == (0.1, "arcsec")
    assert (row["dec_error"], row["dec_error_units"]) == (100.0, "mas")
    place = data["targets"][0]
    assert (place["distance"], place["distance_error"], place["distance_units"]) == (1e6, 1e5, "pc")
    assert data["sharecore"]["target"] == {"parallax_mas": 0.001}
    moving = make.message(make.detection(), batch={"target": body(mean_daily_motion=0.21)})
    assert moving["data"]["sharecore"]["target"]["mean_daily_motion_deg_per_day"] == 0.21


def w13(make: Any) -> None:
    """Readers that take one unit for the other, or need a date and an instrument, find what they need."""
    row = make.row(make.limit(limit=0.05, unit="mJy", instrument="Sinistro"))
    assert row["brightness_unit"] == row["limiting_brightness_unit"] == "mJy"
    assert row["date_obs"] == "2026-03-01T04:05:06+00:00"
    assert row["instrument"] == "Sinistro"


def test_a_spectrum_point_by_point_is_a_spectrum_as_in_2_x(make: Any) -> None:
    values = {
        "0": {"flux": "1e-16", "wavelength": 4000, "flux_error": 1e-17},
        "1": {"flux": 2e-16, "wavelength": 4001.5, "flux_error": 2e-17},
    }
    said = {"flux_units": "erg / (Angstrom s cm2)", "wavelength_units": "Angstrom", "telescope": "FTN"}
    key = make.spectrum().key
    old = OtherDatum(key=key, timestamp=make.when, data_type="spectroscopy", extra={**values, **said})
    row = make.row(old)
    assert (row["flux"], row["wavelength"]) == ([1e-16, 2e-16], [4000.0, 4001.5])
    assert (row["flux_error"], row["telescope"]) == ([1e-17, 2e-17], "FTN")
    for broken in ({"0": {"flux": 1.0}}, {"0": {}}, {"note": "x"}):
        other = OtherDatum(key=key, timestamp=make.when, data_type="spectroscopy", extra=broken)
        outcome = deliver(make.adapter(), make.batch(other))[key]
        assert outcome.feature == "data-type"


def t1(make: Any, hermes: Any) -> None:
    hermes.submit(200, {"error": "User account does not have an associated SCIMMA auth credential."})
    with pytest.raises(AuthenticationFailed, match="log out of HERMES") as caught:
        deliver(make.adapter(), make.batch(make.detection()))
    assert not caught.value.topic_only
    assert not before(caught)


def t2(make: Any, hermes: Any) -> None:
    hermes.fail(requests.exceptions.ReadTimeout())
    record = make.detection()
    with pytest.raises(DestinationError) as caught:
        deliver(make.adapter(), make.batch(record))
    assert isinstance(before(caught)[record.key], Unconfirmed)
    assert make.config(BASE_URL="https://hermes.example.org").base_url == "https://hermes.example.org/"


def t3(make: Any, hermes: Any) -> None:
    hermes.profile(403, {"detail": "Invalid token."})
    adapter = make.adapter(USER_TOPICS=[])
    with pytest.raises(AuthenticationFailed, match="HERMES_API_KEY"):
        adapter.topics()
    (problem,) = adapter.check()
    assert "HERMES_API_KEY" in problem.where


def t4(make: Any, hermes: Any) -> None:
    hermes.submit(200, {"title": "no id"})
    hermes.submit(500, "<html>Server Error (500)</html>")
    hermes.submit(200, {"uuid": "abc"})
    adapter, record = make.adapter(READ_TIMEOUT=20), make.detection()
    for _ in range(2):
        with pytest.raises(DestinationError) as caught:
            deliver(adapter, make.batch(record))
        assert isinstance(before(caught)[record.key], Unconfirmed)
    assert deliver(adapter, make.batch(record)) == {record.key: Accepted(remote_id="abc")}
    assert hermes.mock.calls[0].request.req_kwargs["timeout"] == (3.05, 20.0)


class NoErrors:
    """A converter in the manner of 2.x that writes its own error into each row of photometry."""

    error: object = ""

    def __init__(self, validate: bool = True) -> None:
        from sharecore_hermes.converter import HermesDataConverter

        self.ours = HermesDataConverter(validate)

    def get_hermes_target(self, target: Any) -> Any:
        return self.ours.get_hermes_target(target)

    def get_hermes_photometry(self, datum: Any) -> dict[str, Any]:
        return {**self.ours.get_hermes_photometry(datum), "brightness_error": self.error}

    def get_hermes_spectroscopy(self, datum: Any) -> dict[str, Any]:
        return dict(self.ours.get_hermes_spectroscopy(datum))


def converted(make: Any, record: Record, converter: Any) -> Any:
    """The row that a converter's draft of a record becomes, or the outcome that stands in its way."""
    batch = make.batch(record)
    mapped = map_batch(batch, make.adapter().config, converter, batch.address.topic)
    return mapped.decided.get(record.key) or mapped.entries[0].row


MAPPING: list[Callable[..., None]] = [
    r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15, r16, r17, r18, r19, r20, r21,
    w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13,
]  # fmt: skip
TRANSPORT: list[Callable[..., None]] = [t1, t2, t3, t4]


@pytest.mark.parametrize("finding", MAPPING, ids=lambda each: each.__name__.upper())
def test_mapping(finding: Callable[..., None], make: Any) -> None:
    finding(make)


@pytest.mark.parametrize("finding", TRANSPORT, ids=lambda each: each.__name__.upper())
def test_transport(finding: Callable[..., None], make: Any, hermes: Any) -> None:
    finding(make, hermes)


def test_everything_above_is_taken_by_the_server(make: Any, server: Any) -> None:
    """Rows of every kind, as the adapter makes them, pass the checks of the server at once."""
    records = [
        make.detection(unit="uJy", brightness=-3.0, brightness_error=0.1, exposure_time=30.0),
        make.detection(brightness=0.0, limit=19.0),
        make.limit(unit="mag(Vega)", limit_error=0.1),
        make.limit(limit=1e-17, unit="erg/s/cm2/AA"),
        make.spectrum(),
        make.spectrum(flux_unit="Jy", wavelength_unit="eV", error=(1.0, 2.0), extra={"spec_type": "Host"}),
        make.astrometry(ra_error=0.1, ra_error_units="deg", extra={"catalog": "Gaia DR3"}),
    ]
    target = make.target(
        aliases=("ZTF26a", "SN"),
        position={"epoch": 2000.0, "pm_ra": 1.0, "distance": 10.0},
        extras={"redshift": "0.02"},
    )
    adapter = make.adapter(BASE_URL=server.base_url)
    outcomes = deliver(adapter, make.batch(*records, target=target))
    adapter.close()
    assert [type(outcomes[each.key]) for each in records] == [Accepted] * 7
    (line,) = server.published()
    assert {each.remote_id for each in outcomes.values()} == {line["uuid"]}
    assert json.dumps(line["message"]["data"]["sharecore"]).count(records[0].key.origin) == 8
    assert not any(isinstance(each, Rejected) for each in outcomes.values())


@pytest.mark.parametrize(
    "orbit",
    [
        {},
        {"mean_anomaly": 0.0},
        {"scheme": "JPL_MAJOR_PLANET", "mean_daily_motion": 0.2},
        {
            "scheme": "MPC_COMET",
            "semimajor_axis": None,
            "mean_anomaly": None,
            "perihdist": 1.2,
            "epoch_of_perihelion": 60010.5,
            "eccentricity": 1.01,
            "inclination": 170.0,
        },
    ],
    ids=["minor planet", "at perihelion", "major planet", "comet"],
)
def test_every_kind_of_orbit_is_taken_by_the_server(orbit: dict[str, Any], make: Any, server: Any) -> None:
    record = make.detection()
    adapter = make.adapter(BASE_URL=server.base_url)
    outcomes = deliver(adapter, make.batch(record, target=body(**orbit)))
    adapter.close()
    assert isinstance(outcomes[record.key], Accepted)

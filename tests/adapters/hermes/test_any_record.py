"""Whatever a site stores: each record is either said to be inexpressible, or the server takes its row."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharecore.outcomes import Unsupported
from sharecore.targets import Orbit

STANDINS = Path(__file__).parents[2] / "standins"

WILD_TEXT = st.text(max_size=12) | st.sampled_from(["", " ", "\0", "\u212b", "mag", "ct", "ABflux"])
WILD = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -1.0, 1e300, 2023.5])


def mostly(*usual: Any, wild: Any = WILD) -> Any:
    """One of the usual values nine times in ten, else anything."""
    return st.integers(0, 9).flatmap(lambda dice: wild if dice == 0 else st.sampled_from(usual))


WORD = mostly("r", "LCO 1m", wild=WILD_TEXT)
VALUE = mostly(18.5, 0.02, 150.1, -12.5, 99.0, -999.0)
MAYBE = mostly(None, 0.1, 30.0)
COMMON = {
    "telescope": WORD,
    "instrument": WORD,
    "reduction_version": WORD,
    "source_name": mostly("", "ALeRCE", "Hermes", "Hermes:other.topic", wild=WILD_TEXT),
    "extra": st.dictionaries(
        st.sampled_from(["observer", "spec_type", "other", "flux"])
        | st.sampled_from(
            ["units", "system", "limit_unit", "limit_error", "facility", "error_units", "value"]
        ),
        WORD
        | VALUE
        | st.sampled_from(["AB", "Vega", "mJy", "arcseconds", ["AB mag"], {"unit": "mJy"}, None]),
    ),
}
PHOTOMETRY = COMMON | {
    "unit": mostly("AB mag", "mag(Vega)", "uJy", "1e-17 erg/s/cm2/AA", wild=WILD_TEXT),
    "bandpass": WORD,
    "exposure_time": MAYBE,
}


def fluxes(size: int) -> st.SearchStrategy[dict[str, Any]]:
    row = st.lists(VALUE, min_size=size, max_size=size).map(tuple)
    return st.fixed_dictionaries({
        "flux": row, "wavelength": mostly(4000.0).map(lambda first: (first,) * size),
        "error": row | st.just(()),
        "flux_unit": mostly("Jy", "erg / (Angstrom s cm2)", wild=WILD_TEXT),
        "setup": WORD,
        "wavelength_unit": mostly("AA", "micron", "eV", "GHz", wild=WILD_TEXT),
    } | COMMON)  # fmt: skip


RECORDS = {
    "detection": st.fixed_dictionaries(
        {"brightness": VALUE, "brightness_error": MAYBE, "limit": MAYBE} | PHOTOMETRY
    ),
    "limit": st.fixed_dictionaries({"limit": VALUE, "limit_error": MAYBE} | PHOTOMETRY),
    "spectrum": st.integers(0, 3).flatmap(fluxes),
    "astrometry": st.fixed_dictionaries(
        {"ra": VALUE, "dec": mostly(-12.5, 89.0), "ra_error": MAYBE, "dec_error": MAYBE}
        | {"ra_error_units": mostly("arcsec", "deg", "uas", wild=WILD_TEXT)}
        | COMMON
    ),
}
POSITIONS = st.fixed_dictionaries({
    "ra": mostly(0.0, 150.1), "dec": mostly(0.0, -12.5), "epoch": mostly(None, 2000.0, 1950.0),
    "pm_ra": MAYBE, "parallax": MAYBE, "distance": MAYBE,
})  # fmt: skip
ORBITS = st.fixed_dictionaries({
    "epoch_of_elements": mostly(60000.0, 2460000.5, -8718.0), "mean_anomaly": mostly(None, 0.0, 45.0, -30.0),
    "inclination": mostly(10.0),
    "arg_of_perihelion": mostly(-5.0, 30.0), "lng_asc_node": mostly(400.0), "eccentricity": mostly(0.0, 1.2),
    "semimajor_axis": mostly(None, 2.5), "epoch_of_perihelion": mostly(None, 60010.5),
    "perihdist": mostly(None, 1.2),
})  # fmt: skip
QUIET = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="session")
def normalised() -> Iterator[Callable[[Any], dict[str, Any]]]:
    """The server's checks, from the stand-in; raises where it would refuse or fail."""
    sys.path.insert(0, str(STANDINS))
    yield importlib.import_module("hermes_message").normalised
    sys.path.remove(str(STANDINS))


@QUIET
@given(data=st.data(), year=st.integers(1, 9999))
@pytest.mark.parametrize("kind", RECORDS)
def test_a_record(kind: str, data: st.DataObject, year: int, make: Any, normalised: Any) -> None:
    record = getattr(type(make)(datetime(year, 1, 2, tzinfo=UTC)), kind)(**data.draw(RECORDS[kind]))
    adapter = make.adapter(DEFAULT_TELESCOPE="T", DEFAULT_BRIGHTNESS_UNIT="AB mag")
    try:
        message = json.loads(adapter.preview(make.batch(record)).body)
    finally:
        adapter.close()
    if message:
        published = normalised(message)
        assert len(published["data"]["sharecore"]) == 4
    else:
        outcome = adapter.prepare(make.batch(record))[1].decided[record.key]
        assert isinstance(outcome, Unsupported)
        assert outcome.reason


@QUIET
@given(
    position=POSITIONS, orbit=ORBITS, sidereal=st.booleans(), name=WORD, aliases=st.lists(WORD, max_size=3)
)
def test_a_target(
    position: dict[str, Any],
    orbit: dict[str, Any],
    sidereal: bool,
    name: str,
    aliases: list[str],
    make: Any,
    normalised: Any,
) -> None:
    target = make.target(
        name, position=position, orbit=Orbit(**orbit), sidereal=sidereal, aliases=tuple(aliases)
    )
    record = make.detection()
    adapter = make.adapter()
    try:
        message = json.loads(adapter.preview(make.batch(record, target=target)).body)
    finally:
        adapter.close()
    if message:
        normalised(message)
    else:
        assert isinstance(
            adapter.prepare(make.batch(record, target=target))[1].decided[record.key], Unsupported
        )

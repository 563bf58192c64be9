"""Targets, free of what databases and catalogues write for "unknown"."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from sharecore.record_json import as_json
from sharecore.sky import separation
from sharecore.targets import Orbit, Position, Target, simple_name


@pytest.mark.parametrize("unknown", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_counts_as_absent(unknown: float) -> None:
    position = Position(ra=1.0, dec=0.0, parallax=unknown, distance_err=unknown)
    orbit = Orbit(scheme="MPC_COMET", perihdist=unknown, slope=unknown, inclination=0.0)
    assert position == Position(ra=1.0, dec=0.0)
    assert orbit == Orbit(scheme="MPC_COMET", inclination=0.0)
    assert set(asdict(Orbit(abs_mag=unknown)).values()) == {"", None}
    plain = as_json(Target(name="OGLE-lab", position=position, orbit=orbit))
    assert plain["position"] == {"ra": 1.0, "dec": 0.0}


@pytest.mark.parametrize("spelling", ["AT 2026lab", "AT2026lab", "at-2026LAB", "AT_2026lab", "(AT) 2026 lab"])
def test_names_are_compared_as_tomtoolkit_compares_them(spelling: str) -> None:
    assert simple_name(spelling) == "at2026lab"
    assert simple_name("AT 2026laB") != simple_name("AT 2026labb")


@pytest.mark.parametrize(
    ("here", "there", "arcseconds"),
    [
        ((150.0, -12.5), (150.0, -12.5), 0.0),
        ((150.0, 60.0), (150.0 + 2 / 3600, 60.0), 1.0),
        ((359.9999, 0.0), (0.0001, 0.0), 0.72),
        ((10.0, 90.0), (200.0, 90.0), 0.0),
        ((0.0, 0.0), (180.0, 0.0), 180 * 3600.0),
    ],
)
def test_the_angle_between_two_positions(
    here: tuple[float, float], there: tuple[float, float], arcseconds: float
) -> None:
    assert separation(*here, *there) == pytest.approx(arcseconds, abs=1e-6)

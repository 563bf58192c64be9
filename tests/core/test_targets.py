"""Targets, free of what databases and catalogues write for "unknown"."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from sharecore.record_json import as_json
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

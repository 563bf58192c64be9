"""Names at a destination in place of the names here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharecore.maps import Maps
from sharecore.records import Astrometry, OtherDatum, PhotometryLimit, Spectrum
from sharecore.settings import Section
from sharecore.testing.examples import example_record


def maps(**settings: Any) -> Maps:
    section = Section("x", settings)
    made = Maps.read(section)
    assert section.problems == []
    return made


def extra(given: Mapping[str, Any], mapping: Mapping[str, str | None]) -> dict[str, Any]:
    """Further values as they arrive."""
    return dict(maps(EXTRA_MAP=mapping).apply(example_record(extra=given)).extra)


def test_names_are_replaced_in_the_fields_that_have_them() -> None:
    named = maps(
        BANDPASS_MAP={"rp": "r"}, INSTRUMENT_MAP={"fa12": "Sinistro"}, TELESCOPE_MAP={"1m0": "LCO 1m"}
    )
    limit = named.apply(example_record(PhotometryLimit, bandpass="rp"))
    assert (limit.bandpass, limit.instrument, limit.telescope) == ("r", "Sinistro", "LCO 1m")
    other = named.apply(example_record(OtherDatum))
    assert (other.instrument, other.telescope) == ("Sinistro", "LCO 1m")


def test_units_are_replaced_wherever_a_record_has_one() -> None:
    named = maps(UNIT_MAP={"ABMAG_5": "AB mag", "cgs": "erg / (Angstrom s cm2)", "as": "arcsec"})
    assert named.apply(example_record(unit="ABMAG_5")).unit == "AB mag"
    spectrum = named.apply(example_record(Spectrum, flux_unit="cgs", wavelength_unit="AA"))
    assert (spectrum.flux_unit, spectrum.wavelength_unit) == ("erg / (Angstrom s cm2)", "AA")
    position = named.apply(example_record(Astrometry, ra_error_units="as", dec_error_units="mas"))
    assert (position.ra_error_units, position.dec_error_units) == ("arcsec", "mas")


@pytest.mark.parametrize(("here", "there"), [("rp", "r"), (" rp ", "r"), ("RP", "RP"), ("", ""), ("i", "i")])
def test_names_are_compared_letter_by_letter_without_blanks_around_them(here: str, there: str) -> None:
    assert maps(BANDPASS_MAP={" rp": " r"}).apply(example_record(bandpass=here)).bandpass == there


def test_a_record_without_mapped_names_is_the_same_object() -> None:
    record = example_record(extra={"seeing": 1.2})
    named = maps(BANDPASS_MAP={"rp": "r"}, EXTRA_MAP={"X": "airmass"})
    assert named.apply(record) is record


@pytest.mark.parametrize(
    ("mapping", "there"),
    [
        ({"X": "airmass"}, {"airmass": 1.3, "seeing": 0, "notes": None, "fwhm": 2}),
        ({"seeing": None}, {"X": 1.3, "notes": None, "fwhm": 2}),
        # a name that is there already is never overwritten
        ({"X": "seeing"}, {"X": 1.3, "seeing": 0, "notes": None, "fwhm": 2}),
        ({"X": "notes"}, {"X": 1.3, "seeing": 0, "notes": None, "fwhm": 2}),
        # unless its value stays here, or goes under another name
        ({"X": "seeing", "seeing": None}, {"seeing": 1.3, "notes": None, "fwhm": 2}),
        ({"X": "fwhm", "fwhm": "X"}, {"X": 2, "fwhm": 1.3, "seeing": 0, "notes": None}),
        # of two values for one name, the first that is set
        ({"notes": "a", "fwhm": "a", "X": "a"}, {"a": 2, "notes": None, "X": 1.3, "seeing": 0}),
        ({"seeing": "a", "X": "a"}, {"a": 0, "X": 1.3, "notes": None, "fwhm": 2}),
        # one that must stay keeps others from its name
        ({"fwhm": "X", "X": "seeing"}, {"X": 1.3, "fwhm": 2, "seeing": 0, "notes": None}),
        ({"absent": "X"}, {"X": 1.3, "seeing": 0, "notes": None, "fwhm": 2}),
    ],
)
def test_further_values(mapping: dict[str, str | None], there: dict[str, Any]) -> None:
    assert extra({"X": 1.3, "seeing": 0, "notes": None, "fwhm": 2}, mapping) == there


letters = st.sampled_from("abcde")


@given(st.dictionaries(letters, st.integers(0, 9) | st.none()), st.dictionaries(letters, letters | st.none()))
def test_no_further_value_is_lost_but_those_that_stay_here(
    here: dict[str, int | None], mapping: dict[str, str | None]
) -> None:
    there = extra(here, mapping)
    kept = [value for name, value in here.items() if mapping.get(name, name) is not None]
    assert sorted(map(str, there.values())) == sorted(map(str, kept))
    for name in here.keys() - mapping.keys():
        assert there[name] == here[name]

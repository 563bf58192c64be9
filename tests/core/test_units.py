"""What unit texts mean, and that conversions are exact."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from astropy import units
from hypothesis import given
from hypothesis import strategies as st

from sharecore.units import ScaledUnit, Unit, UnknownUnit, parse_unit, rescaled


@pytest.mark.parametrize(
    ("texts", "unit", "scale"),
    [
        (
            (
                "mag(AB)",
                "ABmag",
                "AB mag",
                "AB_mag",
                "AB",
                "ab",
                "mag (AB)",
                "mag[AB]",
                "ABmags",
                "AB magnitudes",
                "AB system",
                "m_AB",
                "\uff21\uff22 mag",
            ),
            Unit.AB_MAG,
            "1",
        ),
        (("Vega", "VEGA", "vegamag", "Vega mag", "mag(VEGA)", "Vega mags"), Unit.VEGA_MAG, "1"),
        (("STmag", "mag(ST)", "ST", "st"), Unit.ST_MAG, "1"),
        (("mag", "magnitude", " mag ", "MAG", "mags"), Unit.MAG, "1"),
        (("Jy", "Jansky", "jansky", "jy", "JY", "Janskys"), Unit.FLUX_PER_FREQUENCY, "1"),
        (("mJy", "mjy", "mJY", "milliJy", "milliJansky", "milli-Jansky"), Unit.FLUX_PER_FREQUENCY, "1e-3"),
        (("MJy", "megaJansky"), Unit.FLUX_PER_FREQUENCY, "1e6"),
        (
            ("uJy", "\u00b5Jy", "\u03bcJy", "ujy", "UJY", "microJy", "muJy", "microjansky", "micro Jansky"),
            Unit.FLUX_PER_FREQUENCY,
            "1e-6",
        ),
        (
            ("erg/cm2/s/Hz", "erg s-1 cm-2 Hz-1", "erg cm-2 s-1 Hz-1", "erg cm^-2 s^-1 Hz^-1"),
            Unit.FLUX_PER_FREQUENCY,
            "1e23",
        ),
        (
            (
                "erg / (Angstrom s cm2)",
                "erg/s/cm2/AA",
                "erg / s / cm\u00b2 / \u00c5",
                "erg / s / cm\u00b2 / \u212b",
            ),
            Unit.FLUX_PER_WAVELENGTH,
            "1",
        ),
        (
            (
                "1e-17 erg/s/cm2/AA",
                "10**-17 erg / (Angstrom cm2 s)",
                r"$10^{-17} erg s^{-1} cm^{-2} \AA^{-1}$",
                "(1e-17 erg/s/cm2/A)",
                "10^-17 (erg/s/cm2/A)",
                "1e-17 (erg/s)/cm2/ang.",
            ),
            Unit.FLUX_PER_WAVELENGTH,
            "1e-17",
        ),
        (("W/m2/um",), Unit.FLUX_PER_WAVELENGTH, "0.1"),
        (
            (
                "AA",
                "Angstrom",
                "angstrom",
                "\u00c5",
                "\u212b",
                "A\u030a",
                "A",
                "ANGSTROM",
                "\u00c5ngstr\u00f6m",
                "Ang",
            ),
            Unit.WAVELENGTH,
            "1e-10",
        ),
        (("micron", "um", "micrometer", "\u00b5m", "microns", "UM", "micrometres"), Unit.WAVELENGTH, "1e-6"),
        (("nm", "NM", "nanometers", "Nanometre"), Unit.WAVELENGTH, "1e-9"),
        (("MHz", "MHZ", "megahertz"), Unit.FREQUENCY, "1e6"),
        (("GHz", "ghz"), Unit.FREQUENCY, "1e9"),
        (("keV",), Unit.PHOTON_ENERGY, "1000"),
        (("1/cm",), Unit.WAVENUMBER, "100"),
        (("deg", "degrees", "DEG", "\u00b0"), Unit.ANGLE, "3600000"),
        (("arcsec", "arcseconds", "Arcsec", '"', "''", "\u2033"), Unit.ANGLE, "1000"),
        (("mas", "MAS", "milliarcseconds"), Unit.ANGLE, "1"),
    ],
)
def test_spellings(texts: tuple[str, ...], unit: Unit, scale: str) -> None:
    assert {parse_unit(text) for text in texts} == {ScaledUnit(Fraction(scale), unit)}


@pytest.mark.parametrize(
    "text",
    ["", " ", "ct", "K", "m/s", "mag / arcsec2", "ph / (Angstrom s cm2)", "mJy/beam", "nonsense",
     "(cm s)^-1", "(", "1e-17", "-1 Jy", "1e400 Jy", "0 Jy", "Jy" * 80],
)  # fmt: skip
def test_what_is_no_unit_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(UnknownUnit) as caught:
        parse_unit(text)
    assert caught.value.reason


@pytest.mark.parametrize("text", ["ABflux", "STflux"])
def test_what_two_communities_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(UnknownUnit, match="for astropy and"):
        parse_unit(text)


@pytest.mark.parametrize("text", ["MJY", "Mjy"])
def test_a_prefix_that_only_capitals_tell_apart_is_refused(text: str) -> None:
    with pytest.raises(UnknownUnit, match="may be MJy or mJy"):
        parse_unit(text)


@pytest.mark.parametrize("text", ["mhz", "mev"])
def test_a_small_m_never_means_mega(text: str) -> None:
    with pytest.raises(UnknownUnit):
        parse_unit(text)


_DIVIDED = st.sampled_from(["{} / {} / {} / {}", "{}/({} {} {})", "{}/{}/{}/{}", "{} per {} per {} per {}"])
_POWERS = st.sampled_from(
    ["{} {}-1 {} {}-1", "{}.{}-1.{}.{}-1", "{} {}^-1 {} {}^{{-1}}", "{}*{}**-1*{}*{}**-1"]
)


@given(st.data())
def test_a_flux_means_the_same_in_every_way_of_writing_it(data: st.DataObject) -> None:
    scale = data.draw(st.sampled_from(
        ["1e-17", "1E-17", "10^-17", "10^{-17}", "10**-17", "10**(-17)", "1.0e-17", "1 x 10^{-17}",
         "10\u207b\u00b9\u2077"]
    ))  # fmt: skip
    energy = data.draw(st.sampled_from(["erg", "ergs", "Erg", "ERG"]))
    second = data.draw(st.sampled_from(["s", "sec", "S", "seconds"]))
    length = data.draw(
        st.sampled_from(
            ["A", "AA", "\u00c5", "\u212b", "A\u030a", "Ang", "Angstrom", "angstroms", "ANGSTROM"]
        )
    )
    area = data.draw(st.sampled_from(["cm2", "cm^2", "cm**2", "cm\u00b2", "CM2"]))
    inverse = data.draw(st.sampled_from(["cm-2", "cm^-2", "cm**-2", "cm^{-2}", "cm\u207b\u00b2"]))
    shape, surface = data.draw(st.tuples(_DIVIDED, st.just(area)) | st.tuples(_POWERS, st.just(inverse)))
    text = f"{scale} {shape.format(energy, second, surface, length)}"
    assert parse_unit(text) == ScaledUnit(Fraction("1e-17"), Unit.FLUX_PER_WAVELENGTH)


@given(st.text(max_size=40))
def test_no_text_does_worse_than_being_refused(text: str) -> None:
    with contextlib.suppress(UnknownUnit):
        parse_unit(text)


def test_photon_energies_and_wavenumbers_are_frequencies() -> None:
    hertz = parse_unit("Hz")
    energy, wavenumber = parse_unit("eV").factor(hertz), parse_unit("1/m").factor(hertz)
    assert energy is not None
    assert float(energy) == pytest.approx(2.417989242e14, rel=1e-9)
    assert wavenumber == 299_792_458


@pytest.mark.parametrize(
    ("one", "other"), [("mag(AB)", "mJy"), ("mag(AB)", "mag(Vega)"), ("mag", "mag(AB)"), ("Angstrom", "Hz")]
)
def test_what_has_no_exact_factor_has_none(one: str, other: str) -> None:
    assert parse_unit(one).factor(parse_unit(other)) is None


def test_values_stay_the_numbers_that_people_wrote() -> None:
    factor = parse_unit("uJy").factor(parse_unit("mJy"))
    assert factor is not None
    assert [rescaled(value, factor) for value in (250.0, 0.1, 3.3)] == [0.25, 0.0001, 0.0033]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_conversion_there_and_back_is_the_same_number(value: float) -> None:
    there = parse_unit("Jy").factor(parse_unit("mJy"))
    back = parse_unit("mJy").factor(parse_unit("Jy"))
    assert there is not None
    assert back is not None
    try:
        turned = rescaled(rescaled(value, there), back)
    except OverflowError:
        return
    assert turned == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("text", ["N/A", "erg/cm2", "erg cm^-2", "keV/cm2", "J/m2", "N/m", "kg/s2"])
def test_what_has_the_dimensions_of_a_flux_by_chance_is_none(text: str) -> None:
    with pytest.raises(UnknownUnit):
        parse_unit(text)


_TEX_FLUXES = (
    r"$\rm erg\,s^{-1}\,cm^{-2}\,\AA^{-1}$",
    r"$\mathrm{erg}~\mathrm{s}^{-1}~\mathrm{cm}^{-2}~\mathrm{\AA}^{-1}$",
    r"$\mathrm{erg}\mathrm{s}^{-1}\mathrm{cm}^{-2}\mathrm{\AA}^{-1}$",
    r"erg~s$^{\rm -1}$ cm$^{-2}$ \AA$^{-1}$",
    r"erg \cdot s^{-1} \cdot cm^{-2} \cdot \\AA^{-1}",
    r"$\frac{\mathrm{erg}}{\mathrm{s\,cm^2\,\AA}}$",
    r"\left(\dfrac{erg}{\overset{\circ}{A}\,s\,cm^{2}}\right)",
    r"erg/s/cm\textsuperscript{2}/\r{A}",
    r"erg/s/cm^2/\mathring{\mathrm{A}}",
    r"\unit{erg.s^{-1}.cm^{-2}.\angstrom^{-1}}",
    "[erg/(s cm2 A)]",
)


@pytest.mark.parametrize("text", _TEX_FLUXES)
@pytest.mark.parametrize(
    ("scale", "number"),
    [("", 1), (r"10^{-17}\,", 1e-17), (r"1\times10^{-17}~", 1e-17), (r"$2.5 \times 10^{-17}$ ", 2.5e-17)],
)
def test_tex_is_read(text: str, scale: str, number: float) -> None:
    found = parse_unit(scale + text)
    assert (float(found.scale), found.unit) == (number, Unit.FLUX_PER_WAVELENGTH)


@pytest.mark.parametrize(
    ("texts", "meant"),
    [
        ((r"$\mu$Jy", r"\mu Jy", r"$\mathrm{\mu Jy}$", r"{\mu}\mathrm{Jy}", r"\si{\micro Jy}"), "uJy"),
        ((r"$\mathrm{mJy}$", r"{\rm mJy}", r"\textrm{mJy}"), "mJy"),
        ((r"$\mu$m", r"\mathrm{\mu m}", r"\upmu\mathrm{m}"), "um"),
        ((r"$\mathring{A}$", r"\mathrm{\AA}", r"\r A"), "Angstrom"),
        ((r"mag$_{\rm AB}$", r"$\mathrm{mag}_{\mathrm{AB}}$", "AB~mag", r"mag\left(AB\right)"), "mag(AB)"),
        ((r"$^{\prime\prime}$", r"\mathrm{{}^{\prime\prime}}"), "arcsec"),
        ((r"$^\circ$", r"^{\circ}"), "deg"),
    ],
)
def test_tex_of_other_units_is_read(texts: tuple[str, ...], meant: str) -> None:
    assert {parse_unit(text) for text in texts} == {parse_unit(meant)}


@pytest.mark.parametrize("text", [r"\frac{erg}{s} cm^{-2} \AA^{-1}", r"\frac{W}{m^2}\frac{1}{nm}"])
def test_a_fraction_within_a_product_is_not_guessed_at(text: str) -> None:
    """astropy reads `a/b c` as `a/(b c)`."""
    with pytest.raises(UnknownUnit):
        parse_unit(text)


@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")
@pytest.mark.parametrize("unit", [
    "Jy", "mJy", "uJy", "erg / (Angstrom s cm2)", "1e-17 erg / (Angstrom s cm2)", "W / (um m2)",
    "W / (Hz m2)", "nm", "um", "Angstrom", "GHz", "keV", "1 / cm", "deg", "arcmin", "arcsec", "mas", "mag",
    "mag(AB)", "mag(ST)",
])  # fmt: skip
def test_what_astropy_writes_in_any_of_its_formats_is_read(unit: str) -> None:
    given = units.Unit(unit)
    texts = set()
    for form in ("generic", "cds", "fits", "ogip", "vounit", "latex", "latex_inline", "unicode", "console"):
        with contextlib.suppress(ValueError):  # a format without this unit
            texts.add(given.to_string(form))
    assert len(texts) >= 2
    assert {parse_unit(text) for text in texts} == {parse_unit(unit)}

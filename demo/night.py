"""What enters TOM A: files that ship inside tomtoolkit, and data that an observer saves one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# The spectrum that ships inside tomtoolkit is of this supernova; the other samples are put beside it.
TARGET = {"name": "SN 2017cbv", "type": "SIDEREAL", "ra": 218.14342, "dec": -44.13408, "epoch": 2000.0}
ALIAS = "DLT17u"
JOINING = {"name": "SN 2026demo", "type": "SIDEREAL", "ra": 218.2, "dec": -44.1, "epoch": 2000.0}
"""The target that joins the shared list while all is running."""
SURVEYS = ("CSS", "DEFAULT", "DLT40", "LCORedirect", "Las Cumbres", "ZTF")
"""The sources that the samples name; they count as TOM A's own here."""
OWN_SOURCES = (*SURVEYS, "ATLAS", "Demo observatory")
BROKER = "ALeRCE"
"""The source of a datum that a broker brought."""

_START = datetime(2026, 3, 1, 4, 5, 6, 789012, tzinfo=UTC)


@dataclass(frozen=True)
class Upload:
    """A file that is uploaded as a data product of a type of TOM A."""

    path: Path
    data_type: str


def default_uploads() -> list[Upload]:
    """Return samples that tomtoolkit's own processors read."""
    static, tests = _toolkit("static/tom_dataproducts"), _toolkit("tests/test_data")
    return [
        Upload(static / "photometry_sample.csv", "photometry"),
        Upload(static / "spectrum_sample.csv", "spectroscopy"),
        Upload(tests / "test_spectrum.fits", "spectroscopy"),
    ]


def custom_uploads() -> list[Upload]:
    """Return a sample that the custom processor reads."""
    return [Upload(_toolkit("tests/test_data") / "test_atlas_fp.csv", "atlas_flux")]


def _toolkit(folder: str) -> Path:
    spec = find_spec("tom_dataproducts")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("tomtoolkit is not installed: pip install 'sharecore[tom]'")
    return Path(spec.submodule_search_locations[0]) / folder


def single_data(first: int, number: int) -> list[dict[str, Any]]:
    """Return so many data, as the REST API of a TOM takes them: all kinds in turn, all different.

    :param first: the number of the first one in the night; one is taken each minute.
    """
    return [_MAKERS[index % len(_MAKERS)](index) for index in range(first, first + number)]


def of_a_broker() -> dict[str, Any]:
    """Return a detection that a broker brought: the rule keeps it at home."""
    return _detection(0) | {"source_name": BROKER, "source_location": "https://alerce.online/object/demo"}


def _datum(index: int, data_type: str, **value: Any) -> dict[str, Any]:
    return {
        "data_type": data_type,
        "timestamp": (_START + timedelta(minutes=index)).isoformat(),
        "source_name": "Demo observatory",
        "source_location": f"night 1, frame {index}",
        "value": value,
    }


def _detection(index: int) -> dict[str, Any]:
    return _datum(
        index, "photometry",
        brightness=17.25 + index / 64, brightness_error=0.03125, limit=20.5, unit="AB mag", bandpass="r",
        telescope="1m0-04", instrument="sinistro", exposure_time=120.0, reduction_version="2.1",
        airmass=1.25, observer="night crew",
    )  # fmt: skip


def _limit(index: int) -> dict[str, Any]:
    return _datum(
        index, "photometry",
        limit=20.75 + index / 64, unit="AB mag", bandpass="B", telescope="1m0-04", exposure_time=60.0,
    )  # fmt: skip


def _position(index: int) -> dict[str, Any]:
    return _datum(
        index, "astrometry",
        ra=218.14342 + index / 2**20, dec=-44.13408, ra_error=0.05, dec_error=0.05,
        ra_error_units="arcsec", dec_error_units="arcsec", telescope="1m0-04", instrument="sinistro",
    )  # fmt: skip


def _spectrum(index: int) -> dict[str, Any]:
    return _datum(
        index, "spectroscopy",
        flux=[1.5e-16, 2.25e-16, 1.75e-16 + index * 1e-18], error=[1e-17, 1e-17, 2e-17],
        wavelength=[4000.0, 4001.5, 4003.0], flux_unit="erg / (Angstrom s cm2)", wavelength_unit="Angstrom",
        telescope="2m0-01", instrument="floyds", setup="2.0 arcsec slit", exposure_time=1800.0,
    )  # fmt: skip


def _remark(index: int) -> dict[str, Any]:
    return _datum(index, "polarimetry", q=0.0125 + index / 1024, u=-0.00625, seeing={"value": 1.1, "at": "V"})


_MAKERS = (_detection, _limit, _position, _detection, _spectrum, _limit, _detection, _limit, _remark)

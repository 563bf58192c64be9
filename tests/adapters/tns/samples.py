"""Settings and reports for the tests of the adapter of TNS."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sharecore import Photometry, PhotometryLimit, Report, Spectrum
from sharecore.testing.examples import START, example_record, example_report
from sharecore_tns.equipment import filter_field, instrument_field
from standins.tns import BOT_ID, BOT_NAME, KEY

NIGHT = START + timedelta(days=10)
DETECTION = example_record(
    timestamp=NIGHT, brightness=18.25, brightness_error=0.05, unit="AB mag", bandpass="r",
    telescope="1m0", instrument="cam3", exposure_time=30.0,
)  # fmt: skip
LIMIT = example_record(
    PhotometryLimit, timestamp=NIGHT - timedelta(days=2), limit=21.0, unit="AB mag", bandpass="V",
    telescope="1m0", instrument="cam3",
)  # fmt: skip
SPECTRUM = example_record(
    Spectrum, timestamp=NIGHT, flux=(1e-16, 2e-16), wavelength=(400.0, 401.0), error=(),
    flux_unit="erg/s/cm2/A", wavelength_unit="nm", telescope="2m0", instrument="floyds",
)  # fmt: skip
MADE = NIGHT + timedelta(days=1)
EQUIPMENT = {
    filter_field("r"): "22",
    filter_field("V"): "14",
    instrument_field(DETECTION): "111",
    instrument_field(SPECTRUM): "6",
}


def settings(url: str, **changes: Any) -> dict[str, Any]:
    """An entry of `DATA_SHARING` for a stand-in, which counts as the sandbox."""
    return {
        "BASE_URL": url,
        "BOT_ID": BOT_ID,
        "BOT_NAME": BOT_NAME,
        "API_KEY": KEY,
        "GROUP_NAMES": ["Global SN Project"],
        "REPORTER": "A. Author (Our Observatory)",
        "BANDPASS_MAP": {"r": "r-Sloan", "V": "V-Johnson"},
        "INSTRUMENT_MAP": {"cam3": "LCO1m - Sinistro", "floyds": "FLOYDS"},
        **changes,
    }


def at_report(
    *,
    discovery: tuple[Photometry, ...] = (DETECTION,),
    non_detection: tuple[PhotometryLimit, ...] = (LIMIT,),
    photometry: tuple[Photometry | PhotometryLimit, ...] = (),
    without: tuple[str, ...] = (),
    **values: Any,
) -> Report:
    """An AT report that TNS takes, with changes."""
    usual = {
        "ra": 150.1, "dec": -12.5, "ra_error": 0.12345, "dec_error": 0.2, "reporting_group": "66",
        "data_source_group": "66", "reporter": "A. Author (Our Observatory)", "at_type": "1",
        "internal_name": "ours-1", **EQUIPMENT, **values,
    }  # fmt: skip
    data = {"discovery": discovery, "non_detection": non_detection, "photometry": photometry}
    chosen = {name: records for name, records in data.items() if records and name not in without}
    kept = {name: value for name, value in usual.items() if name not in without}
    return replace(example_report(form="at-report", values=kept, data=chosen), timestamp=MADE)


def classification(
    *, spectrum: tuple[Spectrum, ...] = (SPECTRUM,), without: tuple[str, ...] = (), **values: Any
) -> Report:
    """A classification that TNS takes of an object that it has, with changes."""
    usual = {
        "name": "AT 2026aaa", "classifier": "A. Author", "object_type": "3", "redshift": 0.05, "group": "66",
        "spectrum_type": "1", "observer": "B. Observer", "reducer": "C. Reducer", **EQUIPMENT, **values,
    }  # fmt: skip
    kept = {name: value for name, value in usual.items() if name not in without}
    data = {"spectrum": spectrum} if spectrum else {}
    return replace(example_report(form="classification", values=kept, data=data), timestamp=MADE)

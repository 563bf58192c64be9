"""Write classifications: what TNS gets for a form, and what it would refuse."""

from __future__ import annotations

import re
from typing import Any

from sharecore import Batch, Report, Spectrum
from sharecore_http import File
from sharecore_tns.at_report import proprietary_period, redshift
from sharecore_tns.config import TnsConfig
from sharecore_tns.photometry import instrument_of, observer_of
from sharecore_tns.report_values import Reading, filled, written_time
from sharecore_tns.spectrum_file import spectrum_file
from sharecore_tns.units import NotExpressible, with_units

_NAME = re.compile(r"(?:[A-Za-z]{2,5}[\s_-]*)?((?:19|20)[0-9]{2}[a-z]{1,7}|(?:19|20)[0-9]{2}[A-Z])")
"""A name of TNS, with or without its prefix (`AT`, `SN`, `TDE`)."""


def tns_name(name: str) -> str:
    """Return the name at TNS without prefix, as `2026abc` of `AT 2026abc`; empty for another name."""
    found = _NAME.fullmatch(name.strip())
    return found[1] if found else ""


def classification(
    report: Report, batch: Batch, config: TnsConfig
) -> tuple[dict[str, Any], File | None, Reading]:
    """Return a classification, the file of its spectrum, and its reading with all problems.

    The name of the file in the report is ours until it is uploaded.
    """
    reading = Reading(report)
    given = reading.text("name", "TNS needs the name of the object there")
    name = tns_name(given)
    if given and not name:
        what = f"must be a name of TNS, got {given!r}"
        reading.problem("name", what, "Write it like 2026abc. Report the object first if it has none.")
    spectrum, file = _spectrum(reading, config)
    entry = {
        "name": name,
        "classifier": reading.text("classifier", "TNS needs the names of the classifiers"),
        "objtypeid": reading.text("object_type", "TNS needs the type of the object"),
        "redshift": redshift(reading, "redshift"),
        "groupid": reading.text("group", "TNS needs the group that classifies"),
        "remarks": reading.text("remarks"),
        "class_proprietary_period": proprietary_period(reading),
        "spectra": {"spectra-group": {"0": spectrum}} if spectrum else {},
    }
    return {"classification_report": {"0": filled(entry)}}, file, reading


def with_file(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a classification with the name that TNS gave to the file of its spectrum."""
    entry = content["classification_report"]["0"]
    spectrum = {**entry["spectra"]["spectra-group"]["0"], "ascii_file": name}
    return {"classification_report": {"0": {**entry, "spectra": {"spectra-group": {"0": spectrum}}}}}


def _spectrum(reading: Reading, config: TnsConfig) -> tuple[dict[str, Any], File | None]:
    chosen = next((each for each in reading.data("spectrum") if isinstance(each, Spectrum)), None)
    kind = reading.text("spectrum_type", "TNS needs the type of the spectrum")
    if chosen is None:
        reading.problem("spectrum", "TNS takes no classification without a spectrum", "Choose one.")
        return {}, None
    try:
        file = spectrum_file(with_units(chosen, config.maps))
    except NotExpressible as error:
        reading.problem("spectrum", f"it {error.reason}", error.hint)
        return {}, None
    entry = {
        "obsdate": written_time(chosen.timestamp),
        "instrumentid": instrument_of(chosen, reading, config),
        "exptime": chosen.exposure_time,
        "observer": observer_of(reading, config),
        "reducer": reading.text("reducer"),
        "spectypeid": kind,
        "ascii_file": file.name,
        "remarks": reading.text("spectrum_remarks"),
        "spec_proprietary_period": proprietary_period(reading),
    }
    if not entry["observer"]:
        reading.problem("observer", "TNS needs the observers of the spectrum", "Fill it in.")
    return filled(entry), file

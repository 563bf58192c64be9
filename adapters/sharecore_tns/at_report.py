"""Write AT reports: what TNS gets for a form, and what it would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sharecore import Batch, Photometry, PhotometryLimit, Report
from sharecore_tns.config import TnsConfig
from sharecore_tns.photometry import entry
from sharecore_tns.report_values import Reading, filled, written_time

MOST = 10
"""Largest number of entries of photometry in a report."""
DECIMALS = 8
"""Decimals of coordinates and redshifts in degrees; TNS has failed on more."""
ERROR_DECIMALS = 3
"""Decimals of errors of coordinates; TNS has failed on more."""
PERIODS = (("days", "days"), ("months", "months"), ("years", "years"))


def at_report(report: Report, batch: Batch, config: TnsConfig) -> tuple[dict[str, Any], Reading]:
    """Return an AT report, and its reading with all problems."""
    reading = Reading(report)
    discovered, photometry = _photometry(reading, config)
    entry = {
        "ra": _coordinate(reading, "ra", "the right ascension", 0.0, 360.0),
        "dec": _coordinate(reading, "dec", "the declination", -90.0, 90.000001),
        "reporting_groupid": reading.text("reporting_group", "TNS needs the group that reports"),
        "data_source_groupid": reading.text("data_source_group", "TNS needs the group of the data"),
        "reporter": reading.text("reporter", "TNS needs the names of the reporters"),
        "discovery_datetime": written_time(discovered) if discovered else "",
        "at_type": reading.text("at_type", "TNS needs the type of the transient"),
        "host_name": reading.text("host_name"),
        "host_redshift": redshift(reading, "host_redshift"),
        "transient_redshift": redshift(reading, "transient_redshift"),
        "internal_name": reading.text("internal_name"),
        "internal_name_format": {} if reading.text("internal_name") else dict(config.name_format),
        "remarks": reading.text("remarks"),
        "proprietary_period_groups": reading.texts("proprietary_groups"),
        "proprietary_period": proprietary_period(reading),
        "non_detection": _non_detection(reading, config, discovered),
        "photometry": {"photometry_group": photometry} if photometry else {},
    }
    return {"at_report": {"0": filled(entry)}}, reading


def redshift(reading: Reading, field: str) -> float | None:
    """Return a redshift."""
    return reading.number(field, least=-0.1, below=30.0, rule="a redshift from -0.1 to 30")


def proprietary_period(reading: Reading) -> Mapping[str, Any]:
    """Return the time for which TNS keeps a report from the public; empty for none."""
    value = reading.number("proprietary_period", least=0, below=1e4, rule="a number from 0 to 10,000")
    if not value:
        return {}
    units = reading.text("proprietary_period_units") or PERIODS[0][0]
    return {"proprietary_period_value": value, "proprietary_period_units": units}


def _coordinate(reading: Reading, field: str, name: str, least: float, below: float) -> Mapping[str, Any]:
    rule = f"in degrees, from {least:g} to {below:g}"
    value = reading.number(field, f"TNS needs {name}", least=least, below=below, rule=rule)
    error = reading.number(f"{field}_error", least=0.0, below=3600.0, rule="in arcseconds, 0 or more")
    if value is None:
        return {}
    # An error that rounds to nothing says nothing.
    rounded = round(error or 0.0, ERROR_DECIMALS)
    return {"value": round(value, DECIMALS)} | ({"error": rounded, "units": "arcsec"} if rounded else {})


def _photometry(reading: Reading, config: TnsConfig) -> tuple[datetime | None, dict[str, Any]]:
    """Return the time of the discovery, and the photometry, that of the discovery first."""
    first = next((each for each in reading.data("discovery") if isinstance(each, Photometry)), None)
    if first is None:
        reading.problem("discovery", "TNS needs the detection of the discovery", "Choose a detection.")
    entries = [] if first is None else [entry(first, reading, config, "discovery")]
    for each in reading.data("photometry"):
        if first is not None and each.key == first.key:
            continue
        if isinstance(each, Photometry | PhotometryLimit):
            entries.append(entry(each, reading, config, "photometry"))
    if len(entries) > MOST:
        what = f"TNS takes {MOST} entries of photometry with the discovery, got {len(entries)}"
        reading.problem("photometry", what, "Choose fewer.")
    discovered = reading.time("discovery_datetime") or (first.timestamp if first else None)
    if discovered and discovered > reading.made:
        field = "discovery_datetime" if reading.text("discovery_datetime") else "discovery"
        reading.problem(field, f"it is in the future: {written_time(discovered)}", "Correct the time.")
    return discovered, {str(at): each for at, each in enumerate(entries)}


def _non_detection(reading: Reading, config: TnsConfig, discovered: datetime | None) -> Mapping[str, Any]:
    """Return the last non-detection, or the archive in which nothing is seen."""
    chosen = next((e for e in reading.data("non_detection") if isinstance(e, PhotometryLimit)), None)
    archive, remarks = reading.text("archive"), reading.text("archival_remarks")
    if chosen is not None:
        if discovered and chosen.timestamp >= discovered:
            what = f"it must be before the discovery, and is of {written_time(chosen.timestamp)}"
            reading.problem("non_detection", what, "Choose an earlier limit, or name an archive.")
        limiting = entry(chosen, reading, config, "non_detection")
        return limiting | filled({"archiveid": archive, "archival_remarks": remarks})
    if not archive and not remarks:
        what = "TNS needs the last non-detection, or an archive in which nothing is seen"
        reading.problem("non_detection", what, "Choose a limit, or name an archive with remarks.")
    elif not archive:
        reading.problem("archive", "TNS needs the archive of the remarks", "Choose it.")
    elif not remarks:
        what = "TNS needs remarks on the archive"
        hint = "Say what it shows, such as 'nothing to 21 mag in SDSS'."
        reading.problem("archival_remarks", what, hint)
    return filled({"archiveid": archive, "archival_remarks": remarks})

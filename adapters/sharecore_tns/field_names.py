"""The names that TNS gives to fields of reports, in both spellings, and the fields of our forms behind them.

The manual of TNS 2.0 (January 2025) has the new names; some senders still use the old ones. They are in this
table alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_OLD = {
    "reporting_groupid": "reporting_group_id",
    "data_source_groupid": "discovery_data_source_id",
    "flux_unitid": "flux_units",
    "filterid": "filter_value",
    "instrumentid": "instrument_value",
}
"""Names before TNS 2.0, by new name."""
_NEW = {old: new for new, old in _OLD.items()}

LISTS = {
    "at_types": ("at_types",),
    "objtypes": ("objtypes", "object_types"),
    "spectra_types": ("spectra_types",),
    "groups": ("groups",),
    "instruments": ("instruments",),
    "archives": ("archives",),
    "filters": ("filters",),
}
"""Lists of `api/get/values`, with the names that they have been seen under."""

_FIELDS = {
    "ra": "ra", "dec": "dec", "reporting_groupid": "reporting_group",
    "data_source_groupid": "data_source_group", "reporter": "reporter",
    "discovery_datetime": "discovery_datetime", "at_type": "at_type", "host_name": "host_name",
    "host_redshift": "host_redshift", "transient_redshift": "transient_redshift",
    "internal_name": "internal_name", "remarks": "remarks", "photometry": "discovery",
    "non_detection": "non_detection", "archiveid": "archive", "archival_remarks": "archival_remarks",
    "proprietary_period": "proprietary_period", "proprietary_period_groups": "proprietary_groups",
    "class_proprietary_period": "proprietary_period", "name": "name", "classifier": "classifier",
    "objtypeid": "object_type", "redshift": "redshift", "groupid": "group", "spectra": "spectrum",
    "spectypeid": "spectrum_type", "ascii_file": "spectrum", "observer": "observer", "reducer": "reducer",
}  # fmt: skip
"""Fields of our forms by new name at TNS."""


def spelled(content: Any, *, old: bool) -> Any:
    """Return a report under the names that TNS takes.

    Args:
        content: report under the new names.
        old: whether to use the names before TNS 2.0.
    """
    if isinstance(content, Mapping):
        return {
            _OLD.get(name, name) if old else name: spelled(value, old=old) for name, value in content.items()
        }
    return [spelled(each, old=old) for each in content] if isinstance(content, list) else content


def form_field(path: Sequence[str]) -> str | None:
    """Return the field of our forms that TNS blames; None for none of them.

    Args:
        path: names at TNS, from the outermost in.
    """
    known = [_FIELDS.get(_NEW.get(name, name)) for name in path]
    return next((name for name in reversed(known) if name), None)

"""Look for objects at TNS that may be the one of a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sharecore import Found, Present, Report, separation
from sharecore_tns.api import Api
from sharecore_tns.classification import tns_name
from sharecore_tns.config import TnsConfig
from sharecore_tns.report_values import Reading

RADIUS = 2.0
"""Radius of the search, in arcseconds."""
MOST = 4
"""Largest number of objects of which more than the name is asked: TNS answers some ten questions a minute."""


def near(report: Report, api: Api) -> list[str]:
    """Return a sentence for each object near the place of an AT report, or with its internal name.

    Raises the exceptions of `Adapter.deliver`.
    """
    reading = Reading(report)
    ra, dec = reading.number("ra"), reading.number("dec")
    sentences: dict[str, str] = {}
    if ra is not None and dec is not None:
        place = {"ra": f"{ra:.8f}", "dec": f"{dec:.8f}", "radius": f"{RADIUS:g}", "units": "arcsec"}
        for number, (name, objname) in enumerate(_named(api.search(**place))):
            there = api.object_named(objname) if number < MOST else {}
            distance = _distance(ra, dec, there)
            far = f"{distance:.1f} arcsec away" if distance is not None else f"within {RADIUS:g} arcsec"
            sentences[name] = f"{name} is {far}{_kind(there)}"
    if internal := reading.text("internal_name"):
        for name, _ in _named(api.search(internal_name=internal)):
            has = f"has the internal name {internal}"
            sentences[name] = f"{sentences[name]}, and {has}" if name in sentences else f"{name} {has}"
    return list(sentences.values())


def classified(report: Report, api: Api) -> list[str]:
    """Return what TNS has of the object of a classification. Raises the exceptions of `Adapter.deliver`."""
    name = tns_name(Reading(report).text("name"))
    if not name:
        return []
    there = api.object_named(name)
    if not there.get("objname"):
        return [f"TNS shows no object {name}"]
    full = f"{there.get('name_prefix') or 'AT'} {name}"
    kind = _kind(there)
    return [f"{full} is there{kind}"] if kind else []


def find_report(report: Report, api: Api, config: TnsConfig) -> Found | None:
    """Return the object of an AT report that TNS shows without doubt as ours; None where nobody can tell.

    Only an internal name that is ours, at our place, from our group, is evidence. That TNS shows none is no
    evidence: it may still process the report, or keep it from the public for its proprietary period.
    """
    reading = Reading(report)
    internal, group = reading.text("internal_name"), reading.text("reporting_group")
    ra, dec = reading.number("ra"), reading.number("dec")
    if report.form != "at-report" or not internal or not group or ra is None or dec is None:
        return None
    found = list(_named(api.search(internal_name=internal)))
    if len(found) != 1:
        return None
    name, objname = found[0]
    there = api.object_named(objname)
    distance = _distance(ra, dec, there)
    reporting = there.get("reporting_group")
    theirs = reporting.get("groupid") if isinstance(reporting, Mapping) else None
    ours = str(theirs) == group and str(there.get("discoverer_internal_name", "")).strip() == internal
    if not ours or distance is None or distance > RADIUS:
        return None
    target_name = name if config.live else f"{name} (sandbox)"
    return Present(content=report, remote_id=f"{config.host}/object/{objname}", target_name=target_name)


def _named(found: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the full name and the name without prefix of each object."""
    for each in found:
        objname = each.get("objname")
        if isinstance(objname, str) and tns_name(objname):
            yield f"{each.get('prefix') or each.get('name_prefix') or 'AT'} {objname}", objname


def _kind(there: Mapping[str, Any]) -> str:
    kind = there.get("object_type")
    name = kind.get("name") if isinstance(kind, Mapping) else None
    return f", classified as {name}" if isinstance(name, str) and name else ""


def _distance(ra: float, dec: float, there: Mapping[str, Any]) -> float | None:
    """Return the distance of an object, in arcseconds; None for one without a place."""
    ra_there, dec_there = there.get("radeg"), there.get("decdeg")
    if not isinstance(ra_there, int | float) or not isinstance(dec_there, int | float):
        return None
    return separation(ra, dec, ra_there, dec_there)

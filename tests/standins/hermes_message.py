"""The message of HERMES: its fields and the rules between them, as measured on its server of August 2026."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hermes_rules import (
    ANGLES,
    BRIGHTNESS_UNITS,
    DISTANCES,
    FLUX_TYPES,
    FLUX_UNITS,
    PERIODS,
    SPECTRUM_TYPES,
    TRANSIENTS,
    WAVELENGTH_UNITS,
    Crash,
    Field,
    Shape,
    Wrong,
    boolean,
    char,
    choice,
    date,
    declination,
    many,
    number,
    right_ascension,
    table,
)

INGESTED: set[str] = set()
"""Messages in the database of the server: none of topics for tests."""
TEXT, FLOAT, DATE = Field(char()), Field(number()), Field(date, null=None)


def _telescope_or_instrument(row: dict[str, Any]) -> None:
    if not row.get("telescope") and not row.get("instrument"):
        text = ["Must have at least one of telescope or instrument set"]
        raise Wrong({"telescope": text, "instrument": text})


def _brightness_or_limit(row: dict[str, Any]) -> None:
    if not row.get("brightness") and not row.get("limiting_brightness"):
        text = ["brightness or limiting_brightness are required"]
        raise Wrong({"brightness": text, "limiting_brightness": text})


def _spectrum_lengths(row: dict[str, Any]) -> None:
    flux, wavelength = row.get("flux", []), row.get("wavelength", [])
    if not flux and not row.get("file_info"):
        text = ["Must specify a spectroscopy file to upload or specify one or more flux values"]
        raise Wrong({"file_info": text, "flux": text})
    if row.get("flux_error") and len(row["flux_error"]) != len(flux):
        raise Wrong({"non_field_errors": ["Must have same number of datapoints for flux and flux_error"]})
    if len(flux) != len(wavelength):
        raise Wrong({"non_field_errors": ["Must have same number of datapoints for flux and wavelength"]})


def _position_or_orbit(row: dict[str, Any]) -> None:
    if "ra" in row and "dec" not in row:
        raise Wrong({"dec": ["Must set dec if ra is set"]})
    if "dec" in row and "ra" not in row:
        raise Wrong({"ra": ["Must set ra if dec is set"]})
    if "ra" not in row and "orbital_elements" not in row:
        text = ["ra/dec or orbital elements are required"]
        raise Wrong({"ra": text, "dec": text, "orbital_elements": {"non_field_errors": text}})


_PAIRS = (("semimajor_axis", "mean_anomaly"), ("perihelion_distance", "epoch_of_perihelion"))


def _orbit_pair(row: dict[str, Any]) -> None:
    """0 counts as missing."""
    if any(row.get(one) and row.get(other) for one, other in _PAIRS):
        return
    for one, other in _PAIRS:
        for given, missing in ((one, other), (other, one)):
            if row.get(given):
                raise Wrong({missing: [f"Must set {missing} when {given} is set"]})
    text = ["Must set mean_anomaly/semimajor_axis or epoch_of_perihelion/perihelion_distance"]
    raise Wrong({name: text for pair in _PAIRS for name in pair})


def _reference(row: dict[str, Any]) -> None:
    source, citation = row.get("source"), row.get("citation")
    if source and citation:
        if source.lower() != "hop_uuid":
            return
        try:
            UUID(citation)
        except ValueError:
            raise Wrong([f"\u201c{citation}\u201d is not a valid UUID."]) from None
        if citation not in INGESTED:
            raise Wrong({"citation": [f"hop_uuid {citation} does not exist"]})
        return
    if source:
        raise Wrong({"citation": ["Must set citation with source"]})
    if citation:
        raise Wrong({"source": ["Must set source with citation"]})
    if not row.get("url"):
        text = ["Must set source/citation or url"]
        raise Wrong({"source": text, "citation": text, "url": text})


class TargetShape(Shape):
    """A target. What is wrong in the block of a new discovery makes the server fail."""

    def __call__(self, value: Any) -> dict[str, Any]:
        if isinstance(value, dict) and value.get("new_discovery") and "discovery_info" in value:
            try:
                DISCOVERY(value["discovery_info"])
            except Wrong:
                raise Crash from None
        return super().__call__(value)


FILES = Field(
    table(Shape({"name": Field(char(), required=True), "description": Field(char(True)), "url": TEXT}))
)

ORBIT = Shape(
    {
        "epoch_of_elements": Field(date, required=True, null=False),
        "orbital_inclination": Field(number(0.0, 180.0), required=True, null=False),
        "longitude_of_the_ascending_node": Field(number(0.0, 360.0), required=True, null=False),
        "argument_of_the_perihelion": Field(number(0.0, 360.0), required=True, null=False),
        "eccentricity": Field(number(0.0), required=True, null=False),
        "semimajor_axis": FLOAT,
        "mean_anomaly": Field(number(0.0, 360.0)),
        "perihelion_distance": FLOAT,
        "epoch_of_perihelion": DATE,
    },
    (_orbit_pair,),
)

DISCOVERY = Shape({
    "date": DATE, "reporting_group": TEXT, "discovery_source": TEXT,
    "transient_type": Field(choice(*TRANSIENTS), null=False), "proprietary_period": FLOAT,
    "proprietary_period_units": Field(choice(*PERIODS), null=False, default="Days"),
    "nondetection_source": TEXT, "nondetection_comments": TEXT,
})  # fmt: skip

_POSITION_ERRORS = {
    "ra_error": FLOAT, "dec_error": FLOAT,
    "ra_error_units": Field(choice(*ANGLES), null=False, default="degrees"),
    "dec_error_units": Field(choice(*ANGLES), null=False, default="degrees"),
}  # fmt: skip

TARGET = TargetShape(
    {
        "name": Field(char(), required=True, null=False),
        "ra": Field(right_ascension, null=None), "dec": Field(declination, null=None),
        **_POSITION_ERRORS,
        "pm_ra": FLOAT, "pm_dec": FLOAT, "epoch": Field(date, null=False, default="2000.0"),
        "new_discovery": Field(boolean, null=False, default=False),
        "orbital_elements": Field(ORBIT, null=False), "discovery_info": Field(DISCOVERY, null=False),
        "distance": FLOAT, "distance_error": FLOAT, "distance_units": Field(choice(*DISTANCES)),
        "redshift": FLOAT, "host_redshift": FLOAT, "host_name": TEXT, "comments": TEXT,
        "aliases": Field(many(char()), null=False),
        "group_associations": Field(many(char())), "file_info": FILES,
    },
    (_position_or_orbit,),
)  # fmt: skip

_ROW = {
    "target_name": Field(char(), required=True, null=False),
    "date_obs": Field(date, required=True, null=False),
    "telescope": Field(char(True)), "instrument": Field(char(True)),
}  # fmt: skip

PHOTOMETRY = Shape(
    {
        **_ROW, "bandpass": Field(char(), required=True, null=False),
        "brightness": FLOAT, "brightness_error": FLOAT,
        "brightness_unit": Field(choice(*BRIGHTNESS_UNITS), null=False, default="AB mag"),
        "limiting_brightness": FLOAT, "limiting_brightness_error": FLOAT,
        "limiting_brightness_unit": Field(choice(*BRIGHTNESS_UNITS), null=False, default="AB mag"),
        "exposure_time": FLOAT, "observer": TEXT, "comments": TEXT, "catalog": TEXT,
    },
    (_telescope_or_instrument, _brightness_or_limit),
)  # fmt: skip

SPECTROSCOPY = Shape(
    {
        **_ROW, "setup": TEXT, "exposure_time": FLOAT, "flux": Field(many(number()), null=False),
        "flux_error": Field(many(number()), null=False),
        "flux_units": Field(choice(*FLUX_UNITS), null=False, default="mJy"),
        "wavelength": Field(many(number()), null=False),
        "wavelength_units": Field(choice(*WAVELENGTH_UNITS), null=False, default="nm"),
        "flux_type": Field(choice(*FLUX_TYPES), null=False, default=FLUX_TYPES[0]),
        "classification": TEXT, "proprietary_period": FLOAT,
        "proprietary_period_units": Field(choice(*PERIODS), null=False, default="Days"),
        "observer": TEXT, "reducer": TEXT, "comments": TEXT,
        "spec_type": Field(choice(*SPECTRUM_TYPES), null=False),
        "file_info": FILES,
    },
    (_telescope_or_instrument, _spectrum_lengths),
)  # fmt: skip

ASTROMETRY = Shape(
    {
        **_ROW, "ra": Field(right_ascension, required=True, null=False),
        "dec": Field(declination, required=True, null=False), **_POSITION_ERRORS,
        "mpc_sitecode": TEXT, "catalog": TEXT, "comments": TEXT,
    },
    (_telescope_or_instrument,),
)  # fmt: skip

REFERENCE = Shape({"source": TEXT, "citation": TEXT, "url": TEXT}, (_reference,))


def _names(data: dict[str, Any]) -> None:
    names = [row["name"] for row in data.get("targets", [])]
    errors: dict[str, Any] = {}
    twice = {"name": ["The target name must be unique within the submission"]}
    errors["targets"] = [twice if names.count(name) > 1 else {} for name in names]
    unknown = {"target_name": ["The target_name must reference a name in your target table"]}
    for key in ("photometry", "spectroscopy", "astrometry"):
        errors[key] = [{} if row["target_name"] in names else unknown for row in data.get(key, [])]
    if wrong := {key: rows for key, rows in errors.items() if any(rows)}:
        raise Wrong(wrong)


_DATA = {
    "references": Field(table(REFERENCE), null=False), "event_id": TEXT,
    "targets": Field(table(TARGET), null=False), "photometry": Field(table(PHOTOMETRY), null=False),
    "spectroscopy": Field(table(SPECTROSCOPY), null=False),
    "astrometry": Field(table(ASTROMETRY), null=False),
}  # fmt: skip
DATA = Shape(_DATA, (_names,))


def _data(value: Any) -> dict[str, Any]:
    return DATA(value) | {key: inner for key, inner in value.items() if key not in _DATA}


def _test_topic(value: Any) -> str:
    topic = char()(value)
    if "test" not in topic:
        raise Wrong("Hermes Dev can only submit to a test topic.")
    return topic


_MESSAGE = {
    "title": Field(char(), required=True, null=False), "topic": Field(char(), required=True, null=False),
    "message_text": Field(char(True), null=False, default=""),
    "submitter": Field(char(), required=True, null=False),
    "authors": Field(char(True), null=False, default=""),
    "data": Field(_data, null=False),
}  # fmt: skip
MESSAGE = Shape(_MESSAGE)
DEVELOPMENT = Shape(_MESSAGE | {"topic": Field(_test_topic, required=True, null=False)})


def normalised(message: Any, *, development: bool = False) -> dict[str, Any]:
    """The message as HERMES publishes it. Raises `Wrong` with the error tree, or `Crash`.

    development: as the server for development does, which takes topics for tests alone.
    """
    out = (DEVELOPMENT if development else MESSAGE)(message)
    return {"title": out["title"], "topic": out["topic"], "message_text": "", "authors": ""} | out

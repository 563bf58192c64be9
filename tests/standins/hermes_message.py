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

TEXT, FLOAT, DATE = Field(char()), Field(number()), Field(date)


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
        raise Wrong({"flux": ["flux or file_info are required"]})
    if len(flux) != len(wavelength):
        raise Wrong({"non_field_errors": ["Must have same number of datapoints for flux and wavelength"]})
    if row.get("flux_error") and len(row["flux_error"]) != len(flux):
        raise Wrong({"non_field_errors": ["Must have same number of datapoints for flux and flux_error"]})


def _position_or_orbit(row: dict[str, Any]) -> None:
    if "ra" in row and "dec" not in row:
        raise Wrong({"dec": ["Must set dec if ra is set"]})
    if "dec" in row and "ra" not in row:
        raise Wrong({"ra": ["Must set ra if dec is set"]})
    if "ra" not in row and "orbital_elements" not in row:
        text = ["ra/dec or orbital elements are required"]
        raise Wrong({"ra": text, "dec": text, "orbital_elements": {"non_field_errors": text}})


def _orbit_pair(row: dict[str, Any]) -> None:
    if not (row.get("semimajor_axis") and row.get("mean_anomaly")) and not (
        row.get("perihelion_distance") and row.get("epoch_of_perihelion")
    ):
        text = [
            "semimajor_axis and mean_anomaly, or perihelion_distance and epoch_of_perihelion are required"
        ]
        raise Wrong({"non_field_errors": text})


def _reference(row: dict[str, Any]) -> None:
    if row.get("source", "").lower() == "hop_uuid":
        citation = row.get("citation", "")
        try:
            UUID(citation)
        except ValueError:
            raise Wrong({"citation": [f"\u201c{citation}\u201d is not a valid UUID."]}) from None
        raise Wrong({"citation": [f"hop_uuid {citation} does not exist"]})


class NullCrash(Shape):
    """A shape in which a null of one key crashes the server."""

    def __call__(self, value: Any) -> dict[str, Any]:
        for key in ("epoch_of_perihelion", "date"):
            if key in self.fields and isinstance(value, dict) and key in value and value[key] is None:
                raise Crash
        return super().__call__(value)


FILES = Field(
    table(Shape({"name": Field(char(), required=True), "description": Field(char(True)), "url": TEXT}))
)

ORBIT = NullCrash(
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

DISCOVERY = NullCrash({
    "date": DATE, "reporting_group": TEXT, "discovery_source": TEXT, "transient_type": TEXT,
    "proprietary_period": FLOAT,
    "proprietary_period_units": Field(choice(*PERIODS), null=False, default="Days"),
    "nondetection_source": TEXT, "nondetection_comments": TEXT,
})  # fmt: skip

_POSITION_ERRORS = {
    "ra_error": FLOAT, "dec_error": FLOAT,
    "ra_error_units": Field(choice(*ANGLES), null=False, default="degrees"),
    "dec_error_units": Field(choice(*ANGLES), null=False, default="degrees"),
}  # fmt: skip

TARGET = Shape(
    {
        "name": Field(char(), required=True, null=False),
        "ra": Field(right_ascension, null=False), "dec": Field(declination, null=False),
        **_POSITION_ERRORS,
        "pm_ra": FLOAT, "pm_dec": FLOAT, "epoch": Field(date, null=False, default="2000.0"),
        "new_discovery": Field(boolean, null=False, default=False),
        "orbital_elements": Field(ORBIT, null=False), "discovery_info": Field(DISCOVERY),
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
    if len(set(names)) != len(names):
        raise Wrong({"targets": {"non_field_errors": ["Target names must be unique"]}})
    for key in ("photometry", "spectroscopy", "astrometry"):
        errors = [
            {}
            if row["target_name"] in names
            else {"target_name": ["This target is not in the table of targets"]}
            for row in data.get(key, [])
        ]
        if any(errors):
            raise Wrong({key: errors})


_DATA = {
    "references": Field(table(REFERENCE), null=False), "event_id": TEXT,
    "targets": Field(table(TARGET), null=False), "photometry": Field(table(PHOTOMETRY), null=False),
    "spectroscopy": Field(table(SPECTROSCOPY), null=False),
    "astrometry": Field(table(ASTROMETRY), null=False),
}  # fmt: skip
DATA = Shape(_DATA, (_names,))


def _data(value: Any) -> dict[str, Any]:
    return DATA(value) | {key: inner for key, inner in value.items() if key not in _DATA}


MESSAGE = Shape({
    "title": Field(char(), required=True, null=False), "topic": Field(char(), required=True, null=False),
    "message_text": Field(char(True), null=False, default=""),
    "submitter": Field(char(), required=True, null=False),
    "authors": Field(char(True), null=False, default=""),
    "data": Field(_data, null=False),
})  # fmt: skip


def normalised(message: Any) -> dict[str, Any]:
    """The message as HERMES publishes it. Raises `Wrong` with the error tree, or `Crash`."""
    out = MESSAGE(message)
    return {"title": out["title"], "topic": out["topic"], "message_text": "", "authors": ""} | out

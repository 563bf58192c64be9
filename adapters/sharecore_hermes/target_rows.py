"""Write targets: positions and orbital elements."""

from __future__ import annotations

from sharecore.records import JsonValue
from sharecore.spellings import word
from sharecore.targets import Target
from sharecore_hermes.cells import Draft, NotExpressible, Row, modified_date, number, others, pruned, text
from sharecore_hermes.sky import declination, right_ascension

_ORBIT = {
    "epoch_of_elements": "epoch_of_elements",
    "eccentricity": "eccentricity",
    "argument_of_the_perihelion": "arg_of_perihelion",
    "mean_anomaly": "mean_anomaly",
    "orbital_inclination": "inclination",
    "longitude_of_the_ascending_node": "lng_asc_node",
    "semimajor_axis": "semimajor_axis",
    "epoch_of_perihelion": "epoch_of_perihelion",
    "perihelion_distance": "perihdist",
}
_REQUIRED = (
    "epoch_of_elements", "eccentricity", "argument_of_the_perihelion", "orbital_inclination",
    "longitude_of_the_ascending_node",
)  # fmt: skip
_FROM_EXTRAS = ("redshift", "host_redshift", "host_name")
_HANDLED = frozenset({"name", "ra", "dec", "epoch", "orbital_elements", "aliases"})


def draft(target: Target) -> Row:
    """Return the target in the fields and units of HERMES (proper motion: mas/yr in the TOM Toolkit,
    arcsec/yr in HERMES).
    """
    row: Row = {"name": target.name}
    if target.sidereal:
        place = target.position
        row |= {
            "ra": place.ra,
            "dec": place.dec,
            "epoch": place.epoch,
            "pm_ra": _thousandth(place.pm_ra),
            "pm_dec": _thousandth(place.pm_dec),
        }
        if place.distance is not None and place.distance >= 0:
            error = place.distance_err if (place.distance_err or 0) >= 0 else None
            row |= {"distance": place.distance, "distance_error": error, "distance_units": "pc"}
    else:
        row["orbital_elements"] = {key: getattr(target.orbit, name) for key, name in _ORBIT.items()}
    row["aliases"] = list(target.aliases)
    return row | _extras(target)


def finish(draft: Draft) -> Row:
    """Return the target for HERMES. Raises `NotExpressible`: then no record of this target can go."""
    name = text(draft.get("name"))
    if not name:
        raise NotExpressible("target-name", "the target has no name")
    row: Row = {"name": name}
    elements = draft.get("orbital_elements")
    if elements is not None:
        if not isinstance(elements, dict):
            raise NotExpressible(
                "orbit", f"the orbital elements must be a dictionary, got a {type(elements).__name__}"
            )
        row["orbital_elements"] = _orbit(elements)
    if elements is None or draft.get("ra") is not None:
        row |= {"ra": right_ascension(draft.get("ra")), "dec": declination(draft.get("dec"))}
        row |= _epoch(draft)
    aliases = pruned(draft.get("aliases"), "aliases")
    if isinstance(aliases, list):
        row["aliases"] = list(dict.fromkeys(str(alias) for alias in aliases))
    return row | others(draft, _HANDLED)


def unexpressed(target: Target) -> dict[str, JsonValue]:
    """Return the values without a field at HERMES; they travel beside our keys, with the unit in the name."""
    place, orbit = target.position, target.orbit
    values: dict[str, JsonValue] = {
        "parallax_mas": place.parallax if target.sidereal else None,
        "orbit_scheme": orbit.scheme or None,
        "mean_daily_motion_deg_per_day": orbit.mean_daily_motion,
        "abs_mag": orbit.abs_mag,
        "slope": orbit.slope,
        "extras": {key: value for key, value in target.extras.items() if value} or None,
    }
    return {key: value for key, value in values.items() if value is not None}


def _orbit(elements: Draft) -> Row:
    missing = [key for key in _REQUIRED if pruned(elements.get(key), key) is None]
    if missing:
        raise NotExpressible("orbit", f"HERMES needs {', '.join(missing)}, and the target has none")
    row: Row = {"epoch_of_elements": modified_date(elements["epoch_of_elements"], "epoch_of_elements")}
    row["eccentricity"] = _at_least_zero(elements, "eccentricity")
    inclination = _at_least_zero(elements, "orbital_inclination")
    if inclination is not None and inclination > 180:
        raise NotExpressible(
            "orbit", f"orbital_inclination must be between 0 and 180 degrees, got {inclination:g}"
        )
    row["orbital_inclination"] = inclination
    for key in ("argument_of_the_perihelion", "longitude_of_the_ascending_node"):
        row[key] = _turned(number(elements, key))
    row |= _size_and_phase(elements)
    return row


def _size_and_phase(elements: Draft) -> Row:
    """Return one of the two pairs that HERMES knows.

    HERMES takes 0 for missing, and a null epoch crashes it (measured).
    """
    row: Row = {}
    axis, anomaly = number(elements, "semimajor_axis"), _anomaly(elements)
    distance = number(elements, "perihelion_distance")
    when = elements.get("epoch_of_perihelion")
    if axis and anomaly:
        row |= {"semimajor_axis": axis, "mean_anomaly": anomaly}
    if distance and pruned(when, "epoch_of_perihelion") is not None:
        row |= {
            "perihelion_distance": distance,
            "epoch_of_perihelion": modified_date(when, "epoch_of_perihelion"),
        }
    if not row:
        raise NotExpressible(
            "orbit",
            "HERMES needs semimajor axis and mean anomaly (of an open orbit between 0 and 360 degrees), or "
            "perihelion distance and epoch of perihelion",
        )
    return row


def _at_least_zero(elements: Draft, key: str) -> float | None:
    value = number(elements, key)
    if value is not None and value < 0:
        raise NotExpressible("orbit", f"{key} must not be negative, got {value:g}")
    return value


def _anomaly(elements: Draft) -> float | None:
    """Return the anomaly in degrees above 0, up to 360, as HERMES takes it; None where it has no such form.

    A closed orbit is at the same place after a turn. An open one never comes back: -30 is not 330 there.
    """
    anomaly, eccentricity = number(elements, "mean_anomaly"), number(elements, "eccentricity")
    if anomaly is not None and (eccentricity is None or eccentricity < 1):
        return _turned(anomaly) or 360.0
    return anomaly if anomaly is not None and 0 < anomaly <= 360 else None


def _turned(angle: float | None) -> float | None:
    """Return the same direction in 0..360 degrees."""
    return angle if angle is None or 0 <= angle <= 360 else angle % 360


def _epoch(draft: Draft) -> Row:
    """Return a Julian year. Absent means 2000.0 for HERMES; null is refused."""
    epoch = pruned(draft.get("epoch"), "epoch")
    if epoch is None:
        return {}
    if isinstance(epoch, float | int) and not 1000 < epoch < 3000:
        raise NotExpressible("target-epoch", f"the epoch must be a year between 1000 and 3000, got {epoch:g}")
    return {"epoch": epoch}


def _thousandth(milli: float | None) -> float | None:
    return None if milli is None else milli / 1000


def _extras(target: Target) -> Row:
    """Return redshifts and the host, where the site keeps them under the names of HERMES.

    -1, -99 and -999 are no redshifts, but how sites write that there is none.
    """
    known = {key.casefold(): value for key, value in target.extras.items()}
    row: Row = {}
    for key in _FROM_EXTRAS:
        try:
            value = None if key == "host_name" else number(known, key)
            row[key] = word(known[key]) if key == "host_name" else value if (value or 0) > -1 else None
        except (KeyError, NotExpressible):
            continue
    return row

"""Targets: what a site says of the object that its records belong to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OrbitScheme(StrEnum):
    """Which set of orbital elements a non-sidereal target gives: the names of tomtoolkit 3.1.0.

    The Minor Planet Center's of a minor planet or a comet, and JPL's of a major planet.
    """

    MPC_MINOR_PLANET = "MPC_MINOR_PLANET"
    MPC_COMET = "MPC_COMET"
    JPL_MAJOR_PLANET = "JPL_MAJOR_PLANET"


class _Elements:
    """Numbers of which each may be absent. One that is not finite, as catalogues write "unknown", is."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type]  # the classes below are dataclasses
            value = getattr(self, each.name)
            if isinstance(value, float) and not math.isfinite(value):
                object.__setattr__(self, each.name, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(_Elements):
    """A place on the sky. Fields and units are those of a sidereal target of tomtoolkit 3.1.0.

    ra, dec: degrees. epoch: Julian year. pm_ra, pm_dec: mas/yr. parallax: mas. galactic_lng, galactic_lat:
    degrees. distance, distance_err: parsec. None where the site does not say, or says NaN or infinity.
    """

    ra: float | None = None
    dec: float | None = None
    epoch: float | None = None
    pm_ra: float | None = None
    pm_dec: float | None = None
    parallax: float | None = None
    galactic_lng: float | None = None
    galactic_lat: float | None = None
    distance: float | None = None
    distance_err: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Orbit(_Elements):
    """Orbital elements and ephemeris. Fields and units are those of tomtoolkit 3.1.0.

    scheme: an `OrbitScheme`, or an empty text. mean_anomaly: degrees. arg_of_perihelion, lng_asc_node,
    inclination: degrees, J2000, the inclination to the ecliptic. eccentricity: a number. mean_daily_motion:
    degrees per day. semimajor_axis, perihdist: au. epoch_of_elements, epoch_of_perihelion: Modified Julian
    Date. ephemeris_period, ephemeris_period_err, ephemeris_epoch, ephemeris_epoch_err: days; from when the
    epoch is counted tomtoolkit does not say. abs_mag, slope: mag. None as in `Position`.
    """

    scheme: str = ""
    epoch_of_elements: float | None = None
    mean_anomaly: float | None = None
    arg_of_perihelion: float | None = None
    eccentricity: float | None = None
    lng_asc_node: float | None = None
    inclination: float | None = None
    mean_daily_motion: float | None = None
    semimajor_axis: float | None = None
    epoch_of_perihelion: float | None = None
    ephemeris_period: float | None = None
    ephemeris_period_err: float | None = None
    ephemeris_epoch: float | None = None
    ephemeris_epoch_err: float | None = None
    perihdist: float | None = None
    abs_mag: float | None = None
    slope: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An object that a site follows.

    name: unique at the site. aliases: its other names. sidereal: False for a solar-system body, whose
    `orbit` then says where it is; of all others `position` does. extras: free key/value pairs of the site,
    the fields of a custom target model among them, as text. lists: names of the target lists that it is to
    join at the destination.
    """

    name: str
    aliases: tuple[str, ...] = ()
    sidereal: bool = True
    position: Position = field(default_factory=Position)
    orbit: Orbit = field(default_factory=Orbit)
    extras: Mapping[str, str] = field(default_factory=dict)
    lists: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The name, then the aliases."""
        return (self.name, *self.aliases)


_IGNORED = str.maketrans("", "", " -_()")


def simple_name(name: str) -> str:
    """Return a name in the form in which two names of one object are equal.

    Without case, blanks, dashes, underscores and parentheses: as `TargetMatchManager.simplify_name` of
    tomtoolkit 3.1.0 and 2.32.4.
    """
    return name.lower().translate(_IGNORED)


def target_key(pk: int, created: datetime) -> str:
    """Return what a TOM calls a target for ever: its primary key, and when it was made, in microseconds.

    A database that is restored may give a primary key again, but not with the time of before.
    """
    return f"{pk}.{(created - _EPOCH) // timedelta(microseconds=1)}"

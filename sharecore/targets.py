"""Targets: the objects to which the records of a site belong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OrbitScheme(StrEnum):
    """The set of orbital elements of a non-sidereal target, named as in tomtoolkit 3.1.0.

    The sets of the Minor Planet Center for a minor planet and a comet, and that of JPL for a major planet.
    """

    MPC_MINOR_PLANET = "MPC_MINOR_PLANET"
    MPC_COMET = "MPC_COMET"
    JPL_MAJOR_PLANET = "JPL_MAJOR_PLANET"


class _Elements:
    """Numbers that may each be absent. A number that is not finite, by which catalogues mean "unknown",
    counts as absent.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type]  # the classes below are dataclasses
            value = getattr(self, each.name)
            if isinstance(value, float) and not math.isfinite(value):
                object.__setattr__(self, each.name, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(_Elements):
    """A place on the sky, with the fields and units of a sidereal target of tomtoolkit 3.1.0.

    A number is None where the site has no value, or has NaN or infinity.
    """

    ra: float | None = None
    """Right ascension, in degrees."""
    dec: float | None = None
    """Declination, in degrees."""
    epoch: float | None = None
    """Epoch, a Julian year."""
    pm_ra: float | None = None
    """Proper motion in right ascension, in mas/yr."""
    pm_dec: float | None = None
    """Proper motion in declination, in mas/yr."""
    parallax: float | None = None
    """Parallax, in mas."""
    galactic_lng: float | None = None
    """Galactic longitude, in degrees."""
    galactic_lat: float | None = None
    """Galactic latitude, in degrees."""
    distance: float | None = None
    """Distance, in parsec."""
    distance_err: float | None = None
    """Error of the distance, in parsec."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orbit(_Elements):
    """Orbital elements and ephemeris, with the fields and units of tomtoolkit 3.1.0.

    A number is None where the site has no value, or has NaN or infinity.
    """

    scheme: str = ""
    """Set of elements, an `OrbitScheme`; empty where unknown."""
    epoch_of_elements: float | None = None
    """Epoch of the elements, a Modified Julian Date."""
    mean_anomaly: float | None = None
    """Mean anomaly, in degrees."""
    arg_of_perihelion: float | None = None
    """Argument of perihelion, in degrees (J2000)."""
    eccentricity: float | None = None
    """Eccentricity, without a unit."""
    lng_asc_node: float | None = None
    """Longitude of the ascending node, in degrees (J2000)."""
    inclination: float | None = None
    """Inclination to the ecliptic, in degrees (J2000)."""
    mean_daily_motion: float | None = None
    """Mean daily motion, in degrees per day."""
    semimajor_axis: float | None = None
    """Semi-major axis, in au."""
    epoch_of_perihelion: float | None = None
    """Epoch of perihelion, a Modified Julian Date."""
    ephemeris_period: float | None = None
    """Period of the ephemeris, in days."""
    ephemeris_period_err: float | None = None
    """Error of the period of the ephemeris, in days."""
    ephemeris_epoch: float | None = None
    """Epoch of the ephemeris, in days; tomtoolkit does not define its zero point."""
    ephemeris_epoch_err: float | None = None
    """Error of the epoch of the ephemeris, in days."""
    perihdist: float | None = None
    """Perihelion distance, in au."""
    abs_mag: float | None = None
    """Absolute magnitude, in mag."""
    slope: float | None = None
    """Slope parameter of the phase function, in mag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An object that a site follows."""

    name: str
    """Name, unique at the site."""
    aliases: tuple[str, ...] = ()
    """Other names."""
    sidereal: bool = True
    """False for a solar-system body, which has an `orbit`; True for all others, which have a `position`."""
    position: Position = field(default_factory=Position)
    """Place on the sky of a sidereal target."""
    orbit: Orbit = field(default_factory=Orbit)
    """Orbital elements of a solar-system body."""
    extras: Mapping[str, str] = field(default_factory=dict)
    """Free key/value pairs of the site, as text; the fields of a custom target model among them."""
    lists: tuple[str, ...] = ()
    """Names of the target lists that the target joins at the destination."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the name, then the aliases."""
        return (self.name, *self.aliases)


_IGNORED = str.maketrans("", "", " -_()")


def simple_name(name: str) -> str:
    """Return the form of a name in which two names of one object are equal.

    Leaves out case, blanks, dashes, underscores and parentheses, as `TargetMatchManager.simplify_name` of
    tomtoolkit 3.1.0 and 2.32.4. Blanks of any kind around it do not count either: no TOM stores them.
    """
    return name.strip().lower().translate(_IGNORED)


def target_key(pk: int, created: datetime) -> str:
    """Return the name of a target that never changes: its primary key, and the time when it was made, in
    microseconds.

    A restored database may give a primary key again, but not with the same time.
    """
    return f"{pk}.{(created - _EPOCH) // timedelta(microseconds=1)}"

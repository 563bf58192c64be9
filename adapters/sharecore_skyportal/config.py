"""Read the settings of one SkyPortal in `DATA_SHARING`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from sharecore import Maps, ScaledUnit, Secret, Section, Unit
from sharecore_http import HttpSettings, credential

SYSTEMS = {Unit.AB_MAG: "ab", Unit.VEGA_MAG: "vega"}
"""Names that SkyPortal gives to systems of magnitudes."""
UNITS = (*SYSTEMS, Unit.FLUX_PER_FREQUENCY)
"""Units of photometry that SkyPortal takes."""

_GROUPS_HINT = "Write it like ['Our group'], with the names or numbers of groups of that SkyPortal."


@dataclass(frozen=True, slots=True, kw_only=True)
class SkyPortalConfig:
    """The settings of one SkyPortal."""

    path: str
    """Path of the entry in the settings, for messages."""
    base_url: str
    """Address of the SkyPortal, with a trailing slash."""
    token: Secret
    """Token of an account there."""
    groups: tuple[str | int, ...] = ()
    """Groups there that see what is shared: names, or ids."""
    maps: Maps = field(default_factory=Maps)
    """Names there by names here. Read here, since `check` looks for the instruments and filters in them."""
    default_instrument: str = ""
    """Instrument there of data of the site that name none."""
    default_brightness: ScaledUnit | None = None
    """Unit of a brightness without a unit."""
    http: HttpSettings = field(default_factory=HttpSettings)
    """Settings of the HTTP client."""

    @classmethod
    def read(cls, section: Section) -> Self:
        """Read one entry; raises `ConfigurationError` with all its problems."""
        config = cls(
            path=section.path,
            base_url=section.url(),
            token=_token(section),
            groups=_groups(section),
            maps=Maps.read(section),
            default_instrument=section.text("DEFAULT_INSTRUMENT"),
            default_brightness=section.unit(
                "DEFAULT_BRIGHTNESS_UNIT", UNITS, "'AB mag', 'Vega mag' or 'mJy'"
            ),
            http=HttpSettings.read(section),
        )
        section.finish()
        return config


def _token(section: Section) -> Secret:
    missing = "Make a token on your profile page there, and copy it."
    token = credential(section, "TOKEN", missing=missing)
    if " " in token.reveal().strip():
        section.problem("TOKEN", "contains a blank", "Give the token alone, without the word 'token'.")
    return token


def _groups(section: Section) -> tuple[str | int, ...]:
    """Return the groups. They are never left to the server, whose default may be everybody."""
    given = section.raw("GROUPS_THERE")
    if given is None or given == "":
        what = "is missing: without it that SkyPortal would choose by itself who sees the data"
        section.problem("GROUPS_THERE", what, _GROUPS_HINT)
        return ()
    if not isinstance(given, list | tuple) or not given or not all(map(_names_a_group, given)):
        section.problem("GROUPS_THERE", f"must be a list of groups, got {given!r}", _GROUPS_HINT)
        return ()
    return tuple(dict.fromkeys(each.strip() if isinstance(each, str) else each for each in given))


def _names_a_group(given: object) -> bool:
    if isinstance(given, str):
        return bool(given.strip())
    return isinstance(given, int) and not isinstance(given, bool) and given > 0

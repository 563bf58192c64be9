"""Write targets as sources."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from sharecore import Batch, Target, TargetRefused, separation
from sharecore_skyportal.config import SkyPortalConfig

_SENDABLE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.+-]*")
"""Names with which all addresses of a source work. SkyPortal also takes `:` and `;` for an id, but has no
address of the photometry of such a source.
"""
_OURS = re.compile(r".*-[0-9a-f]{10}")
_LONGEST = 80
FARTHEST = 30.0
"""Largest distance, in arcseconds, of two positions of one object."""


def source_id(name: str) -> str:
    """Return the id of the source of a target: its name, if that can be one.

    Any other name is simplified, and ends with a digest of the name, so that no two names have one id.
    """
    plain = _SENDABLE.fullmatch(name) and len(name) <= _LONGEST
    if plain and not _is_number(name) and not _OURS.fullmatch(name):
        return name
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    simple = re.sub(r"[^0-9A-Za-z_.+-]+", "_", ascii_name)[:_LONGEST].strip("_.+-")
    return f"{simple or 'target'}-{hashlib.sha256(name.encode()).hexdigest()[:10]}"


def _is_number(name: str) -> bool:
    """Return whether a name reads as a number: SkyPortal would make one of it, so that `007` becomes `7`."""
    try:
        float(name)
    except ValueError:
        return False
    return True


def source_body(batch: Batch, groups: Sequence[str | int]) -> dict[str, Any]:
    """Return the body of `POST api/sources`. Raises `TargetRefused` for a target without a fixed position."""
    target = batch.target
    if not target.sidereal:
        raise TargetRefused(f"SkyPortal takes no solar-system bodies, such as {target.name}")
    ra, dec = target.position.ra, target.position.dec
    if ra is None or dec is None:
        raise TargetRefused(f"SkyPortal needs the coordinates of {target.name}, and it has none")
    redshift = _redshift(target)
    return {
        "id": noted(batch),
        "ra": ra,
        "dec": dec,
        **({} if redshift is None else {"redshift": redshift}),
        "group_ids": [*groups],
    }


def noted(batch: Batch) -> str:
    """Return the id of the source: that under which it was made, whatever the name of the target is now."""
    known = batch.state.get("source")
    return known if isinstance(known, str) and known else source_id(batch.target.name)


def note(batch: Batch, source: str, config: SkyPortalConfig) -> None:
    """Note that the source was made and saved to the groups of the settings."""
    batch.state.update(source=source, groups=[*config.groups])


def forget(batch: Batch) -> None:
    """Note that the source has to be made again."""
    batch.state.pop("groups", None)


def is_made(batch: Batch, config: SkyPortalConfig) -> bool:
    """Return whether the source was made, and saved to the groups that the settings name now."""
    return bool(batch.state.get("source")) and batch.state.get("groups") == [*config.groups]


def far_from(target: Target, there: Mapping[str, Any]) -> float | None:
    """Return the distance to a source of the same name, in arcseconds; None if it is the same object."""
    ra, dec = target.position.ra, target.position.dec
    numbers = [each for each in (ra, dec, there.get("ra"), there.get("dec")) if isinstance(each, int | float)]
    distance = separation(*numbers) if len(numbers) == 4 else 0.0
    return distance if distance > FARTHEST else None


def _redshift(target: Target) -> float | None:
    """Return the redshift among the extras. -1, -99 and -999 are how sites write that there is none."""
    for key, text in target.extras.items():
        if key.strip().casefold() == "redshift":
            try:
                value = float(text)
            except ValueError:
                return None
            return value if math.isfinite(value) and value > -1 else None
    return None

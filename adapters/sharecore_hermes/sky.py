"""Write coordinates as HERMES reads them."""

from __future__ import annotations

from sharecore_hermes.cells import NotExpressible, finite, text


def right_ascension(value: object) -> float | str:
    """Return degrees in 0..360, where HERMES would wrap it to, or a text with unit letters.

    Raises `NotExpressible`.
    """
    degrees = _degrees(value, "ra")
    if isinstance(degrees, float) and not -360 <= degrees <= 720:
        # -999 is how sites write that there is none, and would be a place on the sky.
        raise NotExpressible(
            "position", f"ra must be between 0 and 360 degrees, give or take a turn, got {degrees:g}"
        )
    return degrees if isinstance(degrees, str) or 0 <= degrees <= 360 else degrees % 360


def declination(value: object) -> float | str:
    """Return degrees in -90..90, or a text with unit letters. Raises `NotExpressible`."""
    degrees = _degrees(value, "dec")
    if isinstance(degrees, float) and abs(degrees) > 90:
        raise NotExpressible("position", f"dec must be between -90 and 90 degrees, got {degrees:g}")
    return degrees


def _degrees(value: object, key: str) -> float | str:
    """Return degrees, or a text with unit letters.

    HERMES reads a text that is no number as hours first, also for dec: 05:30:00 would become 82.5 degrees.
    """
    word = text(value)
    if not word:
        raise NotExpressible("position", f"{key} is missing")
    if isinstance(value, str) and any(letter in word for letter in "hd"):
        return word
    if isinstance(value, str) and (":" in word or " " in word):
        raise NotExpressible(
            "position", f"{key} must be in degrees, got {word[:40]!r}, which HERMES would read as hours"
        )
    return finite(value, key)

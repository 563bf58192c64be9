"""Measure angles on the sky."""

from __future__ import annotations

import math


def separation(ra: float, dec: float, other_ra: float, other_dec: float) -> float:
    """Return the angle between two positions, in arcseconds; the positions are in degrees."""
    lon, lat, other_lon, other_lat = map(math.radians, (ra, dec, other_ra, other_dec))
    # haversine, exact for small angles
    half = math.sin((lat - other_lat) / 2) ** 2 + (
        math.cos(lat) * math.cos(other_lat) * math.sin((lon - other_lon) / 2) ** 2
    )
    return math.degrees(2 * math.asin(math.sqrt(min(half, 1.0)))) * 3600

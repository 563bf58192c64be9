"""Counts what HERMES published: the stand-in's own log against the data tables of the TOM that shares.

Like `realtoms.compare` it knows nothing of any ledger. It reads the tables with SQL and the log as JSON, and
has its own idea of how a value of a TOM looks in a message: times, bands and instruments are equal, numbers
are equal once the unit is (uJy are a thousandth of a mJy).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from realtoms.compare import Comparison, Row, rows_of

_FACTORS = {"uJy": 1e-3}
"""From the units that the demonstration uses to those of the messages; all others go as they are."""

_NUMBERS: Mapping[str, Mapping[str, str]] = {
    "photometry": {
        "brightness": "brightness", "brightness_error": "brightness_error",
        "limit": "limiting_brightness", "exposure_time": "exposure_time",
    },
    "spectroscopy": {
        "flux": "flux", "error": "flux_error", "wavelength": "wavelength", "exposure_time": "exposure_time",
    },
    "astrometry": {"ra": "ra", "dec": "dec", "ra_error": "ra_error", "dec_error": "dec_error"},
}  # fmt: skip
_SCALED = frozenset({"brightness", "brightness_error", "limit"})
_TEXTS = ("telescope", "instrument", "bandpass", "setup")


@dataclass(frozen=True)
class Published:
    """One row of one message. `position` is its place in the log: equal rows are still two."""

    position: int
    table: str
    row: Mapping[str, Any]


def compare_with_log(sender: str, log: Path, target: str, topic: str) -> tuple[Comparison, list[Row]]:
    """Compare a TOM's data of one target with what was published on a topic.

    Return that, and the data that HERMES has no table for, which are not in the counts.
    """
    published = _published(log, topic)
    wanted: list[Row] = []
    without_table: list[Row] = []
    for row in rows_of(sender, target):
        (wanted if row["kind"] in _NUMBERS else without_table).append(row)
    left = list(published)
    lost = []
    for row in wanted:
        found = next((each for each in left if _says(each, row)), None)
        if found is None:
            lost.append(f"lost: {row['kind']} of {row['timestamp']:%Y-%m-%d %H:%M:%S}")
        else:
            left.remove(found)
    twice = [each for each in left if any(_says(each, row) for row in wanted)]
    comparison = Comparison(
        records=len(wanted),
        arrived=len(wanted) - len(lost),
        lost=len(lost),
        duplicates=len(twice),
        foreign=len(left) - len(twice),
        examples=(*lost, *(f"more than once, or foreign: {str(dict(each.row))[:300]}" for each in left))[:20],
    )
    return comparison, without_table


def _published(log: Path, topic: str) -> list[Published]:
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    rows = [
        (table, row)
        for line in map(json.loads, lines)
        if line["topic"] == topic
        for table in _NUMBERS
        for row in line["message"]["data"].get(table) or []
    ]
    return [Published(position, table, row) for position, (table, row) in enumerate(rows)]


def _says(published: Published, row: Row) -> bool:
    """Return whether a published row says what a row of the TOM says."""
    if published.table != row["kind"] or _moment(published.row["date_obs"]) != row["timestamp"]:
        return False
    factor = _FACTORS.get(row.get("unit") or "", 1.0)
    return all(
        _close(row[here], published.row.get(there), factor if here in _SCALED else 1.0)
        for here, there in _NUMBERS[published.table].items()
    ) and all(not row.get(name) or published.row.get(name) == row[name] for name in _TEXTS)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _close(here: Any, there: Any, factor: float) -> bool:
    if here in (None, []) or there in (None, []):
        return here in (None, []) and there in (None, [])
    mine, its = (here, there) if isinstance(here, list) else ([here], [there])
    return len(mine) == len(its) and all(
        math.isclose(a * factor, b, rel_tol=1e-9) for a, b in zip(mine, its, strict=True)
    )

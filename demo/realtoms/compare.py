"""Counts what arrived: the data tables of two TOMs, read with plain SQL and compared field by field.

This code knows nothing of any ledger, setting or model. It reads what astronomers would see in the other TOM.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]

TABLES = {
    "other": "tom_dataproducts_reduceddatum",
    "photometry": "tom_dataproducts_photometryreduceddatum",
    "spectroscopy": "tom_dataproducts_spectroscopyreduceddatum",
    "astrometry": "tom_dataproducts_astrometryreduceddatum",
}
_ALIASES = "tom_targets_targetname"
# What points into the TOM that has the row, and means nothing in another.
_POINTERS = frozenset({"id", "target_id", "data_product_id"})
# A sender that left these blank gets them filled in with where the datum came from.
_ORIGIN = frozenset({"source_name", "source_location"})
_JSON = frozenset({"value", "wavelength", "flux", "error"})

# The keys under which a 2.32 TOM may hold what has a column in 3.x; those that it plots come first.
_KEYS_2_32: Mapping[str, Sequence[str]] = {
    "brightness": ("magnitude",),
    "brightness_error": ("error", "magnitude_error"),
    "bandpass": ("filter",),
    "flux_unit": ("flux_unit", "flux_units"),
    "wavelength_unit": ("wavelength_unit", "wavelength_units"),
    "error": ("error", "flux_error"),
}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Counts of rows. `examples` names some of the rows that are lost, doubled or foreign.

    `lost`: rows of the sender without a row of the same content at the receiver. `duplicates`: rows at the
    receiver beyond the number that the sender has. `foreign`: rows at the receiver that no row of the sender
    explains.
    """

    records: int
    arrived: int
    lost: int
    duplicates: int
    foreign: int
    examples: tuple[str, ...] = ()

    @property
    def perfect(self) -> bool:
        """Return whether everything is there, once, and nothing else."""
        return not (self.lost or self.duplicates or self.foreign)

    def as_dict(self) -> dict[str, int]:
        """Return the four counts that a report shows."""
        return {
            "records": self.records,
            "arrived": self.arrived,
            "lost": self.lost,
            "duplicates": self.duplicates,
        }


def _never_moved(row: Row) -> Iterable[str]:
    return ()


def _all_go(row: Row) -> bool:
    return False


def compare(
    sender: str,
    receiver: str,
    targets: Iterable[str],
    *,
    names: Mapping[str, str] | None = None,
    former: Callable[[Row], Iterable[str]] = _never_moved,
    stays: Callable[[Row], bool] = _all_go,
) -> Comparison:
    """Compare two TOMs on tomtoolkit 3.x.

    :param sender: SQLite file, or PostgreSQL address, of the TOM that shares; `receiver` likewise.
    :param targets: names of the targets at the sender. A row may be under an alias of its target that is one
        of these: the name of another target that was merged into it.
    :param names: the name at the receiver of each target that has another one there.
    :param former: gives the targets among these at which a row of the sender was before: it may have arrived
        under one of them in place of the one that it has now.
    :param stays: whether a row of the sender must not be at the receiver: there it is foreign.
    """
    return _compare(sender, receiver, targets, names, rows_of, _content, _same, former, stays)


def compare_with_2_32(
    sender: str, receiver: str, targets: Iterable[str], *, names: Mapping[str, str] | None = None
) -> Comparison:
    """Compare a TOM on tomtoolkit 3.x with a receiver on 2.32: one table there, with the values as JSON."""
    return _compare(sender, receiver, targets, names, _rows_2_32, _moment, _same_2_32, _never_moved)


def _compare(
    sender: str,
    receiver: str,
    targets: Iterable[str],
    names: Mapping[str, str] | None,
    rows_there: Callable[[str, str], list[Row]],
    bucket: Callable[[Row], Hashable],
    same: Callable[[Row, Row], bool],
    former: Callable[[Row], Iterable[str]],
    stays: Callable[[Row], bool] = _all_go,
) -> Comparison:
    """Pair each row here with one there of its bucket; rows that say most about their origin choose first."""
    called = {target: (names or {}).get(target, target) for target in targets}
    here = [(target, row) for target in called for row in rows_of(sender, target) if not stays(row)]
    here.sort(key=lambda each: sum(not each[1][name] for name in _ORIGIN))
    there: dict[Hashable, list[tuple[str, Row]]] = {}
    for name in dict.fromkeys(called.values()):
        for row in rows_there(receiver, name):
            there.setdefault(bucket(row), []).append((name, row))
    arrived = duplicates = foreign = 0
    examples: list[str] = []
    wanted: dict[Hashable, list[tuple[set[str], Row]]] = {}
    merged = {
        target: called.keys() & {each["name"] for each in _select(sender, _ALIASES, target)}
        for target in called
    }
    for target, row in here:
        places = {called[each] for each in (target, *merged[target], *former(row))}
        wanted.setdefault(bucket(row), []).append((places, row))
        candidates = there.get(bucket(row), [])
        found = next((each for each in candidates if each[0] in places and same(row, each[1])), None)
        if found is None:
            examples.append(f"lost: {target}: {_brief(row)}")
        else:
            arrived += 1
            # by identity: several rows may be equal
            candidates[:] = [each for each in candidates if each is not found]
    for key, left in there.items():
        for name, row in left:
            twice = any(name in places and same(mine, row) for places, mine in wanted.get(key, ()))
            duplicates += twice
            foreign += not twice
            examples.append(f"{'duplicate' if twice else 'foreign'}: {name}: {_brief(row)}")
    return Comparison(
        records=len(here),
        arrived=arrived,
        lost=len(here) - arrived,
        duplicates=duplicates,
        foreign=foreign,
        examples=tuple(examples[:20]),
    )


def _brief(row: Row) -> str:
    shown = {k: v for k, v in row.items() if v not in (None, "", [], {}) and k not in _POINTERS}
    return str(shown)[:300]


def _content(row: Row) -> Hashable:
    return frozenset(
        (name, _frozen(value)) for name, value in row.items() if name not in _POINTERS and name not in _ORIGIN
    )


def _moment(row: Row) -> Hashable:
    return row["kind"], row["timestamp"]


def _same(here: Row, there: Row) -> bool:
    """Return whether a row of the same bucket also has the origin that the sender named, if it named one."""
    return all(there[name] == here[name] for name in _ORIGIN if here[name])


def _same_2_32(here: Row, there: Row) -> bool:
    """Return whether every field and extra value of a 3.x row stands in the JSON of a 2.32 row."""
    given = there["value"]
    if not _same(here, there):
        return False
    for name, value in here.items():
        if name in _POINTERS | _ORIGIN or name in {"kind", "data_type", "timestamp", "value"}:
            continue
        keys = _KEYS_2_32.get(name, (name,))
        blank = value is None or value in ("", [])
        if not blank and not any(key in given and _frozen(given[key]) == _frozen(value) for key in keys):
            return False
    return all(key in given and _frozen(given[key]) == _frozen(value) for key, value in here["value"].items())


def _frozen(value: object) -> Hashable:
    """Make a JSON value comparable and hashable; 1 equals 1.0, but not True."""
    if isinstance(value, dict):
        return frozenset((key, _frozen(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(_frozen(inner) for inner in value)
    if isinstance(value, bool):
        return ("bool", value)
    assert isinstance(value, Hashable)  # noqa: S101 - what is left is a scalar
    return value


def rows_of(database: str, target: str) -> list[Row]:
    """Return all data of a target in a TOM on 3.x. `kind` is that of the table, or the type of a row."""
    rows = []
    for kind, table in TABLES.items():
        for row in _select(database, table, target):
            rows.append({"kind": row.get("data_type", kind), **row})
    return rows


def _rows_2_32(database: str, target: str) -> list[Row]:
    return [{"kind": row["data_type"], **row} for row in _select(database, TABLES["other"], target)]


def _select(database: str, table: str, target: str) -> list[Row]:
    mark = "%s" if database.startswith("postgres") else "?"
    query = (
        f"SELECT d.* FROM {table} d JOIN tom_targets_basetarget t ON t.id = d.target_id"  # noqa: S608 - our own names
        f" WHERE t.name = {mark}"
    )
    rows: list[Row]
    if database.startswith("postgres"):
        with psycopg.connect(database, row_factory=dict_row) as connection:
            rows = connection.execute(query, (target,)).fetchall()
    else:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection_lite:
            connection_lite.row_factory = sqlite3.Row
            rows = [dict(row) for row in connection_lite.execute(query, (target,))]
    return [{name: _decoded(name, value) for name, value in row.items()} for row in rows]


def _decoded(name: str, value: Any) -> Any:
    if name in _JSON and isinstance(value, str):
        return json.loads(value)
    if name == "timestamp":
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return value

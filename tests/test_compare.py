"""The count that the demonstration ends with must itself be right: it has to see every kind of loss."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from realtoms import compare, compare_with_2_32
from realtoms.compare import TABLES

COMMON = "id INTEGER PRIMARY KEY, target_id INTEGER, data_product_id INTEGER, timestamp TEXT, value TEXT, "
ORIGIN = "source_name TEXT DEFAULT '', source_location TEXT DEFAULT ''"
COLUMNS = {
    "other": "data_type TEXT, telescope TEXT DEFAULT ''",
    "photometry": "brightness REAL, brightness_error REAL, [limit] REAL, bandpass TEXT, unit TEXT DEFAULT ''",
    "spectroscopy": "wavelength TEXT, flux TEXT, error TEXT, flux_unit TEXT",
    "astrometry": "ra REAL, dec REAL",
}
POINT = {
    "timestamp": "2026-01-02 03:04:05.123456",
    "value": "{}",
    "brightness": 18.123456789012345,
    "brightness_error": 0.1,
    "bandpass": "r",
}
Make = Callable[..., str]


@pytest.fixture
def tom(tmp_path: Path) -> Make:
    """Make the data tables of a TOM with one target, ``SN 1``; each row is a pair of kind and columns."""

    def make(name: str, *rows: tuple[str, dict[str, Any]]) -> str:
        path = tmp_path / name
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE tom_targets_basetarget (id INTEGER PRIMARY KEY, name TEXT)")
            database.execute("INSERT INTO tom_targets_basetarget VALUES (?, 'SN 1')", (len(name),))
            database.execute("CREATE TABLE tom_targets_targetname (target_id INTEGER, name TEXT)")
            for kind, table in TABLES.items():
                database.execute(f"CREATE TABLE {table} ({COMMON}{COLUMNS[kind]}, {ORIGIN})")
            for kind, row in rows:
                full = {"target_id": len(name), **row}
                marks = ", ".join("?" * len(full))
                columns = ", ".join(f"[{column}]" for column in full)
                database.execute(
                    f"INSERT INTO {TABLES[kind]} ({columns}) VALUES ({marks})",  # noqa: S608 - our own names
                    list(full.values()),
                )
        return str(path)

    return make


def test_a_true_copy_under_other_keys_and_with_an_origin_filled_in_is_perfect(tom: Make) -> None:
    spectrum = {"timestamp": POINT["timestamp"], "value": '{"a": {"b": 1}}', "flux": "[1.0, 2]"}
    here = tom("here", ("photometry", POINT | {"id": 5}), ("spectroscopy", spectrum))
    there = tom(
        "the other",
        ("photometry", POINT | {"id": 77, "source_name": "here"}),
        ("spectroscopy", spectrum | {"flux": "[1,2.0]"}),
    )
    result = compare(here, there, ["SN 1"])
    assert result.perfect
    assert result.as_dict() == {"records": 2, "arrived": 2, "lost": 0, "duplicates": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"brightness": 18.123456789012349},
        {"timestamp": "2026-01-02 03:04:05.123457"},
        {"brightness_error": None},
        {"limit": 18.0},
        {"value": '{"seeing": 1.1}'},
        {"source_name": "someone else"},
    ],
)
def test_a_row_with_one_field_changed_is_lost(tom: Make, change: dict[str, Any]) -> None:
    here = tom("here", ("photometry", POINT | {"source_name": "here"}))
    there = tom("there!", ("photometry", POINT | {"source_name": "here"} | change))
    result = compare(here, there, ["SN 1"])
    assert (result.arrived, result.lost, result.duplicates) == (0, 1, 0)
    assert result.foreign == 1
    assert "SN 1" in result.examples[0]


def test_a_row_that_arrived_twice_is_a_duplicate_but_two_equal_rows_here_are_not(tom: Make) -> None:
    other = {"timestamp": "2026-01-02 03:04:05", "value": '{"a": 1}', "data_type": "note"}
    here = tom("here", ("other", other), ("other", other), ("photometry", POINT))
    there = tom("there!", ("other", other), ("other", other), ("photometry", POINT), ("photometry", POINT))
    result = compare(here, there, ["SN 1"])
    assert result.as_dict() == {"records": 3, "arrived": 3, "lost": 0, "duplicates": 1}
    assert not result.perfect


def test_a_target_that_is_not_there_loses_everything(tom: Make) -> None:
    here = tom("here", ("photometry", POINT))
    there = tom("there!", ("photometry", POINT))
    assert compare(here, there, ["SN 1"], names={"SN 1": "SN 2"}).lost == 1


def test_a_row_may_be_under_the_name_of_a_target_that_was_merged_into_its_own(tom: Make) -> None:
    here = tom("here", ("photometry", POINT))
    there = tom("there!", ("photometry", POINT))
    with closing(sqlite3.connect(there)) as connection, connection:
        connection.execute("UPDATE tom_targets_basetarget SET name = 'merged'")
    assert compare(here, there, ["SN 1", "merged"]).lost == 1
    with closing(sqlite3.connect(here)) as connection, connection:
        connection.execute("INSERT INTO tom_targets_targetname VALUES (4, 'merged'), (4, 'another name')")
    assert compare(here, there, ["SN 1", "merged"]).perfect


@pytest.mark.parametrize(("at", "wrong"), [((1,), 0), ((2,), 0), ((1, 2), 1), ((3,), 2), ((), 1)])
def test_a_row_that_was_moved_is_there_once_under_a_target_that_it_has_or_has_had(
    tom: Make, at: tuple[int, ...], wrong: int
) -> None:
    here = tom("here", ("photometry", POINT | {"target_id": 102}))
    there = tom("there!", *(("photometry", POINT | {"target_id": 100 + number}) for number in at))
    for database in (here, there):
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.executemany(
                "INSERT INTO tom_targets_basetarget VALUES (?, ?)",
                [(101, "was"), (102, "is"), (103, "another")],
            )
    result = compare(here, there, ["was", "is", "another"], former=lambda row: ["was"])
    assert result.lost + result.duplicates + result.foreign == wrong, result
    assert result.duplicates == (at == (1, 2))


def test_a_2_32_receiver_holds_the_fields_in_its_json_under_the_keys_that_it_plots(tom: Make) -> None:
    value = {"magnitude": POINT["brightness"], "error": 0.1, "filter": "r", "seeing": 1.1}
    row = {"timestamp": POINT["timestamp"], "data_type": "photometry"}
    here = tom("here", ("photometry", POINT | {"value": '{"seeing": 1.1}'}))
    there = tom("there!", ("other", row | {"value": json.dumps(value)}))
    assert compare_with_2_32(here, there, ["SN 1"]).perfect
    for key in value:
        without = {name: held for name, held in value.items() if name != key}
        poorer = tom(f"without {key}", ("other", row | {"value": json.dumps(without)}))
        assert compare_with_2_32(here, poorer, ["SN 1"]).lost == 1

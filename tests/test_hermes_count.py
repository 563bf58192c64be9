"""The demonstration counts what HERMES published: that count has to see every kind of loss."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hermes_count import compare_with_log
from realtoms.compare import TABLES

COLUMNS = (
    "id", "target_id", "timestamp", "value", "source_name", "source_location", "data_type", "brightness",
    "brightness_error", "limit", "unit", "bandpass", "exposure_time", "telescope", "instrument",
)  # fmt: skip
FLUX = {
    "date_obs": "2026-01-02T03:04:05.123456+00:00", "bandpass": "o", "telescope": "ATLAS",
    "brightness": 0.417, "brightness_error": 0.037, "brightness_unit": "mJy", "limiting_brightness": None,
}  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A TOM with a flux of `SN 1` in uJy, and a datum for which HERMES has no table."""
    path = tmp_path / "tom.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE tom_targets_basetarget (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("INSERT INTO tom_targets_basetarget VALUES (1, 'SN 1')")
        for kind, table in TABLES.items():
            own = [name for name in COLUMNS if name != "data_type" or kind == "other"]
            connection.execute(f"CREATE TABLE {table} ({', '.join(f'[{name}]' for name in own)})")
        connection.execute(
            f"INSERT INTO {TABLES['photometry']} (target_id, timestamp, value, brightness, brightness_error, "  # noqa: S608
            "unit, bandpass, telescope) VALUES "
            "(1, '2026-01-02 03:04:05.123456', '{}', 417.0, 37.0, 'uJy', 'o', 'ATLAS')"
        )
        connection.execute(
            f"INSERT INTO {TABLES['other']} (target_id, timestamp, value, data_type) VALUES "  # noqa: S608
            "(1, '2026-01-02 03:04:05', '{}', 'polarimetry')"
        )
    return str(path)


@pytest.mark.parametrize(
    ("published", "lost", "duplicates", "foreign"),
    [
        ([FLUX], 0, 0, 0),
        ([], 1, 0, 0),
        ([FLUX, FLUX], 0, 1, 0),
        ([FLUX | {"brightness": 417.0}], 1, 0, 1),
        ([FLUX | {"limiting_brightness": 0.5}], 1, 0, 1),
        ([FLUX | {"date_obs": "2026-01-02T03:04:05Z"}], 1, 0, 1),
        ([FLUX | {"telescope": ""}], 1, 0, 1),
    ],
    ids=["true", "nothing", "twice", "wrong unit", "invented limit", "rounded time", "no telescope"],
)
def test_what_hermes_published_is_counted(
    database: str, tmp_path: Path, published: list[dict[str, Any]], lost: int, duplicates: int, foreign: int
) -> None:
    log = tmp_path / "published.jsonl"
    log.write_text(
        "".join(
            json.dumps({"topic": topic, "message": {"data": {"photometry": [row]}}}) + "\n"
            for topic, row in (*(("ours", row) for row in published), ("another", FLUX))
        )
    )
    result, without_table = compare_with_log(database, log, "SN 1", "ours")
    assert (result.records, result.lost, result.duplicates, result.foreign) == (1, lost, duplicates, foreign)
    assert [row["kind"] for row in without_table] == ["polarimetry"]

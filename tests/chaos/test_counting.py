"""What `make chaos` says is what happened: its figures are tested themselves."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from chaos.arrivals import Arrivals, percentile, recoveries
from chaos.backup import Backup
from chaos.rounds import Round
from realtoms.compare import TABLES


def test_a_recovery_ends_when_the_last_of_what_was_waiting_has_arrived() -> None:
    written = {"a": 1.0, "b": 2.0, "c": 9.0, "never": 1.0}
    arrived = {"a": 1.5, "b": 8.0, "c": 30.0}
    assert recoveries(written, arrived, [3.0]) == [5.0], "a was there before, c was written later"
    assert recoveries(written, arrived, [8.5]) == [], "nothing was waiting"


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([], 99) is None
    assert percentile([3.0], 99) == 3.0
    assert percentile([float(n) for n in range(1, 201)], 99) == 198.0


def test_a_backup_puts_back_what_was_there_when_it_was_made(tmp_path: Path) -> None:
    file = str(tmp_path / "receiver.sqlite3")

    def rows() -> list[int]:
        with closing(sqlite3.connect(file)) as connection:
            return [number for (number,) in connection.execute("SELECT number FROM data")]

    def write(sql: str) -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(sql)

    write("CREATE TABLE data (number INTEGER)")
    write("CREATE TABLE tom_targets_basetarget (id INTEGER)")
    write("CREATE TABLE guardian_userobjectpermission (object_pk TEXT)")
    write("INSERT INTO data VALUES (1)")
    backup = Backup(file, tmp_path)
    with backup.after(60):
        write("INSERT INTO data VALUES (2)")
    write("INSERT INTO data VALUES (3)")
    assert rows() == [1, 2, 3]
    backup.restore()
    assert rows() == [1, 2]


def test_a_backup_holds_no_half_of_a_target(tmp_path: Path) -> None:
    file = str(tmp_path / "receiver.sqlite3")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE tom_targets_basetarget (id INTEGER)")
        connection.execute("CREATE TABLE guardian_userobjectpermission (object_pk TEXT)")
        connection.execute("INSERT INTO tom_targets_basetarget VALUES (7)")
    backup = Backup(file, tmp_path)
    with backup.after(0):
        while not (tmp_path / "backup.sqlite3").exists():
            time.sleep(0.01)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("INSERT INTO guardian_userobjectpermission VALUES ('7')")
    with closing(sqlite3.connect(tmp_path / "backup.sqlite3")) as connection:
        assert connection.execute("SELECT * FROM guardian_userobjectpermission").fetchall() == [("7",)]


@pytest.mark.parametrize(
    "wrong",
    [
        Round(seed=1, lost=1),
        Round(seed=1, duplicates=1),
        Round(seed=1, foreign=1),
        Round(seed=1, failed=1),
        Round(seed=1, error="the database did not start"),
    ],
)
def test_one_wrong_record_fails_a_round(wrong: Round) -> None:
    assert Round(seed=1, records=9, failed_before_replay=3).good
    assert not wrong.good


def test_a_row_arrives_when_it_is_first_seen_in_any_table(tmp_path: Path) -> None:
    file = tmp_path / "receiver.sqlite3"
    with sqlite3.connect(file) as connection:
        for table in TABLES.values():
            connection.execute(f"CREATE TABLE {table} (id INTEGER, timestamp TEXT)")
        row = (7, "2026-01-02 03:04:05.000678")
        connection.execute(f"INSERT INTO {TABLES['astrometry']} VALUES (?, ?)", row)  # noqa: S608
    connection.close()
    arrivals = Arrivals(str(file))
    arrivals.look()
    first = dict(arrivals.at)
    arrivals.look()
    assert list(first) == ["2026-01-02T03:04:05.000678+00:00"]
    assert arrivals.at == first

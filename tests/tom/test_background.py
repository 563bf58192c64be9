"""On SQLite what we write in the background fails no transaction of the TOM: two connections to one file."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, connections, transaction

from sharecore import FieldType, ReportField, ReportForm
from tom.conftest import Tom
from tom_integration import polite_writes
from tom_integration.services import one_time, shares
from tom_integration.services.reports import Reporting

pytestmark = pytest.mark.any_database

BESIDE = "beside"
WHILE = 0.3
"""Seconds for which one holds the file, or waits while the other tries to write."""
PATIENCE = 60
"""Seconds that SQLite waits for a lock here, so that a process that stalls in between fails nobody."""


class File:
    """A SQLite database as a TOM has it, used by this thread (the TOM) and by others (we)."""

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with connections[BESIDE].cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def read(self) -> list[str]:
        return [who for (who,) in self.sql("SELECT who FROM written ORDER BY id")]

    def write(self, who: str) -> None:
        self.sql("INSERT INTO written (who) VALUES (%s)", who)

    def meanwhile(
        self, work: Callable[[], object], *, politely: bool = True, patience: float = polite_writes.PATIENCE
    ) -> threading.Thread:
        """Do this in another thread, and return when it has begun to try."""
        begun = threading.Event()

        def run() -> None:
            try:
                with polite_writes.writes(patience=patience) if politely else nullcontext():
                    begun.set()
                    work()
            finally:
                connections[BESIDE].close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert begun.wait(PATIENCE)
        time.sleep(WHILE)
        return thread

    def wait_for_a_writer(self) -> None:
        """Return when the other thread has the lock for writing."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            with closing(sqlite3.connect(connections[BESIDE].settings_dict["NAME"], timeout=0)) as another:
                try:
                    another.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    return
            time.sleep(0.02)
        pytest.fail("nobody wrote")

    def in_a_transaction(self, work: Callable[[], object]) -> None:
        with transaction.atomic(using=BESIDE):
            work()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any) -> Iterator[File]:
    beside = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "db.sqlite3"),
        "OPTIONS": {"timeout": PATIENCE},
    }
    monkeypatch.setitem(connections.settings, BESIDE, connection.settings_dict | beside)
    monkeypatch.setattr(polite_writes, "router", SimpleNamespace(db_for_write=lambda model: BESIDE))
    with django_db_blocker.unblock():
        made = File()
        made.sql("CREATE TABLE written (id INTEGER PRIMARY KEY, who TEXT)")
        yield made
        connections[BESIDE].close()
        del connections[BESIDE]


def test_sqlite_fails_a_transaction_of_the_tom_when_others_write_as_usual(file: File) -> None:
    """Why all of this is needed; should SQLite change, so may we."""
    with transaction.atomic(using=BESIDE):
        file.read()
        we = file.meanwhile(lambda: file.write("we"), politely=False)
        file.wait_for_a_writer()
        with pytest.raises(OperationalError, match="locked"):
            file.write("the TOM")
    we.join()
    assert file.read() == ["we"]


@pytest.mark.parametrize("transactional", [False, True])
def test_what_we_write_waits_until_the_tom_is_done(file: File, transactional: bool) -> None:
    def work() -> None:
        if transactional:
            file.in_a_transaction(lambda: file.write("we"))
        else:
            file.write("we")

    with transaction.atomic(using=BESIDE):
        file.read()
        we = file.meanwhile(work)
        file.write("the TOM")
    we.join()
    assert file.read() == ["the TOM", "we"]


def test_the_tom_waits_before_it_begins_while_we_write(file: File) -> None:
    written = threading.Event()

    def work() -> None:
        file.write("we")
        written.set()
        time.sleep(2 * WHILE)

    we = file.meanwhile(lambda: file.in_a_transaction(work))
    assert written.wait(PATIENCE)
    with transaction.atomic(using=BESIDE):
        assert file.read() == ["we"]
        file.write("the TOM")
    we.join()


def test_a_transaction_of_the_tom_that_takes_long_holds_us_up_for_so_long_only(file: File) -> None:
    with transaction.atomic(using=BESIDE):
        file.read()
        we = file.meanwhile(lambda: file.write("we"), patience=0.05)
        file.wait_for_a_writer()
        with pytest.raises(OperationalError, match="locked"):
            file.write("the TOM")
    we.join()
    assert file.read() == ["we"]


def test_answers_and_time_outs_are_as_always(file: File) -> None:
    with polite_writes.writes():
        assert file.sql("INSERT INTO written (who) VALUES ('we') RETURNING id") == [(1,)]
        with transaction.atomic(using=BESIDE), transaction.atomic(using=BESIDE):
            file.write("a savepoint")
        with pytest.raises(OperationalError, match="no such table"):
            file.sql("UPDATE unknown SET who = ''")
        assert file.sql("PRAGMA busy_timeout") == [(1000 * PATIENCE,)]
    assert not connections[BESIDE].in_atomic_block
    assert file.read() == ["we", "a savepoint"]


def test_what_is_rolled_back_is_gone(file: File) -> None:
    with polite_writes.writes(), transaction.atomic(using=BESIDE):
        file.write("we")
        transaction.set_rollback(True, using=BESIDE)
    assert file.read() == []


@pytest.mark.django_db(transaction=True)
def test_who_shares_may_click_while_another_writes(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a `transaction_mode`: each transaction of a click writes before it reads."""
    target, user = tom.target(), User.objects.create_superuser("eve")
    tom.datum(target)
    another = sqlite3.connect(connection.settings_dict["NAME"], timeout=0, isolation_level=None)
    begun: list[str] = []

    def another_writes(execute: Any, sql: str, *more: Any) -> Any:
        if sql.startswith("BEGIN"):
            begun.append(sql)
        elif begun and sql.startswith(("INSERT", "UPDATE")):
            begun.clear()
            another.execute("UPDATE tom_targets_basetarget SET name = name")
        return execute(sql, *more)

    field = ReportField(name="remarks", label="Remarks", type=FieldType.TEXT)
    form = ReportForm(name="at-report", label="AT report", fields=(field,))
    reporting = Reporting(user, target, "y")
    monkeypatch.setattr(connections["default"], "transaction_mode", None)
    with closing(another), connection.execute_wrapper(another_writes):
        shares.make(target.pk, "x", user=user, limits={}, existing=one_time.EVERYTHING)
        one_time.share_once("y", target.pk, one_time.EVERYTHING, user_id=user.pk)
        reporting.make(reporting.report(form, {}, {}), token=uuid.uuid4())
    assert tom.states("x") == ["pending"]
    assert tom.states("y") == ["pending", "pending"]

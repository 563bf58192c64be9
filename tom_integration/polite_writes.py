"""Let background writes on SQLite wait for the TOM, so that they make no save fail.

On SQLite a transaction that has read and goes on to write fails at once ("database is locked", whatever the
time-out) if another connection is writing, or wants to commit, just then. No save of the TOM may fail because
data are shared beside it. So, on SQLite, a worker opens transactions only in moments in which nobody uses the
file: it asks for an exclusive lock without waiting (https://www.sqlite.org/lang_transaction.html, EXCLUSIVE),
again and again. While it has the lock others wait before they begin, and do not fail half way. Without this,
three chaos rounds met 101 such errors, 21 of them without sharing; with it a round meets 3, 4 without sharing
(docs/explanation/chaos.md).

In WAL mode readers block nobody and cannot be seen; there only `transaction_mode` helps (check W010).
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, router, transaction

from tom_integration.models import Delivery

PATIENCE = 2.0
"""Seconds after which a worker waits no longer for a free moment."""
HINT_PATIENCE = 0.2
"""The same for a hint, which makes a save of the TOM wait."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
_CHANGES = ("INSERT", "UPDATE", "DELETE")

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


@contextmanager
def writes(*, patience: float = PATIENCE) -> Iterator[None]:
    """Let each transaction of this thread wait for a free moment, up to `patience` seconds."""
    connection = connections[router.db_for_write(Delivery)]
    if connection.vendor == "sqlite":
        with connection.execute_wrapper(_Politely(patience)):
            yield
    else:
        yield


class _Politely:
    """Wrap the statements of a connection, see `django.db.connection.execute_wrapper`."""

    def __init__(self, patience: float) -> None:
        self._patience = patience

    def __call__(self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        connection = context["connection"]
        if sql.startswith("BEGIN"):
            if not self._have_the_file(connection.connection):
                execute("BEGIN IMMEDIATE", params, many, context)
            return None
        # A statement with RETURNING is in progress until its rows are read, so it cannot be committed here.
        by_itself = sql.startswith(_CHANGES) and " RETURNING " not in sql and not connection.in_atomic_block
        if not by_itself:
            return execute(sql, params, many, context)
        with transaction.atomic(using=connection.alias):
            return execute(sql, params, many, context)

    def _have_the_file(self, database: sqlite3.Connection) -> bool:
        (timeout,) = database.execute("PRAGMA busy_timeout").fetchone()
        database.execute("PRAGMA busy_timeout = 0")
        deadline, pause = time.monotonic() + self._patience, _FIRST_PAUSE
        try:
            while True:
                try:
                    database.execute("BEGIN EXCLUSIVE")
                    return True
                except sqlite3.OperationalError:
                    if time.monotonic() > deadline:
                        return False
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  (spreads work, guards nothing)
                pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            database.execute(f"PRAGMA busy_timeout = {timeout:d}")

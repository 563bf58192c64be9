"""What is written in the background steps aside for the TOM.

On SQLite a transaction that has read and goes on to write fails at once ("database is locked", whatever the
time-out) if another connection is writing, or wants to commit, just then. Nobody's data may be refused
because something is shared beside them. So, on SQLite, whoever delivers opens transactions only in moments
in which nobody uses the file: it asks for all of it without waiting
(https://www.sqlite.org/lang_transaction.html, EXCLUSIVE), again and again. While it has the file others
wait before they begin, and do not fail half way.

In WAL mode readers hold nobody up and cannot be seen; there only `transaction_mode` helps (check W010).
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
"""Seconds after which a worker no longer steps aside."""
HINT_PATIENCE = 0.2
"""The same, for what the TOM's own thread waits for."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
_CHANGES = ("INSERT", "UPDATE", "DELETE")

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


@contextmanager
def writes(*, patience: float = PATIENCE) -> Iterator[None]:
    """What this thread writes here steps aside for others, at most so many seconds for each transaction."""
    connection = connections[router.db_for_write(Delivery)]
    if connection.vendor == "sqlite":
        with connection.execute_wrapper(_Politely(patience)):
            yield
    else:
        yield


class _Politely:
    """A wrapper of the statements of a connection, see `django.db.connection.execute_wrapper`."""

    def __init__(self, patience: float) -> None:
        self._patience = patience

    def __call__(self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        connection = context["connection"]
        if sql.startswith("BEGIN"):
            if not self._have_the_file(connection.connection):
                execute("BEGIN IMMEDIATE", params, many, context)
            return None
        # With RETURNING a statement is in progress until its answer is read, and cannot be committed here.
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

"""The receiver's database, saved in the middle of a round, and put back at its end."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_HALF_MADE = """
    SELECT 1 FROM tom_targets_basetarget WHERE CAST(id AS TEXT) NOT IN (
        SELECT object_pk FROM guardian_userobjectpermission
    )
"""
"""A target that nobody may see yet: a stock TOM makes it, and says whose it is, in two transactions."""
TRIES = 20


class Backup:
    """Of the SQLite database of a TOM that is in use. saved: whether there is one."""

    def __init__(self, database: str, folder: Path) -> None:
        self._database = database
        self._file = str(folder / "backup.sqlite3")
        self.saved = False

    @contextmanager
    def after(self, seconds: float) -> Iterator[None]:
        """Save it so many seconds later, or at the end if that is earlier."""
        timer = threading.Timer(seconds, self._save)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            if not self.saved:
                self._save()

    def _save(self) -> None:
        for _ in range(TRIES):
            self._copy(self._database, self._file)
            if not self._half_made():
                break
            time.sleep(0.1)
        self.saved = True

    def _half_made(self) -> bool:
        with closing(sqlite3.connect(self._file)) as connection:
            return connection.execute(_HALF_MADE).fetchone() is not None

    def restore(self) -> None:
        """As an operator does after the loss of a disk; whoever uses the database sees what it was."""
        self._copy(self._file, self._database)

    def _copy(self, source: str, target: str) -> None:
        with (
            closing(sqlite3.connect(source, timeout=30)) as old,
            closing(sqlite3.connect(target, timeout=30)) as new,
        ):
            old.backup(new)

"""The receiver's database, saved in the middle of a round, and put back at its end."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


class Backup:
    """Of one SQLite database that is in use. saved: whether there is one."""

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
        self._copy(self._database, self._file)
        self.saved = True

    def restore(self) -> None:
        """As an operator does after the loss of a disk; whoever uses the database sees what it was."""
        self._copy(self._file, self._database)

    def _copy(self, source: str, target: str) -> None:
        with (
            closing(sqlite3.connect(source, timeout=30)) as old,
            closing(sqlite3.connect(target, timeout=30)) as new,
        ):
            old.backup(new)

"""What a person can do to TOM B while the demonstration is left running: an outage, and a restored backup."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from destinations import TomB
from screen import Screen
from sender import MAIL_AFTER_MINUTES, TomA

COMMANDS = "stop, start, backup, restore"


class Desk:
    """Follow what a person types, until the input ends."""

    def __init__(self, screen: Screen, a: TomA, b: TomB, folder: Path) -> None:
        self._screen = screen
        self._mails = a.mails
        self._b = b
        self._backup = folder / "backup-of-tom-b.sqlite3"
        self._runs = True

    def serve(self) -> None:
        """Explain the commands and carry them out; wait for a signal once the input has ended."""
        after = f"{MAIL_AFTER_MINUTES:g} to {MAIL_AFTER_MINUTES + 2:g} minutes"
        self._screen.note(f"Type one of {COMMANDS} to do that to TOM B.")
        self._screen.note(f"{after} after it is stopped, a mail about it is in {self._mails};")
        self._screen.note("the next mail comes an hour after that one at the earliest.")
        try:
            while True:
                self._carry_out(input().strip().lower())
        except EOFError:
            signal.pause()

    def _carry_out(self, command: str) -> None:
        match command:
            case "stop" if self._runs:
                self._stop()
                self._screen.note(
                    "TOM B is stopped. Add data to the target in TOM A, and look at its pages and mails."
                )
            case "start" if not self._runs:
                self._start()
                self._screen.note("TOM B runs again.")
            case "backup":
                _copy(Path(self._b.tom.database), self._backup)
                self._screen.note("TOM B has a backup. Add data to the target in TOM A, then type restore.")
            case "restore" if self._backup.exists():
                if self._runs:
                    self._stop()
                _copy(self._backup, Path(self._b.tom.database))
                self._start()
                self._screen.note("TOM B is as it was at the backup. In TOM A, on the page of destinations,")
                self._screen.note("press 'Send again what it lost'.")
            case "restore":
                self._screen.note("There is no backup yet: type backup first.")
            case "stop" | "start":
                self._screen.note(f"TOM B {'runs' if self._runs else 'is stopped'} already.")
            case "":
                pass
            case _:
                self._screen.note(f"Type one of {COMMANDS}, or press Ctrl-C to end both TOMs.")

    def _stop(self) -> None:
        self._b.stop()
        self._runs = False

    def _start(self) -> None:
        self._b.start()
        self._runs = True


def _copy(source: Path, to: Path) -> None:
    """Copy a database of SQLite that may be in use."""
    with closing(sqlite3.connect(source)) as from_, closing(sqlite3.connect(to)) as into:
        from_.backup(into)

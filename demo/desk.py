"""What a person can do while the demonstration is left running: to TOM B, the stand-ins, and the sky."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from cast import Cast
from publishing import share
from screen import Screen
from sender import MAIL_AFTER_MINUTES

HELP = """\
stop, start        stop TOM B, start it again
backup, restore    make a backup of TOM B, set it back to that
observe            a new detection of {name} arrives in TOM A
lose               HERMES publishes the next message, and its answer is lost
tns wait 60        TNS takes 60 seconds for a report from now on
help               show this
"""


class Desk:
    """Follow what a person types, until the input ends."""

    def __init__(self, screen: Screen, cast: Cast, folder: Path) -> None:
        self._screen = screen
        self._mails = cast.a.mails
        self._cast = cast
        self._b = cast.b
        self._candidate = cast.a.candidates[1]
        self._backup = folder / "backup-of-tom-b.sqlite3"
        self._runs = True

    def serve(self) -> None:
        """Explain the commands and carry them out; wait for a signal once the input has ended."""
        share(self._candidate, self._cast.a.observer)
        self._candidate.detect()
        self._screen.note(f"{self._candidate.name} is a new candidate: shared with HERMES, not reported yet.")
        after = f"{MAIL_AFTER_MINUTES:g} to {MAIL_AFTER_MINUTES + 2:g} minutes"
        self._screen.note(f"Mails of TOM A are in {self._mails}: {after} after TOM B is stopped,")
        self._screen.note("and an hour after the last one at the earliest.")
        self._help()
        try:
            while True:
                self._carry_out(input().strip().lower())
        except EOFError:
            signal.pause()

    def _help(self) -> None:
        self._screen.step("Type one of these:")
        for line in HELP.format(name=self._candidate.name).splitlines():
            self._screen.note(line)

    def _carry_out(self, command: str) -> None:
        match command.split():
            case ["stop"] if self._runs:
                self._stop()
                self._screen.note(
                    "TOM B is stopped. Add data to the target in TOM A, and look at its pages and mails."
                )
            case ["start"] if not self._runs:
                self._start()
                self._screen.note("TOM B runs again.")
            case ["backup"]:
                _copy(Path(self._b.tom.database), self._backup)
                self._screen.note("TOM B has a backup. Add data to the target in TOM A, then type restore.")
            case ["restore"] if self._backup.exists():
                if self._runs:
                    self._stop()
                _copy(self._backup, Path(self._b.tom.database))
                self._start()
                self._screen.note("TOM B is as it was at the backup. In TOM A, on the page of destinations,")
                self._screen.note("press 'Send again what it lost'.")
            case ["restore"]:
                self._screen.note("There is no backup yet: type backup first.")
            case ["stop" | "start"]:
                self._screen.note(f"TOM B {'runs' if self._runs else 'is stopped'} already.")
            case ["observe"]:
                brightness = self._candidate.detect()
                self._screen.note(f"{self._candidate.name} was detected with {brightness:g} mag.")
            case ["lose"]:
                self._cast.hermes.stand_in.tell(lose=1)
                self._screen.note("HERMES will publish the next message without an answer. Type observe.")
            case ["tns", "wait", seconds] if seconds.isdecimal():
                self._cast.tns.tell(seconds=int(seconds))
                self._screen.note(f"TNS will take {seconds} seconds for a report.")
            case []:
                pass
            case _:
                self._help()

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

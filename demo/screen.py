"""What the person who runs the demonstration sees."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

_QUIET = 3.0
"""Seconds between two lines of progress where the output is no terminal."""


class Screen:
    """Steps, one line that counts, and tables; plain text, whatever the output is."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._live = sys.stdout.isatty()
        self._width = 0
        self._said = ("", 0.0)

    def step(self, text: str) -> None:
        """Say what happens now."""
        self._clear()
        self._line(f"\n[{time.monotonic() - self._began:5.1f} s] {text}")

    def note(self, text: str) -> None:
        """Say more about the step, unless the last line of progress has said it."""
        self._clear()
        if not self._live and self._said[0] == text:
            return
        self._line(f"          {text}")

    def progress(self, text: str) -> None:
        """Show a count that changes: in place on a terminal, else a line now and then."""
        if self._live:
            sys.stdout.write(f"\r          {text}".ljust(self._width))
            sys.stdout.flush()
            self._width = len(text) + 11
            return
        before, at = self._said
        if text != before and time.monotonic() - at >= _QUIET:
            self._said = (text, time.monotonic())
            self._line(f"          {text}")

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table whose first column is text and whose others are numbers."""
        self._clear()
        cells = [list(head), *([str(cell) for cell in row] for row in rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
        self._line(f"\n{title}")
        for number, row in enumerate(cells):
            first, *others = (
                cell.rjust(width) if column else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            self._line("  " + "   ".join([first, *others]))
            if number == 0:
                self._line("  " + "-" * (sum(widths) + 3 * (len(widths) - 1)))

    def _clear(self) -> None:
        if self._width:
            sys.stdout.write("\r" + " " * self._width + "\r")
            self._width = 0

    def _line(self, text: str) -> None:
        print(text, flush=True)

"""Runs inside a TOM without sharecore in place of a worker: there to be killed, does nothing."""

from __future__ import annotations

import time


def main() -> None:
    """Wait for the end."""
    while True:
        time.sleep(60)

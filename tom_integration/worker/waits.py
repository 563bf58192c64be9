"""The wait of an outbox, or of the records of one person in it."""

from __future__ import annotations

from datetime import datetime, timedelta

LOOK_AGAIN = timedelta(seconds=300)
"""The time until the next look at an outbox that cannot act (no such destination, no rights, no key)."""


class Wait(Exception):
    """Leave the outbox until later."""

    def __init__(self, until: datetime, problem: str, *, needs_person: bool = False) -> None:
        super().__init__(problem)
        self.until = until
        """The time of the next look."""
        self.problem = problem
        """The reason, for people."""
        self.needs_person = needs_person
        """True for a problem that does not end by itself."""

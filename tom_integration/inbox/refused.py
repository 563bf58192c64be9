"""Refuse a whole batch, and store nothing of it."""

from __future__ import annotations

from typing import Any

from sharecore.texts import one_line


class Refused(Exception):
    """Refuse a request with an HTTP status and a detail for people."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        """Add further members to the answer, for programs."""
        super().__init__(detail)
        self.status = status
        # The detail may quote a long text of the other site.
        self.body = {"detail": one_line(detail), **more}

"""Refusing a whole batch: nothing of it is stored."""

from __future__ import annotations

from typing import Any

from sharecore.texts import one_line


class Refused(Exception):
    """status: of HTTP. detail: for people. more: further members of the answer, for programs."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        # What another site wrote stands in the detail, and may be long.
        self.body = {"detail": one_line(detail), **more}

"""Texts from elsewhere, on their way into the database."""

from __future__ import annotations

from tom_integration.models import REASON_LENGTH


def plain(text: object, length: int = REASON_LENGTH) -> str:
    """The text in one line, without what PostgreSQL refuses (NUL), and no longer than its column."""
    line = "".join(character if character.isprintable() else " " for character in str(text))
    return line if len(line) <= length else line[: length - 1] + "…"

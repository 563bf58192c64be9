"""Texts from elsewhere, on their way into the database."""

from __future__ import annotations

from sharecore.secrets import hide_secrets
from tom_integration.models import REASON_LENGTH


def plain(text: object, length: int = REASON_LENGTH) -> str:
    """Return the text in one line, without what PostgreSQL refuses (NUL), no longer than its column.

    A text that repeats a credential is hidden.
    """
    whole = hide_secrets(str(text))
    line = "".join(character if character.isprintable() else " " for character in whole)
    return line if len(line) <= length else line[: length - 1] + "…"

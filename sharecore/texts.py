"""Prepare texts from elsewhere for people: in one line, not too long, and without a credential."""

from __future__ import annotations

from collections.abc import Sequence

from sharecore.secrets import hide_secrets

MOST = 500
"""Longest reason that is kept and shown, in characters."""


def printable(text: object) -> str:
    """Return the text with a blank for each line break and each character that cannot be printed."""
    return "".join(each if each.isprintable() else " " for each in str(text))


def one_line(text: object, limit: int = MOST) -> str:
    """Return the text in one line of at most `limit` characters; hidden where it repeats a credential.

    Texts of a server or of other code may have any length and control characters.
    """
    line = printable(hide_secrets(str(text)))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def number(many: int, word: str = "record") -> str:
    """Return a number with a noun, as `1 record` or `2 records`."""
    return f"1 {word}" if many == 1 else f"{many:,} {word}s"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return the words as people list them: "A, B and C"."""
    return f" {last} ".join(each for each in (", ".join(words[:-1]), *words[-1:]) if each)

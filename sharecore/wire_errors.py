"""Translate the errors of `msgspec` to a field and a reason in the words of astronomers.

`msgspec` tells both in one text, such as "Expected `float`, got `str` - at `$.position.ra`".
"""

from __future__ import annotations

import re

from sharecore.exceptions import InvalidRecord

NOT_UNICODE = "must be valid Unicode without NUL"
NOT_FINITE = "must be a finite number"
_NOUNS = {
    "array": "a list",
    "bool": "true or false",
    "datetime": "a time",
    "float": "a number",
    "int": "a number",
    "null": "null",
    "object": "a JSON object",
    "str": "a text",
}
_REASONS = {
    "Object missing": "is missing",
    "Invalid RFC3339": "must be a time such as 2026-01-02T03:04:05Z",
    "Expected `datetime` with": "must have a time zone",
    "Expected `str` matching": NOT_UNICODE,
    "Expected `str` of length >= 1": "must not be empty",
    "Expected `float` ": NOT_FINITE,
    "Number out of range": NOT_FINITE,
}
"""Reason, by the beginning of the text."""


def invalid(error: ValueError, value: object, where: str) -> InvalidRecord:
    """Return the error of `msgspec.convert` for a value as one that names the field, behind `where`."""
    if isinstance(error, UnicodeEncodeError):  # of a time, or of the name of a member; it says not of which
        members = value.items() if isinstance(value, dict) else ()
        field = next((name for name, each in members if each == error.object), "")
        reason = NOT_UNICODE if field else f"each name in it {NOT_UNICODE}"
        return InvalidRecord(field=field or where, reason=reason)
    said, _, path = str(error).partition(" - at ")
    missing = re.match("Object missing required field `(.*)`", said)
    names = (where, re.sub(r".*\$\.?|\[.*?]|`", "", path), missing[1] if missing else "")
    entry = "each entry " if "[" in path or "key" in path.partition("$")[0] else ""
    return InvalidRecord(field=".".join(filter(None, names)), reason=entry + _reason(said))


def _reason(said: str) -> str:
    if types := re.match(r"Expected `(\w+).*?`, got `(\w+)`", said):
        wanted, given = (_NOUNS.get(name, name) for name in types.groups())
        return f"must be {wanted}, got {given}"
    if most := re.match(r"Expected `(\w+)` of length <= (\d+)", said):
        return f"must have at most {most[2]} {'characters' if most[1] == 'str' else 'entries'}"
    return next((reason for words, reason in _REASONS.items() if said.startswith(words)), said)

"""Read the written form of a filter strictly: a problem for each fault, none passed over."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Any
from unicodedata import category

from sharecore.exceptions import ConfigurationError, Problem
from sharecore.records import DATA_KINDS, Kind

FILTERED = (*DATA_KINDS, Kind.FILE)
"""Kinds that a filter can name. A report is tested by its data."""
VERSION = 1
"""Version of the written form."""
MOST_NAMES = 1000
"""Largest number of names in one list."""
LONGEST_NAME = 255
"""Longest name, in characters: longer than any column of a TOM."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NAMES_HINT = "Write it like {'only': ['one', 'two']} or {'not': ['three']}."
_Problem = Callable[[str, str, str], None]
"""Note a fault: its place within the filter, its description, and advice."""


def read(value: object, where: str) -> dict[str, Any]:
    """Return the fields of a `Filter` by name; names as the fields of `Names`, times aware.

    Raises `ConfigurationError` with a problem for each fault.

    Args:
        value: what was written; None for no filter.
        where: place of the value, for the problems.
    """
    problems: list[Problem] = []

    def problem(place: str, what: str, hint: str) -> None:
        problems.append(Problem(where=where + place, what=what, hint=hint))

    values = {} if value is None else value
    if not isinstance(values, Mapping):
        what = f"must be a dictionary of conditions, got {_shown(values)}"
        problem("", what, "Write it like {'own': True}, or leave it out.")
        raise ConfigurationError(problems)
    fields: dict[str, Any] = {}
    if _newer(values.get("version", VERSION), problem):
        raise ConfigurationError(problems)
    for key, given in values.items():
        if key == "version":
            continue
        if key not in _READERS:
            problem(f"[{key!r}]", "is no condition", _meant(key))
            continue
        fields[key] = _READERS[key](given, f"[{key!r}]", problem)
    since, until = fields.get("observed_since"), fields.get("observed_until")
    if since and until and not since < until:
        what = f"must lie before observed_until, got {since.isoformat()} and {until.isoformat()}"
        problem("['observed_since']", what, "Exchange them, or leave one out.")
    if problems:
        raise ConfigurationError(problems)
    return fields


def _newer(version: object, problem: _Problem) -> bool:
    """Return whether the filter was written by a later version, whose conditions cannot be known here."""
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        problem("['version']", f"must be {VERSION}, got {_shown(version)}", "Correct it, or leave it out.")
    elif version > VERSION:
        what = f"was written by a newer sharecore: version {version}, and this one reads {VERSION}"
        problem("['version']", what, "Update sharecore, or write the filter anew.")
        return True
    return False


def _meant(key: object) -> str:
    close = get_close_matches(str(key).lower(), _READERS, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(_READERS)}."


def _kinds(given: object, place: str, problem: _Problem) -> tuple[Kind, ...]:
    found: list[Kind] = []
    for number, each in enumerate(_list(given, place, problem, "Write it like ['photometry'].")):
        if str(each) in FILTERED:
            found.append(Kind(str(each)))
        else:
            kinds = ", ".join(FILTERED)
            close = get_close_matches(str(each).lower(), FILTERED, n=1)
            hint = f"Did you mean {str(close[0])!r}?" if close else "Correct it."
            problem(f"{place}[{number}]", f"must be one of {kinds}, got {_shown(each)}", hint)
    return tuple(found)


def _flag(given: object, place: str, problem: _Problem) -> bool:
    if not isinstance(given, bool):
        problem(place, f"must be True or False, got {_shown(given)}", "Write it without quotes.")
    return given is True


def _names(given: object, place: str, problem: _Problem) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, Mapping) or len(given) != 1 or not set(given) <= {"only", "not"}:
        rule = "must be a dictionary with one of 'only' and 'not'"
        problem(place, f"{rule}, got {_shown(given)}", _NAMES_HINT)
        return {}
    ((key, listed),) = given.items()
    within = f"{place}[{key!r}]"
    names: list[str] = []
    for number, name in enumerate(_list(listed, within, problem, _NAMES_HINT)):
        if not isinstance(name, str):
            problem(f"{within}[{number}]", f"must be a text, got {_shown(name)}", "Write it in quotes.")
        elif not name.strip():
            problem(f"{within}[{number}]", "is blank", "Remove it, or write a name.")
        elif len(name) > LONGEST_NAME or any(category(each) in ("Cc", "Cs") for each in name):
            rule = f"must be a name of at most {LONGEST_NAME} characters, none of them a control character"
            problem(f"{within}[{number}]", f"{rule}, got {_shown(name)}", "Correct it.")
        else:
            names.append(name)
    return {"only" if key == "only" else "but_not": tuple(names)}


def _ratio(given: object, place: str, problem: _Problem) -> float:
    try:
        if isinstance(given, int | float) and not isinstance(given, bool):
            number = float(given)
            if math.isfinite(number) and number > 0:
                return number
    except OverflowError:
        pass
    problem(place, f"must be a number above 0, got {_shown(given)}", "Write it like 5, without quotes.")
    return 1.0


def _time(given: object, place: str, problem: _Problem) -> datetime | None:
    hint = "Write it like '2026-01-31' (midnight UTC) or '2026-01-31T18:30:00Z'."
    try:
        if isinstance(given, str):
            text = given.strip()
            given = datetime.fromisoformat(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
        elif isinstance(given, date) and not isinstance(given, datetime):
            given = datetime(given.year, given.month, given.day, tzinfo=UTC)
        if isinstance(given, datetime):
            if given.utcoffset() is not None:
                return given.astimezone(UTC)
            problem(place, f"has no time zone: {given.isoformat()}", hint)
            return None
    except (ValueError, OverflowError):
        pass
    problem(place, f"must be a date or a time with a time zone, got {_shown(given)}", hint)
    return None


def _list(given: object, place: str, problem: _Problem, hint: str) -> list[object]:
    if isinstance(given, set | frozenset):
        given = sorted(given, key=str)
    if not isinstance(given, list | tuple):
        problem(place, f"must be a list, got {_shown(given)}", hint)
        return []
    if not given:
        problem(place, "is an empty list, so that nothing would pass", "Leave it out to let all through.")
    if len(given) > MOST_NAMES:
        problem(place, f"has {len(given)} entries", f"Use at most {MOST_NAMES}.")
        return []
    return list(given)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


_READERS: Mapping[str, Callable[[object, str, _Problem], Any]] = {
    "kinds": _kinds,
    "own": _flag,
    "sources": _names,
    "telescopes": _names,
    "instruments": _names,
    "bandpasses": _names,
    "least_signal_to_noise": _ratio,
    "observed_since": _time,
    "observed_until": _time,
}

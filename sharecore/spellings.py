"""Read the further values of a datum by name: its own words, also those in dictionaries within."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sharecore.records import JsonValue

Words = Mapping[str, JsonValue]
"""Values by name, without capitals, blanks and signs between words."""

_OWN = (
    "value", "values", "data", "datum", "measurement", "photometry", "spectrum", "spectroscopy", "astrometry",
    "meta", "metadata", "header", "fitsheader", "attributes", "properties", "info", "observation", "obs",
)  # fmt: skip
_UNITS = ("unit", "units")
_GENERAL = (*_UNITS, "system", "bunit")
"""Names without a meaning of their own: within a dictionary about something else they belong to that."""


def first(words: Words, names: Iterable[str]) -> JsonValue:
    """Return the value of the first of these names, a text before other values; None where there is none."""
    found = [words[name] for name in names if name in words and word(words[name])]
    return next((each for each in found if not isinstance(each, Mapping)), found[0] if found else None)


_NOTHING = frozenset({"", "-", "--", "n/a", "nan", "none", "null"})


def word(value: object) -> str:
    """Return a text without NUL and without blanks at its ends; empty for what programs write for nothing."""
    text = "" if value is None else str(value).replace("\0", "").strip()
    return "" if text.casefold() in _NOTHING else text


def words_of(extra: Mapping[str, JsonValue]) -> Words:
    """Return the values of a datum, and those of dictionaries within that are about all of it.

    What stands further out wins.
    """
    found: dict[str, JsonValue] = {}
    level = [extra]
    while level:
        here = {_plain(key): value for values in level for key, value in values.items() if word(value)}
        level = [each for name, each in here.items() if name in _OWN and isinstance(each, Mapping)]
        found = here | found
    return found


def unit_words_of(extra: Mapping[str, JsonValue]) -> Words:
    """Return the values of a datum and those of all dictionaries within; outer ones win.

    `{"flux": {"unit": ..}}` and `{"units": {"flux": ..}}` give `fluxunit` and `fluxunits`. Values of one name
    that contradict each other, equally far within, become a list, which is no unit.
    """
    found: dict[str, JsonValue] = {}
    level = [("", extra)]
    while level:
        here: dict[str, list[JsonValue]] = {}
        for within, values in level:
            for key, value in values.items():
                for name in _names(within, _plain(key)):
                    if value not in here.setdefault(name, []):
                        here[name].append(value)
        found = {name: said[0] if len(said) == 1 else said for name, said in here.items()} | found
        level = [
            (_plain(key), value)
            for _, values in level
            for key, value in values.items()
            if isinstance(value, Mapping)
        ]
    return found


def _names(within: str, name: str) -> Iterator[str]:
    if within:
        yield within + name
    if within in _UNITS:
        yield name + within
    if within in _OWN and name == "bunit":
        # Of the spectrum or of an image; what was measured in an image is in another unit than its pixels.
        yield "headerbunit"
    elif not within or within in _OWN or name not in _GENERAL:
        yield name


def _plain(key: str) -> str:
    return "".join(filter(str.isalnum, key.casefold()))

"""Read one entry of `DATA_SHARING`: every problem is collected, none stops the reading of the rest."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import NoReturn, Self, SupportsIndex
from urllib.parse import urlsplit

from sharecore.exceptions import ConfigurationError, Problem
from sharecore.personal import PersonalSetting
from sharecore.secrets import register, register_settings

MAP_KEYS = ("BANDPASS_MAP", "INSTRUMENT_MAP", "TELESCOPE_MAP", "UNIT_MAP", "EXTRA_MAP")
"""Settings of the names that records have at a destination, read by the framework or by its adapter."""
PROTECTIVE_KEYS = ("ONLY", "GROUPS", "APPROVAL", "RELEASE_AFTER_DAYS", "RELEASE_FIELD")
"""Settings that keep data here: without one that is misspelt, they would leave."""
RULE_KEYS = PROTECTIVE_KEYS + MAP_KEYS
"""Settings that decide what goes to a destination, when, under which names, and who may share there."""
FRAMEWORK_KEYS = frozenset(
    {"ADAPTER", "CREDENTIALS", "DISPLAY_NAME", "RATE_LIMIT", "USER_TOPICS", *RULE_KEYS}
)
"""Settings that every destination has, whatever its adapter."""


class Secret:
    """A text that shows itself in no log, repr, page or traceback; only `reveal` returns it.

    Making a secret registers its text as a credential: from then on no reason, problem or other text that is
    kept or shown repeats it (`sharecore.secrets`). A secret cannot be pickled.

    Args:
        text: credential.
        place: place where a person corrects it, for messages.
        example: True for a text that only stands for a credential: it is not registered.

    Attributes:
        place: place where a person corrects it, such as `DATA_SHARING['x']['API_KEY']`, or a field of the
            profile page.
    """

    __slots__ = ("_example", "_text", "place")

    def __init__(self, text: str, *, place: str = "the settings", example: bool = False) -> None:
        self._text = text
        self._example = example
        self.place = place
        if not example:
            register(text)

    def reveal(self) -> str:
        """Return the text itself, for the request that needs it."""
        if not self._example:
            register(self._text)  # again, should so many have come since that it was forgotten
        return self._text

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("A Secret cannot be pickled, since its text would be in the file. Pickle its name.")

    def __getstate__(self) -> NoReturn:
        self.__reduce_ex__(0)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(…)" if self._text else "Secret()"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(("Secret", self._text))


class Section:
    """One entry of `DATA_SHARING`, with the path that error messages name.

    The `config` function of an adapter reads its settings with the methods below, then calls `finish`, which
    raises one `ConfigurationError` with all problems. Keys that look like misspellings are reported by
    `misspelt`, since a misspelt setting is otherwise silent. `"KEY" in section` tells whether a setting is
    given.

    Args:
        name: key of the entry.
        values: value of the entry.
        root: name of the setting that contains the entry.

    Attributes:
        name: key of the entry.
        path: place of the entry, `DATA_SHARING['name']`.
        problems: problems noted so far.
    """

    def __init__(self, name: str, values: Mapping[str, object], *, root: str = "DATA_SHARING") -> None:
        self.name = name
        self.path = f"{root}[{name!r}]"
        self.problems: list[Problem] = []
        self._values = dict(values)
        self._read: set[str] = set()
        self._personal: Mapping[str, PersonalSetting] = {}
        self._examples = False
        register_settings(values)

    def ask_people(
        self, personal: Mapping[str, PersonalSetting], given: Mapping[str, str] | None = None
    ) -> None:
        """Take settings from a person instead of the entry; problems then name the profile page.

        Args:
            personal: settings that people give, by key.
            given: values that one person gave, by key; None to read the entry with the examples.
        """
        self._personal = personal
        self._examples = given is None
        values = {
            key: each.example if given is None else given.get(key, "") for key, each in personal.items()
        }
        if given is not None:
            register_settings(values)
        self._values |= values

    def where(self, key: str) -> str:
        """Return the place of a setting, for messages: in the entry, or on the profile page of a person."""
        return self._personal[key].place if key in self._personal else f"{self.path}[{key!r}]"

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) not in (None, "")

    def raw(self, key: str, default: object = None) -> object:
        """Return the value as it stands in the settings, or the default."""
        self._read.add(key)
        value = self._values.get(key)
        return default if value is None else value

    def text(self, key: str, default: str = "", *, required: bool = False) -> str:
        """Return a text, stripped.

        Args:
            key: name of the setting.
            default: value of a setting that is not there.
            required: note a problem for a setting that is missing or blank.
        """
        value = self.raw(key, default)
        if not isinstance(value, str):
            self.problem(key, f"must be a text, got {type(value).__name__}", "Write it in quotes.")
            return default
        if required and not value.strip():
            self.problem(key, "is missing", "Add it.")
        return value.strip()

    def secret(self, key: str, *, required: bool = False) -> Secret:
        """Return a text that must not be shown; a problem for a missing one if `required`."""
        value = self.raw(key, "")
        if not isinstance(value, str):
            self.problem(key, f"must be a text, got {type(value).__name__}", "Write it in quotes.")
            return Secret("")
        if required and not value:
            self.problem(key, "is missing", "Add it.")
        example = self._examples and key in self._personal
        return Secret(value, place=self.where(key), example=example)

    def url(self, key: str = "BASE_URL") -> str:
        """Return an http(s) URL of a site, with one trailing slash whether or not the settings have it."""
        value = self.text(key, required=True)
        if not value:
            return ""
        try:
            parts = urlsplit(value)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            # Not shown: a malformed address may hold a password.
            self.problem(key, "must be an http(s) address", "Write it like 'https://tom.example.org/'.")
        elif parts.username or parts.password:
            self.problem(
                key, "must not contain credentials", "Move them to 'USERNAME' and 'PASSWORD' or 'API_KEY'."
            )
        elif parts.query or parts.fragment:
            self.problem(key, "must not contain a query or fragment", "Give the address of the site only.")
        return value.rstrip("/") + "/"

    def flag(self, key: str, default: bool) -> bool:
        """Return True or False."""
        value = self.raw(key, default)
        if not isinstance(value, bool):
            self.problem(key, f"must be True or False, got {value!r}", "Write True or False, without quotes.")
            return default
        return value

    def number(
        self, key: str, default: float, *, minimum: float = 0.0, maximum: float = float("inf")
    ) -> float:
        """Return a number between `minimum` and `maximum`, both included."""
        value = self.raw(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            rule = f"must be a number from {minimum:g} to {maximum:g}"
            self.problem(key, f"{rule}, got {value!r}", "Write a number in this range, without quotes.")
            return default
        return float(min(value, sys.float_info.max))

    def count(self, key: str, default: int, *, minimum: int = 1, maximum: int = 10**9) -> int:
        """Return a whole number between `minimum` and `maximum`, both included."""
        value = self.raw(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            rule = f"must be a whole number from {minimum} to {maximum}"
            self.problem(key, f"{rule}, got {value!r}", "Write a number in this range, without quotes.")
            return default
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.raw(key, ())
        if (
            isinstance(value, str)
            or not isinstance(value, Sequence)
            or not all(isinstance(v, str) for v in value)
        ):
            self.problem(key, f"must be a list of texts, got {value!r}", "Write it like ['one', 'two'].")
            return ()
        return tuple(str(v) for v in value)

    def mapping(self, key: str) -> dict[str, str]:
        """Return a dictionary of texts."""
        value = self.raw(key, {})
        if not isinstance(value, Mapping) or not all(
            isinstance(k, str) and isinstance(v, str) for k, v in value.items()
        ):
            self.problem(key, "must be a dictionary of texts", "Write it like {'name': 'value'}.")
            return {}
        return dict(value)

    def problem(self, key: str, what: str, hint: str, *, fatal: bool = True) -> None:
        """Note a problem of one setting.

        Args:
            key: name of the setting.
            what: description of the fault, such as "is missing".
            hint: advice on what to do.
            fatal: False for a warning.
        """
        self.problems.append(Problem(where=self.where(key), what=what, hint=hint, fatal=fatal))

    def unread(self) -> list[str]:
        """Return the keys that were not read: settings of other software, or misspelt."""
        return [key for key in self._values if key not in self._read | FRAMEWORK_KEYS]

    def was_read(self, key: str) -> bool:
        """Return whether a setting was asked for so far."""
        return key in self._read

    def misspelt(self) -> list[Problem]:
        """Return a problem for each key that looks like a misspelling of a setting: a warning, unless the
        setting would keep data here.

        Other unknown keys are left alone: other software reads settings of its own from the same entry.
        """
        return [
            Problem(
                where=f"{self.path}[{key!r}]",
                what="is not known",
                hint=f"Did you mean {meant!r}?",
                fatal=meant in PROTECTIVE_KEYS,
            )
            for key in self.unread()
            if (meant := self._resembled(str(key)))
        ]

    def _resembled(self, key: str) -> str:
        """Return the known key, not given here, of which this one is a misspelling by a letter or two, or
        whose first word it has if that key would keep data here (`RELEASE_AFTER`).
        """
        meant = key.upper()
        known = sorted((self._read | FRAMEWORK_KEYS) - self._values.keys())
        near = [each for each in known if abs(len(each) - len(key)) <= 2]
        if found := get_close_matches(meant, near, n=1, cutoff=0.8):
            return found[0]
        begins = [each for each in known if each in PROTECTIVE_KEYS and _first(each) == _first(meant)]
        return next(iter(get_close_matches(meant, begins, n=1, cutoff=0)), "")

    def finish(self) -> None:
        """Raise `ConfigurationError` with all problems if one of them is fatal."""
        if any(problem.fatal for problem in self.problems):
            raise ConfigurationError(self.problems)


def _first(key: str) -> str:
    return re.split("[^A-Z]", key)[0]

"""Read one entry of `DATA_SHARING`: every problem is collected, none stops the reading of the rest."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from string import Formatter
from urllib.parse import urlsplit

from sharecore.exceptions import ConfigurationError, Problem
from sharecore.personal import PersonalSetting
from sharecore.secret import Secret
from sharecore.secrets import register_settings
from sharecore.units import ScaledUnit, Unit, UnknownUnit, parse_unit

ROOT = "DATA_SHARING"
"""Name of the setting with all destinations."""
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

    def __init__(self, name: str, values: Mapping[str, object], *, root: str = ROOT) -> None:
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

    def choice(self, key: str, choices: Sequence[str], hint: str = "Write one of them, in quotes.") -> str:
        """Return one of these texts; the first where none is given."""
        value = self.text(key, choices[0])
        if value in choices:
            return str(value)
        listed = ", ".join(repr(str(each)) for each in choices)
        self.problem(key, f"must be one of {listed}, got {value!r}", hint)
        return str(choices[0])

    def template(self, key: str, default: str, fields: Mapping[str, object], hint: str) -> str:
        """Return a text that is filled in later by `str.format`.

        Args:
            key: name of the setting.
            default: template where none is given.
            fields: a possible value of each field, by its name.
            hint: advice, which names the fields.
        """
        text = self.text(key) or default
        try:
            unknown = {name for _, name, _, _ in Formatter().parse(text) if name is not None} - fields.keys()
            text.format(**fields)
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            self.problem(key, f"cannot be filled in ({type(error).__name__})", hint)
            return default
        if unknown:
            self.problem(key, f"has unknown fields: {', '.join(sorted(unknown))}", hint)
            return default
        return text

    def unit(self, key: str, usable: Collection[Unit], example: str) -> ScaledUnit | None:
        """Return a unit of the site; None where none is given.

        Args:
            key: name of the setting.
            usable: units that the destination can get.
            example: some of them, for advice, such as "'AB mag' or 'mJy'".
        """
        text = self.text(key)
        try:
            unit = parse_unit(text) if text else None
        except UnknownUnit as error:
            self.problem(key, error.reason, f"Give a unit like {example}.")
            return None
        if unit is not None and unit.unit not in usable:
            self.problem(key, f"{text!r} is no unit that can be sent there", f"Give a unit like {example}.")
            return None
        return unit

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
            Problem.of_setting(
                self.path, key, "is not known", f"Did you mean {meant!r}?", fatal=meant in PROTECTIVE_KEYS
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

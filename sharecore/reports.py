"""The forms of reports: what a person fills in to make a `Report` about a target."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sharecore.records import DATA_KINDS, JsonValue, Kind
from sharecore.secrets import hide_secrets

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class FieldType(StrEnum):
    """The type of a field: what a person enters, and the form of its value in `Report.values`."""

    TEXT = "text"
    """One line; a text."""
    LONG_TEXT = "long-text"
    """Several lines; a text."""
    NUMBER = "number"
    """A finite number."""
    TIME = "time"
    """A date and time; a text of ISO 8601 in UTC, as "2026-01-02T03:04:05.678901Z"."""
    YES_NO = "yes-no"
    """True or False."""
    CHOICE = "choice"
    """One of `choices`; its value, a text."""
    CHOICES = "choices"
    """Any number of `choices`; a list of their values."""
    DATUM = "datum"
    """One record of the target, in `Report.data`."""
    DATA = "data"
    """Records of the target, in `Report.data`."""


OF_CHOICES = (FieldType.CHOICE, FieldType.CHOICES)
OF_DATA = (FieldType.DATUM, FieldType.DATA)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportField:
    """A field of a form. Raises ValueError for one that cannot be filled in."""

    name: str
    """Name in the report: a letter, then up to 63 letters, digits, "-" and "_"."""
    label: str
    """Name for people."""
    type: FieldType
    """Type of the value."""
    help: str = ""
    """Advice for people; empty for none."""
    required: bool = False
    """True when it must be filled in."""
    choices: tuple[tuple[str, str], ...] = ()
    """Value and label of each choice, for the two types of choices alone."""
    initial: JsonValue = None
    """Suggested value, in the form of its type; for records their keys as texts (`str(record.key)`), a list
    of them for `FieldType.DATA`. None for none.
    """
    kinds: tuple[Kind, ...] = ()
    """Kinds of record that can be chosen, for the two types of records alone; empty for all."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"the name of a field must be a word of letters and digits, got {self.name!r}")
        object.__setattr__(self, "type", FieldType(self.type))
        for name, texts in (("choices", OF_CHOICES), ("kinds", OF_DATA)):
            given = tuple(getattr(self, name))
            if given and self.type not in texts:
                raise self._wrong(f"{name} are for fields of the types {', '.join(texts)}")
            object.__setattr__(self, name, given)
        if self.type in OF_CHOICES:
            self._read_choices()
        if strange := [str(kind) for kind in self.kinds if kind not in DATA_KINDS]:
            raise self._wrong(f"kinds must be kinds of data, got {', '.join(strange)}")
        object.__setattr__(self, "label", hide_secrets(self.label))
        object.__setattr__(self, "help", hide_secrets(self.help))
        if self.initial is not None and not self._fits(self.initial):
            raise self._wrong(f"initial is no value of the type {self.type}: {self.initial!r}")

    def _read_choices(self) -> None:
        """Take the choices over. Raises ValueError."""
        choices = tuple((str(value), hide_secrets(str(label))) for value, label in self.choices)
        if not choices:
            raise self._wrong("needs choices")
        if len({value for value, _ in choices}) < len(choices):
            raise self._wrong("choices must have a value of their own each")
        object.__setattr__(self, "choices", choices)

    def _fits(self, value: Any) -> bool:
        """Return whether a value has the form of the type."""
        known = {choice for choice, _ in self.choices}
        match self.type:
            case FieldType.YES_NO:
                return isinstance(value, bool)
            case FieldType.NUMBER:
                return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            case FieldType.TIME:
                return isinstance(value, str) and _is_time(value)
            case FieldType.CHOICE:
                return value in known
            case FieldType.CHOICES:
                return isinstance(value, list | tuple) and known.issuperset(value)
            case FieldType.DATA:
                return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
            case _:
                return isinstance(value, str)

    def _wrong(self, what: str) -> ValueError:
        return ValueError(f"the field {self.name!r}: {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportForm:
    """A form that a person fills in. Raises ValueError for one without fields, or with two of one name."""

    name: str
    """Short stable word for the kind of report ("at-report"), of the form of a name of a field."""
    label: str
    """Name for people ("AT report")."""
    help: str = ""
    """Advice for people; empty for none."""
    fields: tuple[ReportField, ...]
    """Fields, in the order of the form."""
    title: str = ""
    """Name of a report of this form in lists; empty for the label."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"the name of a form must be a word of letters and digits, got {self.name!r}")
        object.__setattr__(self, "fields", tuple(self.fields))
        names = [each.name for each in self.fields]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"the form {self.name!r} must have fields, each with a name of its own")
        for name in ("label", "help", "title"):
            object.__setattr__(self, name, hide_secrets(getattr(self, name)))


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False

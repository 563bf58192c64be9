"""Read the values of a report, and note what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sharecore import Problem, Record, Report

FILL_IN = "Fill it in."


class Reading:
    """The values of one report.

    Args:
        report: report to read.

    Attributes:
        problems: what is wrong, by field.
        made: time at which a person made the report.
    """

    def __init__(self, report: Report) -> None:
        self._values: Mapping[str, Any] = report.values
        self._report = report
        self.made = report.timestamp
        self.problems: list[Problem] = []

    def problem(self, field: str, what: str, hint: str) -> None:
        """Note a problem of a field."""
        self.problems.append(Problem(where=field, what=what, hint=hint))

    def text(self, field: str, missing: str = "") -> str:
        """Return a text, or the value of a choice. `missing` is what to say where there must be one."""
        value = self._values.get(field)
        text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if missing and not text:
            self.problem(field, missing, FILL_IN)
        return text

    def texts(self, field: str) -> list[str]:
        """Return the values of choices."""
        values = self._values.get(field)
        return [str(each) for each in values] if isinstance(values, list | tuple) else []

    def number(
        self,
        field: str,
        missing: str = "",
        *,
        least: float = float("-inf"),
        below: float = float("inf"),
        rule: str = "",
    ) -> float | None:
        """Return a number from `least` to less than `below`; `rule` says so to people."""
        value = self._values.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float):
            if missing:
                self.problem(field, missing, FILL_IN)
            return None
        if not least <= value < below:
            self.problem(field, f"must be {rule}, got {value:g}", "Correct it.")
            return None
        return value

    def time(self, field: str) -> datetime | None:
        """Return a time, in UTC."""
        text = self.text(field)
        if not text:
            return None
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            self.problem(field, f"must be a date and time, got {text!r}", "Correct it.")
            return None
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)

    def data(self, field: str) -> tuple[Record, ...]:
        """Return the chosen records."""
        return tuple(self._report.data.get(field, ()))


def filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that say something."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def written_time(time: datetime) -> str:
    """Return a time as TNS reads it: UTC, with fractions of a second only where there are some."""
    text = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{time.microsecond:06}".rstrip("0") if time.microsecond else text

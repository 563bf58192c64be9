"""Write records, reports and targets as JSON, for adapters whose destination takes them as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import to_builtins

from sharecore.records import Record, Report
from sharecore.targets import Target


def as_json(item: Record | Report | Target) -> dict[str, Any]:
    """Return the fields of a record, report or target by name, in JSON values, without empty ones.

    Times are ISO 8601 in UTC with microseconds; the key is one text (`RecordKey.__str__`). Numbers keep the
    units of the fields. A new field of a later version appears here by itself.
    """
    values = to_builtins(item, str_keys=True, enc_hook=_plain)
    if isinstance(item, Target):
        values |= {name: _without_empty(values[name]) for name in ("position", "orbit")}
    else:
        time = item.timestamp.isoformat(timespec="microseconds")
        values |= {"key": str(item.key), "timestamp": time.replace("+00:00", "Z")}
    if isinstance(item, Report):
        values["data"] = {name: [as_json(each) for each in chosen] for name, chosen in item.data.items()}
    return _without_empty(values)


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that say something, as 0 and False do, with lists for tuples."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value or value == 0
    }


def _plain(value: object) -> object:
    """Return a value that `msgspec` does not know, such as a read-only mapping or a number of numpy."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, float):
        return float(value)
    raise TypeError(f"{type(value).__name__} in a record")

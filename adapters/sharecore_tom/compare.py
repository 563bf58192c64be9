"""Compare sent rows with the rows that a receiver shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sharecore_tom.payload import COLUMNS, TYPED_KINDS
from sharecore_tom.receiver import Generation


def differences(sent: Mapping[str, Any], row: Mapping[str, Any], at: Generation) -> list[str]:
    """Return the keys of `value` in which a row of the receiver differs from a row that was sent.

    A 3.x TOM shows some columns of a typed row and none of its extra data; only the shown ones are compared.
    A row without any of them is compared as a whole: it differs in "value".
    """
    ours, theirs = sent["value"], row.get("value")
    if not isinstance(theirs, Mapping):
        return ["value"]
    if at is Generation.TYPED:
        if str(sent["data_type"]).lower() in TYPED_KINDS:
            if theirs.keys().isdisjoint(ours):
                return ["value"]
            ours = {key: ours.get(key) for key in theirs}
        else:
            # 3.1.0 moves what are columns out of the value; a receiver that leaves them there is right, too.
            ours = {key: value for key, value in ours.items() if key not in COLUMNS or key in theirs}
    return [key for key in {**ours, **theirs} if not _same(ours.get(key), theirs.get(key))]


def altered(sent: Mapping[str, Any], stored: Mapping[str, Any], at: Generation) -> list[str]:
    """Return the keys of `differences`, and the time: all that a receiver changed in a row that it stored."""
    keeps_time = "timestamp" not in stored or moment(stored["timestamp"]) == moment(sent["timestamp"])
    return [*([] if keeps_time else ["timestamp"]), *differences(sent, stored, at)]


def moment(text: object) -> datetime | None:
    """Return a time as a TOM writes it, to the microsecond; one without zone is UTC."""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _same(ours: object, theirs: object) -> bool:
    if ours in (None, "", [], ()) and theirs in (None, "", [], ()):
        return True
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        # Not every database gives back the last bit of a float.
        return math.isclose(ours, theirs, rel_tol=1e-14, abs_tol=0.0)
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return ours.keys() == theirs.keys() and all(_same(ours[key], theirs[key]) for key in ours)
    return ours == theirs

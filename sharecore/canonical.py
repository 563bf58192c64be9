"""Write settings as JSON that is the same in every process, to see whether they have changed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence, Set
from typing import Any

from sharecore.secret import Secret


def canonical(value: object) -> Any:
    """Return a value as JSON that is the same in every process: no memory addresses, no order of a set."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Secret():
            return value.reveal()
        case bytes():
            return value.hex()
        case Mapping():
            pairs = [(str(key), canonical(item)) for key, item in value.items()]
            return sorted(pairs, key=lambda pair: pair[0])
        case Set():
            return sorted(json.dumps(canonical(item)) for item in value)
        case Sequence():
            return [canonical(item) for item in value]
    if inspect.isroutine(value) or inspect.isclass(value):
        return f"{value.__module__}.{value.__qualname__}"
    kind = type(value)
    plain = kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__
    return f"{kind.__module__}.{kind.__qualname__}" + ("" if plain else f":{value}")

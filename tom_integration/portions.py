"""Cut many values into portions, one for each statement: a database takes only so many, or blocks others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

_Value = TypeVar("_Value")


def portions(values: Sequence[_Value], size: int) -> Iterator[Sequence[_Value]]:
    """Yield the values in order, up to so many at a time."""
    return (values[start : start + size] for start in range(0, len(values), size))

"""Read the error tree: HERMES answers an invalid message with its mirror, texts in place of the wrong values.

A list of rows is mirrored by a list of the same length with `{}` for good rows; a fault of a table as a whole
stands in place of the list. Three rounds hide each other: the fields of a row, its rules, the rules of the
message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sharecore_hermes.mapping import TABLES

Tree = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Fault:
    """One complaint."""

    path: str
    """Place of the complaint, like `data.photometry[3].bandpass`."""
    text: str
    """Words of HERMES."""
    table: str | None = None
    """Table of the row; None for a complaint about no single row."""
    index: int | None = None
    """Index of the row in its table; None for a complaint about no single row."""

    @property
    def field(self) -> str:
        """Return the name of the field alone, for a reader who knows the row."""
        return self.path.rpartition("].")[2] if self.index is not None else self.path


def faults(tree: Tree) -> list[Fault]:
    """Return all complaints of a tree, in the order of the message."""
    return list(_walk(tree, "", None, None))


def _walk(node: object, path: str, table: str | None, index: int | None) -> Iterator[Fault]:
    if isinstance(node, Mapping):
        for key, inner in node.items():
            name = "" if key == "non_field_errors" else str(key)
            place = f"{path}.{name}" if path and name else path or name
            yield from _walk(inner, place, table, index)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        if all(isinstance(each, str) for each in node):
            if node:
                yield Fault(path or "message", " ".join(str(each) for each in node), table, index)
            return
        for number, inner in enumerate(node):
            here, at = table, index
            if index is None and path in {f"data.{name}" for name in TABLES}:
                here, at = path.removeprefix("data."), number
            yield from _walk(inner, f"{path}[{number}]", here, at)
    elif node is not None:
        yield Fault(path or "message", str(node), table, index)

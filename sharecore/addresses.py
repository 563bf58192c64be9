"""Addresses: a destination and, where it has topics, one of them."""

from __future__ import annotations

from dataclasses import dataclass

DIVIDER = ":"
"""Sign between the name of a destination and its topic, also where SQL joins the two columns."""


def beginning(name: str) -> str:
    """Return the beginning of the addresses of all topics of a destination."""
    return f"{name}{DIVIDER}"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a share, `name` or `name:topic`, as tomtoolkit stores it in
    `PersistentShare.destination`.
    """

    name: str
    """Key of the destination in `DATA_SHARING`, without a colon."""
    topic: str = ""
    """Topic of that destination; empty where it has none."""

    def __str__(self) -> str:
        return f"{beginning(self.name)}{self.topic}" if self.topic else self.name

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address; the first colon divides name and topic."""
        name, _, topic = text.partition(DIVIDER)
        return cls(name, topic)

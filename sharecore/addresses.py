"""Addresses: a destination and, where it has topics, one of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """`name` or `name:topic`, as tomtoolkit stores it in `PersistentShare.destination`.

    name: a key of `DATA_SHARING`. topic: a topic of that destination, or an empty text.
    """

    name: str
    topic: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.topic}" if self.topic else self.name

    @classmethod
    def parse(cls, text: str, names: Collection[str] = ()) -> Address:
        """Read an address.

        names: the configured destinations. A name may itself contain a colon, so the longest configured
        name that fits wins; without one the first colon divides.
        """
        if text in names:
            return cls(text)
        fitting = [name for name in names if text.startswith(f"{name}:")]
        name = max(fitting, key=len) if fitting else text.partition(":")[0]
        return cls(name, text[len(name) + 1 :])

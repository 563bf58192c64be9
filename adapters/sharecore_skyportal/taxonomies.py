"""Know the classes that SkyPortal takes: each belongs to a taxonomy there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sharecore_skyportal.api import Api

LIFETIME = 3600.0
"""Seconds for which taxonomies are taken as they are."""
_DEEPEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectClass:
    """A class of one taxonomy."""

    taxonomy: int
    """Id of the taxonomy."""
    name: str
    """Name of the class."""

    @property
    def value(self) -> str:
        """Return the value of the choice in a form, by which `of` knows it again."""
        return f"{self.taxonomy}/{self.name}"

    @classmethod
    def of(cls, value: str) -> ObjectClass | None:
        """Return the class of a choice; None for another text."""
        number, _, name = value.partition("/")
        known = number.isascii() and number.isdigit() and len(number) < 10 and name
        return cls(taxonomy=int(number), name=name) if known else None


class Taxonomies:
    """The taxonomies of one SkyPortal that the token may use, asked for at most once an hour.

    Args:
        api: API.
        clock: seconds, for tests.
    """

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._classes: dict[ObjectClass, str] = {}
        self._old: set[ObjectClass] = set()
        self._until = float("-inf")

    def refresh(self) -> None:
        """Ask, if the taxonomies are an hour old. Raises the exceptions of `Adapter.deliver`."""
        if self._clock() >= self._until:
            self.ask()

    def ask(self) -> None:
        """Ask anew. Raises the exceptions of `Adapter.deliver`."""
        found = self._api.ask("api/taxonomy")
        self._classes, self._old = {}, set()
        for taxonomy in found if isinstance(found, list) else ():
            self._take(taxonomy)
        self._until = self._clock() + LIFETIME

    @property
    def known(self) -> bool:
        """Return whether they have been asked for."""
        return self._until > float("-inf")

    def has(self, wanted: ObjectClass) -> bool:
        """Return whether this class is in its taxonomy, as far as they are known."""
        return wanted in self._classes

    def choices(self) -> tuple[tuple[str, str], ...]:
        """Return value and label of each class of the latest version of each taxonomy."""
        latest = [each for each in self._classes.items() if each[0] not in self._old]
        return tuple((each.value, f"{each.name} ({taxonomy})") for each, taxonomy in latest)

    def _take(self, taxonomy: object) -> None:
        if not isinstance(taxonomy, Mapping) or not isinstance(taxonomy.get("id"), int):
            return
        version = taxonomy.get("version")
        label = " ".join(str(each) for each in (taxonomy.get("name"), version) if each)
        for name in _classes(taxonomy.get("hierarchy")):
            found = ObjectClass(taxonomy=taxonomy["id"], name=name)
            self._classes.setdefault(found, label)
            if taxonomy.get("isLatest") is False:
                self._old.add(found)


def _classes(hierarchy: Any, depth: int = 0) -> Iterator[str]:
    """Yield the classes of a taxonomy as SkyPortal finds them, from the root on."""
    if not isinstance(hierarchy, Mapping) or depth > _DEEPEST:
        return
    if isinstance(name := hierarchy.get("class"), str) and name:
        yield name
    below = hierarchy.get("subclasses")
    for each in below if isinstance(below, list) else ():
        yield from _classes(each, depth + 1)

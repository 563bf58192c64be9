"""Know the options of TNS: its types, groups, filters, instruments, with their numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sharecore import DeliveryError, DestinationError
from sharecore_tns.api import Api
from sharecore_tns.field_names import LISTS

LIFETIME = 3600.0
"""Seconds for which options are taken as they are."""

Choices = tuple[tuple[str, str], ...]
"""Number, as a text, and name of each option."""


class Options:
    """The options of one TNS, asked for at most once an hour.

    When TNS does not answer, the old ones go on: their numbers never change.

    Args:
        api: API of TNS.
        clock: seconds, for tests.
    """

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._lists: Mapping[str, Choices] = {}
        self._until = float("-inf")

    def forget(self) -> None:
        """Ask anew at the next question."""
        self._until = float("-inf")

    def refresh(self) -> None:
        """Ask TNS, if the options are an hour old.

        Raises the exceptions of `Adapter.deliver` if there are no older ones.
        """
        if self._clock() < self._until:
            return
        try:
            self._lists = _read(self._api.values())
        except DeliveryError:
            if not self._lists:
                raise
        self._until = self._clock() + LIFETIME

    def of(self, name: str) -> Choices:
        """Return the options of a list of `names.LISTS`."""
        return self._lists.get(name, ())

    def number(self, name: str, wanted: str) -> str | None:
        """Return the number of an option by its name, or by the number itself; None for none.

        Case and blanks do not count, nor does the explanation of a type of transient (`PSN - Possible SN`).
        """
        if not (word := _simple(wanted)):
            return None
        for number, option in self.of(name):
            short = option.partition(" - ")[0] if name == "at_types" else option
            if word in (_simple(option), _simple(short)):
                return number
        return next((number for number, _ in self.of(name) if number == wanted.strip()), None)

    def numbers(self, name: str, wanted: Iterable[str]) -> Choices:
        """Return the options that are among the wanted ones, in their order."""
        by_number = dict(self.of(name))
        found = dict.fromkeys(filter(None, (self.number(name, each) for each in wanted)))
        return tuple((number, by_number[number]) for number in found)


def _read(values: Mapping[str, Any]) -> dict[str, Choices]:
    """Return the lists. Raises `DestinationError` for an answer without them."""
    lists: dict[str, Choices] = {}
    for ours, theirs in LISTS.items():
        given = next((values[name] for name in theirs if values.get(name)), None)
        # The number of an option of a list is its place in it.
        pairs = given.items() if isinstance(given, Mapping) else enumerate(_as_list(given))
        lists[ours] = tuple(
            (str(number), option.strip())
            for number, option in pairs
            if isinstance(option, str) and option.strip()
        )
        if not lists[ours]:
            raise DestinationError(f"api/get/values: the answer has no {theirs[0]}")
    return lists


def _as_list(given: object) -> list[Any]:
    return given if isinstance(given, list) else []


def _simple(name: str) -> str:
    return " ".join(name.split()).casefold()

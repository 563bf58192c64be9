"""Look at what a source has there, and find records in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sharecore_skyportal import photometry, spectra
from sharecore_skyportal.api import MAX_LIST, Api, TooMuch

Row = Mapping[str, Any]


def source(api: Api, name: str) -> Row | None:
    """Return the source; None when it is not there. Raises the exceptions of `Adapter.deliver`."""
    found = api.ask(f"api/sources/{name}")
    return found if isinstance(found, dict) else None


def classifications(api: Api, name: str) -> list[Row]:
    """Return the classifications of a source; none of one that is not there. Raises as `source`."""
    found = api.ask(f"api/sources/{name}/classifications")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


class Stored:
    """The data of one source, asked for once."""

    def __init__(self, api: Api, name: str) -> None:
        self._api = api
        self._name = name
        self._lists: dict[tuple[str, str], Mapping[object, list[Row]] | TooMuch] = {}

    def find(self, what: str, origin: str, values: Row | None) -> tuple[Row | None, bool]:
        """Return the datum of this origin, if there is one, and whether it has the values that we would send.

        Args:
            what: "photometry" or "spectra".
            origin: origin of the datum.
            values: values that we would send; None where SkyPortal cannot get them now.

        Raises `TooMuch` where the source has too many to be read: SkyPortal lists all of them, or none.
        """
        rows = self._rows(what, values["magsys"] if values and what == "photometry" else "ab")[origin]
        same = photometry.same if what == "photometry" else spectra.same
        equal = next((row for row in rows if values and same(values, row)), None)
        return (equal, True) if equal is not None else (next(iter(rows), None), False)

    def _rows(self, what: str, system: str) -> Mapping[object, list[Row]]:
        if (what, system) not in self._lists:
            self._lists[what, system] = self._list(what, system)
        found = self._lists[what, system]
        if isinstance(found, TooMuch):
            raise found
        return found

    def _list(self, what: str, system: str) -> Mapping[object, list[Row]] | TooMuch:
        params = {"format": "both", "magsys": system} if what == "photometry" else {}
        try:
            data = self._api.ask(f"api/sources/{self._name}/{what}", params)
        except TooMuch:
            size = f"{MAX_LIST // 1024**2} MB"
            return TooMuch(
                f"the source {self._name} has more than {size} of {what} there: nobody can look it up"
            )
        rows = data.get("spectra") if isinstance(data, dict) else data
        by_origin: dict[object, list[Row]] = defaultdict(list)
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict):
                by_origin[row.get("origin")].append(row)
        return by_origin

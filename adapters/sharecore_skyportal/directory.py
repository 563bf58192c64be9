"""Look up groups and instruments by name, and keep what was found."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sharecore import AuthenticationFailed, DestinationError
from sharecore_skyportal.api import Api
from sharecore_skyportal.config import SkyPortalConfig
from sharecore_skyportal.drafts import NotExpressible

_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """An instrument there."""

    id: int
    """Its id."""
    telescopes: frozenset[str]
    """Names of its telescope."""
    filters: tuple[str, ...]
    """Filters that it allows."""


class Directory:
    """The groups and instruments of one SkyPortal.

    What is missing is asked for once more in each call: somebody may have added it.
    """

    def __init__(self, api: Api, config: SkyPortalConfig) -> None:
        self._api = api
        self._config = config
        self.forget()

    def forget(self) -> None:
        """Ask for everything anew."""
        self._groups: dict[str | int, int] = {}
        self._instruments: dict[str, list[Instrument]] = {}
        self._asked: set[str] = set()

    def begin(self) -> None:
        """Begin a call."""
        self._asked.clear()

    def groups(self, only: Collection[str | int] | None = None) -> list[int]:
        """Return the ids of the groups in the settings, or of those that are named.

        Raises `AuthenticationFailed` for one that is closed to the token, and the exceptions of `Api.ask`.
        """
        if not self._groups:
            found, wrong = self._look_for_groups()
            if wrong:
                where = f"{self._config.path}['GROUPS_THERE']"
                raise AuthenticationFailed(
                    f"{'; '.join(wrong)}. Correct {where}, or ask there for a place in it"
                )
            self._groups = found
        chosen = [number for name, number in self._groups.items() if only is None or name in only]
        return list(dict.fromkeys(chosen))

    def wrong_groups(self) -> list[str]:
        """Return what is wrong with each group in the settings that cannot be used."""
        return self._look_for_groups()[1]

    def instrument(self, name: str, telescope: str, bandpass: str = "") -> int:
        """Return the id of the instrument of this name. Raises `NotExpressible`, and as `Api.ask`.

        Args:
            name: name there.
            telescope: telescope there, which decides between instruments of one name.
            bandpass: filter that the instrument must allow; empty for none.
        """
        try:
            return self._known(name, telescope, bandpass)
        except NotExpressible:
            if name in self._asked:
                raise
        self._instruments[name] = self._ask(name)
        self._asked.add(name)
        return self._known(name, telescope, bandpass)

    def _known(self, name: str, telescope: str, bandpass: str) -> int:
        found = self._instruments.get(name, [])
        if not found:
            hint = "Have it added there, or map the name with 'INSTRUMENT_MAP'"
            raise NotExpressible("instrument", f"SkyPortal has no instrument {name!r}. {hint}")
        if len(found) > 1:
            found = [each for each in found if telescope.casefold() in each.telescopes]
        if len(found) != 1:
            reason = f"SkyPortal has several instruments {name!r}, and the telescope {telescope!r} fits none"
            if found:
                reason = f"SkyPortal has several instruments {name!r} at {telescope!r}"
            raise NotExpressible("instrument", f"{reason}. Map the telescope with 'TELESCOPE_MAP'")
        if bandpass and bandpass not in found[0].filters:
            allowed = ", ".join(found[0].filters[:_SHOWN]) or "none"
            more = ", ..." if len(found[0].filters) > _SHOWN else ""
            reason = f"the instrument {name!r} there has no filter {bandpass!r} (it has {allowed}{more})"
            raise NotExpressible("bandpass", f"{reason}. Map the name with 'BANDPASS_MAP'")
        return found[0].id

    def filters(self, name: str) -> frozenset[str]:
        """Return the filters of all instruments of this name; empty for none."""
        if name not in self._asked:
            self._instruments[name] = self._ask(name)
            self._asked.add(name)
        return frozenset(each for found in self._instruments[name] for each in found.filters)

    def has(self, name: str) -> bool:
        """Return whether there is an instrument of this name. Asks as `filters`."""
        self.filters(name)
        return bool(self._instruments[name])

    def _ask(self, name: str) -> list[Instrument]:
        rows = _asked(self._api, "api/instrument", {"name": name})
        return [_instrument(each) for each in _rows(rows) if each.get("name") == name]

    def _look_for_groups(self) -> tuple[dict[str | int, int], list[str]]:
        lists = _asked(self._api, "api/groups")
        lists = lists if isinstance(lists, dict) else {}
        own = [*_rows(lists.get("user_groups")), *_rows(lists.get("user_accessible_groups"))]
        others = _rows(lists.get("all_groups"))
        found: dict[str | int, int] = {}
        wrong: list[str] = []
        for wanted in self._config.groups:
            ids = {each["id"] for each in own if wanted in _names(each)}
            if len(ids) == 1:
                found[wanted] = ids.pop()
            elif ids:
                wrong.append(f"several groups there are called {wanted!r}; give the number of one")
            elif any(wanted in _names(each) for each in others):
                wrong.append(f"the token has no access to the group {wanted!r}")
            else:
                names = [str(each.get("name")) for each in own if not each.get("single_user_group")]
                listed = ", ".join(map(repr, dict.fromkeys(names[: 2 * _SHOWN]))) or "none"
                wrong.append(f"there is no group {wanted!r}; the token has access to {listed}")
        return found, wrong


def _asked(api: Api, path: str, params: Mapping[str, str] | None = None) -> Any:
    data = api.ask(path, params)
    if data is None:
        raise DestinationError(f"GET {path} gives nothing: is 'BASE_URL' that of a SkyPortal?")
    return data


def _rows(data: object) -> list[Mapping[str, Any]]:
    """Return the entries of a list that have an id; none of what is no list."""
    rows = data if isinstance(data, list) else []
    return [each for each in rows if isinstance(each, dict) and isinstance(each.get("id"), int)]


def _names(group: Mapping[str, Any]) -> Iterator[object]:
    yield from (group["id"], group.get("name"), group.get("nickname"))


def _instrument(row: Mapping[str, Any]) -> Instrument:
    telescope = row.get("telescope")
    names = telescope.values() if isinstance(telescope, dict) else ()
    filters = row.get("filters")
    return Instrument(
        id=row["id"],
        telescopes=frozenset(each.casefold() for each in names if isinstance(each, str)),
        filters=tuple(each for each in filters if isinstance(each, str)) if isinstance(filters, list) else (),
    )

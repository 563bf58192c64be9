"""Maps: the names that bandpasses, instruments, telescopes, units and further values get elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from sharecore.records import JsonValue, Record
from sharecore.settings import Section
from sharecore.spellings import word

_FIELDS = {
    "BANDPASS_MAP": ("bandpass",),
    "INSTRUMENT_MAP": ("instrument",),
    "TELESCOPE_MAP": ("telescope",),
    "UNIT_MAP": ("unit", "flux_unit", "wavelength_unit", "ra_error_units", "dec_error_units"),
}
"""Fields of records in which a setting replaces names."""
_HINT = "Write it like {'name here': 'name there'}."
_Any = TypeVar("_Any", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maps:
    """The names of one destination for the names of the site.

    Names are compared letter by letter; blanks at both ends do not count, but for further values.
    """

    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Names there by name here, for each field of a record."""
    extra: Mapping[str, str | None] = field(default_factory=dict)
    """Names there of further values by name here; None for a value that stays here."""

    @classmethod
    def read(cls, section: Section) -> Self:
        """Read the settings of a destination that its adapter has not read; notes problems in the section.

        An adapter that reads one of them applies it itself, and knows better how.
        """
        names: dict[str, Mapping[str, str]] = {}
        for key, fields in _FIELDS.items():
            if not section.was_read(key):
                found = {here.strip(): there for here, there in _pairs(section, key) if there is not None}
                names |= dict.fromkeys(fields, found) if found else {}
        extra = {} if section.was_read("EXTRA_MAP") else dict(_pairs(section, "EXTRA_MAP", may_drop=True))
        return cls(names=names, extra=extra)

    def __bool__(self) -> bool:
        return bool(self.names or self.extra)

    def apply(self, record: _Any) -> _Any:
        """Return the record under the names of the destination."""
        changes: dict[str, Any] = {}
        for name in self.names:
            here = getattr(record, name, "")
            if (there := self.there(name, here)) != here:
                changes[name] = there
        if not self.extra.keys().isdisjoint(record.extra):
            changes["extra"] = self._renamed(record.extra)
        return replace(record, **changes) if changes else record

    def there(self, field: str, here: str) -> str:
        """Return the name there of a name in one field of a record."""
        return self.names.get(field, {}).get(here.strip(), here)

    def _renamed(self, extra: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return further values under their names there. One whose name there is taken keeps its own: by a
        value that has it already, or by the first of several that says something.
        """
        kept = {name: value for name, value in extra.items() if self.extra.get(name, name) is not None}
        moves = {name: there for name, there in self.extra.items() if there is not None and name in kept}
        # The first move to a name is that of a value that says something.
        moves = dict(sorted(moves.items(), key=lambda move: not word(kept[move[0]])))
        while True:
            # A value that has to stay may be in the way of another.
            taken = kept.keys() - moves.keys()
            free: dict[str, str] = {}
            for name, there in moves.items():
                if there not in taken:
                    free[name] = there
                    taken.add(there)
            if len(free) == len(moves):
                return {moves.get(name, name): value for name, value in kept.items()}
            moves = free


def _pairs(section: Section, key: str, *, may_drop: bool = False) -> Iterator[tuple[str, str | None]]:
    """Yield the name here and the name there of each entry of a setting; note what is wrong with others."""
    given = section.raw(key, {})
    if not isinstance(given, Mapping):
        section.problem(key, f"must be a dictionary of names, got {given!r}", _HINT)
        return
    for here, there in given.items():
        if not isinstance(here, str) or not here.strip():
            section.problem(key, f"must have names of the site as keys, got {here!r}", _HINT)
        elif there is None and may_drop:
            yield here, None
        elif not isinstance(there, str) or not there.strip():
            also = ", or None to leave the value out" if may_drop else ""
            section.problem(key, f"must have a name for {here!r}{also}, got {there!r}", _HINT)
        else:
            yield here, there.strip()

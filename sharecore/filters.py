"""Filters: the data of a site that may go somewhere, as a value that is stored, explained and evaluated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sharecore import filter_json
from sharecore.records import DataFile, Kind, OtherDatum, Photometry, Report, Shareable
from sharecore.texts import listed
from sharecore.times import day, in_utc
from sharecore.units import UnknownUnit, parse_unit

MAGNITUDE_FACTOR = 2.5 / math.log(10)
"""Signal-to-noise ratio of a magnitude, times its error in mag."""

_KIND_WORDS = {
    Kind.PHOTOMETRY: "photometry",
    Kind.PHOTOMETRY_LIMIT: "upper limits",
    Kind.SPECTRUM: "spectra",
    Kind.ASTROMETRY: "astrometry",
    Kind.OTHER: "other data",
    Kind.FILE: "files",
}
_WITH_BANDPASS = (Kind.PHOTOMETRY, Kind.PHOTOMETRY_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names that a filter lets through. Compared letter by letter: the bandpass R is not r.

    Blanks at both ends do not count, and names are kept in alphabetical order. Raises ValueError for an empty
    name, and for names in both fields.
    """

    only: tuple[str, ...] = ()
    """Names that pass; empty where `but_not` decides."""
    but_not: tuple[str, ...] = ()
    """Names that do not pass."""

    def __post_init__(self) -> None:
        if self.only and self.but_not:
            raise ValueError(f"Names must have only or but_not, not both, got {self.only} and {self.but_not}")
        for field in ("only", "but_not"):
            names = sorted({name.strip(" ") for name in getattr(self, field)})
            if "" in names:
                raise ValueError(f"{field} must have no empty name, got {getattr(self, field)}")
            object.__setattr__(self, field, tuple(names))

    def __bool__(self) -> bool:
        return bool(self.only or self.but_not)

    def admits(self, name: str) -> bool:
        """Return whether a record with this name passes; an empty name passes unless `only` is given."""
        name = name.strip(" ")
        return name in self.only if self.only else name not in self.but_not


_ANY = Names()
_KINDS_OF_TYPES: Mapping[str, tuple[Kind, ...]] = {
    "photometry": _WITH_BANDPASS, "spectroscopy": (Kind.SPECTRUM,), "astrometry": (Kind.ASTROMETRY,)
}  # fmt: skip


def _kinds_of(record: Shareable) -> tuple[Kind, ...]:
    """Return the kinds of a record: those of its type, where it is in a form that nobody else reads."""
    own = record.data_type.casefold() if isinstance(record, OtherDatum) else ""
    return _KINDS_OF_TYPES.get(own, (record.key.kind,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Conditions that a record must meet; `Filter()` lets everything through, and is False as a bool.

    Times are kept in UTC, kinds in the order of `Kind`. Raises ValueError for a time without a time zone, for
    times in the wrong order, and for a ratio that is not a positive finite number.
    """

    kinds: tuple[Kind, ...] = ()
    """Kinds that pass; empty for all. A spectrum that the site stores in a form of its own is one all the
    same: its type counts.
    """
    own: bool = False
    """True to let through only what was observed here: not received from a site, not from a data service."""
    sources: Names = _ANY
    """Sources (`source_name`) that pass."""
    telescopes: Names = _ANY
    """Telescopes that pass."""
    instruments: Names = _ANY
    """Instruments that pass."""
    bandpasses: Names = _ANY
    """Bandpasses that pass; concern photometry and upper limits only."""
    least_signal_to_noise: float | None = None
    """Least signal-to-noise ratio; concerns detections only. A magnitude has 2.5 / ln(10) / error, any other
    brightness its absolute value / error; without a positive error, or in an unknown unit, none passes.
    """
    observed_since: datetime | None = None
    """Earliest time of observation, included."""
    observed_until: datetime | None = None
    """End of the times of observation, excluded."""

    def __post_init__(self) -> None:
        if Kind.REPORT in self.kinds:
            raise ValueError("kinds must be of data or files, got reports: a report is tested by its data")
        object.__setattr__(self, "kinds", tuple(kind for kind in filter_json.FILTERED if kind in self.kinds))
        least = self.least_signal_to_noise
        if least is not None and not (math.isfinite(least) and least > 0):
            raise ValueError(f"least_signal_to_noise must be a positive finite number, got {least}")
        for name in ("observed_since", "observed_until"):
            time = getattr(self, name)
            if time is not None and time.tzinfo is None:
                raise ValueError(f"{name} must have a time zone, got {time}")
            if time is not None:
                object.__setattr__(self, name, in_utc(time))
        since, until = self.observed_since, self.observed_until
        if since and until and not since < until:
            raise ValueError(f"observed_since must lie before observed_until, got {since} and {until}")

    @classmethod
    def from_json(cls, value: object, *, where: str) -> Self:
        """Return the filter that `as_json` wrote, or that stands in settings; `{}` and None let all through.

        Settings may have tuples, sets, `Kind`, date and datetime as well.

        Raises `ConfigurationError` with a problem for each fault.

        Args:
            value: what was written.
            where: place of the value, for the problems (`DATA_SHARING['x']['ONLY']`).
        """
        values = filter_json.read(value, where)
        names = {name: Names(**values[name]) for _, name, *_ in _NAMED if name in values}
        return cls(**values | names)

    def as_json(self) -> dict[str, Any]:
        """Return the conditions that are set as JSON values, with the version of this form."""
        found: dict[str, Any] = {"version": filter_json.VERSION}
        if self.kinds:
            found["kinds"] = [str(kind) for kind in self.kinds]
        if self.own:
            found["own"] = True
        for _, name, *_ in _NAMED:
            names: Names = getattr(self, name)
            if names:
                found[name] = {"only": list(names.only)} if names.only else {"not": list(names.but_not)}
        if self.least_signal_to_noise is not None:
            found["least_signal_to_noise"] = self.least_signal_to_noise
        for name in ("observed_since", "observed_until"):
            if time := getattr(self, name):
                found[name] = time.isoformat()
        return found

    def __bool__(self) -> bool:
        return self != Filter()

    def admits(self, record: Shareable, *, own: bool) -> bool:
        """Return whether the record may pass. A file is tested by its kind alone, a report by its data.

        Args:
            record: record as the site has it.
            own: True for a record that was observed here; the site knows.
        """
        return not self.objection(record, own=own)

    def objection(self, record: Shareable, *, own: bool) -> str:
        """Return the reason why the record may not pass, for people; empty when it may."""
        if isinstance(record, Report):
            return next(filter(None, (self.objection(each, own=own) for each in record.records)), "")
        if self.kinds and not set(self.kinds).intersection(_kinds_of(record)):
            return f"the filter lets through only {self._subject()}"
        if isinstance(record, DataFile):
            return ""
        if self.own and not own:
            return "the filter lets through only data observed here"
        for column, name, *words in _NAMED:
            names: Names = getattr(self, name)
            given = getattr(record, column, None)
            if given is None or names.admits(given):
                continue
            if names.only:
                return f"the filter lets through only data {_clause(names, *words)}"
            return f"the filter lets through no data {_clause(Names(only=(given,)), *words)}"
        if isinstance(record, Photometry) and (fault := self._too_faint(record)):
            return f"the filter lets through only detections {self._ratio()}; {fault}"
        if (self.observed_since and record.timestamp < self.observed_since) or (
            self.observed_until and record.timestamp >= self.observed_until
        ):
            return f"the filter lets through only data {self._times()}"
        return ""

    def __str__(self) -> str:
        """Return the filter as one sentence for people."""
        if not self:
            return "All data."
        text = ""
        for condition, apart in self._conditions():
            text += f"{',' if text or apart else ''} {condition}"
        return f"Only {self._subject()}{text}."

    def _subject(self) -> str:
        return listed([_KIND_WORDS[kind] for kind in self.kinds]) or "data"

    def _conditions(self) -> Iterator[tuple[str, bool]]:
        """Yield each condition, and whether it is about a part of the data that pass."""
        if self.own:
            yield "observed here", False
        for _, name, *words in _NAMED:
            names: Names = getattr(self, name)
            if names and name != "bandpasses":
                yield _clause(names, *words), False
        passing = self.kinds or tuple(Kind)
        alone = all(kind in _WITH_BANDPASS for kind in passing)
        concerned = [kind for kind in _WITH_BANDPASS if kind in passing]
        if self.bandpasses and concerned:
            clause = _clause(self.bandpasses, *_BANDPASS)
            whose = f"{listed([_KIND_WORDS[kind] for kind in concerned])} "
            only = "only " if self.bandpasses.only else ""
            yield (clause, False) if alone else (f"{whose}{only}{clause}", True)
        if self.least_signal_to_noise is not None and Kind.PHOTOMETRY in passing:
            yield (self._ratio(), False) if alone else (f"detections only {self._ratio()}", True)
        if self.observed_since or self.observed_until:
            yield self._times(), False

    def _ratio(self) -> str:
        return f"with a signal-to-noise ratio of at least {self.least_signal_to_noise:.15g}"

    def _times(self) -> str:
        since = f"from {day(self.observed_since)} on" if self.observed_since else ""
        until = f"before {day(self.observed_until)}" if self.observed_until else ""
        return f"observed {listed([each for each in (since, until) if each])}"

    def _too_faint(self, record: Photometry) -> str:
        """Return the fault of a detection with too low a ratio; empty where it is high enough."""
        if self.least_signal_to_noise is None:
            return ""
        error = record.brightness_error
        if error is None or error <= 0:
            return "the error of this one is not known"
        try:
            magnitude = not record.unit.strip() or parse_unit(record.unit).unit.is_magnitude
        except UnknownUnit as unknown:
            return f"the unit of this one is unknown: {unknown.reason}"
        ratio = (MAGNITUDE_FACTOR if magnitude else abs(record.brightness)) / error
        return "" if ratio >= self.least_signal_to_noise else f"this one has {ratio:.3g}"


_BANDPASS = ("in", "bandpass", "bandpasses")
# Field of a record, field of the filter, and the words of the condition
_NAMED = (
    ("source_name", "sources", "from", "source", "sources"),
    ("telescope", "telescopes", "from", "telescope", "telescopes"),
    ("instrument", "instruments", "with", "instrument", "instruments"),
    ("bandpass", "bandpasses", *_BANDPASS),
)


def _clause(names: Names, before: str, one: str, many: str) -> str:
    """Return a condition on names for people, such as "not from the telescopes FTN or FTS"."""
    each = names.only or names.but_not
    words = f"{before} the {one if len(each) == 1 else many} "
    return words + listed(each, "and") if names.only else f"not {words}{listed(each, 'or')}"

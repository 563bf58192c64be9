"""Write records in the words of SkyPortal, before its ids are known: no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sharecore import (
    Batch,
    Photometry,
    PhotometryLimit,
    Record,
    RecordKey,
    Spectrum,
    Unsupported,
    as_json,
)


class NotExpressible(Exception):
    """Raised when SkyPortal has no way to express a record.

    Attributes:
        outcome: outcome of the record.
    """

    def __init__(self, feature: str, reason: str) -> None:
        self.outcome = Unsupported(feature=feature, reason=reason)
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One record in the words of SkyPortal."""

    key: RecordKey
    """Key of the record."""
    values: Mapping[str, Any]
    """Values by name there. `instrument_id` is a name until the instrument was looked up."""
    telescope: str
    """Telescope there."""
    bandpass: str = ""
    """Filter there; empty for a spectrum."""
    left_out: tuple[str, ...] = ()
    """What of the record is not sent, and why."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of its values, in order."""
        return tuple(sorted(self.values))


def together(drafts: Iterable[Draft]) -> list[list[Draft]]:
    """Return the drafts that go in one request: photometry with values of the same names, and each spectrum
    alone.
    """
    points: dict[tuple[str, ...], list[Draft]] = {}
    alone: list[list[Draft]] = []
    for each in drafts:
        if each.bandpass:
            points.setdefault(each.names, []).append(each)
        else:
            alone.append([each])
    return [*points.values(), *alone]


def body(source: str, groups: Sequence[str | int], drafts: Sequence[Draft]) -> dict[str, Any]:
    """Return the body of one request: columns of photometry, or one spectrum."""
    first = drafts[0]
    values = {name: [each.values[name] for each in drafts] for name in first.values}
    return {"obj_id": source, "group_ids": [*groups], **(values if first.bandpass else first.values)}


def origin(key: RecordKey) -> str:
    """Return the `origin` of a datum there: the key of its record, by which it is recognised."""
    return str(key)


def altdata(record: Photometry | PhotometryLimit | Spectrum, batch: Batch, **more: Any) -> dict[str, Any]:
    """Return what SkyPortal has no place for.

    A dictionary for each datum: of columns SkyPortal makes NaN where one has no value, and then stores none.
    """
    names = (
        "telescope", "instrument", "exposure_time", "source_name", "source_location", "reduction_version",
        "setup", "extra",
    )  # fmt: skip
    plain = as_json(record)
    return {"site": batch.site.name} | {name: plain[name] for name in names if name in plain} | more


def instrument_of(record: Record, batch: Batch, default: str) -> str:
    """Return the name of the instrument. The default is for data of this site alone.

    Raises `NotExpressible`.
    """
    if name := record.instrument.strip():
        return name
    own = record.key.origin == batch.site.origin
    if default and own and record.source_name.strip().casefold() in ("", batch.site.name.strip().casefold()):
        return default
    hint = "'DEFAULT_INSTRUMENT' is for your own data without one"
    raise NotExpressible("instrument", f"SkyPortal needs an instrument, and the datum has none. {hint}")

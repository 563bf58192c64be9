"""Show targets and data to a converter class as the models of tomtoolkit 2.x did, without any database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from types import SimpleNamespace

from sharecore.adapter import Batch
from sharecore.records import Astrometry, OtherDatum, Photometry, PhotometryLimit, Record, RecordKey, Spectrum

_DATA_TYPES = {
    Photometry: "photometry",
    PhotometryLimit: "photometry",
    Spectrum: "spectroscopy",
    Astrometry: "astrometry",
}


class Aliases:
    """The part of `target.aliases` of a model that converters use: `all()`, `count()`, and each with a
    `name`.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def all(self) -> list[SimpleNamespace]:
        """Return one object with a `name` for each alias."""
        return [SimpleNamespace(name=name) for name in self._names]

    def count(self) -> int:
        """Return the number of aliases."""
        return len(self._names)


class View(SimpleNamespace):
    """The fields of a model as attributes. Any other attribute is that of the row of the site.

    Args:
        row: read the row; called for such an attribute and not before.
        without: object in place of a missing row.
    """

    def __init__(
        self, fields: Mapping[str, object], row: Callable[[], object | None], without: Mapping[str, object]
    ) -> None:
        super().__init__(**fields)
        self._read = row
        self._without = without

    @cached_property
    def _row(self) -> object | None:
        return self._read()

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        if self._row is None and name in self._without:
            return self._without[name]
        return getattr(self._row, name)


def target_view(batch: Batch) -> View:
    """Return `target.name`, `.type`, `.ra`, `.epoch_of_elements`, `.aliases.all()`, `.extra_fields`, ... of a
    model.

    `target.sharecore` is the target itself.
    """
    target = batch.target
    fields: dict[str, object] = {}
    for part in (target.position, target.orbit):
        fields |= {name: getattr(part, name) for name in part.__dataclass_fields__}
    fields |= {
        "sharecore": target,
        "name": target.name,
        "names": list(target.names),
        "type": "SIDEREAL" if target.sidereal else "NON_SIDEREAL",
        "aliases": Aliases(target.aliases),
        "extra_fields": dict(target.extras),
        "tags": dict(target.extras),
    }

    def row() -> object | None:
        return next((getattr(batch.original(each.key), "target", None) for each in batch.records), None)

    return View(fields, row, {})


def datum_view(record: Record, target: View, original: Callable[[RecordKey], object | None]) -> View:
    """Return `datum.value` (a dictionary in the keys of 2.x), `.timestamp`, `.target`, `.data_type`, and
    columns of 3.x.

    `datum.sharecore` is the record itself; `datum.data_product`, `.pk` and the like are those of the row.
    """
    fields = {
        name: getattr(record, name) for name in record.__dataclass_fields__ if name not in ("key", "extra")
    }
    if isinstance(record, PhotometryLimit):
        fields |= {"brightness": None, "brightness_error": record.limit_error}
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
    fields |= {
        "data_type": record.data_type if isinstance(record, OtherDatum) else _DATA_TYPES[type(record)],
        "sharecore": record,
        "target": target,
        "value": _value(record),
    }
    without = {"data_product": None, "id": record.key.id, "pk": record.key.id}
    return View(fields, lambda: original(record.key), without)


def _value(record: Record) -> dict[str, object]:
    value: dict[str, object] = dict(record.extra)
    known: dict[str, object] = {"telescope": record.telescope, "instrument": record.instrument}
    if isinstance(record, Photometry):
        known |= {"magnitude": record.brightness, "error": record.brightness_error, "limit": record.limit}
    if isinstance(record, PhotometryLimit):
        known |= {"limit": record.limit, "error": record.limit_error}
    if isinstance(record, Photometry | PhotometryLimit):
        known |= {"filter": record.bandpass, "unit": record.unit, "exposure_time": record.exposure_time}
    if isinstance(record, Spectrum):
        known |= {
            "flux": list(record.flux),
            "wavelength": list(record.wavelength),
            "flux_error": list(record.error),
            "flux_units": record.flux_unit,
            "wavelength_units": record.wavelength_unit,
        }
    if isinstance(record, Astrometry):
        known |= {"ra": record.ra, "dec": record.dec}
    return value | {key: item for key, item in known.items() if item not in (None, "", [])}

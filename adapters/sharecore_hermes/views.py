"""Targets and data as tomtoolkit 2.x's models showed themselves to a converter class, without any
database.
"""

from __future__ import annotations

from types import SimpleNamespace

from sharecore.records import Astrometry, OtherDatum, Photometry, PhotometryLimit, Record, Spectrum
from sharecore.targets import Target

_DATA_TYPES = {
    Photometry: "photometry",
    PhotometryLimit: "photometry",
    Spectrum: "spectroscopy",
    Astrometry: "astrometry",
}


class Aliases:
    """What `target.aliases` of a model offers: `all()`, `count()`, and each with a `name`."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def all(self) -> list[SimpleNamespace]:
        """One object with a `name` for each alias."""
        return [SimpleNamespace(name=name) for name in self._names]

    def count(self) -> int:
        """How many there are."""
        return len(self._names)


def target_view(target: Target) -> SimpleNamespace:
    """`target.name`, `.type`, `.ra`, `.epoch_of_elements`, `.aliases.all()`, `.extra_fields`, ... of a model.

    `target.sharecore` is the target itself.
    """
    fields: dict[str, object] = {}
    for part in (target.position, target.orbit):
        fields |= {name: getattr(part, name) for name in part.__dataclass_fields__}
    return SimpleNamespace(
        **fields,
        sharecore=target,
        name=target.name,
        names=list(target.names),
        type="SIDEREAL" if target.sidereal else "NON_SIDEREAL",
        aliases=Aliases(target.aliases),
        extra_fields=dict(target.extras),
        tags=dict(target.extras),
    )


def datum_view(record: Record, target: SimpleNamespace) -> SimpleNamespace:
    """`datum.value` (a dictionary in 2.x's keys), `.timestamp`, `.target`, `.data_type`, and 3.x's columns.

    `datum.sharecore` is the record itself.
    """
    fields = {
        name: getattr(record, name) for name in record.__dataclass_fields__ if name not in ("key", "extra")
    }
    if isinstance(record, PhotometryLimit):
        fields |= {"brightness": None, "brightness_error": record.limit_error}
    data_type = record.data_type if isinstance(record, OtherDatum) else _DATA_TYPES[type(record)]
    return SimpleNamespace(
        **{name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
        | {"data_type": data_type},
        sharecore=record,
        id=record.key.id,
        pk=record.key.id,
        target=target,
        value=_value(record),
    )


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

"""From a datum row of the TOM to a record.

Rows of the generic `ReducedDatum` whose type is photometry, spectroscopy or astrometry (every TOM that comes
from tomtoolkit 2.x has them) become the same record as the typed row that `migrate_reduced_datums` makes of
them, so that the migration is recognised and nothing is sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.db.models import Model
from tom_dataproducts.models import (
    REDUCED_DATUM_MODELS,
    AstrometryReducedDatum,
    PhotometryReducedDatum,
    ReducedDatum,
    SpectroscopyReducedDatum,
)

from sharecore.exceptions import InvalidRecord
from sharecore.identity import identity
from sharecore.records import (
    Astrometry,
    Kind,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    RecordKey,
    Spectrum,
    with_key,
)

DATUM_MODELS: dict[str, type[Model]] = {model._meta.model_name: model for model in REDUCED_DATUM_MODELS}
"""The models whose rows are shared, by the name that the ledger knows them by."""

_BRIGHTNESS = ("brightness", "magnitude", "mag")
_BRIGHTNESS_ERROR = ("brightness_error", "error", "magnitude_error", "mag_error", "mag_err")
_BANDPASS = ("bandpass", "filter", "band", "f")
_FLUX_ERROR = ("error", "flux_error", "err", "f_error")
_FLUX_UNIT = ("flux_units", "flux_unit", "f_unit", "f_units")
_WAVELENGTH_UNIT = ("wavelength_unit", "wavelength_units", "w_unit", "w_units", "lambda_unit", "lambda_units")


def model_name(row: Model) -> str:
    """The name that the ledger knows the row's model by."""
    return str(row._meta.model_name)


def identity_of(model: str, record: Record) -> str:
    """The identity of the record of a row of this model.

    That of a typed record in a generic row is made of what `migrate_reduced_datums` keeps (measured on
    tomtoolkit 3.1.0, it drops the version of the reduction), so that it is the same afterwards.
    """
    if model == "reduceddatum" and not isinstance(record, OtherDatum):
        record = replace(record, reduction_version="")
    return identity(record)


def record_of(row: Any, *, origin: str, record_id: str = "") -> Record:
    """The record that a datum row is.

    record_id: the id that the ledger gave it; a new record gets its identity digest.
    Raises `InvalidRecord` when the row holds nothing that can be shared.
    """
    if isinstance(row, PhotometryReducedDatum):
        record = _photometry(row)
    elif isinstance(row, SpectroscopyReducedDatum):
        record = _spectrum(row)
    elif isinstance(row, AstrometryReducedDatum):
        record = _astrometry(row)
    else:
        record = _generic(row)
    key = RecordKey(kind=record.key.kind, origin=origin, id=record_id or identity_of(model_name(row), record))
    return with_key(record, key)


def _common(row: Any, kind: Kind, extra: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": RecordKey(kind=kind, origin="", id=""),
        "timestamp": row.timestamp,
        "telescope": row.telescope,
        "instrument": row.instrument,
        "source_name": row.source_name,
        "source_location": row.source_location,
        "reduction_version": row.reduction_version,
        "extra": extra,
    }


def _extra(row: Any) -> Mapping[str, Any]:
    if row.value in (None, ""):
        return {}
    return row.value if isinstance(row.value, Mapping) else {"value": row.value}


def _measurement(
    common: dict[str, Any], *, brightness: float | None, error: float | None, limit: float | None, **rest: Any
) -> Record:
    if brightness is not None:
        return Photometry(brightness=brightness, brightness_error=error, limit=limit, **common, **rest)
    if limit is None:
        raise InvalidRecord(field="brightness", reason="there is neither a brightness nor a limit")
    common["key"] = RecordKey(kind=Kind.PHOTOMETRY_LIMIT, origin="", id="")
    return PhotometryLimit(limit=limit, limit_error=error, **common, **rest)


def _photometry(row: PhotometryReducedDatum) -> Record:
    return _measurement(
        _common(row, Kind.PHOTOMETRY, _extra(row)),
        brightness=row.brightness,
        error=row.brightness_error,
        limit=row.limit,
        unit=row.unit,
        bandpass=row.bandpass,
        exposure_time=row.exposure_time,
    )


def _spectrum(row: SpectroscopyReducedDatum) -> Record:
    return Spectrum(
        flux=tuple(row.flux or ()),
        wavelength=tuple(row.wavelength or ()),
        error=tuple(row.error or ()),
        flux_unit=row.flux_unit,
        wavelength_unit=row.wavelength_unit,
        setup=row.setup,
        exposure_time=row.exposure_time,
        **_common(row, Kind.SPECTRUM, _extra(row)),
    )


def _astrometry(row: AstrometryReducedDatum) -> Record:
    return Astrometry(
        ra=row.ra,
        dec=row.dec,
        ra_error=row.ra_error,
        dec_error=row.dec_error,
        ra_error_units=row.ra_error_units,
        dec_error_units=row.dec_error_units,
        **_common(row, Kind.ASTROMETRY, _extra(row)),
    )


def _generic(row: ReducedDatum) -> Record:
    typed = {
        "photometry": _generic_photometry,
        "spectroscopy": _generic_spectrum,
        "astrometry": _generic_astrometry,
    }
    reader = typed.get(row.data_type.lower())
    if reader is not None and isinstance(row.value, Mapping):
        try:
            return reader(row, _Values(row.value))
        except _Unreadable:
            pass  # the site stores this type in a form of its own: it travels as it is
    return OtherDatum(data_type=row.data_type, **_common(row, Kind.OTHER, _extra(row)))


class _Unreadable(Exception):
    """A generic value that does not have the form of its type."""


class _Values:
    """The free-form value of a generic row; what is not taken out of it stays as extra."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.rest = dict(value)

    def first(self, names: Iterable[str]) -> Any:
        found = [name for name in names if self.rest.get(name) is not None]
        return self.rest.pop(found[0]) if found else None

    def number(self, *names: str) -> float | None:
        value = self.first(names)
        if value is None or value == "":
            return None
        try:
            return float(value)
        except (TypeError, ValueError):
            raise _Unreadable from None

    def numbers(self, *names: str) -> tuple[float, ...]:
        value = self.first(names)
        if value is None:
            return ()
        try:
            return tuple(float(item) for item in value)
        except (TypeError, ValueError):
            raise _Unreadable from None

    def text(self, *names: str) -> str:
        value = self.first(names)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise _Unreadable
        return value

    def common(self, row: ReducedDatum, kind: Kind) -> dict[str, Any]:
        common = _common(row, kind, self.rest)
        for name in ("telescope", "instrument", "reduction_version"):
            text = self.text(name)
            common[name] = common[name] or text
        return common


def _generic_photometry(row: ReducedDatum, values: _Values) -> Record:
    return _measurement(
        brightness=values.number(*_BRIGHTNESS),
        error=values.number(*_BRIGHTNESS_ERROR),
        limit=values.number("limit"),
        unit=values.text("unit"),
        bandpass=values.text(*_BANDPASS),
        exposure_time=values.number("exposure_time"),
        common=values.common(row, Kind.PHOTOMETRY),
    )


def _generic_spectrum(row: ReducedDatum, values: _Values) -> Record:
    flux = values.numbers("flux")
    if not flux:
        raise _Unreadable
    return Spectrum(
        flux=flux,
        wavelength=values.numbers("wavelength", "wave", "wl", "lambda"),
        error=values.numbers(*_FLUX_ERROR),
        flux_unit=values.text(*_FLUX_UNIT),
        wavelength_unit=values.text(*_WAVELENGTH_UNIT),
        setup=values.text("setup"),
        exposure_time=values.number("exposure_time"),
        **values.common(row, Kind.SPECTRUM),
    )


def _generic_astrometry(row: ReducedDatum, values: _Values) -> Record:
    ra, dec = values.number("ra"), values.number("dec")
    if ra is None or dec is None:
        raise _Unreadable
    return Astrometry(
        ra=ra,
        dec=dec,
        ra_error=values.number("ra_error"),
        dec_error=values.number("dec_error"),
        ra_error_units=values.text("ra_error_units"),
        dec_error_units=values.text("dec_error_units"),
        **values.common(row, Kind.ASTROMETRY),
    )

"""From a datum row of the TOM to a record.

Rows of the generic `ReducedDatum` whose type is photometry, spectroscopy or astrometry (every TOM that comes
from tomtoolkit 2.x has them) become the same record as the typed row that `migrate_reduced_datums` makes of
them, so that the migration is recognised and nothing is sent again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

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
from sharecore.plugin_errors import describe, log_fault
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

logger = logging.getLogger(__name__)

DATUM_MODELS: dict[str, type[Model]] = {model._meta.model_name: model for model in REDUCED_DATUM_MODELS}
"""The models whose rows are shared, by the name that the ledger knows them by."""

_BRIGHTNESS = ("brightness", "magnitude", "mag")
_BRIGHTNESS_ERROR = ("brightness_error", "error", "magnitude_error", "mag_error", "mag_err", "magerr")
_BANDPASS = ("bandpass", "filter", "band", "f")
_FLUX_ERROR = ("error", "flux_error", "err", "f_error")
_FLUX_UNIT = ("flux_units", "flux_unit", "f_unit", "f_units")
_WAVELENGTH_UNIT = ("wavelength_unit", "wavelength_units", "w_unit", "w_units", "lambda_unit", "lambda_units")
_BLANKS = frozenset({"", "-", "--", "n/a", "na", "nan", "nil", "none", "null"})
"""What tables and brokers write, in any case, where they have no number."""
_T = TypeVar("_T")


def finite(value: float | None) -> float | None:
    """The number, or None for NaN and infinities: PostgreSQL keeps those, SQLite stores NULL for NaN."""
    return value if value is not None and math.isfinite(value) else None


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
    try:
        record = _read(row)
        id = record_id or identity_of(model_name(row), record)
    except InvalidRecord:
        raise
    except (
        Exception
    ) as error:  # columns of a TOM hold what any code has put there: a bad row costs only itself
        log_fault(logger, f"{model_name(row)} {row.pk} cannot be read: {describe(error)}", error)
        raise InvalidRecord(field="value", reason=f"cannot be read ({type(error).__name__})") from None
    return with_key(record, RecordKey(kind=record.key.kind, origin=origin, id=id))


def _read(row: Any) -> Record:
    match row:
        case PhotometryReducedDatum():
            return _photometry(row)
        case SpectroscopyReducedDatum():
            return _spectrum(row)
        case AstrometryReducedDatum():
            return _astrometry(row)
        case _:
            return _generic(row)


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
        brightness=finite(row.brightness),
        error=row.brightness_error,
        limit=finite(row.limit),
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
    """The free-form value of a generic row, read cell by cell; what is not taken out of it stays as extra.

    A cell that is not of its type counts as blank and stays as extra too: it hides no other cell.
    """

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.rest = dict(value)

    def number(self, *names: str) -> float | None:
        return self._first(names, _as_number, blank=_is_blank)

    def numbers(self, *names: str) -> tuple[float, ...]:
        return self._first(names, _as_numbers, blank=_is_blank) or ()

    def text(self, *names: str) -> str:
        return self._first(names, _as_text, blank=lambda value: value is None) or ""

    def _first(
        self, names: Iterable[str], read: Callable[[Any], _T | None], *, blank: Callable[[Any], bool]
    ) -> _T | None:
        """The first of these cells that can be read."""
        for name in names:
            value = self.rest.get(name)
            if blank(value):
                self.rest.pop(name, None)
            elif (cell := read(value)) is not None:
                del self.rest[name]
                return cell
        return None

    def common(self, row: ReducedDatum, kind: Kind) -> dict[str, Any]:
        common = _common(row, kind, self.rest)
        for name in ("telescope", "instrument", "reduction_version"):
            text = self.text(name)
            common[name] = common[name] or text
        return common


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in _BLANKS)


def _as_number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else finite(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _as_numbers(value: Any) -> tuple[float, ...] | None:
    if not isinstance(value, list | tuple):
        return None
    numbers = tuple(_as_number(item) for item in value)
    readable = all(number is not None or _is_blank(item) for number, item in zip(numbers, value, strict=True))
    return numbers if readable else None  # type: ignore[return-value]  # a blank pixel is None, as in a column


def _as_text(value: Any) -> str | None:
    """A text; a filter 2 is the bandpass "2", as `migrate_reduced_datums` makes it."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _generic_photometry(row: ReducedDatum, values: _Values) -> Record:
    brightness, limit = values.number(*_BRIGHTNESS), values.number("limit")
    if brightness is None and limit is None and not values.rest.keys().isdisjoint((*_BRIGHTNESS, "limit")):
        raise _Unreadable
    return _measurement(
        brightness=brightness,
        error=values.number(*_BRIGHTNESS_ERROR),
        limit=limit,
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

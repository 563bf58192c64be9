"""Make a record from a row of the TOM's data.

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
from tom_integration.mapping.columns import COLUMNS

logger = logging.getLogger(__name__)

_BRIGHTNESS = ("brightness", "magnitude", "mag")
_BRIGHTNESS_ERROR = ("brightness_error", "error", "magnitude_error", "mag_error", "mag_err", "magerr")
_BANDPASS = ("bandpass", "filter", "band", "f")
_FLUX_ERROR = ("error", "flux_error", "err", "f_error")
_FLUX_UNIT = ("flux_units", "flux_unit", "f_unit", "f_units")
_WAVELENGTH_UNIT = ("wavelength_unit", "wavelength_units", "w_unit", "w_units", "lambda_unit", "lambda_units")
_BLANKS = frozenset({"", "-", "--", "n/a", "na", "nan", "nil", "none", "null"})
"""Texts of tables and brokers for a missing number, in lower case."""
_LISTS = frozenset({"flux", "wavelength", "error"})
_T = TypeVar("_T")


def finite(value: float | None) -> float | None:
    """Return the number, or None for NaN and infinities: PostgreSQL keeps them, SQLite makes NaN NULL."""
    return value if value is not None and math.isfinite(value) else None


def model_name(row: Model) -> str:
    """Return the name of the row's model in the ledger."""
    return str(row._meta.model_name)


def identity_of(model: str, record: Record) -> str:
    """Return the identity of the record of a row of this model.

    A typed record in a generic row has the identity that it keeps after `migrate_reduced_datums`, which drops
    the version of the reduction (measured on tomtoolkit 3.1.0).
    """
    if model == "reduceddatum" and not isinstance(record, OtherDatum):
        record = replace(record, reduction_version="")
    return identity(record)


def record_of(row: Any, *, origin: str, record_id: str = "") -> Record:
    """Return the record of a row.

    Args:
        row: a row of one of the `DATUM_MODELS`.
        origin: the origin of this site.
        record_id: the id in the ledger; empty for a new record, whose id is its identity.

    Raises:
        InvalidRecord: the row holds nothing that can be shared.
    """
    try:
        record = _read(row)
        id = record_id or identity_of(model_name(row), record)
    except InvalidRecord:
        raise
    except Exception as error:
        # Any code may have written any value to a column of the TOM: leave out this row only.
        log_fault(logger, f"{model_name(row)} {row.pk} cannot be read: {describe(error)}", error)
        raise InvalidRecord(field="value", reason=f"cannot be read ({type(error).__name__})") from None
    return with_key(record, RecordKey(kind=record.key.kind, origin=origin, id=id))


def _read(row: Any) -> Record:
    match row:
        case PhotometryReducedDatum():
            return _photometry(row)
        case SpectroscopyReducedDatum():
            return Spectrum(key=_key(Kind.SPECTRUM), **_fields_of(row, Spectrum))
        case AstrometryReducedDatum():
            return Astrometry(key=_key(Kind.ASTROMETRY), **_fields_of(row, Astrometry))
        case _:
            return _generic(row)


def _fields_of(row: Any, kind: type[Record]) -> dict[str, Any]:
    """Return the fields of a record of this class from a row, without the key."""
    return {name: _loaded(name, getattr(row, column)) for name, column in COLUMNS[kind].items()}


def _loaded(name: str, value: Any) -> Any:
    if name in _LISTS:
        return tuple(value or ())
    if name == "extra":
        if value in (None, ""):
            return {}
        return value if isinstance(value, Mapping) else {"value": value}
    return value


def _key(kind: Kind) -> RecordKey:
    """Return the key of a record that has no id yet."""
    return RecordKey(kind=kind, origin="", id="")


def _photometry(row: PhotometryReducedDatum) -> Record:
    if finite(row.brightness) is not None:
        return Photometry(key=_key(Kind.PHOTOMETRY), **_fields_of(row, Photometry))
    if finite(row.limit) is None:
        raise _no_measurement()
    return PhotometryLimit(key=_key(Kind.PHOTOMETRY_LIMIT), **_fields_of(row, PhotometryLimit))


def _no_measurement() -> InvalidRecord:
    return InvalidRecord(field="brightness", reason="there is neither a brightness nor a limit")


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
            pass  # The site stores this type in a form of its own: share the value as it is.
    return OtherDatum(key=_key(Kind.OTHER), **_fields_of(row, OtherDatum))


class _Unreadable(Exception):
    """Report a generic value that does not have the form of its type."""


class _Values:
    """Read the free-form value of a generic row cell by cell; the cells that are not read stay as extra.

    A cell that is not of its type counts as blank and stays as extra, too: it hides no other cell.
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
        """Return the first of these cells that can be read."""
        for name in names:
            value = self.rest.get(name)
            if blank(value):
                self.rest.pop(name, None)
            elif (cell := read(value)) is not None:
                del self.rest[name]
                return cell
        return None

    def common(self, row: ReducedDatum) -> dict[str, Any]:
        """Return the fields that every record has, after the cells of its kind were read."""
        common = _fields_of(row, OtherDatum) | {"extra": self.rest}
        del common["data_type"]
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
    """Return a text; a filter 2 is the bandpass "2", as `migrate_reduced_datums` makes it."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _generic_photometry(row: ReducedDatum, values: _Values) -> Record:
    brightness, limit = values.number(*_BRIGHTNESS), values.number("limit")
    if brightness is None and limit is None and not values.rest.keys().isdisjoint((*_BRIGHTNESS, "limit")):
        raise _Unreadable
    error = values.number(*_BRIGHTNESS_ERROR)
    rest = {
        "unit": values.text("unit"),
        "bandpass": values.text(*_BANDPASS),
        "exposure_time": values.number("exposure_time"),
        **values.common(row),
    }
    if brightness is not None:
        return Photometry(
            key=_key(Kind.PHOTOMETRY), brightness=brightness, brightness_error=error, limit=limit, **rest
        )
    if limit is None:
        raise _no_measurement()
    return PhotometryLimit(key=_key(Kind.PHOTOMETRY_LIMIT), limit=limit, limit_error=error, **rest)


def _generic_spectrum(row: ReducedDatum, values: _Values) -> Record:
    flux = values.numbers("flux")
    if not flux:
        raise _Unreadable
    return Spectrum(
        key=_key(Kind.SPECTRUM),
        flux=flux,
        wavelength=values.numbers("wavelength", "wave", "wl", "lambda"),
        error=values.numbers(*_FLUX_ERROR),
        flux_unit=values.text(*_FLUX_UNIT),
        wavelength_unit=values.text(*_WAVELENGTH_UNIT),
        setup=values.text("setup"),
        exposure_time=values.number("exposure_time"),
        **values.common(row),
    )


def _generic_astrometry(row: ReducedDatum, values: _Values) -> Record:
    ra, dec = values.number("ra"), values.number("dec")
    if ra is None or dec is None:
        raise _Unreadable
    return Astrometry(
        key=_key(Kind.ASTROMETRY),
        ra=ra,
        dec=dec,
        ra_error=values.number("ra_error"),
        dec_error=values.number("dec_error"),
        ra_error_units=values.text("ra_error_units"),
        dec_error_units=values.text("dec_error_units"),
        **values.common(row),
    )

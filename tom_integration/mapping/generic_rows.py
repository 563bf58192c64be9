"""Read the generic rows of tomtoolkit 2.x.

Rows of the generic `ReducedDatum` whose type is photometry, spectroscopy or astrometry (every TOM that comes
from tomtoolkit 2.x has them) become the same record as the typed row that `migrate_reduced_datums` makes of
them, so that the migration is recognised and nothing is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from tom_dataproducts.models import ReducedDatum

from sharecore.exceptions import InvalidRecord
from sharecore.records import (
    Astrometry,
    Kind,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    RecordKey,
    Spectrum,
)
from tom_integration.mapping.columns import fields_of, finite

_BRIGHTNESS = ("brightness", "magnitude", "mag")
_BRIGHTNESS_ERROR = ("brightness_error", "error", "magnitude_error", "mag_error", "mag_err", "magerr")
_BANDPASS = ("bandpass", "filter", "band", "f")
_FLUX_ERROR = ("error", "flux_error", "err", "f_error")
_FLUX_UNIT = ("flux_units", "flux_unit", "f_unit", "f_units")
_WAVELENGTH_UNIT = ("wavelength_unit", "wavelength_units", "w_unit", "w_units", "lambda_unit", "lambda_units")
_BLANKS = frozenset({"", "-", "--", "n/a", "na", "nan", "nil", "none", "null"})
"""Texts of tables and brokers for a missing number, in lower case."""
_T = TypeVar("_T")


def new_key(kind: Kind) -> RecordKey:
    """Return the key of a record that has no id yet."""
    return RecordKey(kind=kind, origin="", id="")


def no_measurement() -> InvalidRecord:
    """Return the error for photometry that measures nothing."""
    return InvalidRecord(field="brightness", reason="there is neither a brightness nor a limit")


def generic(row: ReducedDatum) -> Record:
    """Return the record of a generic row, of its type where the value has a form of that type."""
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
    return OtherDatum(key=new_key(Kind.OTHER), **fields_of(row, OtherDatum))


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
        common = fields_of(row, OtherDatum) | {"extra": self.rest}
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
            key=new_key(Kind.PHOTOMETRY), brightness=brightness, brightness_error=error, limit=limit, **rest
        )
    if limit is None:
        raise no_measurement()
    return PhotometryLimit(key=new_key(Kind.PHOTOMETRY_LIMIT), limit=limit, limit_error=error, **rest)


def _generic_spectrum(row: ReducedDatum, values: _Values) -> Record:
    flux = values.numbers("flux")
    if not flux:
        raise _Unreadable
    return Spectrum(
        key=new_key(Kind.SPECTRUM),
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
        key=new_key(Kind.ASTROMETRY),
        ra=ra,
        dec=dec,
        ra_error=values.number("ra_error"),
        dec_error=values.number("dec_error"),
        ra_error_units=values.text("ra_error_units"),
        dec_error_units=values.text("dec_error_units"),
        **values.common(row),
    )

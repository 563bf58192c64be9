"""Write a spectrum as a table in ASCII, as TNS takes it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction

from sharecore import JsonValue, Spectrum, UnknownUnit, own_units, parse_unit, rescaled
from sharecore_http import File
from sharecore_tns.units import NotExpressible

_ANGSTROM = parse_unit("Angstrom")
_FLUX = parse_unit("erg / (Angstrom s cm2)")
_HINT = "Correct the datum, or choose another spectrum. 'UNIT_MAP' maps units."


def spectrum_file(record: Spectrum) -> File:
    """Return the columns wavelength in angstroms, flux in erg / (Angstrom s cm2), and error where there is
    one for each point. A flux without a unit stays as it is, as TNS takes relative fluxes.

    The same spectrum has the same name. Raises `NotExpressible`.
    """
    units = own_units(record)
    if not record.flux or len(record.flux) != len(record.wavelength):
        sizes = f"{len(record.flux)} and {len(record.wavelength)}"
        raise NotExpressible(f"must have as many fluxes as wavelengths, got {sizes}", _HINT)
    columns = [
        _column(record.wavelength, _factor(units.get("wavelength"), "wavelength"), "wavelength"),
        _column(record.flux, _factor(units.get("flux"), "flux"), "flux"),
    ]
    if len(record.error) == len(record.flux) and None not in record.error:
        try:
            unit = units.get("error", units.get("flux"))
            columns.append(_column(record.error, _factor(unit, "flux"), "error"))
        except NotExpressible:
            pass  # the spectrum is none the worse without its errors
    rows = sorted(zip(*columns, strict=True))
    body = "".join(" ".join(f"{value:.10g}" for value in row) + "\n" for row in rows).encode()
    digest = hashlib.sha256(body).hexdigest()[:12]
    name = f"spectrum-{record.timestamp:%Y%m%d-%H%M%S}-{digest}.txt"
    return File(name=name, body=body, media_type="text/plain")


def _column(values: Sequence[float | None], factor: Fraction | None, field: str) -> list[float]:
    """Return the values in the unit of the file. Raises `NotExpressible` for a blank one."""
    column: list[float] = []
    for value in values:
        if value is None:
            raise NotExpressible(f"has a point without a {field}", _HINT)
        try:
            column.append(value if factor is None else rescaled(value, factor))
        except OverflowError:
            raise NotExpressible(f"has a {field} of {value:g}, which is too large", _HINT) from None
    return column


def _factor(given: JsonValue, field: str) -> Fraction | None:
    """Return the factor into the unit of the file; None for numbers that stay as they are."""
    wanted = _FLUX if field == "flux" else _ANGSTROM
    if not given and field == "flux":
        return None
    try:
        factor = parse_unit(str(given or "")).factor(wanted)
    except UnknownUnit as error:
        raise NotExpressible(f"has no known unit of {field}: {error.reason}", _HINT) from None
    if factor is None:
        raise NotExpressible(f"has its {field} in {given!r}, which is no multiple of {wanted.unit}", _HINT)
    return factor

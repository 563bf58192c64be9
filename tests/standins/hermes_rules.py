"""What HERMES checks in a message and how it rewrites it, as measured on its server of August 2026."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ANGSTROM = "\u212b"
FLUX_PER_ANGSTROM = f"erg / s / cm\u00b2 / {ANGSTROM}"
BRIGHTNESS_UNITS = ("AB mag", "Vega mag", "mJy", FLUX_PER_ANGSTROM)
FLUX_UNITS = ("mJy", FLUX_PER_ANGSTROM)
FLUX_TYPES = ("F\u03bb", "Flambda", "F\u03bd", "Fnu")
WAVELENGTH_UNITS = (ANGSTROM, "nm", "\u00b5m", "Hz", "GHz", "THz")
ANGLES = ("degrees", "mas", "arcsec", "arcmin")
DISTANCES = ("cm", "m", "km", "pc", "kpc", "Mpc", "Gpc", "ly", "au")
PERIODS = ("Days", "Months", "Years")
TRANSIENTS = (
    "PSN - Possible SN", "NUC - Possibly nuclear", "PNV - Possible Nova", "AGN - Known AGN",
    "FRB - Fast Radio Burst event", "Other - Undefined",
)  # fmt: skip
_TRUE, _FALSE = {"t", "y", "yes", "true", "on", "1"}, {"f", "n", "no", "false", "off", "0"}
SPECTRUM_TYPES = ("Object", "Other", "Host", "Synthetic", "Sky", "Arcs")

NULL = "This field may not be null."
BLANK = "This field may not be blank."
REQUIRED = "This field is required."
NUMBER = "A valid number is required."


class Crash(Exception):
    """The server fails: status 500."""


class Wrong(Exception):
    """A value is wrong; errors: the texts or the tree that mirror it."""

    def __init__(self, *errors: Any) -> None:
        self.errors: Any = errors[0] if len(errors) == 1 and not isinstance(errors[0], str) else list(errors)
        super().__init__()


Read = Callable[[Any], Any]


@dataclass(frozen=True)
class Field:
    """One key: how its value is read, whether it must be there, and what stands in when it is not.

    null: whether None stands for nothing; None where the reader gets it like any other value.
    """

    read: Read
    required: bool = False
    null: bool | None = True
    default: Any = None


def char(blank: bool = False) -> Read:
    def read(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Wrong("Not a valid string.")
        text = str(value).strip()
        if not text and not blank:
            raise Wrong(BLANK)
        if "\0" in text:
            raise Wrong("Null characters are not allowed.")
        return text

    return read


def number(low: float | None = None, high: float | None = None) -> Read:
    def read(value: Any) -> float:
        try:
            if not isinstance(value, str | int | float):
                raise ValueError
            result = float(value)
        except (ValueError, OverflowError):
            raise Wrong(NUMBER) from None
        if low is not None and result < low:
            raise Wrong(f"Ensure this value is greater than or equal to {low}.")
        if high is not None and result > high:
            raise Wrong(f"Ensure this value is less than or equal to {high}.")
        return result

    return read


def choice(*allowed: str) -> Read:
    def read(value: Any) -> str:
        if value not in allowed:
            raise Wrong(f'"{value}" is not a valid choice.')
        return str(value)

    return read


def boolean(value: Any) -> bool:
    word = str(value).lower()
    if word not in _TRUE and word not in _FALSE:
        raise Wrong("Must be a valid boolean.")
    return word in _TRUE


def many(each: Read) -> Read:
    """A list of scalars: its errors are keyed by the index as text."""

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Wrong('Expected a list of items but got type "' + type(value).__name__ + '".')
        out, errors = [], {}
        for index, item in enumerate(value):
            try:
                if item is None:
                    raise Wrong(NULL)
                out.append(each(item))
            except Wrong as wrong:
                errors[str(index)] = wrong.errors
        if errors:
            raise Wrong(errors)
        return out

    return read


def date(value: Any) -> str:
    """Numbers within bounds, and whatever dateutil takes, which is much; a null makes the server fail."""
    if value is None:
        raise Crash
    text = char()(value)
    try:
        day = float(text)
    except ValueError:
        return _parsed(text)
    if not (2_400_000 < day < 2_600_000 or 1000 < day < 150_000):
        raise Wrong(
            f"Date {day} in JD format must be within bounds of 2400000 to 2600000, and in MJD format within "
            "bounds of 15000 to 150000."
        )
    return text


def _parsed(text: str) -> str:
    from dateutil.parser import parse

    try:
        parse(text)
    except ValueError:
        raise Wrong(
            f"{text} does not parse with dateutil.parser.parse. Please specify the date in a standard format "
            "or as a JD."
        ) from None
    except Exception:  # it raises others too, which the server does not expect
        raise Crash from None
    return text


def _angle(value: Any, name: str, kind: str) -> float:
    """A text that is no number is read as hours, also a declination, unless it has letters of its own."""
    from astropy import coordinates, units

    angle = getattr(coordinates, kind)
    try:
        degrees = float(value)
        if degrees != degrees or degrees in (float("inf"), float("-inf")):
            raise Wrong(f"{name} must be finite")
        return float(angle(degrees * units.deg).deg)
    except (ValueError, TypeError):
        pass
    try:
        return float(angle(value, unit=units.hourangle).deg)
    except Exception:  # the server asks no more
        raise Wrong("Must be in a format astropy understands") from None


def right_ascension(value: Any) -> float:
    return _angle(value, "Value", "Longitude")


def declination(value: Any) -> float:
    return _angle(value, "Dec value", "Latitude")


@dataclass(frozen=True)
class Shape:
    """An object with known keys. rules: run once the fields are fine."""

    fields: Mapping[str, Field]
    rules: tuple[Callable[[dict[str, Any]], None], ...] = field(default=())

    def __call__(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            text = f"Invalid data. Expected a dictionary, but got {type(value).__name__}."
            raise Wrong({"non_field_errors": [text]})
        out: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for key, spec in self.fields.items():
            if key not in value:
                if spec.required:
                    errors[key] = [REQUIRED]
                elif spec.default is not None:
                    out[key] = spec.default
                continue
            try:
                if value[key] is None and spec.null is not None:
                    if not spec.null:
                        raise Wrong(NULL)
                    continue
                read = spec.read(value[key])
            except Wrong as wrong:
                errors[key] = wrong.errors
                continue
            if read != "" and read != []:
                out[key] = read
        if errors:
            raise Wrong(errors)
        for rule in self.rules:
            rule(out)
        return out


def table(shape: Shape) -> Read:
    """A list of objects: its errors are a list of the same length."""

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            text = f'Expected a list of items but got type "{type(value).__name__}".'
            raise Wrong({"non_field_errors": [text]})
        out, errors = [], []
        for row in value:
            try:
                if row is None:
                    raise Wrong(NULL)
                out.append(shape(row))
                errors.append({})
            except Wrong as wrong:
                errors.append(wrong.errors)
        if any(errors):
            raise Wrong(errors)
        return out

    return read

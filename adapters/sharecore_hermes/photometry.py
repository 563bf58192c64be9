"""Write photometry: detections and limits."""

from __future__ import annotations

from dataclasses import dataclass

from sharecore.records import Photometry, PhotometryLimit
from sharecore.spellings import word
from sharecore_hermes import spelling
from sharecore_hermes.cells import Draft, Finished, NotExpressible, Row, error_of, number, others, text
from sharecore_hermes.common_columns import COMMON, Context, common, drafted, named
from sharecore_hermes.config import HermesConfig

_HANDLED = COMMON | {
    "exposure_time", "bandpass", "brightness", "brightness_error", "brightness_unit",
    "brightness_error_unit", "limiting_brightness", "limiting_brightness_error", "limiting_brightness_unit",
    "limiting_brightness_error_unit",
}  # fmt: skip

_FAINTEST = 50.0
"""Faintest magnitude. The Sun has -27, and nothing that was ever seen is fainter than 35."""
_NO_FLUX = (-999.0, -9999.0, -99999.0, -999.9, -999.99, -9999.9)


def draft(record: Photometry | PhotometryLimit, target_name: str) -> Row:
    """Return the record in the columns of HERMES, its units still as the site wrote them."""
    row: Row = {"brightness_unit": ""} | drafted(record, target_name)
    row |= {"bandpass": record.bandpass, "exposure_time": record.exposure_time}
    if isinstance(record, Photometry):
        row |= {"brightness": record.brightness, "brightness_error": record.brightness_error}
    elif record.limit_error is not None:
        row["limiting_brightness_error"] = record.limit_error
    row["limiting_brightness"] = record.limit
    return row | named(record.extra, "observer", "catalog", "comments")


def finish(draft: Draft, context: Context) -> Finished:
    """Return the row for HERMES. Raises `NotExpressible`."""
    row = common(draft, context)
    done = Finished(row)
    row["bandpass"] = _bandpass(draft, context.config)
    if number(draft, "brightness") is None and number(draft, "limiting_brightness") is None:
        raise NotExpressible("brightness", "there is neither a brightness nor a limit")
    error, limit_error = (_error(draft, key, done.left_out) for key in ("brightness", "limiting_brightness"))
    if number(draft, "brightness") is None and limit_error.value is None:
        # 2.x's converters know one error only, and put that of a limit beside a brightness that is not there.
        error, limit_error = limit_error, error
    own, other = draft.get("brightness_unit"), draft.get("limiting_brightness_unit")
    row |= _measured(draft, "brightness", error, own or other, context.config, done.left_out)
    row |= _measured(draft, "limiting_brightness", limit_error, other or own, context.config, done.left_out)
    if "brightness" not in row and "limiting_brightness" not in row:
        raise NotExpressible("brightness", "; ".join(done.left_out))
    if not row.get("brightness") and not row.get("limiting_brightness"):
        raise NotExpressible(
            "zero-brightness",
            "HERMES takes a brightness of exactly 0 for a missing one, unless a limit stands beside",
        )
    # Where a unit is absent HERMES writes "AB mag", also beside a value that is not there, and readers
    # exist that take the one unit for the other: both always say the same then.
    row.setdefault("brightness_unit", row.get("limiting_brightness_unit"))
    row.setdefault("limiting_brightness_unit", row["brightness_unit"])
    if (exposure := error_of(draft, "exposure_time", done.left_out)) is not None:
        row["exposure_time"] = exposure
    row |= others(draft, _HANDLED)
    return done


@dataclass(frozen=True, slots=True)
class _Error:
    """An error bar."""

    value: float | None
    """Error; None for none."""
    unit: object
    """Unit that the datum gives for the error itself, if any."""


def _error(draft: Draft, key: str, left_out: list[str]) -> _Error:
    return _Error(error_of(draft, f"{key}_error", left_out), draft.get(f"{key}_error_unit"))


def _measured(
    draft: Draft, key: str, error: _Error, unit: object, config: HermesConfig, left_out: list[str]
) -> Row:
    """Return a brightness or limit with its error and unit; nothing where its number means that there is
    none.
    """
    value = number(draft, key)
    if value is None:
        return {}
    spelled = spelling.brightness(unit, config)
    magnitude = spelled.name in spelling.MAGNITUDES
    if _means_none(value, magnitude=magnitude):
        left_out.append(f"{key}: {value:g} {spelled.name} is how sites write that there is none")
        return {}
    row: Row = {key: spelled.value(value), f"{key}_unit": spelled.name}
    if error.value is not None and magnitude and error.value >= _FAINTEST:
        left_out.append(f"{key}_error: {error.value:g} {spelled.name} is how sites write that there is none")
    elif error.value is not None:
        of_error = spelling.error_of(spelled, error.unit, config, stated=bool(text(unit)))
        row[f"{key}_error"] = of_error.value(error.value)
    return row


def _means_none(value: float, *, magnitude: bool) -> bool:
    """Return whether a number means "none": magnitudes 99, 99.99 and -999, and fluxes -999 and -9999 (99 is a
    flux).
    """
    return abs(value) >= _FAINTEST if magnitude else value in _NO_FLUX


def _bandpass(draft: Draft, config: HermesConfig) -> str:
    own = text(draft.get("bandpass"))
    bandpass = config.bandpass_map.get(own, word(own))
    if not bandpass.strip():
        raise NotExpressible("bandpass", "HERMES needs a bandpass, and the datum has none")
    return bandpass

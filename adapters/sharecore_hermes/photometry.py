"""Photometry: detections and limits."""

from __future__ import annotations

from sharecore.records import Photometry, PhotometryLimit
from sharecore_hermes import spelling
from sharecore_hermes.cells import Draft, Finished, NotExpressible, Row, error_of, number, others, text
from sharecore_hermes.config import HermesConfig
from sharecore_hermes.rows import COMMON, common, drafted, named

_HANDLED = COMMON | {
    "bandpass", "brightness", "brightness_error", "brightness_unit",
    "limiting_brightness", "limiting_brightness_error", "limiting_brightness_unit",
}  # fmt: skip


def draft(record: Photometry | PhotometryLimit, target_name: str) -> Row:
    """The record in HERMES' columns, its units still as the site wrote them."""
    row = drafted(record, target_name)
    row |= {"bandpass": record.bandpass, "exposure_time": record.exposure_time}
    if isinstance(record, Photometry):
        row |= {
            "brightness": record.brightness,
            "brightness_error": record.brightness_error,
            "brightness_unit": record.unit,
            "limiting_brightness": record.limit,
            "limiting_brightness_unit": record.unit,
        }
    else:
        row |= {
            "limiting_brightness": record.limit,
            "limiting_brightness_error": record.limit_error,
            "limiting_brightness_unit": record.unit,
        }
    return row | named(record.extra, "observer", "catalog", "comments")


def finish(draft: Draft, config: HermesConfig, target_name: str) -> Finished:
    """The row as HERMES gets it. Raises `NotExpressible`."""
    row = common(draft, config, target_name)
    done = Finished(row)
    row["bandpass"] = _bandpass(draft, config)
    brightness, limit = number(draft, "brightness"), number(draft, "limiting_brightness")
    if brightness is None and limit is None:
        raise NotExpressible("brightness", "there is neither a brightness nor a limit")
    error = error_of(draft, "brightness_error", done.left_out)
    limit_error = error_of(draft, "limiting_brightness_error", done.left_out)
    if brightness is None and limit_error is None:
        # 2.x's converters know one error only, and put that of a limit beside a brightness that is not there.
        error, limit_error = None, error
    own, other = draft.get("brightness_unit"), draft.get("limiting_brightness_unit")
    if brightness is not None:
        unit = spelling.brightness(own or other, config)
        row |= {"brightness": unit.value(brightness), "brightness_unit": unit.name}
        row |= {} if error is None else {"brightness_error": unit.value(error)}
    if limit is not None:
        unit = spelling.brightness(other or own, config)
        row |= {"limiting_brightness": unit.value(limit), "limiting_brightness_unit": unit.name}
        row |= {} if limit_error is None else {"limiting_brightness_error": unit.value(limit_error)}
    if not row.get("brightness") and not row.get("limiting_brightness"):
        raise NotExpressible(
            "zero-brightness",
            "HERMES takes a brightness of exactly 0 for a missing one, unless a limit stands beside",
        )
    # Where a unit is absent HERMES writes "AB mag", also beside a value that is not there, and readers
    # exist that take the one unit for the other: both always say the same then.
    row.setdefault("brightness_unit", row.get("limiting_brightness_unit"))
    row.setdefault("limiting_brightness_unit", row["brightness_unit"])
    row |= others(draft, _HANDLED)
    return done


def _bandpass(draft: Draft, config: HermesConfig) -> str:
    word = text(draft.get("bandpass"))
    bandpass = config.bandpass_map.get(word, word)
    if not bandpass.strip():
        raise NotExpressible("bandpass", "HERMES needs a bandpass, and the datum has none")
    return bandpass

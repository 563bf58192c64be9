"""What rows of all three tables have in common: which target, when, and with what."""

from __future__ import annotations

from collections.abc import Mapping

from sharecore.records import Astrometry, JsonValue, Photometry, PhotometryLimit, Spectrum
from sharecore_hermes.cells import Draft, NotExpressible, Row, date, text
from sharecore_hermes.config import HermesConfig

COMMON = frozenset({"target_name", "date_obs", "telescope", "instrument"})

Measured = Photometry | PhotometryLimit | Spectrum | Astrometry


def drafted(record: Measured, target_name: str) -> Row:
    """The common part of the draft of a record."""
    return {
        "target_name": target_name,
        "date_obs": record.timestamp.isoformat(),
        "telescope": record.telescope,
        "instrument": record.instrument,
    }


def named(extra: Mapping[str, JsonValue], *keys: str) -> Row:
    """Those further values of the site that HERMES has a column for under the same name, where they are
    text.
    """
    return {key: extra[key] for key in keys if isinstance(extra.get(key), str)}


def common(draft: Draft, config: HermesConfig, target_name: str) -> Row:
    """The common part of a row. A message has one target, so every row is of that one."""
    row: Row = {"target_name": target_name, "date_obs": date(draft.get("date_obs"), "date_obs")}
    telescope, instrument = text(draft.get("telescope")), text(draft.get("instrument"))
    if not telescope and not instrument:
        telescope, instrument = config.default_telescope, config.default_instrument
    if not telescope and not instrument:
        raise NotExpressible(
            "telescope",
            "HERMES needs a telescope or an instrument, and the datum names neither. Say it with "
            f"'DEFAULT_TELESCOPE' or 'DEFAULT_INSTRUMENT' in {config.path}",
        )
    instrument = config.instrument_map.get(instrument, instrument)
    row |= {"telescope": telescope} if telescope else {}
    row |= {"instrument": instrument} if instrument else {}
    return row

"""Fill the columns that rows of all three tables share: target, time, telescope and instrument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sharecore.records import Astrometry, JsonValue, Photometry, PhotometryLimit, Spectrum
from sharecore.spellings import word
from sharecore_hermes.cells import Draft, NotExpressible, Row, date
from sharecore_hermes.config import HermesConfig
from sharecore_hermes.own_words import said

COMMON = frozenset({"target_name", "date_obs", "telescope", "instrument"})

Measured = Photometry | PhotometryLimit | Spectrum | Astrometry


@dataclass(frozen=True, slots=True)
class Context:
    """The facts that rows are finished with."""

    config: HermesConfig
    """Settings."""
    target_name: str
    """Name of the one target of the message."""
    source: str = ""
    """Name of the source of the datum, for people; empty for data of the site itself, which alone the default
    telescope and instrument are for.
    """


def drafted(record: Measured, target_name: str) -> Row:
    """Return the common part of the draft of a record: target, time, and the own words of the datum."""
    nothing: Row = {"telescope": "", "instrument": ""}
    return {"target_name": target_name, "date_obs": record.timestamp.isoformat()} | nothing | said(record)


def named(extra: Mapping[str, JsonValue], *keys: str) -> Row:
    """Return further values of the site that have the name of a column of HERMES, where they are text."""
    return {key: extra[key] for key in keys if isinstance(extra.get(key), str)}


def common(draft: Draft, context: Context) -> Row:
    """Return the common part of a row. A message has one target, so every row belongs to that one."""
    config = context.config
    row: Row = {"target_name": context.target_name, "date_obs": date(draft.get("date_obs"), "date_obs")}
    telescope, instrument = word(draft.get("telescope")), word(draft.get("instrument"))
    source = "" if context.source.casefold() in config.own_sources else context.source
    if not telescope and not instrument and not source:
        telescope, instrument = config.default_telescope, config.default_instrument
    if not telescope and not instrument:
        hint = f"Set 'DEFAULT_TELESCOPE' or 'DEFAULT_INSTRUMENT' in {config.path}"
        if source:
            hint = (
                f"It came from {source}, and the defaults are for data of this site alone. If {source} is "
                f"this site's own, name it in 'OWN_SOURCES' of {config.path}"
            )
        raise NotExpressible(
            "telescope", f"HERMES needs a telescope or an instrument, and the datum names neither. {hint}"
        )
    instrument = config.instrument_map.get(instrument, instrument)
    row |= {"telescope": telescope} if telescope else {}
    row |= {"instrument": instrument} if instrument else {}
    return row

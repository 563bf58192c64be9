"""What rows of all three tables have in common: which target, when, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sharecore.records import Astrometry, JsonValue, Photometry, PhotometryLimit, Spectrum
from sharecore_hermes.cells import Draft, NotExpressible, Row, date, text
from sharecore_hermes.config import HermesConfig
from sharecore_hermes.own_words import said

COMMON = frozenset({"target_name", "date_obs", "telescope", "instrument"})

Measured = Photometry | PhotometryLimit | Spectrum | Astrometry


@dataclass(frozen=True, slots=True)
class Context:
    """What a row is finished with.

    target_name: of the one target of the message. source: who brought the datum, as a name for people; empty
    for the site's own data, which alone the default telescope and instrument are for.
    """

    config: HermesConfig
    target_name: str
    source: str = ""


def drafted(record: Measured, target_name: str) -> Row:
    """The common part of the draft of a record: target, time, and what the datum says in its own words."""
    nothing: Row = {"telescope": "", "instrument": ""}
    return {"target_name": target_name, "date_obs": record.timestamp.isoformat()} | nothing | said(record)


def named(extra: Mapping[str, JsonValue], *keys: str) -> Row:
    """Those further values of the site that HERMES has a column for under the same name, where they are
    text.
    """
    return {key: extra[key] for key in keys if isinstance(extra.get(key), str)}


def common(draft: Draft, context: Context) -> Row:
    """The common part of a row. A message has one target, so every row is of that one."""
    config = context.config
    row: Row = {"target_name": context.target_name, "date_obs": date(draft.get("date_obs"), "date_obs")}
    telescope, instrument = text(draft.get("telescope")), text(draft.get("instrument"))
    source = "" if context.source.casefold() in config.own_sources else context.source
    if not telescope and not instrument and not source:
        telescope, instrument = config.default_telescope, config.default_instrument
    if not telescope and not instrument:
        hint = f"Say it with 'DEFAULT_TELESCOPE' or 'DEFAULT_INSTRUMENT' in {config.path}"
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

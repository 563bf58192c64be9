"""Map records to rows: each record becomes an entry of a message or gets the reason why it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sharecore.adapter import Batch
from sharecore.identity import fingerprint
from sharecore.outcomes import Deferred, Outcome, Rejected, Unsupported
from sharecore.plugin_errors import contained, kind
from sharecore.records import (
    Astrometry,
    JsonValue,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    RecordKey,
    Spectrum,
)
from sharecore_hermes import astrometry, photometry, share_values, spectra, target_rows
from sharecore_hermes.cells import Draft, Finished, NotExpressible, Row, text
from sharecore_hermes.common_columns import Context
from sharecore_hermes.config import HermesConfig
from sharecore_hermes.converter import HermesDataConverter, HermesMessageException
from sharecore_hermes.origin import echo, relayed_by
from sharecore_hermes.own_words import completed
from sharecore_hermes.references import NoReference, Reference, message_id, read
from sharecore_hermes.views import View, datum_view, target_view
from sharecore_hermes.wrong_form import why_unread
from sharecore_http import File

PHOTOMETRY, SPECTROSCOPY, ASTROMETRY = "photometry", "spectroscopy", "astrometry"
TABLES = (PHOTOMETRY, SPECTROSCOPY, ASTROMETRY)
REFERENCES, EVENT = "hermes_references", "hermes_event_id"
"""Names of extra values that become references and event of the message, not values of a row."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record in the message."""

    record: Record
    """Record."""
    table: str
    """Table of its row."""
    row: Row
    """Row of the record."""
    provenance: dict[str, JsonValue]
    """Values beside the key of the record in the message."""
    replaces: str = ""
    """Id of the message that had the record before its edit; empty for none."""
    references: tuple[Reference, ...] = ()
    """References of the record."""
    event_id: str = ""
    """Gravitational-wave event that the record belongs to; empty for none."""
    file: File | None = None
    """File that goes with the message in the place of its points; None for none."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A batch on the way to a message."""

    target: Row | None
    """Row of the target; None when the target cannot go, nor any record with it."""
    entries: tuple[Entry, ...]
    """Records that go."""
    decided: Mapping[RecordKey, Outcome]
    """Outcomes of the records that do not go."""
    problem: str = ""
    """Reason why the target cannot go; empty when it can."""


def map_batch(batch: Batch, config: HermesConfig, converter: HermesDataConverter, topic: str) -> Mapped:
    """Map each record by itself to an entry or an outcome.

    A target that cannot go decides them all.
    """
    if faults := share_values.unreadable(batch):
        problem = " ".join(f"{each.where} {each.what}." for each in faults)
        refused = Rejected(reason=problem, field=faults[0].where)
        return Mapped(None, (), {record.key: refused for record in batch.records}, problem)
    view = target_view(batch)
    target: Row = {}

    def mapped_target() -> None:
        target.update(_json(target_rows.finish(converter.get_hermes_target(view))))

    if (outcome := _attempt(mapped_target)) is not None:
        problem = str(getattr(outcome, "reason", ""))
        return Mapped(None, (), {record.key: outcome for record in batch.records}, problem)
    entries: list[Entry] = []
    decided: dict[RecordKey, Outcome] = {}
    for record in batch.records:
        context = Context(config, str(target["name"]), relayed_by(record, batch.site))

        def mapped_record(record: Record = record, context: Context = context) -> None:
            entries.append(_entry(record, view, converter, context, batch))

        if (outcome := echo(record, topic) or _attempt(mapped_record)) is not None:
            decided[record.key] = outcome
    return Mapped(target, tuple(entries), decided)


def _attempt(step: Callable[[], None]) -> Outcome | None:
    """Run one step of the mapping; return the outcome of the record where the step fails, which concerns it
    alone.
    """
    try:
        with contained():
            step()
    except NotExpressible as error:
        return Unsupported(feature=error.feature, reason=error.reason)
    except HermesMessageException as error:
        return Unsupported(feature="converter", reason=str(error))
    except Exception as error:  # the site's own converter: a bug there must not stop the rest
        return Deferred(reason=f"the converter of this site failed: {kind(error)}: {error}")
    return None


def _entry(
    record: Record,
    target: View,
    converter: HermesDataConverter,
    context: Context,
    batch: Batch,
) -> Entry:
    content = fingerprint(record)
    if isinstance(record, OtherDatum):
        record = spectra.of_points(record) or record
    if isinstance(record, OtherDatum):
        raise why_unread(record)
    datum = datum_view(record, target, batch.original)
    table, finish, draft = _table(record, datum, converter)
    done = finish(completed(draft, record), context)
    replaces = message_id(batch.previous.get(record.key))
    return Entry(
        record,
        table,
        _json(done.row),
        _provenance(record, content, replaces, done),
        replaces=replaces,
        references=_references(record),
        event_id=text(record.extra.get(EVENT)) or event_of(batch, context.config),
    )


_Finish = Callable[[Draft, Context], Finished]


def _table(record: Record, datum: View, converter: HermesDataConverter) -> tuple[str, _Finish, Draft]:
    if isinstance(record, Photometry | PhotometryLimit):
        return PHOTOMETRY, photometry.finish, converter.get_hermes_photometry(datum)
    if isinstance(record, Spectrum):
        return SPECTROSCOPY, spectra.finish, converter.get_hermes_spectroscopy(datum)
    if isinstance(record, Astrometry):
        return ASTROMETRY, astrometry.finish, converter.get_hermes_astrometry(datum)
    raise NotExpressible("data-type", f"HERMES has no table for {type(record).__name__}")


def _references(record: Record) -> tuple[Reference, ...]:
    try:
        return tuple(read(record.extra.get(REFERENCES) or ()))
    except NoReference as error:
        raise NotExpressible("references", f"{REFERENCES} {error}") from None


def event_of(batch: Batch, config: HermesConfig) -> str:
    """Return the event of records that name none: that of the person who shares, the target, the settings."""
    return share_values.event(batch) or text(batch.target.extras.get(EVENT)) or config.event_id


def _provenance(record: Record, content: str, replaces: str, done: Finished) -> dict[str, JsonValue]:
    """Return our key, the fingerprint, and the values of the site that the row has no column for."""
    told = {key: value for key, value in record.extra.items() if key not in (REFERENCES, EVENT)}
    further = {key: value for key, value in told.items() if done.row.get(key) != value}
    facts: dict[str, JsonValue] = {
        "key": str(record.key),
        "content": content,
        "replaces": replaces,
        "source_name": record.source_name,
        "source_location": record.source_location,
        "reduction_version": record.reduction_version,
        "extra": further,
        "left_out": done.left_out,
    }
    return {key: value for key, value in facts.items() if value}


def _json(row: Row) -> Row:
    """Return the row, once it is known to be JSON: a converter may have put anything into it."""
    try:
        json.dumps(row, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise NotExpressible("json", f"the row cannot be written as JSON: {error}") from error
    return row

"""Make reports that can be shared from their rows, with the chosen data as they are now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sharecore.exceptions import InvalidRecord
from sharecore.identity import identity
from sharecore.records import Kind, Record, RecordKey, with_key
from sharecore.records import Report as SharedReport
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.row_to_record import record_of
from tom_integration.models import Report

REPORT_MODEL = str(Report._meta.model_name)


def report_of(row: Report, *, origin: str, record_id: str = "") -> SharedReport:
    """Return the report of a row.

    Args:
        row: the row, which need not be saved.
        origin: the origin of this site.
        record_id: the id in the ledger; empty for a new report, whose id is its identity.

    Raises:
        InvalidRecord: a chosen datum is not there any more, or holds nothing that can be shared.
    """
    data = chosen_rows(row)
    report = SharedReport(
        key=RecordKey(kind=Kind.REPORT, origin=origin, id=record_id),
        timestamp=row.created,
        form=row.form,
        values=row.values,
        data={
            field: tuple(_record(row, field, data.get((model, pk)), origin) for model, pk in chosen)
            for field, chosen in row.data.items()
        },
    )
    return report if record_id else with_key(report, replace(report.key, id=identity(report)))


def chosen_rows(row: Report) -> dict[tuple[str, int], Any]:
    """Return the chosen data that exist, by model and primary key."""
    wanted: dict[str, list[int]] = {}
    for model, pk in row.places:
        wanted.setdefault(model, []).append(pk)
    return {
        (model, pk): datum
        for model, pks in wanted.items()
        for pk, datum in DATUM_MODELS[model]._default_manager.in_bulk(pks).items()
    }


def _record(row: Report, field: str, datum: Any, origin: str) -> Record:
    if datum is None:
        reason = "a chosen datum was deleted; open the report again and choose another"
        raise InvalidRecord(field=field, reason=reason)
    if datum.target_id != row.target_id:
        reason = "a chosen datum belongs to another target now; open the report again and choose another"
        raise InvalidRecord(field=field, reason=reason)
    return record_of(datum, origin=origin)

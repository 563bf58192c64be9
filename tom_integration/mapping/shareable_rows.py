"""Convert each row that can be shared, a datum, file or report, to what adapters get.

A continuous share sends data only; a file or report leaves with a one-time share, and has a delivery like a
datum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.db.models import Model
from tom_dataproducts.models import DataProduct

from sharecore.identity import identity
from sharecore.records import Alone, Kind, RecordKey, Shareable
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.data_files import FILE_MODEL, file_of
from tom_integration.mapping.report_rows import REPORT_MODEL, report_of
from tom_integration.mapping.row_to_record import identity_of, record_of
from tom_integration.models import Report

RowKey = tuple[str, int]
"""A row: model and primary key."""
CHOSEN_MODELS: Mapping[str, type[Model]] = {**DATUM_MODELS, FILE_MODEL: DataProduct}
"""All models whose rows a person can choose to share."""
SHARED_MODELS: Mapping[str, type[Model]] = {**CHOSEN_MODELS, REPORT_MODEL: Report}
"""All models whose rows can be in the ledger; continuous shares send those of `DATUM_MODELS`."""


def by_model(places: Iterable[RowKey]) -> dict[str, set[int]]:
    """Return the primary keys of data that are named by model and key, by model."""
    found: dict[str, set[int]] = defaultdict(set)
    for model, pk in places:
        found[model].add(pk)
    return found


def time_column(model: str) -> str:
    """Return the column with the time of a row of this model: of the observation, the upload, the report."""
    return "timestamp" if model in DATUM_MODELS else "created"


def existing(places: Iterable[RowKey]) -> set[RowKey]:
    """Return those of these data, each given as model and primary key, that exist."""
    return {
        (model, pk)
        for model, pks in by_model(places).items()
        for pk in SHARED_MODELS[model]._default_manager.filter(pk__in=pks).values_list("pk", flat=True)
    }


def shareable_of(row: Any, *, origin: str, record_id: str = "") -> Shareable:
    """Return the record, file or report of a row; the arguments and errors are those of `record_of`."""
    if isinstance(row, Report):
        return report_of(row, origin=origin, record_id=record_id)
    if not isinstance(row, DataProduct):
        return record_of(row, origin=origin, record_id=record_id)
    file = file_of(row, RecordKey(kind=Kind.FILE, origin=origin, id=record_id))
    return file if record_id else replace(file, key=replace(file.key, id=identity(file)))


def shareable_identity(model: str, record: Shareable) -> str:
    """Return the identity of the record, file or report of a row of this model."""
    return identity(record) if isinstance(record, Alone) else identity_of(model, record)

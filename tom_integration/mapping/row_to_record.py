"""Make a record from a row of the TOM's data; `generic_rows` reads those of tomtoolkit 2.x."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from django.db.models import Model
from tom_dataproducts.models import AstrometryReducedDatum, PhotometryReducedDatum, SpectroscopyReducedDatum

from sharecore.exceptions import InvalidRecord
from sharecore.identity import identity
from sharecore.plugin_errors import describe, log_fault
from sharecore.records import (
    Astrometry,
    Kind,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    RecordKey,
    Spectrum,
    with_key,
)
from tom_integration.mapping.columns import fields_of, finite
from tom_integration.mapping.generic_rows import generic, new_key, no_measurement

logger = logging.getLogger(__name__)


def model_name(row: Model) -> str:
    """Return the name of the row's model in the ledger."""
    return str(row._meta.model_name)


def identity_of(model: str, record: Record) -> str:
    """Return the identity of the record of a row of this model.

    A typed record in a generic row has the identity that it keeps after `migrate_reduced_datums`, which drops
    the version of the reduction (measured on tomtoolkit 3.1.0).
    """
    if model == "reduceddatum" and not isinstance(record, OtherDatum):
        record = replace(record, reduction_version="")
    return identity(record)


def record_of(row: Any, *, origin: str, record_id: str = "") -> Record:
    """Return the record of a row.

    Args:
        row: a row of one of the `DATUM_MODELS`.
        origin: the origin of this site.
        record_id: the id in the ledger; empty for a new record, whose id is its identity.

    Raises:
        InvalidRecord: the row holds nothing that can be shared.
    """
    try:
        record = _read(row)
        id = record_id or identity_of(model_name(row), record)
    except InvalidRecord:
        raise
    except Exception as error:
        # Any code may have written any value to a column of the TOM: leave out this row only.
        log_fault(logger, f"{model_name(row)} {row.pk} cannot be read: {describe(error)}", error)
        raise InvalidRecord(field="value", reason=f"cannot be read ({type(error).__name__})") from None
    return with_key(record, RecordKey(kind=record.key.kind, origin=origin, id=id))


def _read(row: Any) -> Record:
    match row:
        case PhotometryReducedDatum():
            return _photometry(row)
        case SpectroscopyReducedDatum():
            return Spectrum(key=new_key(Kind.SPECTRUM), **fields_of(row, Spectrum))
        case AstrometryReducedDatum():
            return Astrometry(key=new_key(Kind.ASTROMETRY), **fields_of(row, Astrometry))
        case _:
            return generic(row)


def _photometry(row: PhotometryReducedDatum) -> Record:
    if finite(row.brightness) is not None:
        return Photometry(key=new_key(Kind.PHOTOMETRY), **fields_of(row, Photometry))
    if finite(row.limit) is None:
        raise no_measurement()
    return PhotometryLimit(key=new_key(Kind.PHOTOMETRY_LIMIT), **fields_of(row, PhotometryLimit))

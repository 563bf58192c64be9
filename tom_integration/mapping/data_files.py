"""Convert data products to files that can be shared.

A continuous share sends data only; a file or report leaves with a one-time share, and has a delivery like a
datum.
"""

from __future__ import annotations

import hashlib
import io
import mimetypes
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from errno import EIO
from functools import partial
from pathlib import PurePath
from typing import Any, BinaryIO

from django.db.models import Model, Q
from tom_dataproducts.models import DataProduct

from sharecore.exceptions import InvalidRecord
from sharecore.identity import identity
from sharecore.records import Alone, DataFile, Kind, RecordKey, Shareable
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.report_rows import REPORT_MODEL, report_of
from tom_integration.mapping.row_to_record import identity_of, record_of
from tom_integration.models import Report

FILE_MODEL = str(DataProduct._meta.model_name)
CHOSEN_MODELS: Mapping[str, type[Model]] = {**DATUM_MODELS, FILE_MODEL: DataProduct}
"""All models whose rows a person can choose to share."""
SHARED_MODELS: Mapping[str, type[Model]] = {**CHOSEN_MODELS, REPORT_MODEL: Report}
"""All models whose rows can be in the ledger; continuous shares send those of `DATUM_MODELS`."""
WITH_A_FILE = Q(data__isnull=False) & ~Q(data="")
"""Data products that have a file."""
_CHUNK = 1024 * 1024


def by_model(places: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    """Return the primary keys of data that are named by model and key, by model."""
    found: dict[str, set[int]] = defaultdict(set)
    for model, pk in places:
        found[model].add(pk)
    return found


def time_column(model: str) -> str:
    """Return the column with the time of a row of this model: of the observation, the upload, the report."""
    return "timestamp" if model in DATUM_MODELS else "created"


def existing(places: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
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
    file = _file_of(row, RecordKey(kind=Kind.FILE, origin=origin, id=record_id))
    return file if record_id else replace(file, key=replace(file.key, id=identity(file)))


def shareable_identity(model: str, record: Shareable) -> str:
    """Return the identity of the record, file or report of a row of this model."""
    return identity(record) if isinstance(record, Alone) else identity_of(model, record)


def name_of(product: Any) -> str:
    """Return the name of the file of a data product, without folders."""
    return PurePath(str(product.data.name)).name


def _file_of(product: Any, key: RecordKey) -> DataFile:
    name = name_of(product)
    try:
        size = product.data.size
        sha256 = _digest(product)
    except Exception as error:  # A storage may raise any class: botocore's ClientError is no OSError.
        raise InvalidRecord(field="file", reason=f"its file {name!r} cannot be read: {_why(error)}") from None
    return DataFile(
        key=key,
        timestamp=product.created,
        name=name,
        product_id=product.product_id or "",
        data_product_type=product.data_product_type,
        media_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
        size=size,
        sha256=sha256,
        open=partial(_open, product),
    )


class _Content(io.RawIOBase):
    """Read a file of a storage in order; turn any error of the storage into an OSError."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._stream.read(len(buffer))
        except Exception as error:
            raise OSError(EIO, _why(error)) from error
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def _open(product: Any) -> BinaryIO:
    try:
        # Open it at the storage: `product.data.open` shares one position among all readers.
        return io.BufferedReader(_Content(product.data.storage.open(product.data.name, "rb")), _CHUNK)
    except OSError:
        raise
    except Exception as error:
        raise OSError(EIO, _why(error)) from error


def _digest(product: Any) -> str:
    with _open(product) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]


def _why(error: Exception) -> str:
    """Return the reason of an error, without the path in the file system of this TOM."""
    return str(getattr(error, "strerror", None) or type(error).__name__)

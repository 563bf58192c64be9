"""Files of data products: what of them is shared, by hand only, beside the data.

A continuous share sends data; a file leaves when somebody asks for it, and the ledger keeps it like a datum.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import Any, BinaryIO

from django.db.models import Model, Q
from tom_dataproducts.models import DataProduct

from sharecore.exceptions import InvalidRecord
from sharecore.identity import identity
from sharecore.records import DataFile, Kind, RecordKey, Shareable
from tom_integration.data.rows import DATUM_MODELS, identity_of, record_of

FILE_MODEL = str(DataProduct._meta.model_name)
SHARED_MODELS: Mapping[str, type[Model]] = {**DATUM_MODELS, FILE_MODEL: DataProduct}
"""All models whose rows can be in the ledger; those of data are what continuous shares look at."""
WITH_A_FILE = Q(data__isnull=False) & ~Q(data="")
"""Data products that have a file."""
_CHUNK = 1024 * 1024


def time_column(model: str) -> str:
    """The column with the time of a row of this model: of the datum, or since when the file is there."""
    return "created" if model == FILE_MODEL else "timestamp"


def shareable_of(row: Any, *, origin: str, record_id: str = "") -> Shareable:
    """The record, or the file, that a row is. Arguments and errors as those of `record_of`."""
    if not isinstance(row, DataProduct):
        return record_of(row, origin=origin, record_id=record_id)
    file = _file_of(row, RecordKey(kind=Kind.FILE, origin=origin, id=record_id))
    return file if record_id else replace(file, key=replace(file.key, id=identity(file)))


def shareable_identity(model: str, record: Shareable) -> str:
    """The identity of what a row of this model is."""
    return identity(record) if isinstance(record, DataFile) else identity_of(model, record)


def name_of(product: Any) -> str:
    """The name of its file, without folders."""
    return PurePath(str(product.data.name)).name


def _file_of(product: Any, key: RecordKey) -> DataFile:
    name = name_of(product)
    try:
        size = product.data.size
        sha256 = _digest(product)
    except (OSError, ValueError) as error:
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


def _open(product: Any) -> BinaryIO:
    # The storage's own: `product.data.open` would share one position among all who read.
    stream: BinaryIO = product.data.storage.open(product.data.name, "rb")
    return stream


def _digest(product: Any) -> str:
    digest = hashlib.sha256()
    with _open(product) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _why(error: OSError | ValueError) -> str:
    """Without the path in the file system of this TOM."""
    return str(getattr(error, "strerror", None) or type(error).__name__)

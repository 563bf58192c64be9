"""Convert data products to files that can be shared.

A continuous share sends data only; a file leaves with a one-time share, and has a delivery like a datum.
"""

from __future__ import annotations

import hashlib
import io
import mimetypes
from errno import EIO
from functools import partial
from pathlib import PurePath
from typing import Any, BinaryIO

from django.db.models import Q
from tom_dataproducts.models import DataProduct

from sharecore.exceptions import InvalidRecord
from sharecore.records import DataFile, RecordKey

FILE_MODEL = str(DataProduct._meta.model_name)
WITH_A_FILE = Q(data__isnull=False) & ~Q(data="")
"""Data products that have a file."""
_CHUNK = 1024 * 1024


def name_of(product: Any) -> str:
    """Return the name of the file of a data product, without folders."""
    return PurePath(str(product.data.name)).name


def file_of(product: Any, key: RecordKey) -> DataFile:
    """Return the file of a data product. Raises `InvalidRecord`."""
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

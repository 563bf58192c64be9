"""Bodies of requests: bytes of a media type."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from urllib3.filepost import encode_multipart_formdata

GZIP_LEVEL = 1
"""Fastest level: the higher ones take several times as long and shrink JSON of numbers little further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The body of a request."""

    body: bytes = field(repr=False)
    """Bytes of the body."""
    media_type: str
    """Media type, as of RFC 6838."""
    encoding: str = ""
    """Value of `Content-Encoding`; empty for none."""

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that describe the body."""
        encoded = {"Content-Encoding": self.encoding} if self.encoding else {}
        return {"Content-Type": self.media_type, **encoded}


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a form."""

    name: str
    """Name for the receiver; its folders are not sent."""
    body: bytes = field(repr=False)
    """Bytes of the file."""
    media_type: str = "application/octet-stream"
    """Media type, as of RFC 6838."""


def json_content(value: object) -> Content:
    """Return a value as compact JSON in UTF-8 (RFC 8259). NaN and infinities, which JSON lacks, raise
    ValueError.
    """
    body = json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    return Content(body=body, media_type="application/json")


def compressed(content: Content) -> Content:
    """Return the same content with gzip (RFC 1952); the same content gives the same bytes."""
    # mtime: the same content is the same bytes
    return replace(content, body=gzip.compress(content.body, GZIP_LEVEL, mtime=0), encoding="gzip")


def form(fields: Mapping[str, str], files: Mapping[str, File]) -> Content:
    """Return the fields and files of a form (`multipart/form-data`, RFC 7578), in memory as a whole."""
    parts: dict[str, str | tuple[str, bytes, str]] = dict(fields)
    for name, file in files.items():
        parts[name] = (file.name.rpartition("/")[2], file.body, file.media_type)
    body, media_type = encode_multipart_formdata(parts)
    return Content(body=body, media_type=media_type)

"""Read a JSON object from a request, within limits that do not trust the size given by the sender."""

from __future__ import annotations

import json
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from django.http import HttpRequest

from sharecore.texts import one_line
from tom_integration.inbox import batch_limits
from tom_integration.inbox.refused import Refused

CHUNK = 65_536
"""Bytes that are read at once."""
_GZIP = 16 + zlib.MAX_WBITS


def read(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object of a request.

    Raises:
        Refused: the body is too large, too slow, or no JSON object.
    """
    if request.content_type != "application/json":
        raise Refused(415, f"The Content-Type must be application/json, not {request.content_type!r}.")
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise Refused(415, f"The Content-Encoding must be gzip or absent, not {encoding!r}.")
    raw = _limited(request)
    return _parsed(_decompressed(raw) if encoding == "gzip" else raw)


def _limited(request: HttpRequest) -> bytes:
    """Read the body in chunks; `request.body` would refuse more than `DATA_UPLOAD_MAX_MEMORY_SIZE`."""
    parts: list[bytes] = []
    size = 0
    with _deadline(request) as late:
        try:
            while (chunk := request.read(CHUNK)) and not late.is_set():
                size += len(chunk)
                if size > batch_limits.MAX_BYTES:
                    _too_large()
                parts.append(chunk)
        except OSError:
            if not late.is_set():
                raise Refused(400, "The body ended before its Content-Length. Send it again.") from None
    if late.is_set():
        raise Refused(
            408, f"The body must arrive within {batch_limits.MAX_SECONDS} s. Send fewer records at once."
        )
    return b"".join(parts)


@contextmanager
def _deadline(request: HttpRequest) -> Iterator[threading.Event]:
    """Yield an event that is set when the time for the body is over.

    Without it, a body that drips in would block a thread of the server for ever. A read that waits for the
    next byte is ended by a shutdown of the socket, which gunicorn passes on. Other servers read the body
    before they call the app, or have a limit of their own.
    """
    late = threading.Event()
    connection = request.META.get("gunicorn.socket")

    def stop() -> None:
        late.set()
        with suppress(OSError):
            if isinstance(connection, socket.socket):
                # Shut down the plain socket: a TLS socket would lose its state while another thread reads it.
                socket.socket.shutdown(connection, socket.SHUT_RD)

    timer = threading.Timer(batch_limits.MAX_SECONDS, stop)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _decompressed(raw: bytes) -> bytes:
    gunzip = zlib.decompressobj(_GZIP)
    try:
        body = gunzip.decompress(raw, batch_limits.MAX_BYTES + 1)
    except zlib.error:
        raise Refused(400, "The body must be gzip, as its Content-Encoding says, and is not.") from None
    if len(body) > batch_limits.MAX_BYTES:
        _too_large()
    if not gunzip.eof or gunzip.unused_data:
        found = "there is more after its end" if gunzip.eof else "its end is missing"
        raise Refused(400, f"The body must be one whole gzip stream, and {found}.")
    return body


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"The body must be JSON in UTF-8: {one_line(error, 200)}") from None
    if not isinstance(value, dict):
        raise Refused(400, f"The body must be a JSON object, not a {type(value).__name__}.")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _too_large() -> NoReturn:
    raise Refused(413, f"The body may have up to {batch_limits.MAX_BYTES} bytes. Send fewer records at once.")

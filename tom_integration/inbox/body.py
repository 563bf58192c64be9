"""From the bytes of a request to a JSON object, within limits whatever the sender says of its size."""

from __future__ import annotations

import json
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from django.http import HttpRequest

from tom_integration.inbox.refused import Refused

MAX_BYTES = 8_000_000
"""Of the body, decompressed; the compressed one is never larger."""
MAX_SECONDS = 25
"""For a body to arrive: less than the 30 s after which gunicorn would end the whole worker."""
_CHUNK = 65_536
_GZIP = 16 + zlib.MAX_WBITS


def read(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that a request brings. Raises `Refused`."""
    if request.content_type != "application/json":
        raise Refused(415, "Send application/json.")
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise Refused(415, "Send the body as it is, or with gzip.")
    raw = _limited(request)
    return _parsed(_decompressed(raw) if encoding == "gzip" else raw)


def _limited(request: HttpRequest) -> bytes:
    """Read here, not by `request.body`: that refuses more than `DATA_UPLOAD_MAX_MEMORY_SIZE`."""
    parts: list[bytes] = []
    size = 0
    with _deadline(request) as late:
        try:
            while (chunk := request.read(_CHUNK)) and not late.is_set():
                size += len(chunk)
                if size > MAX_BYTES:
                    _too_large()
                parts.append(chunk)
        except OSError:
            if not late.is_set():
                raise Refused(400, "The body ended before it was whole.") from None
    if late.is_set():
        raise Refused(408, f"The body took longer than {MAX_SECONDS} s to arrive.")
    return b"".join(parts)


@contextmanager
def _deadline(request: HttpRequest) -> Iterator[threading.Event]:
    """Set when the time for the body is over: one that drips in would hold a thread of the server for ever.

    A read that waits for the next byte ends where the server tells its socket, as gunicorn does. Others read
    the body before they call the app, or have a limit of their own.
    """
    late = threading.Event()
    connection = request.META.get("gunicorn.socket")

    def stop() -> None:
        late.set()
        with suppress(OSError):
            if isinstance(connection, socket.socket):
                # Of the plain socket: a TLS one would forget its state while another thread reads from it.
                socket.socket.shutdown(connection, socket.SHUT_RD)

    timer = threading.Timer(MAX_SECONDS, stop)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _decompressed(raw: bytes) -> bytes:
    gunzip = zlib.decompressobj(_GZIP)
    try:
        body = gunzip.decompress(raw, MAX_BYTES + 1)
    except zlib.error:
        raise Refused(400, "The body is not gzip.") from None
    if len(body) > MAX_BYTES:
        _too_large()
    if not gunzip.eof or gunzip.unused_data:
        raise Refused(400, "The body is not one whole gzip stream.")
    return body


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise Refused(400, "The body is not a JSON object.")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _too_large() -> NoReturn:
    raise Refused(413, f"The body has more than {MAX_BYTES} bytes.")

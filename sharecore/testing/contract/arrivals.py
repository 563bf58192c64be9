"""Data that arrive at a destination: the requests that it gets, or its entries afterwards."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_plus

from sharecore.testing.answers import Request
from sharecore.testing.server import FakeServer


class Arrivals:
    """The data that have arrived since this object was made, as far as the subject can tell."""

    def __init__(
        self,
        stored: Callable[[], Collection[object]] | None,
        server: FakeServer | None,
        delivers: Callable[[Request], bool],
    ) -> None:
        if server:
            server.wait()  # What a client gave up may be stored late, and is no new arrival then.
        self._stored = stored
        self._server = server
        self._delivers = delivers
        self._entries = len(stored()) if stored else 0
        self._texts = [] if server else self._there()
        self._requests = len(server.requests) if server else 0

    @property
    def entries(self) -> int | None:
        """Return the number of new entries of `Subject.stored`; None where the destination cannot be read."""
        return None if self._stored is None else len(self._stored()) - self._entries

    @property
    def writing(self) -> list[Request]:
        """Return all requests that change something."""
        made = self._server.requests[self._requests :] if self._server else []
        return [request for request in made if request.writes]

    @property
    def requests(self) -> list[Request]:
        """Return the requests that carry records."""
        made = self._server.requests[self._requests :] if self._server else []
        return [request for request in made if self._delivers(request)]

    @property
    def text(self) -> str:
        """Return the arrived data as text: the requests that carry records, or each new entry."""
        if self._server is not None:
            return "\n".join(map(_readable, self.requests))
        left = list(self._there())
        for each in self._texts:
            if each in left:
                left.remove(each)
        return "\n".join(left)

    @property
    def any(self) -> bool:
        """Return whether anything arrived; True where the destination cannot be read."""
        return bool(self.requests if self._server else self._stored is None or self.text)

    def _there(self) -> list[str]:
        return [] if self._stored is None else [_as_text(each) for each in self._stored()]


def _as_text(entry: object) -> str:
    return entry.read_bytes().decode(errors="replace") if isinstance(entry, Path) else repr(entry)


def _readable(request: Request) -> str:
    body = request.body
    with suppress(OSError, EOFError, zlib.error):
        body = gzip.decompress(body)
    text = body.decode(errors="replace")
    return "\n".join([request.path, repr(dict(request.query)), text, unquote_plus(text)])

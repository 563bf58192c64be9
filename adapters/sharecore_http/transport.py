"""Set one deadline for a request and its whole answer, at the level of the socket.

The read time-out of `requests` counts between two bytes: a server that sends one byte each 20 s would hold a
thread for hours. Its connect time-out is also that for writing the body: 3 s are little for a file. Here
every read and every write of the socket gets the time left until the deadline.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from http.client import HTTPResponse, parse_headers
from typing import Any
from weakref import WeakSet

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager, ProxyManager

from sharecore import shutdown
from sharecore_http.private_networks import let_pass

_PIECE = 64 * 1024
"""Bytes that are written at a time."""

_open: WeakSet[socket.socket] = WeakSet()
"""Connections of this process; those that still wait for an answer are cut when it ends."""

_ends_at: ContextVar[float | None] = ContextVar("sharecore_http_ends_at", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Require that this thread reads answers inside completely within `seconds`."""
    mark = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(mark)


class _TimedRaw(io.RawIOBase):
    """The bytes of a socket until the deadline."""

    def __init__(self, sock: socket.socket, ends_at: float) -> None:
        self._socket = sock
        # A file of its own keeps the descriptor open until the answer is read, as the library's own does.
        self._raw = sock.makefile("rb", buffering=0)
        self._ends_at = ends_at
        self._pause = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        self._socket.settimeout(left if self._pause is None else min(left, self._pause))
        try:
            return self._raw.readinto(buffer)
        finally:
            self._socket.settimeout(self._pause)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        _open.add(sock)
        ends_at = _ends_at.get()
        if ends_at is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_TimedRaw(sock, ends_at))

    def _read_status(self) -> tuple[str, int, str]:
        """Return the status of the final answer.

        Informational answers (102, 103) may precede it (RFC 9110, 15.2). The library skips 100 alone, and
        would take another one for the answer. 101 is none of them: it ends HTTP.
        """
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status in (100, 101) or not 100 < status < 200:
                return version, status, reason
            parse_headers(self.fp)


class _TimedSend:
    """A mixin that writes in pieces, each within the time left until the deadline."""

    sock: Any

    def send(self, data: Any) -> None:
        if not isinstance(data, bytes):
            super().send(data)  # type: ignore[misc]
            return
        ends_at = _ends_at.get()
        for start in range(0, len(data), _PIECE):
            if self.sock is not None and ends_at is not None:
                left = ends_at - time.monotonic()
                if left <= 0:
                    raise TimeoutError("deadline")
                self.sock.settimeout(left)
            super().send(data[start : start + _PIECE])  # type: ignore[misc]


def _cut() -> None:
    for sock in list(_open):
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


shutdown.on_cut(_cut)


class _TimedHTTP(_TimedSend, HTTPConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        _open.add(sock)
        # Where a proxy stands is the site's own choice.
        return sock if self.proxy else let_pass(sock)


class _TimedHTTPS(_TimedSend, HTTPSConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        return sock if self.proxy else let_pass(sock)


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _TimedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPS


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class DeadlineAdapter(HTTPAdapter):
    """The transport of `requests`, with pools whose connections know the deadline, also through a proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

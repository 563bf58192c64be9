"""Watch the sockets of a process: its connections, and reads without a time-out.

Works below every HTTP library. TLS connections are seen when they connect, not when they read.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest import mock
from weakref import WeakSet

_Read = TypeVar("_Read", bytes, int)
_LOOK = 0.02
_waiting_in_vain: set[object] = set()
"""Addresses of the clients of a `FakeServer` whose answer never comes."""


@contextmanager
def silence(client: object) -> Iterator[None]:
    """Note while inside that the client at this address waits in vain."""
    _waiting_in_vain.add(client)
    try:
        yield
    finally:
        _waiting_in_vain.discard(client)


class SocketWatch:
    """The sockets that were seen.

    Args:
        longest: seconds that a client waits at most once a `FakeServer` says nothing more
            (`Fault.HANG`), so that tests need not wait for its time-outs; None leaves it to them. All
            other answers have the time that the client allows, also on a slow machine.

    Attributes:
        uses: each connection and each look-up of a name, for people.
        endless: connections without a time-out, which would wait for ever.
    """

    def __init__(self, longest: float | None = None) -> None:
        self.uses: list[str] = []
        self.endless: list[str] = []
        self.longest = longest
        self._ours: WeakSet[socket.socket] = WeakSet()


@contextmanager
def watched_sockets(longest: float | None = None) -> Iterator[SocketWatch]:
    """Watch the sockets that are used inside, in all threads."""
    watch = SocketWatch(longest)
    connect = socket.socket.connect
    recv, recv_into, look_up = socket.socket.recv, socket.socket.recv_into, socket.getaddrinfo

    def watched_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            watch.uses.append(f"a connection to {address[0]}:{address[1]}")
            watch._ours.add(self)
            if self.gettimeout() is None:
                watch.endless.append("connecting")
        connect(self, address)

    def look(self: socket.socket) -> None:
        if self in watch._ours and self.gettimeout() is None:
            watch.endless.append("reading")

    def watched_recv(self: socket.socket, *args: Any) -> bytes:
        look(self)
        return _patiently(recv, self, args, watch.longest)

    def watched_recv_into(self: socket.socket, *args: Any) -> int:
        look(self)
        return _patiently(recv_into, self, args, watch.longest)

    def watched_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        watch.uses.append(f"a look-up of the name {host!r}")
        return look_up(host, *args, **kwargs)

    with (
        mock.patch.object(socket.socket, "connect", watched_connect),
        mock.patch.object(socket.socket, "recv", watched_recv),
        mock.patch.object(socket.socket, "recv_into", watched_recv_into),
        mock.patch.object(socket, "getaddrinfo", watched_look_up),
    ):
        yield watch


def _patiently(
    read: Callable[..., _Read], sock: socket.socket, args: tuple[Any, ...], longest: float | None
) -> _Read:
    """Read within the time-out of the socket; within `longest` from when its server is known to hang."""
    limit = sock.gettimeout()
    if longest is None or limit == 0 or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return read(sock, *args)
    ends = float("inf") if limit is None else time.monotonic() + limit
    hangs = False
    try:
        while True:
            sock.settimeout(max(min(_LOOK, ends - time.monotonic()), 0.001))
            try:
                return read(sock, *args)
            except TimeoutError:
                if not hangs and sock.getsockname() in _waiting_in_vain:
                    hangs, ends = True, min(ends, time.monotonic() + longest)
                if time.monotonic() >= ends:
                    raise
    finally:
        sock.settimeout(limit)

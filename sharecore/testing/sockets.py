"""Watch the sockets of a process: its connections, and reads without a time-out.

Works below every HTTP library. TLS connections are seen when they connect, not when they read.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from weakref import WeakSet


class SocketWatch:
    """The sockets that were seen.

    Args:
        longest: seconds to which longer time-outs are shortened, so that tests need not wait; None leaves
            them.

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
    connect, settimeout = socket.socket.connect, socket.socket.settimeout
    recv, recv_into, look_up = socket.socket.recv, socket.socket.recv_into, socket.getaddrinfo

    def watched_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            watch.uses.append(f"a connection to {address[0]}:{address[1]}")
            watch._ours.add(self)
            if self.gettimeout() is None:
                watch.endless.append("connecting")
                self.settimeout(watch.longest)
        connect(self, address)

    def shortened(self: socket.socket, value: float | None) -> None:
        if value is not None and watch.longest is not None:
            value = min(value, watch.longest)
        settimeout(self, value)

    def look(self: socket.socket) -> None:
        if self in watch._ours and self.gettimeout() is None:
            watch.endless.append("reading")
            self.settimeout(watch.longest)

    def watched_recv(self: socket.socket, *args: Any) -> bytes:
        look(self)
        return recv(self, *args)

    def watched_recv_into(self: socket.socket, *args: Any) -> int:
        look(self)
        return recv_into(self, *args)

    def watched_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        watch.uses.append(f"a look-up of the name {host!r}")
        return look_up(host, *args, **kwargs)

    with (
        mock.patch.object(socket.socket, "connect", watched_connect),
        mock.patch.object(socket.socket, "settimeout", shortened),
        mock.patch.object(socket.socket, "recv", watched_recv),
        mock.patch.object(socket.socket, "recv_into", watched_recv_into),
        mock.patch.object(socket, "getaddrinfo", watched_look_up),
    ):
        yield watch

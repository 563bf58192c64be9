"""Refuse connections into private networks.

An address that a request may not go to is recognised on the open connection, before anything is sent: a
look-up of the name beforehand could be answered differently the second time.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_public_only: ContextVar[bool] = ContextVar("sharecore_http_public_only", default=False)


class PrivateAddress(OSError):
    """Raised when the name leads into a private network, or to this machine."""


@contextmanager
def public_only(wanted: bool) -> Iterator[None]:
    """Let new connections of this thread inside go to public addresses only, if `wanted`."""
    mark = _public_only.set(wanted)
    try:
        yield
    finally:
        _public_only.reset(mark)


def let_pass(sock: socket.socket) -> socket.socket:
    """Return the connected socket, if it may be used. Raises `PrivateAddress`."""
    if _public_only.get():
        address = ipaddress.ip_address(sock.getpeername()[0].partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        if not (mapped or address).is_global or address.is_multicast:
            sock.close()
            raise PrivateAddress
    return sock

"""What must not be reached, and what must not be logged.

An address that a request may not go to is recognised on the open connection, before anything is sent: a
look-up of the name beforehand could be answered differently the second time. A secret in an address would
stand in the debug log of urllib3.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_public_only: ContextVar[bool] = ContextVar("sharecore_http_public_only", default=False)
_HIDDEN: set[str] = set()
_SHORTEST = 5
"""Characters; what is shorter is no secret, and stands in any message."""


class PrivateAddress(OSError):
    """The name leads into a private network, or to this machine."""


@contextmanager
def public_only(wanted: bool) -> Iterator[None]:
    """New connections of this thread inside go to public addresses only, if wanted."""
    mark = _public_only.set(wanted)
    try:
        yield
    finally:
        _public_only.reset(mark)


def let_pass(sock: socket.socket) -> socket.socket:
    """The connected socket, if it may be used. Raises `PrivateAddress`."""
    if _public_only.get():
        address = ipaddress.ip_address(sock.getpeername()[0].partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        if not (mapped or address).is_global or address.is_multicast:
            sock.close()
            raise PrivateAddress
    return sock


def hide_in_logs(secret: str) -> None:
    """From now on this text does not stand in what urllib3 logs."""
    if len(secret) >= _SHORTEST:
        _HIDDEN.add(secret)


class _Hiding(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if any(secret in message for secret in _HIDDEN):
            for secret in sorted(_HIDDEN, key=len, reverse=True):
                message = message.replace(secret, "…")
            record.msg, record.args = message, ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_Hiding())

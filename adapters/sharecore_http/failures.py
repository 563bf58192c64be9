"""Failures without an answer, told apart by one question: can the request have had an effect?"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from enum import StrEnum

from requests import exceptions as rq
from urllib3 import exceptions as u3

from sharecore_http.private_networks import PrivateAddress
from sharecore_http.reply import Reply


class Cause(StrEnum):
    """The cause of a failure, for code; `HttpFailure.reason` explains it to people.

    The members up to `STOPPING` are causes of a `NotSent`, those from `READ_TIMEOUT` on of a `NoAnswer`.
    """

    REFUSED = "refused"
    NAME = "name"
    CONNECT_TIMEOUT = "connect-timeout"
    TLS = "tls"
    PROXY = "proxy"
    INVALID = "invalid"
    PRIVATE = "private"
    STOPPING = "stopping"
    READ_TIMEOUT = "read-timeout"
    RESET = "reset"
    TRUNCATED = "truncated"
    TOO_LARGE = "too-large"


_WORDS = {
    Cause.REFUSED: "no connection: refused, or the network cannot be reached",
    Cause.NAME: "no connection: the host name is not known",
    Cause.CONNECT_TIMEOUT: "no connection within the time-out",
    Cause.TLS: "no secure connection: the certificate was refused or TLS failed",
    Cause.PROXY: "no connection to the proxy",
    Cause.INVALID: "the request could not be formed: check the address, the headers and the credentials",
    Cause.PRIVATE: "the address leads into a private network or to this machine, which is not allowed",
    Cause.STOPPING: "this process ends; it was not sent",
    Cause.READ_TIMEOUT: "no complete answer within the time-out",
    Cause.RESET: "the connection was closed before an answer came",
    Cause.TRUNCATED: "the answer broke off",
    Cause.TOO_LARGE: "the answer is too large",
}


class HttpFailure(Exception):
    """Raised when there is no usable answer.

    Attributes:
        cause: cause, for code.
        reason: explanation for people, free of secrets and addresses.
    """

    def __init__(self, cause: Cause) -> None:
        self.cause = cause
        self.reason = _WORDS[cause]
        super().__init__(self.reason)


class NotSent(HttpFailure):
    """Raised when the request provably did not reach the server: it had no effect."""


class NoAnswer(HttpFailure):
    """Raised when the request may have reached the server; its effect is unknown."""


class Unclear(Exception):
    """Raised when nobody knows whether a request had an effect: there is no answer, or none that says so.

    For adapters, which read the answers.

    Attributes:
        reason: explanation for people.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Refused(Exception):
    """Raised when a destination refuses a request: it did nothing. For adapters, which read the answers.

    Attributes:
        reason: explanation for people.
        reply: answer of the destination.
    """

    def __init__(self, reason: str, reply: Reply) -> None:
        self.reason = reason
        self.reply = reply
        super().__init__(reason)


class TooLarge(OSError):
    """Raised while an answer is read that exceeds the limit of the caller."""


PASSING = frozenset({Cause.REFUSED, Cause.NAME, Cause.CONNECT_TIMEOUT})
"""Causes of `NotSent` that may be gone a second later."""

_HANDSHAKE = frozenset({
    "CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE",
    "SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_PROTOCOL_VERSION", "HTTP_REQUEST", "RECORD_LAYER_FAILURE",
    "TLSV1_UNRECOGNIZED_NAME", "TLSV1_ALERT_INTERNAL_ERROR", "DH_KEY_TOO_SMALL", "EE_KEY_TOO_SMALL",
})  # fmt: skip


def failure(error: Exception) -> HttpFailure:
    """Translate an exception of `requests`; its text, which may hold credentials, is dropped."""
    chain = tuple(_chain(error))
    if _has(chain, TooLarge):
        return NoAnswer(Cause.TOO_LARGE)
    if _has(chain, PrivateAddress):
        return NotSent(Cause.PRIVATE)
    if _has(chain, rq.ProxyError, u3.ProxyError):
        return NotSent(Cause.PROXY)
    if _has(chain, u3.NameResolutionError):
        return NotSent(Cause.NAME)
    if _has(chain, rq.ConnectTimeout, u3.ConnectTimeoutError) and not _has(chain, u3.NewConnectionError):
        return NotSent(Cause.CONNECT_TIMEOUT)
    if _has(chain, u3.NewConnectionError):
        return NotSent(Cause.REFUSED)
    if _has(chain, rq.SSLError, u3.SSLError, ssl.SSLError):
        # After the handshake the same exceptions can mean a connection that broke once the request was out.
        early = any(isinstance(each, ssl.SSLError) and each.reason in _HANDSHAKE for each in chain)
        certificate = _has(chain, ssl.CertificateError)
        return NotSent(Cause.TLS) if early or certificate else NoAnswer(Cause.RESET)
    if _has(chain, rq.ReadTimeout, u3.ReadTimeoutError, TimeoutError):
        return NoAnswer(Cause.READ_TIMEOUT)
    if _has(chain, rq.ChunkedEncodingError, rq.ContentDecodingError, u3.IncompleteRead, u3.DecodeError):
        return NoAnswer(Cause.TRUNCATED)
    # InvalidURL, InvalidHeader, InvalidSchema ...: raised before anything is sent.
    return NotSent(Cause.INVALID) if isinstance(error, ValueError) else NoAnswer(Cause.RESET)


def _has(chain: tuple[BaseException, ...], *types: type[BaseException]) -> bool:
    return any(isinstance(each, types) for each in chain)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and everything that it wraps: as cause, as `reason` or among its arguments.

    Its context is left out: that may be an older failure, which the caller is handling just now.
    """
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, getattr(each, "reason", None), *each.args]

"""Add credentials to one request at the last moment: no secret stays in a session, a repr or a log."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

from requests import PreparedRequest

from sharecore.secret import Secret

Authorize = Callable[[PreparedRequest], PreparedRequest]
"""A function that adds credentials to a request. Its repr must not show them."""


def no_credentials(request: PreparedRequest) -> PreparedRequest:
    """Send no credentials: given explicitly, because `requests` would else read the ~/.netrc of the user."""
    return request


def token(secret: Secret, *, scheme: str = "Token") -> Authorize:
    """Send `Authorization: <scheme> <secret>`; the scheme of Django REST framework is `Token`."""

    def authorize(request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"{scheme} {secret.reveal()}"
        return request

    return authorize


def bearer(secret: Secret) -> Authorize:
    """Send `Authorization: Bearer <secret>` (RFC 6750)."""
    return token(secret, scheme="Bearer")


def basic(username: str, password: Secret) -> Authorize:
    """Send HTTP Basic credentials, in UTF-8 (RFC 7617)."""

    def authorize(request: PreparedRequest) -> PreparedRequest:
        pair = f"{username}:{password.reveal()}".encode()
        request.headers["Authorization"] = f"Basic {b64encode(pair).decode('ascii')}"
        return request

    return authorize

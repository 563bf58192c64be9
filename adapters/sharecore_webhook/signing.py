"""Sign messages as Standard Webhooks 1.0.0: HMAC-SHA256 over id, time of sending and body."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Sequence

from requests import PreparedRequest

from sharecore import Secret
from sharecore_http import Authorize
from sharecore_webhook.config import key_of


def signed(message_id: str, keys: Sequence[Secret], clock: Callable[[], float]) -> Authorize:
    """Return a function that adds the three headers to a request, with the time of each attempt and the same
    id.

    With several keys the header holds a signature of each: a receiver knows one of them.
    """

    def sign(request: PreparedRequest) -> PreparedRequest:
        stamp = str(int(clock()))
        body = request.body or b""
        content = f"{message_id}.{stamp}.".encode() + (body.encode() if isinstance(body, str) else body)
        request.headers["webhook-id"] = message_id
        request.headers["webhook-timestamp"] = stamp
        request.headers["webhook-signature"] = " ".join(_signature(key, content) for key in keys)
        return request

    return sign


def _signature(secret: Secret, content: bytes) -> str:
    key = key_of(secret.reveal()) or b""
    return "v1," + b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode("ascii")

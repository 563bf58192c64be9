"""Answers without our credentials: a server may send back what it was sent, as pages for debugging do."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

from requests.utils import get_auth_from_url

from sharecore.settings import Secret

_HIDDEN = "…".encode()
_SHORTEST_SECRET = 5
"""Bytes; what is shorter stands in an answer by chance."""
_SHORTEST_TOKEN = 12
"""Characters of a part of a path; shorter ones are words."""


def without(body: bytes, credentials: Iterable[bytes]) -> bytes:
    """The body with each credential replaced."""
    for secret in credentials:
        if len(secret) >= _SHORTEST_SECRET:
            body = body.replace(secret, _HIDDEN)
    return body


def of_header(value: str | bytes | None) -> bytes:
    """The credential in the value of a header, without the name of its scheme."""
    given = value.encode("latin-1", "replace") if isinstance(value, str) else value or b""
    return given.rpartition(b" ")[2]


def of_body(secret: Secret) -> Iterator[bytes]:
    """The forms in which a secret stands in a body of JSON, and in one that quotes such a body."""
    written = json.dumps(secret.reveal())[1:-1]
    yield from {secret.reveal().encode(), written.encode(), json.dumps(written)[1:-1].encode()}


def of_address(url: Secret) -> Iterator[bytes]:
    """What an error page says of an address that lets in who knows it: the whole, its path, a token in it."""
    parts = urlsplit(url.reveal())
    named = f"{parts.path}?{parts.query}" if parts.query else parts.path
    tokens = [text for text in parts.path.split("/") if len(text) >= _SHORTEST_TOKEN]
    for text in (url.reveal(), named, parts.query, parts.path, *tokens):
        yield from {text.encode(), json.dumps(text)[1:-1].encode(), unquote(text).encode()}


def of_proxy(url: Secret) -> Iterator[bytes]:
    """What a proxy is told of us, which one that is out of order may repeat."""
    username, password = get_auth_from_url(url.reveal())
    if password:
        yield password.encode()
        yield b64encode(f"{username}:{password}".encode("latin-1", "replace"))

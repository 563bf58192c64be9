"""Remove character sets from requests with which Python cannot read a URL.

Django takes any name that Python has a codec for, also `zlib` and `undefined`, and then fails while it makes
the request object: a 500 before any view or middleware. So the name is removed before.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from django.core.signals import request_started
from django.utils.http import parse_header_parameters

_EVERY_BYTE = bytes(range(256))


def connect() -> None:
    """Look at each request of a WSGI server before Django does."""
    request_started.connect(_look, dispatch_uid="sharecore.charsets")


def _look(environ: MutableMapping[str, Any] | None = None, **_: Any) -> None:
    given = (environ or {}).get("CONTENT_TYPE", "")
    if environ is None or "charset" not in given.lower():
        return
    media_type, parameters = parse_header_parameters(given)
    charset = parameters.get("charset")
    if charset is None or _reads_text(charset):
        return
    kept = [f'{name}="{value}"' for name, value in parameters.items() if name != "charset"]
    environ["CONTENT_TYPE"] = "; ".join([media_type, *kept])


def _reads_text(charset: str) -> bool:
    """Return True when the codec reads text, and not as UTF-8, which a request without a name has."""
    try:
        return _EVERY_BYTE.decode(charset, "replace") != _EVERY_BYTE.decode(errors="replace")
    except (LookupError, ValueError):
        return False

"""Read the settings of one webhook in `DATA_SHARING`."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import urlsplit

from sharecore import Secret, Section
from sharecore_http import HttpSettings

PREFIX = "whsec_"
KEY_BYTES = range(24, 65)
"""Shortest and longest key, in bytes: Standard Webhooks 1.0.0, "Signature scheme"."""

MAX_BYTES = 20_000
"""Largest message, in bytes: Standard Webhooks 1.0.0 asks for less than 20 kB."""

_MAKE_ONE = (
    'To make one: python -c "import base64, os; '
    "print('whsec_' + base64.b64encode(os.urandom(32)).decode())\""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfig:
    """The settings of one webhook."""

    path: str
    """Path of the entry in the settings, for messages."""
    url: Secret
    """Address; secret, as it may hold a token."""
    keys: tuple[Secret, ...] = ()
    """Keys; each signs every message, so that a receiver can change its secret at any time."""
    max_bytes: int = MAX_BYTES
    """Largest message, in bytes."""
    batch_window_seconds: float = 0.0
    """Seconds that new records wait for others."""
    http: HttpSettings = field(default_factory=HttpSettings)
    """Settings of the HTTP client."""

    @classmethod
    def read(cls, section: Section) -> Self:
        """Read one entry; raises `ConfigurationError` with all its problems."""
        http = HttpSettings.read(section)
        config = cls(
            path=section.path,
            url=_url(section),
            keys=_keys(section),
            max_bytes=section.count("MAX_BYTES", MAX_BYTES, minimum=1000, maximum=50_000_000),
            batch_window_seconds=section.number("BATCH_WINDOW_SECONDS", 0.0, maximum=3600),
            http=replace(http, public_only=not section.flag("ALLOW_PRIVATE", False)),
        )
        section.finish()
        return config


def _url(section: Section) -> Secret:
    url = section.secret("URL", required=True)
    text = url.reveal()
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if text and (not usable or text != text.strip() or not text.isprintable() or " " in text):
        section.problem("URL", "must be an http(s) address", "Copy it again, complete and without blanks.")
    elif usable and (parts.username or parts.password):
        section.problem("URL", "must not contain a user name or password", "Use 'HEADERS' for credentials.")
    elif usable and parts.scheme == "http":
        what = "is not https: everybody on the way can read what is sent"
        section.problem("URL", what, "Use https if the receiver offers it.", fatal=False)
    return url


def _keys(section: Section) -> tuple[Secret, ...]:
    """Return the secrets: a text, or a list of texts while one is being replaced."""
    given = section.raw("SECRET", ())
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        section.problem(
            "SECRET",
            "must be a text, or a list of texts",
            "Give the secret, or a list of the new one and the old.",
        )
        return ()
    if not any(texts):
        section.problem("SECRET", "is missing: the receiver could not know that it is you", _MAKE_ONE)
    keys = [text for text in texts if text]
    if any(key_of(text) is None for text in keys):
        what = f"must be '{PREFIX}', then {KEY_BYTES.start} to {KEY_BYTES.stop - 1} bytes in base64"
        section.problem("SECRET", what, f"Copy it again from the receiver. {_MAKE_ONE}")
        return ()
    return tuple(map(Secret, keys))


def key_of(secret: str) -> bytes | None:
    """Return the bytes of a secret; None when it is not one."""
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if secret.startswith(PREFIX) and len(key) in KEY_BYTES else None

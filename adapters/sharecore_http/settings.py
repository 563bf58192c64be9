"""Read the settings of the HTTP client, the same for every kind of destination."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from sharecore.secret import Secret
from sharecore.secrets import holds_credential
from sharecore.settings import Section

CONNECT_TIMEOUT = 3.05
"""Seconds to connect; a little more than the 3 s after which TCP sends its first packet again."""

READ_TIMEOUT = 30.0

_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """The settings of the client for one destination."""

    verify: bool | str = True
    """True (the CAs of the system or `REQUESTS_CA_BUNDLE`), False, or the path of a CA file or folder."""
    proxies: Mapping[str, Secret] = field(default_factory=dict)
    """URL of the proxy for each scheme; empty for those of the environment."""
    headers: Mapping[str, Secret | str] = field(default_factory=dict)
    """Headers sent with each request."""
    connect_timeout: float = CONNECT_TIMEOUT
    """Time-out to connect, in seconds."""
    read_timeout: float = READ_TIMEOUT
    """Time-out between two pieces of an answer, in seconds."""
    public_only: bool = False
    """Whether addresses in private networks are refused, for destinations that people name freely."""

    @property
    def deadline(self) -> float:
        """Return the seconds for one request as a whole: time to connect, plus one and a half times that to
        read.

        Without it a server that drips bytes could hold a thread for ever.
        """
        return self.connect_timeout + 1.5 * self.read_timeout

    @classmethod
    def read(cls, section: Section) -> Self:
        """Read `VERIFY`, `PROXIES`, `HEADERS` and the time-outs; problems are noted in the section."""
        return cls(
            verify=_verify(section),
            proxies=_proxies(section),
            headers=_headers(section),
            connect_timeout=section.number("CONNECT_TIMEOUT", CONNECT_TIMEOUT, minimum=0.1, maximum=60),
            read_timeout=section.number("READ_TIMEOUT", READ_TIMEOUT, minimum=1, maximum=300),
        )


def credential(section: Section, key: str, *, missing: str = "") -> Secret:
    """Return a secret that is to be the value of a header; note a problem, without the text, for one that
    cannot be.

    Args:
        section: entry of the settings.
        key: name of the setting.
        missing: advice where it is not given; empty for one that may be left out.
    """
    secret = section.secret(key)
    text = secret.reveal()
    if missing and not text:
        section.problem(key, "is missing", missing)
    if text != text.strip() or not sendable(text):
        what = "must not contain blanks at its ends, line breaks or characters outside Latin-1"
        section.problem(key, what, "Copy it again.")
    return secret


def sendable(value: str) -> bool:
    """Return whether a text can be the value of a header."""
    return all(character.isprintable() and character <= "\xff" for character in value)


def _verify(section: Section) -> bool | str:
    value = section.raw("VERIFY", True)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, bool):
        if not value:
            section.problem(
                "VERIFY",
                "is False: anybody on the way can read and change what is sent, the password included",
                "Give the path of the CA certificate instead.",
                fatal=False,
            )
        return value
    if not isinstance(value, str):
        what = f"must be True, False or a path, got {type(value).__name__}"
        section.problem("VERIFY", what, "Write the path of a CA file in quotes.")
        return True
    if not os.path.exists(value):
        section.problem("VERIFY", f"{value!r} does not exist", "Give the path of a CA file or folder.")
    return value


def _proxies(section: Section) -> dict[str, Secret]:
    proxies = section.mapping("PROXIES")
    for scheme, url in proxies.items():
        try:
            usable = urlsplit(url).scheme in _PROXY_SCHEMES and bool(urlsplit(url).hostname)
        except ValueError:
            usable = False
        if not usable:
            section.problem(
                "PROXIES",
                f"the proxy for {scheme!r} must be an http(s) or SOCKS address",
                "Write it like {'https': 'http://proxy.example.org:3128'}.",
            )
    return {scheme: Secret(url) for scheme, url in proxies.items()}


def _headers(section: Section) -> dict[str, Secret | str]:
    headers = section.mapping("HEADERS")
    for name, value in headers.items():
        if not name or not name.isascii() or not all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name):
            section.problem("HEADERS", f"{name!r} must be the name of a header", "Write it like 'X-Project'.")
        elif value != value.strip() or not sendable(value):
            what = f"the value of {name!r} cannot be sent"
            section.problem("HEADERS", what, "Remove blanks and line breaks.")
    return {name: Secret(value) if holds_credential(name) else value for name, value in headers.items()}

"""Find the credentials in an address of apprise: what the library hides, who logs in, the query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_BETWEEN_PARTS = re.compile(r"[:/?&=#@\s]+")
_SHORTEST_PART = 8
"""Shortest part of an address that is hidden, in characters."""


def parts(url: str, service: Any) -> Iterator[str]:
    """Yield the parts of an address that are credentials by themselves, since a service may repeat one alone.

    The host is none: other destinations may be there as well. A service with a token in its place
    (`discord://id/token`) has no host in its address.

    Args:
        url: address in the form of apprise.
        service: the `NotifyBase` that apprise made of it.
    """
    place, _, query = url.partition("://")[2].partition("?")
    shown = str(service.url(privacy=True)).partition("://")[2].partition("?")[0]
    shown_host, _, shown_path = shown.rpartition("@")[2].partition("/")
    public = {_name(part) for part in _BETWEEN_PARTS.split(shown_path)}
    hosts = {_name(part) for part in _BETWEEN_PARTS.split(shown_host)} & {_name(service.host or "")}
    if url.lower().startswith(("https://", "http://")):  # as the service itself writes it
        hosts.add(_name(urlsplit(url).hostname or ""))
    user_info, _, path = place.rpartition("@")
    found = [part for part in _BETWEEN_PARTS.split(path) if _name(part) not in public]
    found += _BETWEEN_PARTS.split(user_info)
    for name, value in parse_qsl(query.replace("+", "%2B")):
        if not _is_public(service, name):
            found += _BETWEEN_PARTS.split(value)
    for part in found:
        if len(part) >= _SHORTEST_PART and not part.isalpha() and _name(part) not in hosts:
            yield part


def _name(part: str) -> str:
    return unquote(part).lower()


def _is_public(service: Any, name: str) -> bool:
    """Return True for a field of the query that apprise knows and does not call private."""
    field = service.template_args.get(name)
    if field is None:
        return False
    of = field.get("alias_of") or field.get("map_to") or ()
    names = (of,) if isinstance(of, str) else of
    tokens = service.template_tokens
    return not any(each.get("private") for each in (field, *(tokens.get(each, {}) for each in names)))
